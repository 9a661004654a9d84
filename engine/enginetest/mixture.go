package enginetest

import (
	"math"

	"monge/engine"
)

// MixtureCase is the shape and the data of one call of engine.Mixture.
type MixtureCase struct {
	Name       string
	N, K, D    int
	P          int     // tangents a row; 0 leaves TV out
	VarRows    bool    // variances a component, else shared
	VarCols    bool    // variances a coordinate, else isotropic
	Var        float64 // size of the variances; 0 = 0.1, over two decades
	Bases      int     // rotations: 0 none, 1 shared, K one a component
	Reflect    int     // Householder reflections
	Offset     float64 // added to the means
	Far        float64 // every fifth row lies this many times as far out; 0 = none
	ZeroWeight bool    // component 0 has weight 0
	Data, End  bool    // all rows at sigma = 0 or at alpha = 0; else rows 0 and 1 only
	Want       MixtureOutputs
}

// MixtureOutputs is a set of outputs of engine.Mixture.
type MixtureOutputs uint8

const (
	V MixtureOutputs = 1 << iota
	TV
	Div
	LogP
	LogR
	AllMixture = V | TV | Div | LogP | LogR
)

// MixtureCases lists the shapes and data that every engine runs, the small ones first.
func MixtureCases() []MixtureCase {
	list := []MixtureCase{
		{Name: "one", N: 1, K: 1, D: 1, P: 1},
		{Name: "d1-k3", N: 65, K: 3, D: 1, P: 1, VarRows: true},
		{Name: "k1-isotropic", N: 17, K: 1, D: 3, P: 2},
		{Name: "k1-basis", N: 17, K: 1, D: 3, P: 2, VarCols: true, Bases: 1},
		{Name: "k3-isotropic", N: 129, K: 3, D: 2, P: 2},
		{Name: "k3-isotropic-each", N: 63, K: 3, D: 2, P: 1, VarRows: true},
		{Name: "k3-diagonal", N: 64, K: 3, D: 3, P: 3, VarCols: true},
		{Name: "k3-diagonal-each", N: 65, K: 3, D: 16, P: 2, VarRows: true, VarCols: true},
		{Name: "k3-basis", N: 33, K: 3, D: 5, P: 2, VarRows: true, VarCols: true, Bases: 1},
		{Name: "k3-bases", N: 65, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Bases: 3},
		{Name: "k3-bases-one-variance", N: 17, K: 3, D: 3, P: 2, VarCols: true, Bases: 3},
		{Name: "k3-reflect", N: 65, K: 3, D: 7, P: 2, VarRows: true, VarCols: true, Reflect: 3},
		{Name: "k16-bases", N: 17, K: 16, D: 16, P: 2, VarRows: true, VarCols: true, Bases: 16},
		{Name: "data-end", N: 33, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Data: true},
		{Name: "latent-end", N: 33, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Bases: 3, End: true},
		{Name: "atoms", N: 65, K: 3, D: 2, P: 2, Var: 1e-10},
		{Name: "atoms-data-end", N: 65, K: 3, D: 2, P: 2, Var: 1e-10, VarRows: true, VarCols: true, Bases: 3, Data: true},
		{Name: "thin", N: 65, K: 3, D: 3, P: 2, Var: 1e-5, VarCols: true, Reflect: 2},
		{Name: "far", N: 65, K: 3, D: 3, P: 2, VarRows: true, Far: 100},
		{Name: "very-far", N: 65, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Bases: 3, Far: 1e6},
		{Name: "jacobian", N: 9, K: 3, D: 16, P: 16, VarRows: true, VarCols: true, Bases: 1},
		{Name: "offset-1e3", N: 65, K: 3, D: 2, P: 2, VarRows: true, Offset: 1e3},
		{Name: "offset-1e6", N: 65, K: 3, D: 2, P: 2, VarRows: true, VarCols: true, Bases: 3, Offset: 1e6},
		{Name: "zero-weight", N: 33, K: 4, D: 3, P: 2, VarRows: true, ZeroWeight: true},
		{Name: "no-rows", N: 0, K: 3, D: 3, P: 2},
		{Name: "k16-d16", N: 200, K: 16, D: 16, P: 1, VarRows: true},
		{Name: "k333", N: 33, K: 333, D: 2, P: 1},
		{Name: "d64", N: 33, K: 3, D: 64, P: 1, VarRows: true, VarCols: true, Bases: 1},
		{Name: "d65", N: 17, K: 3, D: 65, P: 2, VarRows: true, VarCols: true, Bases: 3},
		{Name: "d784", N: 5, K: 3, D: 784, P: 1, VarRows: true, VarCols: true, Reflect: 2},
		{Name: "d3072", N: 3, K: 3, D: 3072, P: 1, VarCols: true, Reflect: 1},
		{Name: "n1003", N: 1003, K: 2, D: 2, P: 1, VarRows: true, VarCols: true, Bases: 2},
	}
	for i := range list {
		list[i].Want = AllMixture
	}
	for o, name := range map[MixtureOutputs]string{V: "v", TV: "tv", Div: "div", LogP: "logp", LogR: "logr", V | Div: "v-div", V | TV: "v-tv"} {
		list = append(list, MixtureCase{Name: "only-" + name, N: 37, K: 3, D: 5, P: 2, VarRows: true, VarCols: true, Bases: 3, Want: o})
	}
	return list
}

// host draws the case's inputs: rows that follow the law at their own time, but for the far ones.
func (c MixtureCase) host(t engine.Dtype) *mixtureHost {
	g := newUneven("Mixture/"+c.Name, t)
	h := g.mixture(c.K, c.D, c.VarRows, c.VarCols, c.Var, c.Bases, c.Reflect, c.Offset, c.ZeroWeight)
	h.coef = g.times(c.N, c.Data, c.End)
	h.x = g.rows(h, c.Far)
	if c.P > 0 {
		h.t = g.normals(c.N, c.P, c.D)
	}
	return h
}

// mixture draws a mixture's parameters.
func (g uneven) mixture(k, d int, varRows, varCols bool, size float64, bases, reflect int, offset float64, zeroWeight bool) *mixtureHost {
	if size == 0 {
		size = .1
	}
	rows, cols := 1, 1
	if varRows {
		rows = k
	}
	if varCols {
		cols = d
	}
	h := &mixtureHost{
		mean:     g.array(1, k, d, func(_, _, _ int) float64 { return offset + 1.5*g.Normal() }),
		variance: g.array(1, rows, cols, func(_, _, _ int) float64 { return size * math.Pow(10, 2*g.Float64()-1) }),
	}
	w := make([]float64, k)
	var sum float64
	for i := range w {
		w[i] = math.Pow(10, -2*g.Float64())
		if zeroWeight && i == 0 {
			w[i] = 0
		}
		sum += w[i]
	}
	h.logw = g.array(1, k, 1, func(_, i, _ int) float64 { return math.Log(w[i] / sum) })
	if bases > 0 {
		h.basis = g.orthonormal(bases, d)
	}
	if reflect > 0 {
		v := make([]float64, d)
		h.reflect = g.array(1, reflect, d, func(_, _, j int) float64 {
			if j == 0 {
				g.unitVector(v)
			}
			return v[j]
		})
	}
	return h
}

func (g uneven) unitVector(v []float64) {
	for j := range v {
		v[j] = g.Normal()
	}
	size := norm(v)
	for j := range v {
		v[j] /= size
	}
}

// orthonormal draws n matrices with orthonormal columns (Gram-Schmidt, twice).
func (g uneven) orthonormal(n, d int) *array {
	out := newArray(n, d, d)
	for b := range n {
		rows := make([][]float64, d)
		for i := range rows {
			rows[i] = make([]float64, d)
			g.unitVector(rows[i])
			for range 2 {
				for _, other := range rows[:i] {
					f := dot(rows[i], other)
					for j, x := range other {
						rows[i][j] -= f * x
					}
				}
			}
			size := norm(rows[i])
			for j := range rows[i] {
				rows[i][j] /= size
				out.x[(b*d+i)*d+j] = g.round(rows[i][j])
			}
		}
	}
	return out
}

// times draws a row of (alpha, sigma, c1, c2) on the circle for every row; row 0 is the posterior mean
// at the data end, row 1 the score at the latent end, row 2 the trigonometric velocity.
func (g uneven) times(n int, data, end bool) *array {
	a := newArray(1, n, engine.CoefCount)
	for i := range n {
		sin, cos := math.Sincos(math.Pi / 2 * g.Float64())
		if i == 0 && !end || data {
			sin, cos = 1, 0
		} else if i == 1 || end {
			sin, cos = 0, 1
		}
		c1, c2 := 2*g.Float64()-1, 2*g.Float64()-1
		switch i {
		case 0:
			c1, c2 = 1, 0
		case 1:
			c1, c2 = 0, 1
		case 2:
			c1, c2 = cos, sin*cos
		}
		for j, x := range []float64{sin, cos, c1, c2} {
			a.row(0, i)[j] = g.round(x)
		}
	}
	return a
}

// rows draws x = alpha x0 + sigma e with x0 from the mixture, not rotated.
func (g uneven) rows(h *mixtureHost, far float64) *array {
	m := model[float64](h)
	x := newArray(1, h.coef.n, m.d)
	for i := range x.n {
		k := g.Intn(m.k)
		alpha, sigma := h.coef.row(0, i)[0], h.coef.row(0, i)[1]
		size := 1.0
		if far > 0 && i%5 == 4 {
			size = far
		}
		for j := range m.d {
			y := alpha*math.Sqrt(m.variance(k, j))*g.Normal() + sigma*g.Normal()
			x.row(0, i)[j] = g.round(alpha*h.mean.row(0, k)[j] + size*y)
		}
	}
	return x
}

// Bind puts the case's inputs and outputs into e's memory. free gives that memory back.
func (c MixtureCase) Bind(e engine.Engine, t engine.Dtype) (op *engine.Mixture, free func(), err error) {
	d := &device{e: e, t: t}
	op = d.mixture(c.host(t), c.Want)
	if d.err != nil {
		d.free()
		return nil, nil, d.err
	}
	return op, d.free, nil
}

func (d *device) params(h *mixtureHost) *engine.MixtureParams {
	return &engine.MixtureParams{
		LogW: d.put(h.logw), Mean: d.put(h.mean), Var: d.put(h.variance), Basis: d.put(h.basis), Reflect: d.put(h.reflect),
	}
}

// mixture binds host inputs and unwritten outputs.
func (d *device) mixture(h *mixtureHost, want MixtureOutputs) *engine.Mixture {
	n, dim := h.x.n, h.x.d
	op := &engine.Mixture{P: d.params(h), Coef: d.put(h.coef), X: d.put(h.x)}
	if want&V != 0 {
		op.V = d.out(1, n, dim)
	}
	if want&TV != 0 && h.t != nil {
		op.T, op.TV = d.put(h.t), d.out(n, h.t.n, dim)
	}
	if want&Div != 0 {
		op.Div = d.out(1, n, 1)
	}
	if want&LogP != 0 {
		op.LogP = d.out(1, n, 1)
	}
	if want&LogR != 0 {
		op.LogR = d.out(1, n, h.mean.n)
	}
	return op
}

func mixtureTable() []Case {
	var list []Case
	for _, c := range MixtureCases() {
		list = append(list, Case{Op: "Mixture", Name: c.Name, run: c.check})
	}
	return list
}

// check runs the case and compares every output that it wants.
func (c MixtureCase) check(d *device) error {
	h := c.host(d.t)
	op := d.mixture(h, c.Want)
	if d.err != nil {
		return d.err
	}
	if err := d.e.Mixture(op); err != nil {
		return err
	}
	ref, rows := mixturePlain[float64](h)
	unit := h.units(rows, d.t.Eps())
	low := &mixtureOut[float32]{}
	if d.t == engine.F32 {
		low, _ = mixturePlain[float32](h)
	}
	sum := c.D + c.K
	for _, o := range []output{
		{"V", d.read(op.V), ref.v, unit.v, low.v, sum},
		{"TV", d.read(op.TV), ref.tv, unit.tv, low.tv, sum},
		{"Div", d.read(op.Div), ref.div, unit.div, low.div, sum},
		{"LogP", d.read(op.LogP), ref.logp, unit.logp, low.logp, sum},
		{"LogR", d.read(op.LogR), ref.logr, unit.logr, low.logr, sum},
	} {
		if o.got == nil {
			continue
		}
		if err := o.check(d.t); err != nil {
			return err
		}
	}
	return d.unchanged()
}
