package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// reduceCase is one call of Reduce.
type reduceCase struct {
	name    string
	op      engine.ReduceOp
	b, n, d int
}

func reduceTable() []Case {
	var list []Case
	for _, op := range []engine.ReduceOp{engine.Sum, engine.Dot, engine.SumAbsDiff, engine.MaxAbs} {
		name := []string{"sum", "dot", "sum-abs-diff", "max-abs"}[op]
		for _, c := range []reduceCase{
			{"-one", op, 1, 1, 1},
			{"-odd", op, 3, 17, 5},
			{"-long", op, 1, 100_003, 1},
			{"-batch", op, 129, 3, 2},
			{"-empty", op, 2, 0, 3},
		} {
			list = append(list, Case{Op: "Reduce", Name: name + c.name, run: c.check})
		}
	}
	return append(list,
		Case{Op: "Reduce", Name: "dot-zero-weight", run: checkDotZero},
		Case{Op: "Reduce", Name: "sum-cancels", run: checkSumCancels},
		Case{Op: "Reduce", Name: "sum-counts", run: checkSumCounts},
	)
}

// check allows the rounding of float64 sums, whatever the dtype, and of the result's own dtype.
func (c reduceCase) check(d *device) error {
	g := newUneven("Reduce"+c.name, d.t)
	x, y := g.cloud(c.b, c.n, c.d, .1), g.cloud(c.b, c.n, c.d, 0)
	xd, yd, out := d.put(x), d.put(y), d.out(c.b, 1, 1)
	if c.op == engine.Sum || c.op == engine.MaxAbs {
		yd = nil
	}
	if d.err != nil {
		return d.err
	}
	if err := d.e.Reduce(out, c.op, xd, yd); err != nil {
		return err
	}
	got := d.read(out)
	for b := range got {
		var want, unit float64
		for i := b * c.n * c.d; i < (b+1)*c.n*c.d; i++ {
			switch c.op {
			case engine.Sum:
				want += x.x[i]
				unit += math.Abs(x.x[i])
			case engine.Dot:
				want += float64(x.x[i] * y.x[i])
				unit += math.Abs(x.x[i] * y.x[i])
			case engine.SumAbsDiff:
				want += math.Abs(x.x[i] - y.x[i])
				unit += math.Abs(x.x[i]) + math.Abs(y.x[i])
			case engine.MaxAbs:
				want = max(want, math.Abs(x.x[i]))
			}
		}
		tol := growth(c.n*c.d)*engine.F64.Eps()*unit + d.t.Eps()*math.Abs(want)
		if !(math.Abs(got[b]-want) <= tol) {
			return fmt.Errorf("problem %d: %v, want %v within %.3g", b, got[b], want, tol)
		}
	}
	return d.err
}

func (d *device) reduce(op engine.ReduceOp, x, y []float64, want float64) error {
	xd := d.put(&array{1, len(x), 1, x})
	out := d.out(1, 1, 1)
	var yd engine.Buffer
	if y != nil {
		yd = d.put(&array{1, len(y), 1, y})
	}
	if d.err != nil {
		return d.err
	}
	if err := d.e.Reduce(out, op, xd, yd); err != nil {
		return err
	}
	return same("out", d.read(out), []float64{want})
}

// checkDotZero: a weight of zero counts 0 whatever it weighs.
func checkDotZero(d *device) error {
	inf := math.Inf(1)
	return d.reduce(engine.Dot, []float64{0, 2, 0, 0, math.Copysign(0, -1)}, []float64{inf, 3, -inf, math.NaN(), inf}, 6)
}

// checkSumCancels: 2^40 + 1 is exact in float64 and is not in float32.
func checkSumCancels(d *device) error {
	return d.reduce(engine.Sum, []float64{0x1p40, 1, -0x1p40, 0x1p30, 3, -0x1p30}, nil, 4)
}

// checkSumCounts: 2^24 + 1 ones would stop at 2^24 in float32; 17 values of 2^20 + 1 suffice.
func checkSumCounts(d *device) error {
	x := make([]float64, 16)
	for i := range x {
		x[i] = 0x1p20 + 1
	}
	return d.reduce(engine.Sum, append(x, 1, -1, 0x1p-3, -0x1p-3), nil, 16*(0x1p20+1))
}
