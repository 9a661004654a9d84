package ot

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/rng"
)

// streamSemiDiscrete is the stream of random numbers that the points of a semi-discrete problem come from.
const streamSemiDiscrete = 0x73656d69

const (
	defaultDistance = 0.02    // of the masses to the weights, where they are estimated
	defaultSamples  = 1 << 22 // points drawn
	batchPerAtom    = 4       // points of a batch an atom
	leastBatch      = 512
	stageSteps      = 32 // batches of the first stage; half as many more in each of the next
	firstStep       = 1  // of the first stage, in units of the competition between atoms; falls by stepFall a stage
	stepFall        = 1.5
)

// ascent is averaged stochastic ascent on the semi-discrete dual (Genevay, Cuturi, Peyré and Bach, NeurIPS 2016):
//
//	ψ_j <- ψ_j + γ s (b_j - m̂_j)/b_j,
//
// m̂ being the share of a batch of points that atom j wins, and s the median by which a point's second best atom
// loses. Every stage has one γ and averages the second half of its iterates (Polyak and Ruppert); the next starts
// from the average with a smaller γ and more batches.
type ascent struct {
	*atoms
	w     *work
	law   dist.Distribution
	seed  uint64
	drawn int
	psi   []float64
	unit  float64
}

// batch draws k new points.
func (a *ascent) batch(k int) []float64 {
	lo := a.drawn
	a.drawn += k
	if a.law == nil {
		x := make([]float64, k*a.d)
		rng.Normals(x, a.seed, streamSemiDiscrete, uint64(lo)*uint64(a.d))
		return x
	}
	// A law's points depend on the seed and their number, so each batch takes its own seed.
	seed := rng.Words(a.seed, streamSemiDiscrete, uint64(lo))[0]
	x, _, _, err := engine.Matrix(a.law.Sample(seed, k))
	if err != nil { // a law's own points are a matrix
		panic(err)
	}
	return x
}

// shares returns the share of the points x that each atom wins under psi, and the least keys |x - y|² - ψ.
func (a *ascent) shares(x, psi []float64) (m, keys []float64, arg []int32, err error) {
	k := len(x) / a.d
	arg = make([]int32, k)
	if keys, err = cTransform(a.w, x, a.y, a.d, psi, arg); err != nil {
		return nil, nil, nil, err
	}
	m = make([]float64, len(a.b))
	for _, j := range arg {
		m[j]++
	}
	for j := range m {
		m[j] /= float64(k)
	}
	return m, keys, arg, nil
}

// start sets ψ to the potential between the Gaussians of some points and of the atoms, and the unit of steps.
func (a *ascent) start(batch int) error {
	x := a.batch(batch)
	q := &instance{n: batch, m: len(a.b), d: a.d, x: x, y: a.y, a: slices.Repeat([]int64{1}, batch), b: units(a.b)}
	if _, err := gaussianPotential(a.w, q, a.psi); err != nil {
		return err
	}
	return a.competition(x)
}

// competition sets unit to the median by which a point's second best atom loses.
func (a *ascent) competition(x []float64) error {
	if len(a.b) == 1 {
		return nil
	}
	k := len(x) / a.d
	lost := make([]float64, k)
	s := newStreamed(&instance{n: k, m: len(a.b), d: a.d, x: x, y: a.y}, 2)
	err := a.w.each(k, 64, func(lo, hi int, t *scratch) {
		for i := lo; i < hi; i++ {
			s.nearest(int32(i), a.psi, 2, math.Inf(1), t)
			lost[i] = t.key[1] - t.key[0]
		}
	})
	a.unit = median(lost)
	return err
}

// stage makes steps of one size and leaves the average of the second half in ψ.
func (a *ascent) stage(steps, batch int, gamma float64) error {
	n := len(a.b)
	mean, at := make([]float64, n), slices.Clone(a.psi)
	for k := range steps {
		m, _, _, err := a.shares(a.batch(batch), at)
		if err != nil {
			return err
		}
		for j, b := range a.b {
			// An atom that wins far too much must not be thrown out of the cloud in one step.
			at[j] += gamma * a.unit * max(-2, (b-m[j])/max(b, 1/float64(batch)))
		}
		if k >= steps/2 {
			for j, v := range at {
				mean[j] += v / float64(steps-steps/2)
			}
		}
	}
	copy(a.psi, mean)
	return nil
}

// distance estimates the L1 distance of the masses from the weights, from above, by the unbiased estimate of
//
//	χ² = Σ_j (m_j - b_j)²/b_j ≥ (Σ_j |m_j - b_j|)²
//
// from the shares of k independent points, plus two of its standard errors at m = b.
func (a *ascent) distance(m []float64, k int) float64 {
	var chi float64
	for j, b := range a.b {
		e := m[j] - b
		chi += (e*e - m[j]*(1-m[j])/float64(k-1)) / b
	}
	return math.Sqrt(max(0, chi) + 2*math.Sqrt(2*float64(len(m)-1))/float64(k))
}

// byAscent solves the problem by points drawn from the law.
func (q *atoms) byAscent(w *work, s *SemiDiscreteSettings, r *SemiDiscreteResult) error {
	tol, limit := s.Tol, s.MaxSamples
	if tol == 0 {
		tol = defaultDistance
	}
	if limit == 0 {
		limit = defaultSamples
	}
	n := len(q.b)
	a := &ascent{atoms: q, w: w, law: s.Law, seed: s.Seed, psi: make([]float64, n)}
	batch := max(leastBatch, batchPerAtom*n)
	if err := a.start(batch); err != nil {
		return err
	}
	// So many points see a distance of half the tolerance.
	probe := max(batch, int(8*math.Sqrt(2*float64(n))/(tol*tol)))
	gamma, steps := float64(firstStep), stageSteps
	status := IterationLimit
	for {
		if n > 1 {
			if err := a.stage(steps, batch, gamma); err != nil {
				return err
			}
		}
		r.Iterations += steps
		if err := a.evaluate(probe, r); err != nil {
			return err
		}
		if s.Progress != nil {
			s.Progress(a.drawn, r.MassError)
		}
		if r.MassError <= tol {
			status = Converged
			break
		}
		gamma /= stepFall
		steps += steps / 2
		if a.drawn+steps*batch+probe > limit {
			break
		}
	}
	r.Samples, r.Status = a.drawn, status
	r.Note = fmt.Sprintf("averaged stochastic ascent; masses from %d points", probe)
	return nil
}

// evaluate measures the cells on k new points.
func (a *ascent) evaluate(k int, r *SemiDiscreteResult) error {
	n := len(a.b)
	masses := make([]float64, n)
	mean := dot(a.b, a.psi)
	var cost, costs, key, keySquares engine.Compensated
	const block = 1 << 14
	for done := 0; done < k; done += block {
		size := min(block, k-done)
		m, keys, arg, err := a.shares(a.batch(size), a.psi)
		if err != nil {
			return err
		}
		for i, v := range keys {
			c := v + a.psi[arg[i]]
			cost.Add(c)
			costs.Add(c * c)
			key.Add(v + mean)
			keySquares.Add((v + mean) * (v + mean))
		}
		for j, v := range m {
			masses[j] += v * float64(size) / float64(k)
		}
	}
	stderr := func(sum, squares float64) float64 {
		mean := sum / float64(k)
		return math.Sqrt(max(0, squares/float64(k)-mean*mean) / float64(k))
	}
	a.spread(a.psi, masses, r)
	r.MassError = 0
	if n > 1 {
		r.MassError = a.distance(masses, k)
	}
	r.Cost, r.CostError = cost.Value()/float64(k), stderr(cost.Value(), costs.Value())
	r.Dual, r.DualError = key.Value()/float64(k), stderr(key.Value(), keySquares.Value())
	return nil
}
