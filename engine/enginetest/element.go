package enginetest

import (
	"math"

	"monge/engine"
)

// axpbyCase is one call of Axpby.
type axpbyCase struct {
	name        string
	b, n, d     int
	alpha, beta float64
	noY         bool
	inPlace     byte // 'x' or 'y': out is that argument
	hide        bool // the argument of a zero factor holds NaN
}

func elementTable() []Case {
	var list []Case
	for _, c := range []axpbyCase{
		{name: "one", b: 1, n: 1, d: 1, alpha: 2, beta: -3},
		{name: "odd", b: 3, n: 17, d: 5, alpha: .7, beta: -1.3},
		{name: "long", b: 1, n: 1003, d: 17, alpha: 1, beta: 1},
		{name: "scale", b: 1, n: 65, d: 3, alpha: -2.5, noY: true},
		{name: "copy-of-nothing", b: 1, n: 65, d: 3, alpha: 0, noY: true, hide: true},
		{name: "zero-alpha", b: 1, n: 33, d: 3, alpha: 0, beta: 1.5, hide: true},
		{name: "zero-beta", b: 1, n: 33, d: 3, alpha: 1.5, beta: 0, hide: true},
		{name: "into-x", b: 1, n: 129, d: 3, alpha: .7, beta: -1.3, inPlace: 'x'},
		{name: "into-y", b: 1, n: 129, d: 3, alpha: .7, beta: -1.3, inPlace: 'y'},
		{name: "into-hidden-x", b: 1, n: 129, d: 3, alpha: 0, beta: -1.3, inPlace: 'x', hide: true},
		{name: "scale-in-place", b: 2, n: 5, d: 3, alpha: .3, noY: true, inPlace: 'x'},
		{name: "empty", b: 1, n: 0, d: 3, alpha: .3, beta: 1},
	} {
		list = append(list, Case{Op: "Axpby", Name: c.name, run: c.check})
	}
	return append(list,
		Case{Op: "Axpby", Name: "infinities", run: checkInfinities},
		Case{Op: "Log", Name: "values", run: func(d *device) error { return checkLog(d, false) }},
		Case{Op: "Log", Name: "in-place", run: func(d *device) error { return checkLog(d, true) }},
	)
}

func (c axpbyCase) check(d *device) error {
	g := newUneven("Axpby/"+c.name, d.t)
	x, y := g.cloud(c.b, c.n, c.d, 1), g.cloud(c.b, c.n, c.d, -1)
	for i := range x.x {
		if c.hide && c.alpha == 0 {
			x.x[i] = math.NaN()
		}
		if c.hide && c.beta == 0 {
			y.x[i] = math.NaN()
		}
	}
	xb, yb := d.put(x), d.put(y)
	out := d.out(c.b, c.n, c.d)
	switch c.inPlace {
	case 'x':
		out = xb
	case 'y':
		out = yb
	}
	if c.noY {
		yb = nil
	}
	if d.err != nil {
		return d.err
	}
	if err := d.e.Axpby(out, c.alpha, xb, c.beta, yb); err != nil {
		return err
	}
	o := output{name: "out", got: d.read(out), terms: 2}
	o.ref, o.unit = axpby[float64](c, x.x, y.x)
	if d.t == engine.F32 {
		o.low, _ = axpby[float32](c, x.x, y.x)
	}
	return o.check(d.t)
}

func axpby[T float](c axpbyCase, x, y []float64) (out []T, unit []float64) {
	for i := range x {
		var s T
		var u float64
		if c.alpha != 0 {
			s += T(T(c.alpha) * T(x[i]))
			u += math.Abs(c.alpha * x[i])
		}
		if c.beta != 0 && !c.noY {
			s += T(T(c.beta) * T(y[i]))
			u += math.Abs(c.beta * y[i])
		}
		out, unit = append(out, s), append(unit, u)
	}
	return out, unit
}

// checkInfinities: opposite infinities give -Inf, whichever argument holds which.
func checkInfinities(d *device) error {
	inf := math.Inf(1)
	x := []float64{inf, -inf, inf, -inf, inf, 1, -inf, 2, inf}
	y := []float64{-inf, inf, inf, -inf, 3, -inf, 4, inf, -inf}
	for _, f := range []struct {
		alpha, beta float64
		want        []float64
	}{
		{1, 1, []float64{-inf, -inf, inf, -inf, inf, -inf, -inf, inf, -inf}},
		{2, -.5, []float64{inf, -inf, -inf, -inf, inf, inf, -inf, -inf, inf}},
	} {
		n := len(x)
		xb, yb, out := d.put(&array{1, n, 1, x}), d.put(&array{1, n, 1, y}), d.out(1, n, 1)
		if d.err != nil {
			return d.err
		}
		if err := d.e.Axpby(out, f.alpha, xb, f.beta, yb); err != nil {
			return err
		}
		if err := same("out", d.read(out), f.want); err != nil {
			return err
		}
	}
	return d.err
}

// checkLog compares with ln over the whole range of the dtype. The argument is exact, so the unit is
// |ln x| itself, also close to 1.
func checkLog(d *device, inPlace bool) error {
	g := newUneven("Log", d.t)
	span := 300.0 // decimal exponents of normal numbers
	if d.t == engine.F32 {
		span = 37
	}
	x := g.array(3, 67, 5, func(_, i, _ int) float64 {
		switch i % 4 {
		case 0:
			return 1 + 1e-3*g.Normal()
		case 1:
			return g.Float64()
		}
		return math.Pow(10, span*(2*g.Float64()-1))
	})
	x.x[0], x.x[1], x.x[7], x.x[len(x.x)-1] = 0, 1, math.Inf(1), 0
	if d.t == engine.F64 {
		x.x[2] = 0x3p-1060 // subnormal
	}
	xb := d.put(x)
	out := d.out(3, 67, 5)
	if inPlace {
		out = xb
	}
	if d.err != nil {
		return d.err
	}
	if err := d.e.Log(out, xb); err != nil {
		return err
	}
	o := output{name: "out", got: d.read(out)}
	for _, v := range x.x {
		ln := engine.Ln(v)
		o.ref = append(o.ref, ln)
		o.unit = append(o.unit, math.Abs(ln))
		if d.t == engine.F32 {
			o.low = append(o.low, float32(ln))
		}
	}
	for i, u := range o.unit {
		if math.IsInf(u, 0) {
			o.unit[i] = 0
		}
	}
	return o.check(d.t)
}
