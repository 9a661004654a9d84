package ot

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// SemiDiscreteSettings are the settings of [SemiDiscrete]. nil and the zero value are the defaults.
type SemiDiscreteSettings struct {
	// Law is the continuous law; nil = N(0, I).
	Law dist.Distribution
	// Tol is the L1 distance between the cells' masses and the weights to stop at: 0 = 1e-10 where masses
	// are exact, 0.02 where they are estimated.
	Tol float64
	// MaxIter bounds Newton's steps; 0 = 200. MaxSamples bounds the points drawn; 0 = 2^22.
	MaxIter, MaxSamples int
	// Sampling forces the stochastic method where the exact one would do.
	Sampling bool
	Seed     uint64 // of the points drawn
	Threads  int    // 0 = GOMAXPROCS; the result does not depend on it
	// Progress is called with the count of steps, or of points drawn, and the distance reached.
	Progress func(done int, distance float64)
}

// PowerCells is a semi-discrete transport map: x goes to the atom of least |x - y_j|² - ψ_j.
type PowerCells struct {
	Atoms *tensor.Dense // y [n, D]
	Psi   []float64     // ψ [n], -Inf for atoms without weight
}

// SemiDiscreteResult is the answer of [SemiDiscrete].
type SemiDiscreteResult struct {
	PowerCells
	Weights []float64 // b, normalised
	Masses  []float64 // of the cells: m_j; atoms that are equal share theirs by weight
	// Cost is E |x - T(x)|² for the map T of the cells, Dual the value of ψ,
	//
	//	E min_j (|x - y_j|² - ψ_j) + Σ_j b_j ψ_j = Cost + Σ_j (b_j - m_j) ψ_j,
	//
	// which is at most W2² between the law and the atoms. CostError and DualError are their standard
	// errors; 0 where they are exact.
	Cost, Dual           float64
	CostError, DualError float64
	// MassError is Σ_j |m_j - b_j|, or an estimate from above of it from points drawn for that purpose.
	MassError  float64
	Iterations int
	Samples    int // points drawn; 0 = the cells were measured exactly
	Status     Status
	Note       string // the method and why
	Seconds    float64
}

// SemiDiscrete solves the transport problem from a law with a density to atoms y [n, D] with weights (nil =
// equal; any scale) under |x - y|²: the optimal map is constant on power cells, whose weights ψ maximise the
// concave dual above; its gradient is b_j - m_j(ψ).
//
// From a Gaussian to atoms whose affine hull is at most a plane, in any dimension, masses, moments and the
// derivatives of masses are closed expressions of the cells' edges (with Owen's T function), and a damped Newton
// method reaches rounding. Otherwise it is averaged stochastic ascent over points drawn from the law, until fresh
// points estimate the distance of the masses from the weights to be at most Tol.
//
// ψ is normalised to Σ b_j ψ_j = 0 over the atoms that carry weight. Status is Optimal for exact masses within
// Tol, Converged for estimated ones, else IterationLimit.
//
// Errors: engine.ErrShape and engine.ErrDtype for atoms that do not fit, [ErrNotFinite], [ErrWeights] and
// ctx.Err().
func SemiDiscrete(ctx context.Context, y *tensor.Dense, weights []float64, s *SemiDiscreteSettings) (*SemiDiscreteResult, error) {
	start := time.Now()
	if s == nil {
		s = new(SemiDiscreteSettings)
	}
	atoms, n, d, err := cloud("y", y)
	if err != nil {
		return nil, err
	}
	if s.Law != nil && s.Law.Dim() != d {
		return nil, fmt.Errorf("ot: semi-discrete: a law of dimension %d to atoms of dimension %d: %w", s.Law.Dim(), d, engine.ErrShape)
	}
	b, _, err := Normalize("y", weights, n)
	if err != nil {
		return nil, err
	}
	q := joinAtoms(atoms, b, d)
	w := &work{ctx: ctx, threads: s.Threads}
	if w.threads <= 0 {
		w.threads = runtime.GOMAXPROCS(0)
	}
	r := &SemiDiscreteResult{PowerCells: PowerCells{Atoms: y}, Weights: b}
	var plane *planar
	if !s.Sampling {
		plane = newPlanar(s.Law, q.y, q.b, d)
	}
	if plane != nil {
		err = q.exactly(w, plane, s, r)
	} else {
		err = q.byAscent(w, s, r)
	}
	if err != nil {
		return nil, fmt.Errorf("ot: semi-discrete: %w", err)
	}
	if math.IsNaN(r.Cost) || math.IsInf(r.Cost, 0) {
		return nil, fmt.Errorf("ot: semi-discrete: cost %v: %w", r.Cost, ErrNotFinite)
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// atoms are the atoms with weight, equal ones joined.
type atoms struct {
	d       int
	y, b    []float64
	members [][]int32 // the caller's rows of each
}

func joinAtoms(y, b []float64, d int) *atoms {
	var rows []int32
	for j, v := range b {
		if v > 0 {
			rows = append(rows, int32(j))
		}
	}
	q := &atoms{d: d}
	q.y, _, q.members = join(gather(y, rows, d), make([]int64, len(rows)), d)
	for _, k := range q.members {
		sum := 0.
		for e, i := range k {
			k[e] = rows[i]
			sum += b[rows[i]]
		}
		q.b = append(q.b, sum)
	}
	return q
}

// spread writes weights and masses of the joined atoms for the caller's rows.
func (q *atoms) spread(psi, masses []float64, r *SemiDiscreteResult) {
	n := len(r.Weights)
	r.Psi, r.Masses = make([]float64, n), make([]float64, n)
	for j := range r.Psi {
		r.Psi[j] = math.Inf(-1)
	}
	mean := dot(q.b, psi)
	for k, rows := range q.members {
		for _, j := range rows {
			r.Psi[j] = psi[k] - mean
			r.Masses[j] = masses[k] * (r.Weights[j] / q.b[k])
		}
	}
}

// exactly solves the planar problem.
func (q *atoms) exactly(w *work, p *planar, s *SemiDiscreteSettings, r *SemiDiscreteResult) error {
	tol, limit := s.Tol, s.MaxIter
	if tol == 0 {
		tol = 1e-10
	}
	if limit == 0 {
		limit = 200
	}
	if s.Progress != nil {
		p.progress = s.Progress
	}
	beta, cells, steps, err := p.newton(w, tol, limit)
	if err != nil {
		return err
	}
	masses := make([]float64, len(cells))
	for k, c := range cells {
		masses[k] = c.mass
	}
	q.spread(p.psi(beta), masses, r)
	_, r.MassError, _ = p.residual(cells)
	r.Cost = p.cost(cells)
	r.Dual = r.dual()
	r.Iterations, r.Status, r.Note = steps, IterationLimit, "damped Newton method on exact cells"
	if r.MassError <= tol {
		r.Status = Optimal
	}
	return nil
}

// dual is Cost + Σ_j (b_j - m_j) ψ_j.
func (r *SemiDiscreteResult) dual() float64 {
	var v engine.Compensated
	v.Add(r.Cost)
	for j, b := range r.Weights {
		if b > 0 {
			v.Add((b - r.Masses[j]) * r.Psi[j])
		}
	}
	return v.Value()
}

// Assign returns the atom of each row of x [N, D]; of atoms that tie, the first.
func (c *PowerCells) Assign(ctx context.Context, x *tensor.Dense) ([]int32, error) {
	points, n, d, err := cloud("x", x)
	if err != nil {
		return nil, err
	}
	y, _, dy, err := cloud("y", c.Atoms)
	if err != nil {
		return nil, err
	}
	if d != dy {
		return nil, fmt.Errorf("ot: x has %d columns, y has %d: %w", d, dy, engine.ErrShape)
	}
	arg := make([]int32, n)
	if _, err := cTransform(&work{ctx: ctx, threads: runtime.GOMAXPROCS(0)}, points, y, d, c.Psi, arg); err != nil {
		return nil, fmt.Errorf("ot: semi-discrete: %w", err)
	}
	return arg, nil
}
