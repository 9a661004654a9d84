package ot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"monge/engine"
)

// ErrSettings says that the settings of a solver do not fit the problem or each other.
var ErrSettings = errors.New("settings do not fit")

// SinkhornSettings are the settings of [Sinkhorn].
type SinkhornSettings struct {
	// Eps is the regularisation, in units of the cost; EpsRel gives it as a multiple of the weighted mean
	// cost sum_ij a_i b_j |x_i - y_j|^2. Exactly one of them is positive. (Where the mean cost is 0, EpsRel
	// is the regularisation itself.)
	Eps, EpsRel float64
	// EachEps or EachEpsRel are those of the problems of [SinkhornBatch], in place of one for all.
	EachEps, EachEpsRel []float64
	// Tol is the L1 norm of the row marginal's error at which the iteration ends. 0 = 1e-6; a negative
	// one runs exactly MaxIter iterations, not accelerated.
	Tol float64
	// MaxIter bounds the iterations, steps of the schedule included; 0 = 10000.
	MaxIter int
	// NoSchedule makes the textbook iteration: it starts at Eps instead of coming down to it from the scale
	// of the cost, and its iterates are not accelerated.
	NoSchedule bool
	// F0 [n] and G0 [m] are potentials to start from, in the form of the result; there is no schedule
	// then. An iteration starts from the column potentials, so F0 is used only where G0 is nil.
	F0, G0 []float64
	// Dtype is the type of the iterations. With F32 the last ones, below its rounding, are made in F64, and
	// with a tolerance the first ones on points of eleven bits where an engine is faster so, as long as their
	// errors are those of the points as they are.
	Dtype engine.Dtype
	// MaxMemory bounds the solver's arrays in bytes; 0 = what the engine has free.
	MaxMemory int64
	// Store forces what becomes of the products of all pairs between iterations; 0 = what takes less time within
	// MaxMemory. It changes no number, and Result.Note says what was done.
	Store engine.SinkhornStore
	// Keep is called now and then between iterations, with a function that copies the run's state; a run that is
	// given it as Resume, with the same problem and settings, goes on from there and ends with the same bits.
	// nil = not called. SinkhornBatch takes neither.
	Keep   func(state func() *SinkhornState)
	Resume *SinkhornState
	// Progress is called after every iteration with the marginal's error; nil = none.
	Progress func(iteration int, err float64)
}

// Defaults of SinkhornSettings.
const (
	defaultTol     = 1e-6
	defaultMaxIter = 10000
	mixingDepth    = 10
)

// Sinkhorn solves the entropic transport problem
//
//	min <P, C> + eps KL(P | a b')   over P >= 0, P 1 = a, P' 1 = b,   C_ij = |x_i - y_j|^2
//
// in the log domain, for clouds of any sizes and weights, zeros included, in O((n + m) d) memory, or O(n m) where that is
// there and an engine takes less time so (SinkhornSettings.Store). The potentials give the plan,
// P_ij = a_i b_j exp((F_i + G_j - C_ij) / eps). One iteration is
//
//	F_i = -eps ln sum_j b_j exp((G_j - C_ij) / eps),   then   G_j = -eps ln sum_i a_i exp((F_i - C_ij) / eps),
//
// from G = 0, which an engine.SinkhornLoop makes by itself and [ComposedSinkhorn] from one engine.Softmax.
// Unless told otherwise eps comes down to its value geometrically, one iteration a step, and the iterates G
// are then combined by Anderson's method, on the host; where that leaves few entries of the plan, at small eps, Newton's
// method on those sets the next iterate. Together they take tens of iterations instead of thousands.
//
// The columns' marginal is exact after every iteration; MarginalError is the row marginal's error in L1,
// and Status says whether it is within Tol. Cost is <P, C>. Dual is the entropic dual value
// <a, F> + <b, G> - eps (sum P - 1). Lower and Upper bracket the unregularised optimum: Lower is the dual
// value of the potentials' c-transforms less a bound of its rounding, Upper the cost of P rounded to the
// exact marginals, and what its products may be off. They are evaluated in float64 whatever Dtype is, but for the
// products where a run of so many iterations ends in F32: those are float32 as long as the bound of their rounding is
// at most 1/256 of the bracket's width.
//
// Errors: weights and points as in [OneDim]; eps that is not one positive number; *engine.MemoryError;
// the engine's own; ctx.Err().
//
// Source: Cuturi, NeurIPS 2013; Schmitzer, SIAM J. Sci. Comput. 41 (2019), for the log domain and the
// schedule; Altschuler, Weed, Rigollet, NeurIPS 2017, for the rounding.
func Sinkhorn(ctx context.Context, e engine.Engine, c Clouds, s *SinkhornSettings) (*Result, error) {
	start := time.Now()
	k, err := newSinkhorn(c, s)
	if err != nil {
		return nil, err
	}
	plan, err := planSinkhorn(e.Info(), k, s, 1)
	if err != nil {
		return nil, err
	}
	k.plan = plan
	r := &Result{Solver: "sinkhorn", Status: IterationLimit, Eps: k.eps, Note: plan.note}
	limit, tol := s.limits()
	k.schedule(k.scheduled(s, limit))
	if tol >= 0 && !s.NoSchedule {
		// Potentials of an iteration differ by no more than 2 <x, y - y'>, hence two of them by 4 k.scale.
		k.mixing, k.retry = newAnderson(mixingDepth, 4*k.scale, k.b), math.Inf(1)
	}
	k.keep = s.Keep
	if s.Resume != nil {
		if err := k.resume(s.Resume, r); err != nil {
			return nil, err
		}
	}
	for i, stage := range plan.stages {
		if i < k.stage {
			continue
		}
		k.stage = i
		if err := k.open(e, stage.dtype); err != nil {
			return nil, err
		}
		goal := tol
		if tol >= 0 {
			goal = max(tol, stage.floor)
		}
		k.rough = newRough(e, stage.dtype, tol)
		if k.resumed != nil {
			k.rough.on, k.rough.goal = k.resumed.RoughOn, k.resumed.RoughGoal
		}
		if err := k.run(ctx, e, s, r, goal, limit, i == len(plan.stages)-1); err != nil {
			return nil, err
		}
	}
	if r.MarginalError <= tol {
		r.Status = Converged
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// run makes the iterations in one type, and after the last ones evaluates the result.
func (k *sinkhorn) run(ctx context.Context, e engine.Engine, s *SinkhornSettings, r *Result, goal float64, limit int, last bool) error {
	defer func() { k.reduction.free() }()
	if err := k.start(ctx, s); err != nil {
		return err
	}
	l, err := k.newLoop(e)
	if err != nil {
		return err
	}
	defer l.free()
	if err := k.iterate(ctx, e, l, r, goal, limit, s.Progress); err != nil || !last {
		return err
	}
	return k.finish(ctx, e, r, l)
}

// newLoop is a loop over the clouds on the engine.
func (k *sinkhorn) newLoop(e engine.Engine) (*loop, error) {
	l, err := newLoop(e, k.reduction.device[rowsOfX], k.reduction.device[rowsOfY], k.logA, k.logB, append(k.steps[:len(k.steps):len(k.steps)], k.eps), len(k.steps))
	if err == nil {
		k.plan.tell(l)
	}
	return l, err
}

// limits returns the iterations and the tolerance.
func (s *SinkhornSettings) limits() (limit int, tol float64) {
	limit, tol = s.MaxIter, s.Tol
	if limit == 0 {
		limit = defaultMaxIter
	}
	if tol == 0 {
		tol = defaultTol
	}
	return limit, tol
}

// sinkhorn is a run's state. Its potentials are shifted, with x and y centred and D the distance of their
// means: F_i = f_i + |x_i + D|^2 and G_j = g_j + |y_j|^2 - 2 <y_j, D>, which leaves
//
//	(F_i + G_j - C_ij) / eps = (f_i + g_j + 2 <x_i, y_j>) / eps
//
// so that one bias vector and dot products are all that the engine sees, and offsets of the clouds never
// meet its rounding.
type sinkhorn struct {
	*problem
	plan         *sinkhornPlan
	mx, my       moments
	moved        []float64 // x_i + D, [n, d]
	shiftX       []float64 // F - f
	shiftY       []float64 // G - g
	eps          float64
	scale        float64 // largest 2 |<x_i, y_j>| that can be
	logA, logB   []float64
	f, g         []float64
	steps        []float64 // eps of the first iterations
	done         int       // iterations
	started      bool
	mixing       *anderson // nil = the plain iteration
	mixed        int       // iterations that it has combined
	newton       *newton   // nil = not under way
	retry        float64   // residual at which Newton's method is tried next
	rough        rough
	stage        int // of the types of the iterations
	keep         func(state func() *SinkhornState)
	resumed      *SinkhornState // until its stage has begun
	before, step []float64
	reduction    *reduction
	bias         []float64
}

func newSinkhorn(c Clouds, s *SinkhornSettings) (*sinkhorn, error) {
	if s == nil {
		s = new(SinkhornSettings)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"eps", s.Eps}, {"eps-rel", s.EpsRel}} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return nil, fmt.Errorf("ot: sinkhorn: %s = %v, want a positive number: %w", v.name, v.value, ErrSettings)
		}
	}
	if (s.Eps > 0) == (s.EpsRel > 0) {
		return nil, fmt.Errorf("ot: sinkhorn: eps = %v and eps-rel = %v, want exactly one of them positive: %w", s.Eps, s.EpsRel, ErrSettings)
	}
	if math.IsNaN(s.Tol) || s.MaxIter < 0 {
		return nil, fmt.Errorf("ot: sinkhorn: tolerance %v, %d iterations: %w", s.Tol, s.MaxIter, ErrSettings)
	}
	if s.Dtype != engine.F64 && s.Dtype != engine.F32 {
		return nil, fmt.Errorf("ot: sinkhorn: %v: %w", s.Dtype, engine.ErrDtype)
	}
	p, err := c.check()
	if err != nil {
		return nil, err
	}
	k := &sinkhorn{problem: p, mx: momentsOf(p.x, p.a, p.d), my: momentsOf(p.y, p.b, p.d)}
	mean := meanCost(k.mx, k.my)
	if math.IsInf(mean, 0) || math.IsNaN(mean) {
		return nil, fmt.Errorf("ot: sinkhorn: mean cost %v: %w", mean, ErrNotFinite)
	}
	if k.eps = s.Eps; s.EpsRel > 0 {
		if k.eps = s.EpsRel * mean; mean == 0 {
			k.eps = s.EpsRel
		}
	}
	k.scale = 2 * k.mx.radius * k.my.radius
	if math.IsInf(2/k.eps, 0) {
		return nil, fmt.Errorf("ot: sinkhorn: eps = %v has no reciprocal in float64: scale the points up: %w", k.eps, ErrSettings)
	}
	if !(k.eps > k.scale*engine.F64.Eps()) || math.IsInf(k.scale/k.eps, 0) {
		return nil, fmt.Errorf("ot: sinkhorn: eps = %v is below the rounding of the cost, whose scale is %.3g: %w", k.eps, k.scale, ErrSettings)
	}
	for _, w := range []struct {
		name  string
		v     []float64
		count int
	}{{"f0", s.F0, p.n}, {"g0", s.G0, p.m}} {
		if w.v != nil && len(w.v) != w.count {
			return nil, fmt.Errorf("ot: sinkhorn: %s has %d numbers, want %d: %w", w.name, len(w.v), w.count, engine.ErrShape)
		}
		for i, v := range w.v {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("ot: sinkhorn: %s, row %d is %v: %w", w.name, i, v, ErrNotFinite)
			}
		}
	}
	k.shifts()
	k.f, k.g = make([]float64, p.n), make([]float64, p.m)
	k.before, k.step = make([]float64, p.m), make([]float64, p.m)
	k.bias = make([]float64, p.m)
	k.logA, k.logB = logs(p.a), logs(p.b)
	return k, nil
}

// shifts computes what separates the shifted potentials from F and G.
func (k *sinkhorn) shifts() {
	d := k.d
	delta := separation(k.mx, k.my)
	k.moved = make([]float64, k.n*d)
	k.shiftX, k.shiftY = make([]float64, k.n), make([]float64, k.m)
	for i := range k.shiftX {
		row := k.moved[i*d : i*d+d]
		for t := range row {
			row[t] = k.mx.centred[i*d+t] + delta[t]
		}
		k.shiftX[i] = dot(row, row)
	}
	for j := range k.shiftY {
		y := k.my.centred[j*d : j*d+d]
		k.shiftY[j] = dot(y, y) - 2*dot(y, delta)
	}
}

func logs(w []float64) []float64 {
	l := make([]float64, len(w))
	for i, v := range w {
		l[i] = engine.Ln(v)
	}
	return l
}

// scheduled returns how many iterations it takes to come down from the scale of the cost to eps by a constant
// factor: at most half of all.
func (k *sinkhorn) scheduled(s *SinkhornSettings, limit int) int {
	const factor = 0.7
	top := meanCost(k.mx, k.my)
	if s.NoSchedule || s.F0 != nil || s.G0 != nil || top <= k.eps {
		return 0
	}
	return min(int(math.Ceil(math.Log(k.eps/top)/math.Log(factor))), limit/2)
}

// schedule sets the regularisations of the first count iterations, from the scale of the cost down to eps.
func (k *sinkhorn) schedule(count int) {
	top := max(k.eps, meanCost(k.mx, k.my))
	k.steps = make([]float64, count)
	for i := range k.steps {
		k.steps[i] = top * math.Pow(k.eps/top, float64(i)/float64(count))
	}
}

// at returns the regularisation of iteration i, from 0.
func (k *sinkhorn) at(i int) float64 {
	if i < len(k.steps) {
		return k.steps[i]
	}
	return k.eps
}

// open puts the clouds onto the engine.
func (k *sinkhorn) open(e engine.Engine, t engine.Dtype) (err error) {
	k.reduction, err = newReduction(e, t, k.mx.centred, k.my.centred, k.d)
	return err
}

// start sets the first column potentials.
func (k *sinkhorn) start(ctx context.Context, s *SinkhornSettings) error {
	if k.started {
		return nil
	}
	k.started = true
	for j := range k.g {
		k.g[j] = -k.shiftY[j]
		if s.G0 != nil {
			k.g[j] += s.G0[j]
		}
	}
	if s.G0 != nil || s.F0 == nil {
		return nil
	}
	for i := range k.f {
		k.f[i] = s.F0[i] - k.shiftX[i]
	}
	return k.columnsAlone(ctx, k.eps, nil)
}
