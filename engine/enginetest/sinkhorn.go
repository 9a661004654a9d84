package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/ot"
)

// SinkhornCase is the shape and the data of a run of engine.Sinkhorn.
type SinkhornCase struct {
	Name       string
	B, N, M, D int
	Eps        float64 // of the mean of |x_i|^2 + |y_j|^2; problem b has 1 + b/3 times as much
	Steps      int     // values of eps before the last, each .6 of the one before
	Tol        float64
	Limit      int
	Passes     int  // of a call; 0 = all in one
	Columns    bool // engine.Sinkhorn.Columns
	Shared     bool // weights and eps are shared by all problems
	Zeros      bool // weights over three decades, with zeros
	Near       bool // no outliers: costs within one scale
	Start      bool // from potentials that are not 0
	Offset     float64
	// Short rounds the coordinates to ten bits, whose products are exact in eleven, and makes the loop Fast: results are
	// as accurate as without.
	Short bool
}

// SinkhornCases lists the shapes and data that every engine runs.
func SinkhornCases() []SinkhornCase {
	return []SinkhornCase{
		{Name: "one", B: 1, N: 1, M: 1, D: 1, Eps: .1, Tol: -1, Limit: 2},
		{Name: "one-row", B: 1, N: 1, M: 67, D: 3, Eps: .1, Tol: -1, Limit: 3, Zeros: true},
		{Name: "one-column", B: 2, N: 67, M: 1, D: 3, Eps: .1, Tol: -1, Limit: 3},
		{Name: "small", B: 1, N: 7, M: 5, D: 2, Eps: .2, Tol: -1, Limit: 7, Passes: 3, Near: true},
		{Name: "65x33", B: 1, N: 65, M: 33, D: 5, Eps: .05, Tol: -1, Limit: 8, Passes: 4, Zeros: true},
		{Name: "no-iterations", B: 1, N: 5, M: 7, D: 2, Eps: .2, Tol: -1},
		{Name: "converge", B: 1, N: 37, M: 41, D: 3, Eps: .3, Tol: 1e-3, Limit: 40, Passes: 7, Near: true},
		{Name: "converge-batch", B: 5, N: 17, M: 35, D: 2, Eps: .12, Tol: 1e-3, Limit: 30, Passes: 4, Near: true, Zeros: true},
		{Name: "limit-batch", B: 3, N: 35, M: 17, D: 4, Eps: .05, Tol: 1e-2, Limit: 4, Near: true},
		{Name: "shared", B: 3, N: 33, M: 19, D: 17, Eps: .1, Tol: -1, Limit: 5, Shared: true, Zeros: true},
		{Name: "columns", B: 3, N: 19, M: 33, D: 3, Eps: .2, Tol: 1e-3, Limit: 20, Passes: 3, Columns: true, Near: true},
		{Name: "falling", B: 2, N: 31, M: 43, D: 3, Eps: .02, Steps: 6, Tol: -1, Limit: 9, Passes: 2, Near: true, Zeros: true},
		{Name: "falling-columns", B: 1, N: 31, M: 43, D: 3, Eps: .02, Steps: 4, Tol: -1, Limit: 4, Columns: true, Near: true},
		{Name: "start", B: 2, N: 29, M: 23, D: 2, Eps: .1, Tol: -1, Limit: 4, Start: true, Near: true},
		{Name: "eps-large", B: 1, N: 21, M: 34, D: 3, Eps: 1e3, Tol: 1e-3, Limit: 9},
		{Name: "eps-small", B: 2, N: 34, M: 21, D: 3, Eps: 2e-3, Tol: -1, Limit: 6, Near: true, Zeros: true},
		{Name: "offset-1e3", B: 1, N: 21, M: 34, D: 2, Eps: 1e-4, Tol: -1, Limit: 5, Offset: 1e3, Near: true},
		{Name: "200x133-d16", B: 1, N: 200, M: 133, D: 16, Eps: .05, Tol: -1, Limit: 3, Zeros: true},
		{Name: "m300", B: 2, N: 19, M: 300, D: 3, Eps: .1, Steps: 2, Tol: -1, Limit: 4, Passes: 3, Zeros: true},
		{Name: "m270-d48", B: 1, N: 33, M: 270, D: 48, Eps: .1, Tol: -1, Limit: 3, Zeros: true},
		{Name: "m2100-d17", B: 1, N: 2, M: 2100, D: 17, Eps: .1, Tol: -1, Limit: 1, Zeros: true},
		{Name: "short-d40", B: 2, N: 9, M: 270, D: 40, Eps: .1, Tol: -1, Limit: 3, Near: true, Short: true},
		{Name: "short-d70", B: 1, N: 35, M: 270, D: 70, Eps: .1, Tol: 1e-2, Limit: 4, Near: true, Zeros: true, Short: true},
		{Name: "short-d150", B: 2, N: 37, M: 67, D: 150, Eps: .05, Tol: -1, Limit: 3, Passes: 2, Near: true, Short: true},
		{Name: "m270-d24", B: 2, N: 9, M: 270, D: 24, Eps: .1, Tol: -1, Limit: 3, Passes: 2, Zeros: true},
		{Name: "n600", B: 3, N: 600, M: 9, D: 2, Eps: .2, Tol: 2e-2, Limit: 8, Passes: 4, Near: true},
		{Name: "m300-columns", B: 2, N: 9, M: 300, D: 2, Eps: .2, Tol: 2e-2, Limit: 8, Passes: 4, Columns: true, Near: true},
		{Name: "batch-many", B: 20, N: 3, M: 2, D: 2, Eps: .2, Tol: 1e-2, Limit: 6, Near: true},
		{Name: "d257", B: 1, N: 35, M: 67, D: 257, Eps: .05, Tol: -1, Limit: 4, Passes: 2, Zeros: true},
		{Name: "d257-batch", B: 2, N: 37, M: 9, D: 257, Eps: .1, Tol: 3e-2, Limit: 4, Passes: 3, Near: true},
		{Name: "d257-sharp", B: 2, N: 33, M: 35, D: 257, Eps: 2e-4, Tol: -1, Limit: 3, Zeros: true, Steps: 1},
		{Name: "130x9-d385", B: 1, N: 130, M: 9, D: 385, Eps: .05, Tol: -1, Limit: 2, Passes: 2, Zeros: true, Start: true},
		{Name: "short-d1153", B: 1, N: 9, M: 35, D: 1153, Eps: .05, Tol: -1, Limit: 2, Near: true, Zeros: true, Short: true},
	}
}

// sinkhornHost holds the inputs of a run.
type sinkhornHost struct {
	SinkhornCase
	x, y, logA, logB, eps, f, g *array
}

func (c SinkhornCase) host(t engine.Dtype) *sinkhornHost {
	g := newUneven("Sinkhorn/"+c.Name, t)
	h := &sinkhornHost{SinkhornCase: c}
	if c.Near {
		shift := func(_, _, _ int) float64 { return c.Offset + g.Normal() }
		h.x, h.y = g.array(c.B, c.N, c.D, shift), g.array(c.B, c.M, c.D, shift)
		for b := range c.B {
			for i := 2; i < c.N; i += 13 { // duplicates, of rows and of a column
				copy(h.x.row(b, i), h.x.row(b, i-2))
				copy(h.y.row(b, i%c.M), h.x.row(b, i))
			}
		}
	} else {
		h.x, h.y = g.cloud(c.B, c.N, c.D, c.Offset), g.cloud(c.B, c.M, c.D, c.Offset)
	}
	if c.Short {
		for _, a := range []*array{h.x, h.y} {
			for i, v := range a.x {
				a.x[i] = math.Round(min(max(v, -8), 8)*64) / 64
			}
		}
	}
	wide := uneven{g.Source, engine.F64}
	shared := c.B
	if c.Shared {
		shared = 1
	}
	h.logA, h.logB = wide.logWeights(shared, c.N, c.Zeros), wide.logWeights(shared, c.M, c.Zeros)
	h.eps = newArray(shared, c.Steps+1, 1)
	for b := range shared {
		scale := c.Eps * (1 + float64(b)/3) * (meanSquare(h.x, b) + meanSquare(h.y, b))
		for k := range c.Steps + 1 {
			h.eps.row(b, k)[0] = scale * math.Pow(.6, float64(k-c.Steps))
		}
	}
	h.f, h.g = newArray(c.B, c.N, 1), newArray(c.B, c.M, 1)
	if c.Start {
		h.g = wide.normals(c.B, c.M, 1)
	}
	return h
}

// logWeights draws the logarithms of weights that sum to 1.
func (g uneven) logWeights(b, n int, zeros bool) *array {
	w := g.array(b, n, 1, func(_, _, _ int) float64 { return 1 })
	if zeros && n > 1 {
		w = g.weights(b, n)
	}
	for p := range b {
		var sum float64
		for i := range n {
			sum += w.row(p, i)[0]
		}
		for i := range n {
			w.row(p, i)[0] = math.Log(w.row(p, i)[0] / sum)
		}
	}
	return w
}

func meanSquare(a *array, b int) float64 {
	var s float64
	for i := range a.n {
		s += dot(a.row(b, i), a.row(b, i))
	}
	return s / float64(a.n)
}

// sinkhornOut is what one problem comes to.
type sinkhornOut[T float] struct {
	f, g  []T
	count int
	trace []float64 // of all iterations
}

// sinkhornPlain makes problem b's iterations as the doc comment of engine.Sinkhorn reads.
func sinkhornPlain[T float](h *sinkhornHost, b int, tol float64, limit int) *sinkhornOut[T] {
	o := &sinkhornOut[T]{f: convert[T](&array{x: h.f.problem(b)}), g: convert[T](&array{x: h.g.problem(b)})}
	x, y := convert[T](&array{x: h.x.problem(b)}), convert[T](&array{x: h.y.problem(b)})
	logA, logB := convert[T](&array{x: h.logA.problem(b)}), convert[T](&array{x: h.logB.problem(b)})
	steps, eps := h.Steps+1, convert[T](&array{x: h.eps.problem(b)})
	for {
		k := o.count
		e := eps[min(k, steps-1)]
		l := logSums(x, y, h.D, e, o.g, logB)
		if !h.Columns && k >= steps {
			var s float64
			for i, v := range l {
				if w := math.Exp(float64(logA[i])); w > 0 {
					s += w * math.Abs(math.Expm1(float64(o.f[i]/e+v)))
				}
			}
			o.trace = append(o.trace, s)
			if s <= tol {
				return o
			}
		}
		if k >= limit {
			return o
		}
		for i, v := range l {
			o.f[i] = -e * v
		}
		var s float64
		for j, v := range logSums(y, x, h.D, e, o.f, logA) {
			if math.IsInf(float64(logB[j]), -1) {
				continue
			}
			s += math.Exp(float64(logB[j])) * math.Abs(math.Expm1(float64(o.g[j]/e+v)))
			o.g[j] = -e * v
		}
		o.count++
		if h.Columns || k < steps-1 {
			o.trace = append(o.trace, s)
			if h.Columns && (o.count >= limit || k >= steps-1 && s <= tol) {
				return o
			}
		}
	}
}

// problem returns problem b's numbers, problem 0's where the array is shared.
func (a *array) problem(b int) []float64 {
	if a.b == 1 {
		b = 0
	}
	return a.x[b*a.n*a.d : (b+1)*a.n*a.d]
}

// logSums returns ln sum_j exp(2 <q_i, k_j> / eps + p_j / eps + w_j).
func logSums[T float](q, k []T, d int, eps T, p, w []T) []T {
	out := make([]T, len(q)/d)
	z := make([]T, len(p))
	for i := range out {
		most := T(math.Inf(-1))
		for j := range z {
			z[j] = T(2/eps)*dot(q[i*d:][:d], k[j*d:][:d]) + (p[j]/eps + w[j])
			most = max(most, z[j])
		}
		var sum T
		for _, v := range z {
			sum += exp(v - most)
		}
		out[i] = most + ln(sum)
	}
	return out
}

// sinkhornRun is one way to make a run.
type sinkhornRun struct {
	name  string
	store engine.SinkhornStore
	call  func(*engine.Sinkhorn) error
}

// sinkhornRuns returns the engine's own loop, where it has one, and the composed one.
func (d *device) sinkhornRuns() []sinkhornRun {
	runs := []sinkhornRun{{"composed", engine.StoreAuto, func(a *engine.Sinkhorn) error { return ot.ComposedSinkhorn(context.Background(), d.e, a) }}}
	if l, ok := d.e.(engine.SinkhornLoop); ok {
		loop := func(a *engine.Sinkhorn) error { return l.Sinkhorn(context.Background(), a) }
		runs = append(runs, sinkhornRun{"loop", engine.StoreNone, loop}, sinkhornRun{"loop with products kept", engine.StoreAlways, loop})
	}
	return runs
}

// bindSinkhorn puts a run's arrays into memory.
func (d *device) bindSinkhorn(h *sinkhornHost) *engine.Sinkhorn {
	limit := h.Limit + 1
	passes := h.Passes
	if passes == 0 {
		passes = limit
	}
	wide := func(a *array) engine.Buffer { return d.putType(engine.F64, a) }
	op := &engine.Sinkhorn{
		X: d.put(h.x), Y: d.put(h.y), LogA: wide(h.logA), LogB: wide(h.logB), Eps: wide(h.eps),
		Trace: d.fill(engine.F64, h.B, passes+1, 1), State: d.allocType(engine.I32, h.B, 2, 1),
		F: d.allocType(engine.F64, h.B, h.N, 1), G: d.allocType(engine.F64, h.B, h.M, 1),
		Tol: h.Tol, Limit: h.Limit, Passes: passes, Columns: h.Columns, Fast: h.Short,
	}
	d.write(op.F, h.f.x)
	d.write(op.G, h.g.x)
	return op
}

// sinkhornResult is what a run leaves.
type sinkhornResult struct {
	f, g, state []float64
	trace       [][]float64 // of each problem
}

// runSinkhorn calls op until all problems have ended, and once more.
func (d *device) runSinkhorn(r sinkhornRun, h *sinkhornHost) (*sinkhornResult, error) {
	op := d.bindSinkhorn(h)
	op.Store = r.store
	defer func() {
		if op.Kept != nil {
			op.Kept.Free()
		}
	}()
	out := &sinkhornResult{trace: make([][]float64, h.B)}
	for calls := 0; d.err == nil; calls++ {
		if err := r.call(op); err != nil {
			return nil, err
		}
		before := out.f
		out.f, out.g, out.state = d.read(op.F), d.read(op.G), d.read(op.State)
		ended := true
		ring := d.read(op.Trace)
		if d.err != nil {
			return nil, d.err
		}
		_, places, _ := op.Trace.Shape()
		for b := range h.B {
			known := int(out.state[2*b])
			if out.state[2*b+1] == 0 {
				ended = false
				if !h.Columns {
					known = max(known-1, min(known, h.Steps))
				}
			}
			for k := len(out.trace[b]); k < known; k++ {
				out.trace[b] = append(out.trace[b], ring[b*places+k%places])
			}
		}
		if calls > h.Limit+2 {
			return nil, errors.New("the run does not end")
		}
		if ended && before != nil {
			return out, same("F after the end", out.f, out.f)
		}
		if ended {
			f, g, state := out.f, out.g, out.state
			if err := r.call(op); err != nil {
				return nil, err
			}
			return out, errors.Join(same("F after the end", d.read(op.F), f), same("G after the end", d.read(op.G), g), same("State after the end", d.read(op.State), state))
		}
	}
	return nil, d.err
}

func sinkhornTable() []Case {
	list := []Case{
		{Op: "Sinkhorn", Name: "error-shapes", run: checkSinkhornErrors},
		{Op: "Sinkhorn", Name: "rows-alone", run: checkSinkhornAlone},
	}
	for _, c := range SinkhornCases() {
		list = append(list, Case{Op: "Sinkhorn", Name: c.Name, run: c.check})
	}
	return list
}

// check makes the run in every way that the engine has. Whether products are kept changes no bit.
func (c SinkhornCase) check(d *device) error {
	h := c.host(d.t)
	var loop *sinkhornResult
	for _, r := range d.sinkhornRuns() {
		got, err := d.runSinkhorn(r, h)
		if err == nil && r.store == engine.StoreAlways {
			err = errors.Join(same("F with and without products kept", got.f, loop.f), same("G with and without products kept", got.g, loop.g))
		}
		loop = got
		if err == nil {
			err = errors.Join(d.err, h.checkRun(d.t, got), d.unchanged())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// checkRun compares a run with the plain formulas, for as many iterations as it made.
func (h *sinkhornHost) checkRun(t engine.Dtype, got *sinkhornResult) error {
	for b := range h.B {
		count := int(got.state[2*b])
		if err := h.checkEnd(t, b, count, got.trace[b]); err != nil {
			return fmt.Errorf("problem %d: %w", b, err)
		}
		ref := sinkhornPlain[float64](h, b, -1, count)
		low := new(sinkhornOut[float32])
		if t == engine.F32 {
			low = sinkhornPlain[float32](h, b, -1, count)
		}
		unit := h.unit(b, ref)
		fill := func(n int) []float64 {
			u := make([]float64, n)
			for i := range u {
				u[i] = unit
			}
			return u
		}
		sum := h.D + max(h.N, h.M)
		for _, o := range []output{
			{"F", got.f[b*h.N:][:h.N], ref.f, fill(h.N), low.f, sum},
			{"G", got.g[b*h.M:][:h.M], ref.g, fill(h.M), low.g, sum},
		} {
			if err := o.check(t); err != nil {
				return fmt.Errorf("problem %d: %w", b, err)
			}
		}
		// An error is a sum of a_i |exp(z) - 1|, and z = (change of a potential) / eps.
		units := make([]float64, len(ref.trace))
		for k, v := range ref.trace {
			units[k] = 4 * unit / h.eps.row(b, min(k, h.Steps))[0] * (1 + v)
		}
		if err := (output{name: "Trace", got: got.trace[b], ref: ref.trace, unit: units, terms: sum}).check(t); err != nil {
			return fmt.Errorf("problem %d: %w", b, err)
		}
	}
	return nil
}

// checkEnd demands that the problem ended at the first error within the tolerance, or at the limit, and in
// float64, whose errors are known well, where the plain formulas do.
func (h *sinkhornHost) checkEnd(t engine.Dtype, b, count int, trace []float64) error {
	if len(trace) != count {
		return fmt.Errorf("%d errors of %d iterations", len(trace), count)
	}
	for k, v := range trace {
		last := k == count-1
		if ends := v <= h.Tol && k >= h.Steps; ends && !last || last && !ends && count != h.Limit {
			return fmt.Errorf("the error after iteration %d of %d is %g, tolerance %g", k+1, count, v, h.Tol)
		}
	}
	if ref := sinkhornPlain[float64](h, b, h.Tol, h.Limit); t == engine.F64 && ref.count != count {
		return fmt.Errorf("%d iterations, want %d (errors %v)", count, ref.count, ref.trace)
	}
	return nil
}

// unit is the size of one rounding of every term of a potential: of the products and of the potentials
// themselves. Log-sum-exps expand no error, so those of 2 k halves add, with either sign.
func (h *sinkhornHost) unit(b int, ref *sinkhornOut[float64]) float64 {
	largest := func(x []float64) (most float64) {
		for _, v := range x {
			if !math.IsInf(v, 0) {
				most = max(most, math.Abs(v))
			}
		}
		return most
	}
	radius := func(a *array) (most float64) {
		for i := range a.n {
			most = max(most, math.Sqrt(dot(a.row(b, i), a.row(b, i))))
		}
		return most
	}
	eps := h.eps.row(b, 0)[0]
	size := 2*radius(h.x)*radius(h.y) + largest(ref.f) + largest(ref.g) + largest(h.g.problem(b)) +
		eps*(1+largest(h.logA.problem(b))+largest(h.logB.problem(b)))
	return size * math.Sqrt(float64(2*ref.count+1))
}

// checkSinkhornAlone: a problem's bits depend neither on the other problems nor on how passes are divided.
func checkSinkhornAlone(d *device) error {
	for _, size := range []struct{ b, m, d, limit int }{{3, 35, 3, 7}, {3, 260, 3, 5}, {2, 35, 257, 4}} {
		c := SinkhornCase{Name: "alone", B: size.b, N: 19, M: size.m, D: size.d, Eps: .2, Steps: 2, Tol: 1e-2, Limit: size.limit, Passes: 5, Near: true, Zeros: true}
		h := c.host(d.t)
		for _, r := range d.sinkhornRuns() {
			all, err := d.runSinkhorn(r, h)
			if err != nil {
				return err
			}
			for b := range c.B {
				one := *h
				one.B, one.Passes = 1, 1+2*b
				for _, a := range []**array{&one.x, &one.y, &one.logA, &one.logB, &one.eps, &one.f, &one.g} {
					*a = &array{1, (*a).n, (*a).d, (*a).problem(b)}
				}
				alone, err := d.runSinkhorn(r, &one)
				if err != nil {
					return err
				}
				if err := errors.Join(
					same("F", alone.f, all.f[b*c.N:][:c.N]), same("G", alone.g, all.g[b*c.M:][:c.M]),
					same("State", alone.state, all.state[2*b:][:2]), same("Trace", alone.trace[0], all.trace[b]),
				); err != nil {
					return fmt.Errorf("%s: problem %d alone: %w", r.name, b, err)
				}
			}
		}
	}
	return nil
}

func checkSinkhornErrors(d *device) error {
	h := SinkhornCase{Name: "errors", B: 2, N: 3, M: 4, D: 2, Eps: .1, Limit: 3}.host(d.t)
	for _, r := range d.sinkhornRuns() {
		for i, c := range []struct {
			want error
			bad  func(*engine.Sinkhorn)
		}{
			{engine.ErrShape, func(a *engine.Sinkhorn) { a.G = nil }},
			{engine.ErrShape, func(a *engine.Sinkhorn) { a.F, a.G = a.G, a.F }},
			{engine.ErrShape, func(a *engine.Sinkhorn) { a.Y = a.Y.View(0, 1, 4, 2) }},
			{engine.ErrShape, func(a *engine.Sinkhorn) { a.Passes = 100 }},
			{engine.ErrShape, func(a *engine.Sinkhorn) { a.Limit = -1 }},
			{engine.ErrDtype, func(a *engine.Sinkhorn) { a.State = a.F.View(0, 2, 2, 1) }},
			{engine.ErrDtype, func(a *engine.Sinkhorn) { a.F = d.allocType(engine.F32, 2, 3, 1) }},
			{engine.ErrUnsupported, func(a *engine.Sinkhorn) { a.Tol = math.NaN() }},
		} {
			op := d.bindSinkhorn(h)
			c.bad(op)
			if err := d.wants(c.want, func() error { return r.call(op) }); err != nil {
				return fmt.Errorf("%s: mistake %d: %w", r.name, i, err)
			}
		}
	}
	return d.err
}
