package enginetest

import (
	"math"

	"monge/engine"
)

// FollowCase is the shape and the data of one call of engine.MixtureFollow.
type FollowCase struct {
	Name               string
	N, K, D, P         int
	VarRows, VarCols   bool
	Var                float64
	Bases, Reflect     int
	Offset             float64
	ZeroWeight         bool // component 0 has weight 0 and is no row's branch
	FromData, ToLatent bool // from sigma = 0; to alpha = 0
	Still              bool // to where it comes from
	Want               FollowOutputs
}

// FollowOutputs is a set of outputs of engine.MixtureFollow.
type FollowOutputs uint8

const (
	FollowY FollowOutputs = 1 << iota
	FollowV
	FollowTY
	FollowLogDet
	FollowOthers
	AllFollow = FollowY | FollowV | FollowTY | FollowLogDet | FollowOthers
)

// FollowCases lists the shapes and data that every engine runs.
func FollowCases() []FollowCase {
	list := []FollowCase{
		{Name: "one", N: 1, K: 1, D: 1, P: 1},
		{Name: "k1", N: 33, K: 1, D: 3, P: 2, VarCols: true, Bases: 1},
		{Name: "isotropic", N: 65, K: 3, D: 2, P: 2, VarRows: true},
		{Name: "diagonal", N: 129, K: 3, D: 5, P: 1, VarRows: true, VarCols: true},
		{Name: "bases", N: 65, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Bases: 3},
		{Name: "reflect", N: 33, K: 3, D: 65, P: 2, VarRows: true, VarCols: true, Reflect: 3},
		{Name: "k16", N: 200, K: 16, D: 16, P: 1, VarRows: true},
		{Name: "d784", N: 5, K: 3, D: 784, P: 1, VarCols: true, Reflect: 1},
		{Name: "encode", N: 33, K: 3, D: 3, P: 2, VarRows: true, VarCols: true, Bases: 3, FromData: true, ToLatent: true},
		{Name: "atoms", N: 65, K: 3, D: 2, P: 2, VarRows: true, Var: 1e-10, FromData: true},
		{Name: "still", N: 17, K: 3, D: 3, P: 1, VarRows: true, VarCols: true, Reflect: 1, Still: true},
		{Name: "offset-1e3", N: 33, K: 3, D: 2, P: 1, VarRows: true, Offset: 1e3},
		{Name: "zero-weight", N: 33, K: 3, D: 2, P: 1, VarRows: true, ZeroWeight: true},
		{Name: "no-rows", N: 0, K: 3, D: 2, P: 1},
	}
	for i := range list {
		list[i].Want = AllFollow
	}
	for o, name := range map[FollowOutputs]string{FollowY: "y", FollowV: "v", FollowTY: "ty", FollowLogDet: "logdet", FollowOthers: "others"} {
		list = append(list, FollowCase{Name: "only-" + name, N: 19, K: 3, D: 4, P: 2, VarRows: true, VarCols: true, Bases: 3, Want: o})
	}
	return list
}

// followHost holds the inputs of engine.MixtureFollow; from is coef.
type followHost struct {
	*mixtureHost
	branch, to *array
}

func (c FollowCase) host(t engine.Dtype) *followHost {
	g := newUneven("MixtureFollow/"+c.Name, t)
	h := &followHost{mixtureHost: g.mixture(c.K, c.D, c.VarRows, c.VarCols, c.Var, c.Bases, c.Reflect, c.Offset, c.ZeroWeight)}
	h.coef, h.to = g.times(c.N, c.FromData, false), g.times(c.N, false, c.ToLatent)
	if c.Still {
		h.to = h.coef
	}
	h.x = g.rows(h.mixtureHost, 0)
	h.branch = g.array(1, c.N, 1, func(_, i, _ int) float64 {
		if c.ZeroWeight {
			return float64(1 + i%(c.K-1))
		}
		return float64(i * i % c.K)
	})
	if c.P > 0 {
		h.t = g.normals(c.N, c.P, c.D)
	}
	return h
}

// followOut holds every output of engine.MixtureFollow.
type followOut[T float] struct {
	y, v, ty, logdet, others []T
}

// followPlain evaluates engine.MixtureFollow as its doc comment reads.
func followPlain[T float](h *followHost) *followOut[T] {
	m, o := model[T](h.mixtureHost), &followOut[T]{}
	from, to := convert[T](h.coef), convert[T](h.to)
	xs, ts := convert[T](h.x), convert[T](h.t)
	for i := range h.x.n {
		k := int(h.branch.x[i])
		c0, c1 := from[i*engine.CoefCount:][:engine.CoefCount], to[i*engine.CoefCount:][:engine.CoefCount]
		x := xs[i*m.d:][:m.d]
		y := make([]T, m.d)
		for j := range y {
			y[j] = x[j] - T(c0[0]*m.mean[k*m.d+j])
		}
		ratio := m.ratio(k, c0, c1)
		var logdet T
		for _, f := range ratio {
			logdet += ln(f)
		}
		y = m.scale(k, ratio, y)
		for j := range y {
			y[j] += T(c1[0] * m.mean[k*m.d+j])
		}
		o.y, o.logdet = append(o.y, y...), append(o.logdet, logdet)
		o.v = append(o.v, m.at(k, c1, y).u...)
		for _, t := range tangentsOf(ts, h.t, i) {
			o.ty = append(o.ty, m.scale(k, ratio, t)...)
		}
		others := T(math.Inf(-1))
		if m.k > 1 {
			others = m.others(k, c1, y)
		}
		o.others = append(o.others, others)
	}
	return o
}

// ratio returns sqrt(D_k at c1 / D_k at c0).
func (m *mixtureModel[T]) ratio(k int, c0, c1 []T) []T {
	f := make([]T, m.d)
	for j := range f {
		l := m.variance(k, j)
		f[j] = sqrt((T(T(c1[0]*c1[0])*l) + T(c1[1]*c1[1])) / (T(T(c0[0]*c0[0])*l) + T(c0[1]*c0[1])))
	}
	return f
}

// scale returns Q_k diag(f) Q_k^T x.
func (m *mixtureModel[T]) scale(k int, f, x []T) []T {
	w := m.rotate(k, x, true)
	for j := range w {
		w[j] *= f[j]
	}
	return m.rotate(k, w, false)
}

// others returns ln (sum over l != k of r_l / r_k) at y.
func (m *mixtureModel[T]) others(k int, coef, y []T) T {
	most := T(math.Inf(-1))
	z := make([]T, m.k)
	for l := range z {
		z[l] = m.at(l, coef, y).z
		if l != k {
			most = max(most, z[l])
		}
	}
	var sum T
	for l := range z {
		if l != k {
			sum += exp(z[l] - most)
		}
	}
	return most + ln(sum) - z[k]
}

// followUnits bounds the outputs, given the reference.
func (h *followHost) units(ref *followOut[float64], eps float64) *followOut[float64] {
	m, o := model[float64](h.mixtureHost), &followOut[float64]{}
	for i := range h.x.n {
		k := int(h.branch.x[i])
		c0, c1 := h.coef.row(0, i), h.to.row(0, i)
		ratio := m.ratio(k, c0, c1)
		grow := func(j int) float64 { return ratio[j] }
		ey := h.stretch(h.offsetUnit(k, c0[0], h.x.row(0, i)), grow)
		for j, mean := range h.mean.row(0, k) {
			ey[j] += math.Abs(c1[0] * mean)
		}
		o.y = append(o.y, ey...)
		var logdet float64
		for _, f := range ratio {
			logdet += math.Abs(math.Log(f)) + 2
		}
		o.logdet = append(o.logdet, logdet)
		for _, t := range tangentsOf(h.txs(), h.t, i) {
			size := make([]float64, m.d)
			for j, x := range t {
				size[j] = math.Abs(x)
			}
			o.ty = append(o.ty, h.stretch(size, grow)...)
		}
		// V and Others see y with its rounding.
		y := ref.y[i*m.d:][:m.d]
		units := make([]componentUnit, m.k)
		z := make([]float64, m.k)
		for l := range units {
			c := m.at(l, c1, y)
			size := h.offsetUnit(l, c1[0], y)
			for j := range size {
				size[j] += ey[j]
			}
			units[l], z[l] = m.unit(l, c1, size, c, eps), c.z
		}
		o.v = append(o.v, units[k].u...)
		others := math.Abs(ref.others[i]) + units[k].z + 1
		for l := range units {
			if l != k && !math.IsInf(z[l], -1) {
				others += math.Exp(z[l]-z[k]-ref.others[i]) * units[l].z
			}
		}
		o.others = append(o.others, others)
	}
	return o
}

// Bind puts the case's inputs and outputs into e's memory. free gives that memory back.
func (c FollowCase) Bind(e engine.Engine, t engine.Dtype) (op *engine.MixtureFollow, free func(), err error) {
	d := &device{e: e, t: t}
	op = d.follow(c.host(t), c.Want)
	if d.err != nil {
		d.free()
		return nil, nil, d.err
	}
	return op, d.free, nil
}

// follow binds host inputs and unwritten outputs.
func (d *device) follow(h *followHost, want FollowOutputs) *engine.MixtureFollow {
	n, dim := h.x.n, h.x.d
	op := &engine.MixtureFollow{
		P: d.params(h.mixtureHost), Branch: d.index(h.branch), From: d.put(h.coef), To: d.put(h.to), X: d.put(h.x),
	}
	if want&FollowY != 0 {
		op.Y = d.out(1, n, dim)
	}
	if want&FollowV != 0 {
		op.V = d.out(1, n, dim)
	}
	if want&FollowTY != 0 && h.t != nil {
		op.T, op.TY = d.put(h.t), d.out(n, h.t.n, dim)
	}
	if want&FollowLogDet != 0 {
		op.LogDet = d.out(1, n, 1)
	}
	if want&FollowOthers != 0 {
		op.Others = d.out(1, n, 1)
	}
	return op
}

func followTable() []Case {
	var list []Case
	for _, c := range FollowCases() {
		list = append(list, Case{Op: "MixtureFollow", Name: c.Name, run: c.check})
	}
	return list
}

// check runs the case and compares every output that it wants.
func (c FollowCase) check(d *device) error {
	h := c.host(d.t)
	op := d.follow(h, c.Want)
	if d.err != nil {
		return d.err
	}
	if err := d.e.MixtureFollow(op); err != nil {
		return err
	}
	ref := followPlain[float64](h)
	unit := h.units(ref, d.t.Eps())
	low := &followOut[float32]{}
	if d.t == engine.F32 {
		low = followPlain[float32](h)
	}
	sum := c.D + c.K
	for _, o := range []output{
		{"Y", d.read(op.Y), ref.y, unit.y, low.y, sum},
		{"V", d.read(op.V), ref.v, unit.v, low.v, sum},
		{"TY", d.read(op.TY), ref.ty, unit.ty, low.ty, sum},
		{"LogDet", d.read(op.LogDet), ref.logdet, unit.logdet, low.logdet, sum},
		{"Others", d.read(op.Others), ref.others, unit.others, low.others, sum},
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
