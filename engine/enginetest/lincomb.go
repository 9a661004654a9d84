package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// coefficients draws [b, n, w] normal numbers with zeros, in every row one at least where w > 1.
func (g uneven) coefficients(b, n, w int) *array {
	return g.array(b, n, w, func(_, i, j int) float64 {
		if w > 1 && (i+j)%w == 0 || g.Intn(4) == 0 {
			return 0
		}
		return 3 * g.Normal()
	})
}

// lincombCase is a shape of LinComb or ErrorNorm.
type lincombCase struct {
	name       string
	n, k, d    int
	e, group   int // ErrorNorm
	atol, rtol float64
}

func lincombTable() []Case {
	var list []Case
	for _, c := range []lincombCase{
		{name: "one", n: 1, k: 1, d: 1},
		{name: "k3", n: 65, k: 3, d: 17},
		{name: "k14-d784", n: 17, k: 14, d: 784},
		{name: "wide", n: 3, k: 8, d: 3072},
		{name: "long", n: 1003, k: 5, d: 2},
		{name: "no-terms", n: 5, k: 0, d: 3},
		{name: "no-rows", n: 0, k: 3, d: 2},
	} {
		list = append(list, Case{Op: "LinComb", Name: c.name, run: c.checkLinComb})
	}
	for _, c := range []lincombCase{
		{name: "one", n: 1, k: 1, d: 1, e: 1, atol: 1e-3, rtol: 1e-3},
		{name: "one-group", n: 65, k: 3, d: 17, e: 2, atol: 1e-6, rtol: 1e-3},
		{name: "groups-ragged", n: 33, k: 4, d: 17, e: 3, group: 5, atol: 1e-6, rtol: 1e-3},
		{name: "groups-even", n: 33, k: 4, d: 12, e: 1, group: 2, atol: 1e-2},
		{name: "groups-of-one", n: 17, k: 3, d: 7, e: 2, group: 1, rtol: 1e-2},
		{name: "group-longer", n: 17, k: 3, d: 7, e: 2, group: 100, atol: 1},
		{name: "absolute", n: 17, k: 3, d: 7, e: 2},
		{name: "wide", n: 3, k: 8, d: 3072, e: 3, group: 100, atol: 1e-8, rtol: 1e-8},
		{name: "long", n: 1003, k: 3, d: 2, e: 1, atol: 1e-8, rtol: 1e-8},
		{name: "no-rows", n: 0, k: 3, d: 2, e: 1},
	} {
		list = append(list, Case{Op: "ErrorNorm", Name: c.name, run: c.checkErrorNorm})
	}
	return append(list, Case{Op: "ErrorNorm", Name: "nan-shows", run: checkErrorNaN})
}

// checkErrorNaN: a step that broke down in one coordinate must not pass for a good one, whichever group
// it is in.
func checkErrorNaN(d *device) error {
	const n, dim = 7, 7
	x := newUneven("ErrorNorm/nan", d.t).cloud(n, 2, dim, 0)
	for i := range n {
		x.row(i, 1)[i] = math.NaN()
	}
	coef := newArray(n, 1, 2)
	for i := range coef.x {
		coef.x[i] = 1
	}
	out, cb, xb := d.out(1, n, 1), d.put(coef), d.put(x)
	for _, group := range []int{0, 1, 2, 3} {
		if d.err != nil {
			return d.err
		}
		if err := d.e.ErrorNorm(out, cb, xb, group, 1e-3, 1e-3); err != nil {
			return err
		}
		for i, got := range d.read(out) {
			if got <= math.MaxFloat64 {
				return fmt.Errorf("norm %v of an error with NaN in coordinate %d, groups of %d", got, i, group)
			}
		}
	}
	return d.err
}

// terms draws x [n, k, d], with NaN and infinity in what the zero coefficients of every set hide. Term 0
// is ErrorNorm's scale and so always read.
func (g uneven) terms(c lincombCase, coef *array, keep0 bool) *array {
	x := g.cloud(c.n, c.k, c.d, .5)
	for i := range c.n {
		for k := range c.k {
			hidden := !keep0 || k > 0
			for e := range c.e {
				hidden = hidden && coef.x[(i*c.e+e)*c.k+k] == 0
			}
			if hidden {
				for j := range c.d {
					x.row(i, k)[j] = []float64{math.NaN(), math.Inf(1)}[j%2]
				}
			}
		}
	}
	return x
}

func (c lincombCase) checkLinComb(d *device) error {
	g := newUneven("LinComb/"+c.name, d.t)
	c.e = 1
	coef := g.coefficients(1, c.n, c.k)
	x := g.terms(c, coef, false)
	out := d.out(1, c.n, c.d)
	cb, xb := d.put(coef), d.put(x)
	if d.err != nil {
		return d.err
	}
	if err := d.e.LinComb(out, cb, xb); err != nil {
		return err
	}
	o := output{name: "out", got: d.read(out), terms: c.k}
	o.ref, o.unit = sums[float64](c, coef.x, x.x)
	if d.t == engine.F32 {
		o.low, _ = sums[float32](c, coef.x, x.x)
	}
	if err := o.check(d.t); err != nil {
		return err
	}
	return d.unchanged()
}

// sums evaluates sum_k coef_iek x_ikj, [N, E, D], and the unit sum_k |coef_iek x_ikj|.
func sums[T float](c lincombCase, coef, x []float64) (out []T, unit []float64) {
	for i := range c.n {
		for e := range c.e {
			for j := range c.d {
				var s T
				var u float64
				for k := range c.k {
					if f := coef[(i*c.e+e)*c.k+k]; f != 0 {
						v := x[(i*c.k+k)*c.d+j]
						s += T(T(f) * T(v))
						u += math.Abs(f * v)
					}
				}
				out, unit = append(out, s), append(unit, u)
			}
		}
	}
	return out, unit
}

func (c lincombCase) checkErrorNorm(d *device) error {
	g := newUneven("ErrorNorm/"+c.name, d.t)
	coef := g.coefficients(c.n, c.e, c.k)
	x := g.terms(c, coef, c.atol != 0 || c.rtol != 0)
	out := d.out(1, c.n, c.e)
	cb, xb := d.put(coef), d.put(x)
	if d.err != nil {
		return d.err
	}
	if err := d.e.ErrorNorm(out, cb, xb, c.group, c.atol, c.rtol); err != nil {
		return err
	}
	ref, unit := sums[float64](c, coef.x, x.x)
	o := output{name: "out", got: d.read(out), terms: c.k + c.d, ref: norms(c, ref, x.x)}
	for i := range unit {
		unit[i] += 2 * math.Abs(ref[i]) // the divisor's own rounding
	}
	o.unit = norms(c, unit, x.x) // a norm changes by no more than the norm of the changes
	if d.t == engine.F32 {
		low, _ := sums[float32](c, coef.x, x.x)
		o.low = norms(c, low, x.x)
	}
	if err := o.check(d.t); err != nil {
		return err
	}
	return d.unchanged()
}

// norms evaluates the weighted group norms of the error vectors s [N, E, D].
func norms[T float](c lincombCase, s []T, x []float64) []T {
	group := c.group
	if group == 0 {
		group = c.d
	}
	out := make([]T, c.n*c.e)
	for i := range c.n {
		for e := range c.e {
			for first := 0; first < c.d; first += group {
				last := min(first+group, c.d)
				var mean T
				for j := first; j < last; j++ {
					weight := T(1)
					if c.atol != 0 || c.rtol != 0 {
						weight = T(c.atol) + T(T(c.rtol)*T(math.Abs(x[i*c.k*c.d+j])))
					}
					v := s[(i*c.e+e)*c.d+j] / weight
					mean += T(v * v)
				}
				out[i*c.e+e] = max(out[i*c.e+e], sqrt(mean/T(last-first)))
			}
		}
	}
	return out
}
