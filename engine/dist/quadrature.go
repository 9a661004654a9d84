package dist

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"monge/engine"

	"gonum.org/v1/gonum/integrate/quad"
)

// smooth is a positive, analytic density on R^d, d small, known up to a factor.
type smooth interface {
	Dim() int
	// logp returns ln p0(y) up to a constant and, where grad [d] and hess [d, d] are not nil, its first
	// and second derivatives.
	logp(y, grad, hess []float64) float64
}

const (
	gridCut      = 80      // ln of the ratio to the maximum below which a density counts as 0
	gridSpacings = 1.5     // the trapezoid rule is spectral once sigma/alpha exceeds this many spacings
	gridTrust    = 64      // the same below which the grid's tail no longer gives a point's velocity to 1e-8
	gridAtoms    = 1 << 21 // most grid points kept
	gridFiner    = 1.5     // ratio of a grid's points an axis to those of the one before it
	gridSettled  = 1e-13   // relative change of ln Z and the second moments at which a grid is fine enough
	nodesSmallD  = 32      // Gauss-Hermite nodes a coordinate for d <= 2
	nodesLargeD  = 16      // and for d = 3
	centreSteps  = 3       // Newton steps towards the mode of the posterior
)

// grid is a trapezoid rule over the support of a smooth density.
type grid struct {
	d       int
	lo      []float64 // first point of each axis
	step    []float64
	n       []int
	logp    []float64 // ln p0 less its maximum on the grid, [n_1 ... n_d]
	max     float64   // that maximum
	logZ    float64   // ln of the integral of p0
	spacing float64   // the largest step
}

// newGrid finds the box outside which p is below exp(-gridCut) of its maximum, and refines a grid of it
// until the integral and the second moments stand still.
func newGrid(p smooth) (*grid, error) {
	d := p.Dim()
	lo, hi, err := support(p)
	if err != nil {
		return nil, err
	}
	var last *grid
	var lastMoment float64
	for n := 32; ; n = int(gridFiner * float64(n)) {
		if math.Pow(float64(n), float64(d)) > gridAtoms {
			return nil, tooFine()
		}
		g := tabulate(p, lo, hi, equal(n, d))
		m := g.secondMoment()
		if last != nil && math.Abs(g.logZ-last.logZ) <= gridSettled*(1+math.Abs(g.logZ)) && math.Abs(m-lastMoment) <= 10*gridSettled*m {
			return g, nil
		}
		last, lastMoment = g, m
	}
}

func tooFine() error {
	return bad("a density with details too fine for a grid of %d points", gridAtoms)
}

// support doubles a box about the origin until the density is negligible on its faces, then shrinks
// every side to where the density is not.
func support(p smooth) (lo, hi []float64, err error) {
	d := p.Dim()
	const n = 48 // points an axis of the search
	counts := equal(n, d)
	lo, hi = make([]float64, d), make([]float64, d)
	side := 1.0
	for ; ; side *= 2 {
		if side > 1<<16 {
			return nil, nil, bad("a density whose tails are not light: ln p0 does not fall by %d within |x| < %g", gridCut, side)
		}
		for t := range d {
			lo[t], hi[t] = -side, side
		}
		g := tabulate(p, lo, hi, counts)
		if math.IsNaN(g.max) || math.IsInf(g.max, 0) {
			return nil, nil, bad("a density that is not finite within |x| < %g", side)
		}
		if g.facesBelow(-gridCut) {
			break
		}
	}
	for range 3 { // a narrow density is seen only once the box is small
		g := tabulate(p, lo, hi, counts)
		first, last := g.extent(-gridCut)
		for t := range d {
			a := g.lo[t] + float64(max(first[t]-1, 0))*g.step[t]
			b := g.lo[t] + float64(min(last[t]+1, n-1))*g.step[t]
			lo[t], hi[t] = a, b
		}
	}
	return lo, hi, nil
}

// equal returns n for each of d axes.
func equal(n, d int) []int { return slices.Repeat([]int{n}, d) }

// tabulate makes the grid of n_t points from lo_t to hi_t on axis t.
func tabulate(p smooth, lo, hi []float64, n []int) *grid {
	d := len(lo)
	g := &grid{d: d, lo: slices.Clone(lo), step: make([]float64, d), n: slices.Clone(n), max: math.Inf(-1)}
	count := 1
	for t := range d {
		g.step[t] = (hi[t] - lo[t]) / float64(n[t]-1)
		g.spacing = math.Max(g.spacing, g.step[t])
		count *= n[t]
	}
	g.logp = make([]float64, count)
	y := make([]float64, d)
	for i := range g.logp {
		g.point(i, y)
		g.logp[i] = p.logp(y, nil, nil)
		if !(g.logp[i] <= g.max) {
			g.max = g.logp[i]
		}
	}
	var sum float64
	for i := range g.logp {
		g.logp[i] -= g.max
		sum += math.Exp(g.logp[i])
	}
	g.logZ = math.Log(sum) + g.max
	for _, h := range g.step {
		g.logZ += math.Log(h)
	}
	return g
}

// point writes the coordinates of grid point i.
func (g *grid) point(i int, y []float64) {
	for t := g.d - 1; t >= 0; t-- {
		y[t] = g.lo[t] + float64(i%g.n[t])*g.step[t]
		i /= g.n[t]
	}
}

func (g *grid) secondMoment() float64 {
	var s, w float64
	y := make([]float64, g.d)
	for i, l := range g.logp {
		g.point(i, y)
		r := math.Exp(l)
		w += r
		for _, v := range y {
			s += r * v * v
		}
	}
	return s / w
}

// facesBelow reports whether ln p0 less its maximum is below cut on the whole boundary.
func (g *grid) facesBelow(cut float64) bool {
	first, last := g.extent(cut)
	for t := range g.d {
		if first[t] == 0 || last[t] == g.n[t]-1 {
			return false
		}
	}
	return true
}

// extent returns, for every axis, the first and last index with a point above cut.
func (g *grid) extent(cut float64) (first, last []int) {
	first, last = make([]int, g.d), make([]int, g.d)
	for t := range first {
		first[t] = g.n[t] - 1
	}
	for i, l := range g.logp {
		if l < cut {
			continue
		}
		for t, k := g.d-1, i; t >= 0; t-- {
			j := k % g.n[t]
			first[t], last[t] = min(first[t], j), max(last[t], j)
			k /= g.n[t]
		}
	}
	return first, last
}

// atoms returns the grid points that are not negligible, with weights p0.
func (g *grid) atoms() (rows, weights []float64, n int) {
	y := make([]float64, g.d)
	for i, l := range g.logp {
		if l < -gridCut {
			continue
		}
		g.point(i, y)
		rows = append(rows, y...)
		weights = append(weights, math.Exp(l))
		n++
	}
	return rows, weights, n
}

// quadField is the velocity field of a smooth density by positive quadrature: the trapezoid rule over
// its support, which is the law of weighted points without a bandwidth, once sigma/alpha exceeds 1.5
// spacings of every coordinate; before that, in the coordinates whose spacings are larger, Gauss-Hermite nodes
// y = (x + sigma z)/alpha, moved to the posterior's mode, with
//
//	E[x0|x] = E[y], score = E[grad ln p0(y)]/alpha,
//	d E[x0|x]/dx = (I + Cov(y, grad))/alpha, d score/dx = (E[Hess] + Cov(grad, grad))/alpha^2,
//
// regular at sigma = 0. The near part is evaluated on the host.
type quadField struct {
	e     engine.Engine
	t     engine.Dtype
	p     smooth
	g     *grid
	far   Field
	z, lw []float64 // Gauss-Hermite rule of the standard normal on one coordinate, and ln of its weights
	reach float64   // sigma/alpha from which the grid is used
}

func bindSmooth(e engine.Engine, t engine.Dtype, p smooth, g *grid) (Field, error) {
	rows, weights, n := g.atoms()
	atoms, err := newPoints(rows, weights, n, g.d, 0)
	if err != nil {
		return nil, err
	}
	far, err := atoms.bind(e, t, atoms.centre)
	if err != nil {
		return nil, err
	}
	q := nodesSmallD
	if g.d > 2 {
		q = nodesLargeD
	}
	f := &quadField{e: e, t: t, p: p, g: g, far: far, reach: gridSpacings * g.spacing}
	f.z, f.lw = hermite(q)
	return f, nil
}

// hermite returns the rule with q nodes for the standard normal, its weights as logarithms.
func hermite(q int) (z, lw []float64) {
	z, lw = make([]float64, q), make([]float64, q)
	quad.Hermite{}.FixedLocations(z, lw, math.Inf(-1), math.Inf(1))
	for k := range z { // The rule is for the weight exp(-x^2): z = sqrt(2) x.
		z[k] *= math.Sqrt2
		lw[k] = engine.Ln(lw[k] / math.Sqrt(math.Pi))
	}
	return z, lw
}

func (f *quadField) Dim() int { return f.g.d }
func (f *quadField) Free()    { f.far.Free() }

func (f *quadField) Eval(r *Request) error {
	n, _, err := checkRequest(r, f.g.d)
	if err != nil || n == 0 {
		return err
	}
	coef := make([]float64, n*engine.CoefCount)
	if err := f.e.Read(coef, r.Coef, 0); err != nil {
		return err
	}
	var near, far []float64
	for i := range n {
		c := coef[i*engine.CoefCount:]
		if c[engine.CoefSigma] < f.reach*c[engine.CoefAlpha] {
			near = append(near, float64(i))
		} else {
			far = append(far, float64(i))
		}
	}
	if len(near) == 0 {
		return f.far.Eval(r)
	}
	if len(far) > 0 {
		if err := f.evalFar(r, far); err != nil {
			return err
		}
	}
	return f.evalNear(r, coef, near)
}

// evalFar gathers the rows, evaluates the field of the grid's points and scatters the results.
func (f *quadField) evalFar(r *Request, rows []float64) (err error) {
	var free []engine.Buffer
	defer func() {
		for _, b := range free {
			b.Free()
		}
	}()
	alloc := func(t engine.Dtype, b, n, d int) engine.Buffer {
		if err != nil {
			return nil
		}
		var x engine.Buffer
		if x, err = f.e.Alloc(t, b, n, d); err == nil {
			free = append(free, x)
		}
		return x
	}
	m, d := len(rows), f.g.d
	index := alloc(engine.I32, 1, m, 1)
	if err == nil {
		err = f.e.Write(index, 0, rows)
	}
	// like returns a buffer for m rows of x's shape, or nil.
	like := func(x engine.Buffer, fill bool) engine.Buffer {
		if x == nil || err != nil {
			return nil
		}
		b, n, k := x.Shape()
		width := b * n * k
		_, all, _ := r.X.Shape()
		width /= all
		y := alloc(f.t, 1, m, width)
		if err == nil && fill {
			err = f.e.CopyRows(y, nil, x.View(0, 1, all, width), index)
		}
		return y
	}
	sub := Request{Coef: like(r.Coef, true), X: like(r.X, true), V: like(r.V, false), Div: like(r.Div, false), LogP: like(r.LogP, false)}
	var t, tv engine.Buffer
	if r.TV != nil {
		t, tv = like(r.T, true), like(r.TV, false)
	}
	if err != nil {
		return err
	}
	if tv != nil {
		_, p, _ := r.T.Shape()
		sub.T, sub.TV = t.View(0, m, p, d), tv.View(0, m, p, d)
	}
	if err = f.far.Eval(&sub); err != nil {
		return err
	}
	back := func(dst, src engine.Buffer) {
		if dst == nil || err != nil {
			return
		}
		b, n, k := dst.Shape()
		_, all, _ := r.X.Shape()
		err = f.e.CopyRows(dst.View(0, 1, all, b*n*k/all), index, src, nil)
	}
	back(r.V, sub.V)
	back(r.TV, tv)
	back(r.Div, sub.Div)
	back(r.LogP, sub.LogP)
	return err
}

// evalNear evaluates rows on the host, several goroutines at a time.
func (f *quadField) evalNear(r *Request, coef, rows []float64) error {
	d := f.g.d
	_, n, _ := r.X.Shape()
	read := func(b engine.Buffer) ([]float64, error) {
		if b == nil {
			return nil, nil
		}
		out := make([]float64, engine.Len(b))
		return out, f.e.Read(out, b, 0)
	}
	var err error
	grab := func(b engine.Buffer) []float64 {
		var out []float64
		if err == nil {
			out, err = read(b)
		}
		return out
	}
	x := grab(r.X)
	var t []float64
	if r.TV != nil {
		t = grab(r.T)
	}
	// Outputs are read first: the other rows are already there.
	v, tv, div, logp := grab(r.V), grab(r.TV), grab(r.Div), grab(r.LogP)
	if err != nil {
		return err
	}
	p := 0
	if t != nil {
		p = len(t) / (n * d)
	}
	for _, i := range rows {
		j := int(i)
		y := x[j*d : (j+1)*d]
		// Only where the data are: trial points of rejected steps may lie anywhere.
		if coef[j*engine.CoefCount+engine.CoefSigma] != 0 {
			continue
		}
		if depth := f.g.max - f.p.logp(y, nil, nil); depth > gridTrust {
			return fmt.Errorf("dist: point %.6g: its density is exp(-%.4g) of the largest, quadrature serves to exp(-%d): %w", y, depth, gridTrust, ErrTail)
		}
	}
	var wg sync.WaitGroup
	threads := f.e.Info().Threads
	if threads == 0 { // a device: the host is free
		threads = runtime.GOMAXPROCS(0)
	}
	workers := min(threads, len(rows))
	for k := range workers {
		wg.Go(func() {
			w := newPosterior(f)
			for i := k; i < len(rows); i += workers {
				j := int(rows[i])
				c := coef[j*engine.CoefCount:]
				w.at(x[j*d:(j+1)*d], c[engine.CoefAlpha], c[engine.CoefSigma], t != nil || div != nil)
				w.emit(c[engine.CoefMean], c[engine.CoefScore], j, p, v, t, tv, div, logp)
			}
		})
	}
	wg.Wait()
	write := func(b engine.Buffer, src []float64) {
		if b != nil && err == nil {
			err = f.e.Write(b, 0, src)
		}
	}
	write(r.V, v)
	write(r.TV, tv)
	write(r.Div, div)
	write(r.LogP, logp)
	return err
}
