package study

import (
	"context"
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// LoopSettings describes a [LoopCertificate].
type LoopSettings struct {
	At []float64 // the loop's centre [D]
	// Points on the loop; 0 = twice the threshold, where the re-pairing gains most a point.
	Points int
	// Radius is the ellipse's smaller semi-axis; 0 = .05 times the local width of the law.
	Radius float64
	// Flow is the flow's control, tightened to 1e-9; a count of Steps, whose error nobody knows, gives way to it.
	// Tangents, Jacobian, LogP and Progress are set here.
	Flow flow.Settings
	// Seed draws the directions in which the Jacobian is probed beyond LoopExact dimensions.
	Seed uint64
	// MaxPoints bounds the points of a loop; 0 = 4096.
	MaxPoints int
}

// Loop is an explicit set of points that shows whether the encoder is locally optimal: K points x_k on an ellipse,
// each paired with its own latent z_k = E(x_k), or with its successor's.
type Loop struct {
	// X and Z are the points and latents [K, D], in the order in which they are paired anew; nil where the
	// loop would take more points than allowed.
	X, Z      *tensor.Dense
	Points    int
	Threshold float64 // points above which the re-pairing costs less, as the Jacobian has it; +Inf where it is symmetric
	Curl      float64 // |<p, J q> - <q, J p>| of the plane's orthonormal p and q
	Radius    float64 // smaller semi-axis
	// Change = (sum |x_k - z_k+1|^2 - sum |x_k - z_k|^2) / sum |x_k - z_k|^2, NaN without points. Negative: these pairs
	// are not optimal, so E is not the Monge map.
	Change float64
	// Error is by how much Change moved when the flow's tolerances fell to a tenth.
	Error float64
	// NotOptimal says that Change is below -10 Error.
	NotOptimal bool
}

const (
	// LoopExact is the largest D in which a loop is laid by the exact Jacobian.
	LoopExact    = 512
	loopProbes   = 128     // directions beyond, and fewer where
	probeNumbers = 1 << 22 // numbers of them would be more, but no less than
	leastProbes  = 8

	loopTolerance = 1e-9
	loopPoints    = 4096
	loopRadius    = .05
	powerSteps    = 1000
)

// LoopCertificate lays the loop around a point and measures it with the encoder itself.
//
// With J = Js + A, symmetric and antisymmetric, on the ellipse x_k = x_0 + rho (p cos t_k + q sin t_k), t_k = 2 pi k / K,
// <p, Js p> = <q, Js q> = 1, <p, Js q> = 0, a shift by one changes the sum of squared distances by
//
//	2 K rho^2 (1 - cos (2 pi / K) - s sin (2 pi / K)),   s = <p, A q> >= 0,
//
// up to higher orders in rho: it falls exactly when tan (pi / K) < s. In the plane s = |c| / (2 sqrt(det Js)), c = J21 -
// J12, and so K > 2 pi sqrt(det Js) / |c| but for higher orders of s. p and q are those of the largest s: s^2 is the top
// of the spectrum of -(Js^-1 A)^2. Where Js is not positive definite two points along its least eigenvector do.
//
// Beyond LoopExact dimensions J is taken on the span of random directions, which sees less of it.
func LoopCertificate(ctx context.Context, e engine.Engine, law dist.Distribution, s LoopSettings) (*Loop, error) {
	d := law.Dim()
	if len(s.At) != d {
		return nil, fmt.Errorf("study: loop: centre of %d coordinates for a law of dimension %d: %w", len(s.At), d, engine.ErrShape)
	}
	if s.Points < 0 || s.Points == 1 || s.Radius < 0 || s.MaxPoints < 0 {
		return nil, fmt.Errorf("study: loop: %d points, at most %d, on radius %g: %w", s.Points, s.MaxPoints, s.Radius, engine.ErrShape)
	}
	if s.MaxPoints == 0 {
		s.MaxPoints = loopPoints
	}
	s.Flow.Rtol = math.Min(orDefault(s.Flow.Rtol), loopTolerance)
	s.Flow.Atol = math.Min(orDefault(s.Flow.Atol), loopTolerance)
	if s.Flow.Steps > 0 {
		s.Flow.Method, s.Flow.Steps = "", 0
	}
	s.Flow.Tangents, s.Flow.Jacobian, s.Flow.LogP, s.Flow.Progress = nil, false, false, nil
	basis, err := loopBasis(ctx, d, s.Seed)
	if err != nil {
		return nil, err
	}
	j, err := projectedJacobian(ctx, e, law, &s, basis)
	if err != nil {
		return nil, err
	}
	plane, ok := steepestPlane(j)
	l := &Loop{Threshold: plane.threshold(), Curl: plane.curl(), Change: math.NaN(), Error: math.NaN()}
	if !ok {
		return l, nil
	}
	l.Points = s.Points
	if l.Points == 0 {
		l.Points = int(math.Min(math.Ceil(2*l.Threshold), math.MaxInt32))
	}
	if l.Points > s.MaxPoints {
		return l, nil
	}
	return l, l.lay(ctx, e, law, &s, plane.in(basis))
}

// loopBasis returns the orthonormal directions [K][D] that the Jacobian is taken on: the axes, or random ones.
func loopBasis(ctx context.Context, d int, seed uint64) ([][]float64, error) {
	if d <= LoopExact {
		v := make([][]float64, d)
		for i := range v {
			v[i] = make([]float64, d)
			v[i][i] = 1
		}
		return v, nil
	}
	k := max(leastProbes, min(loopProbes, probeNumbers/d))
	data, err := ot.RandomDirections(ctx, k, d, seed, 0)
	if err != nil {
		return nil, fmt.Errorf("study: loop: %w", err)
	}
	return slices.Collect(slices.Chunk(data, d)), nil
}

// projectedJacobian returns <v_k, J v_l> of the basis [K, K].
func projectedJacobian(ctx context.Context, e engine.Engine, law dist.Distribution, s *LoopSettings, basis [][]float64) (*mat.Dense, error) {
	d, k := len(s.At), len(basis)
	fs := s.Flow
	tangents := make([]float64, 0, k*d)
	for _, v := range basis {
		tangents = append(tangents, v...)
	}
	fs.Tangents = tensor.New(tensor.WithShape(1, k, d), tensor.WithBacking(tangents))
	r, err := flow.Encode(ctx, e, engine.F64, law, engine.Points(slices.Clone(s.At), 1, d), &fs)
	if err != nil {
		return nil, err
	}
	images := r.Tangents.Data().([]float64)
	j := mat.NewDense(k, k, nil)
	for l := range k {
		for i, v := range basis {
			j.Set(i, l, floats.Dot(v, images[l*d:(l+1)*d]))
		}
	}
	return j, nil
}

// lay measures the loop. A radius that nobody chose shrinks until the change is what the Jacobian says, within a
// half.
func (l *Loop) lay(ctx context.Context, e engine.Engine, law dist.Distribution, s *LoopSettings, p ellipse) error {
	const tries = 4
	least := p.least()
	l.Radius = s.Radius
	if l.Radius == 0 {
		l.Radius = loopRadius * min(1, least*least) // the latents' steps are those of the points over least^2
	}
	fine := s.Flow
	fine.Rtol, fine.Atol = fine.Rtol/10, fine.Atol/10
	for try := 1; ; try++ {
		l.X = p.points(s.At, l.Points, l.Radius/least)
		change, expected, err := l.change(ctx, e, law, s.Flow, p.first(l.Points, l.Radius/least))
		if err != nil {
			return err
		}
		if s.Radius == 0 && try < tries && math.Abs(change-expected) > math.Abs(expected)/2 {
			l.Radius /= 4
			continue
		}
		finer, _, err := l.change(ctx, e, law, fine, 0)
		if err != nil {
			return err
		}
		l.Change, l.Error = finer, math.Abs(finer-change)
		l.NotOptimal = l.Change < -10*l.Error
		return nil
	}
}

// change encodes the loop and returns the relative change of cost by the shift, and total relative to the cost.
func (l *Loop) change(ctx context.Context, e engine.Engine, law dist.Distribution, fs flow.Settings, total float64) (change, expected float64, err error) {
	r, err := flow.Encode(ctx, e, engine.F64, law, l.X, &fs)
	if err != nil {
		return 0, 0, err
	}
	l.Z = r.X
	x, k, d, err := engine.Matrix(l.X)
	if err != nil {
		return 0, 0, err
	}
	z, _, _, err := engine.Matrix(l.Z)
	if err != nil {
		return 0, 0, err
	}
	// Squares of latents cancel around the loop, and so does a centre of the points.
	var sum, cost float64
	for i := range k {
		a, b := x[i*d:(i+1)*d], z[i*d:(i+1)*d]
		next := z[(i+1)%k*d:][:d]
		for t, v := range a {
			sum += 2 * (v - x[t]) * (b[t] - next[t])
			cost += (v - b[t]) * (v - b[t])
		}
	}
	return sum / cost, total / cost, nil
}

// ellipse is cos t p + sin t q, with <p, Js p> = <q, Js q> = 1, <p, Js q> = 0 and <p, A q> = s > 0. q = nil: Js is not
// positive definite, <p, Js p> is its least eigenvalue -s.
type ellipse struct {
	p, q []float64
	s    float64
}

// threshold is the K beyond which the shift by one gains.
func (p ellipse) threshold() float64 {
	if p.q == nil && p.s > 0 {
		return 1
	}
	return math.Pi / math.Atan(p.s)
}

// gram returns |p|^2, |q|^2 and <p, q>.
func (p ellipse) gram() (a, b, c float64) {
	return floats.Dot(p.p, p.p), floats.Dot(p.q, p.q), floats.Dot(p.p, p.q)
}

// curl is J21 - J12 in an orthonormal basis of the plane.
func (p ellipse) curl() float64 {
	if p.q == nil {
		return 0
	}
	a, b, c := p.gram()
	return 2 * p.s / math.Sqrt(a*b-c*c)
}

// least returns the smaller semi-axis.
func (p ellipse) least() float64 {
	if p.q == nil {
		return floats.Norm(p.p, 2)
	}
	a, b, c := p.gram()
	// The product of the squared semi-axes over the larger one, which does not cancel.
	return math.Sqrt((a*b - c*c) / ((a+b)/2 + math.Hypot((a-b)/2, c)))
}

// first is what the shift by one adds to the sum of squared distances, in the first order.
func (p ellipse) first(k int, rho float64) float64 {
	n := float64(k)
	if p.q == nil {
		return -2 * n * rho * rho * 2 * p.s
	}
	step := 2 * math.Pi / n
	h := math.Sin(step / 2)
	return 2 * n * rho * rho * (2*h*h - p.s*math.Sin(step))
}

// in turns coefficients in a basis into vectors.
func (p ellipse) in(basis [][]float64) ellipse {
	expand := func(c []float64) []float64 {
		if c == nil {
			return nil
		}
		v := make([]float64, len(basis[0]))
		for k, w := range basis {
			floats.AddScaled(v, c[k], w)
		}
		return v
	}
	return ellipse{expand(p.p), expand(p.q), p.s}
}

// points returns k points on the ellipse of size rho around a centre.
func (p ellipse) points(centre []float64, k int, rho float64) *tensor.Dense {
	d := len(centre)
	x := make([]float64, 0, k*d)
	for i := range k {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(k))
		x = append(x, centre...)
		row := x[i*d:]
		floats.AddScaled(row, rho*cos, p.p)
		if p.q != nil {
			floats.AddScaled(row, rho*sin, p.q)
		}
	}
	return engine.Points(x, k, d)
}

// steepestPlane returns the ellipse of the largest s, and whether there is one: s = 0 where j is symmetric.
func steepestPlane(j *mat.Dense) (ellipse, bool) {
	k, _ := j.Dims()
	sym, skew := mat.NewSymDense(k, nil), mat.NewDense(k, k, nil)
	for a := range k {
		for b := range k {
			skew.Set(a, b, (j.At(a, b)-j.At(b, a))/2)
			if a <= b {
				sym.SetSym(a, b, (j.At(a, b)+j.At(b, a))/2)
			}
		}
	}
	var root mat.Cholesky
	if !root.Factorize(sym) {
		var eig mat.EigenSym
		if !eig.Factorize(sym, true) {
			return ellipse{}, false
		}
		var v mat.Dense
		eig.VectorsTo(&v)
		s := -eig.Values(nil)[0]
		return ellipse{p: mat.Col(nil, 0, &v), s: s}, s > 0
	}
	// B = L^-1 A L^-T with Js = L L^T is antisymmetric; its largest singular value is s.
	var lower mat.TriDense
	root.LTo(&lower)
	var b mat.Dense
	if b.Solve(&lower, skew) != nil {
		return ellipse{}, false
	}
	var bt mat.Dense
	if bt.Solve(&lower, b.T()) != nil { // L^-1 (L^-1 A)^T = -B
		return ellipse{}, false
	}
	u, w := mat.NewVecDense(k, nil), mat.NewVecDense(k, nil)
	top := 0.0
	for c := range k {
		if n := mat.Norm(bt.ColView(c), 2); n > top {
			top = n
			u.CopyVec(bt.ColView(c))
		}
	}
	if top == 0 {
		return ellipse{}, false
	}
	// Powers of -B^2; a vector between nearly equal singular values is as good.
	s := 0.0
	for range powerSteps {
		u.ScaleVec(1/mat.Norm(u, 2), u)
		w.MulVec(&bt, u)
		n := mat.Norm(w, 2)
		if n <= s*(1+1e-12) {
			break
		}
		s = n
		u.MulVec(&bt, w)
	}
	u.ScaleVec(1/mat.Norm(u, 2), u)
	w.MulVec(&bt, u)
	s = mat.Norm(w, 2)
	w.ScaleVec(1/s, w)
	var p, q mat.VecDense
	if p.SolveVec(lower.T(), u) != nil || q.SolveVec(lower.T(), w) != nil {
		return ellipse{}, false
	}
	// <p, A q> = <u, B w> = -<w, B u> = |(-B) u| = s.
	return ellipse{p: p.RawVector().Data, q: q.RawVector().Data, s: s}, true
}
