package enginetest

import (
	"math"

	"monge/engine"
)

// productCase is a shape of MatMul or RowDot.
type productCase struct {
	name       string
	b, n, k, m int
	shared     bool
	transY     bool
}

func productTable() []Case {
	var list []Case
	for _, c := range []productCase{
		{name: "one", b: 1, n: 1, k: 1, m: 1},
		{name: "17x3x65", b: 1, n: 17, k: 3, m: 65},
		{name: "64x64x64", b: 1, n: 64, k: 64, m: 64},
		{name: "65x129x63", b: 1, n: 65, k: 129, m: 63},
		{name: "200x784x17", b: 1, n: 200, k: 784, m: 17},
		{name: "vector", b: 1, n: 129, k: 65, m: 1},
		{name: "row", b: 1, n: 1, k: 333, m: 129},
		{name: "batch-own", b: 5, n: 9, k: 17, m: 7},
		{name: "batch-shared", b: 5, n: 9, k: 17, m: 7, shared: true},
		{name: "batch-many", b: 129, n: 3, k: 2, m: 2},
		{name: "narrow", b: 1, n: 130, k: 33, m: 8},
		{name: "tile-edge", b: 1, n: 129, k: 48, m: 65},
		{name: "long-sum", b: 1, n: 3, k: 3001, m: 17},
		{name: "empty-sum", b: 2, n: 3, k: 0, m: 5},
		{name: "no-rows", b: 1, n: 0, k: 3, m: 5},
	} {
		list = append(list, Case{Op: "MatMul", Name: c.name, run: c.checkMatMul})
		c.transY = true
		list = append(list, Case{Op: "MatMul", Name: c.name + "-trans", run: c.checkMatMul})
	}
	for _, c := range []productCase{
		{name: "one", b: 1, n: 1, k: 1},
		{name: "odd", b: 3, n: 65, k: 17},
		{name: "long", b: 1, n: 1003, k: 2},
		{name: "wide", b: 1, n: 3, k: 3072},
		{name: "no-rows", b: 1, n: 0, k: 3},
	} {
		list = append(list, Case{Op: "RowDot", Name: c.name, run: c.checkRowDot})
	}
	return list
}

func (c productCase) checkMatMul(d *device) error {
	g := newUneven("MatMul/"+c.name, d.t)
	yb := c.b
	if c.shared {
		yb = 1
	}
	x, y := g.cloud(c.b, c.n, c.k, .3), g.cloud(yb, c.k, c.m, .3)
	if c.transY {
		y = g.cloud(yb, c.m, c.k, .3)
	}
	xd, yd, out := d.put(x), d.put(y), d.out(c.b, c.n, c.m)
	if d.err != nil {
		return d.err
	}
	if err := d.e.MatMul(out, xd, yd, c.transY); err != nil {
		return err
	}
	o := output{name: "out", got: d.read(out), terms: c.k}
	at := func(a *array, b, i, j int) float64 { return a.row(b, i)[j] }
	for b := range c.b {
		for i := range c.n {
			for j := range c.m {
				var s, u float64
				var low float32
				for k := range c.k {
					f, v := at(x, b, i, k), 0.
					if c.transY {
						v = at(y, b, j, k)
					} else {
						v = at(y, b, k, j)
					}
					s += float64(f * v)
					u += math.Abs(f * v)
					low += float32(float32(f) * float32(v))
				}
				o.add(d.t, s, u, low)
			}
		}
	}
	if err := o.check(d.t); err != nil {
		return err
	}
	return d.unchanged()
}

// add appends one number's reference, unit and, in float32, plain value.
func (o *output) add(t engine.Dtype, ref, unit float64, low float32) {
	o.ref, o.unit = append(o.ref, ref), append(o.unit, unit)
	if t == engine.F32 {
		o.low = append(o.low, low)
	}
}

func (c productCase) checkRowDot(d *device) error {
	g := newUneven("RowDot/"+c.name, d.t)
	x, y := g.cloud(c.b, c.n, c.k, .3), g.cloud(c.b, c.n, c.k, -.3)
	xd, yd, out := d.put(x), d.put(y), d.out(c.b, c.n, 1)
	if d.err != nil {
		return d.err
	}
	if err := d.e.RowDot(out, xd, yd); err != nil {
		return err
	}
	o := output{name: "out", got: d.read(out), terms: c.k}
	for i := range c.b * c.n {
		var s, u float64
		var low float32
		for j := i * c.k; j < (i+1)*c.k; j++ {
			s += float64(x.x[j] * y.x[j])
			u += math.Abs(x.x[j] * y.x[j])
			low += float32(float32(x.x[j]) * float32(y.x[j]))
		}
		o.add(d.t, s, u, low)
	}
	if err := o.check(d.t); err != nil {
		return err
	}
	return d.unchanged()
}
