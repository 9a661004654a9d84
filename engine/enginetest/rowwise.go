package enginetest

import (
	"fmt"
	"math"
	"slices"
)

// rowwiseTable holds what the formulas alone do not say: a row's result is bitwise the same alone and in
// any company, a repeated call gives the same bits, and a row of NaN stays by itself.
func rowwiseTable() []Case {
	var list []Case
	for _, o := range rowwiseOps() {
		list = append(list,
			Case{Op: o.op, Name: "rows-alone" + o.suffix, run: o.checkRows},
			Case{Op: o.op, Name: "rows-unaligned" + o.suffix, run: o.checkUnaligned},
			Case{Op: o.op, Name: "rows-beside-nan" + o.suffix, run: o.checkBesideNaN},
			Case{Op: o.op, Name: "repeated" + o.suffix, run: o.checkRepeated})
	}
	return append(list,
		Case{Op: "Softmax", Name: "problems-alone", run: checkProblems},
		Case{Op: "Softmax", Name: "repeated-colsum", run: checkRepeatedColSum})
}

// rowwise is an operation whose rows are independent: call runs it on some rows of fixed inputs and
// returns its outputs, each with its numbers a row.
type rowwise struct {
	op, suffix string
	n          int
	call       func(d *device, rows []int) []rowOutput
}

type rowOutput struct {
	name string
	x    []float64
	d    int
}

// spoiled returns a with row poisoned filled with NaN, if the case asks for that.
func (d *device) spoiled(a *array, n int) *array {
	if !d.poison {
		return a
	}
	width := len(a.x) / n
	out := &array{a.b, a.n, a.d, append([]float64{}, a.x...)}
	for i := range width {
		out.x[poisoned*width+i] = math.NaN()
	}
	return out
}

// pick returns the rows of an array; nil stays nil. Arrays with one problem a row ([N, K, D]) pick
// problems.
func pick(a *array, n int, rows []int) *array {
	if a == nil {
		return nil
	}
	width := len(a.x) / n
	out := &array{b: a.b, n: len(rows), d: a.d}
	if a.b == n && n > 1 {
		out = &array{b: len(rows), n: a.n, d: a.d}
	}
	for _, i := range rows {
		out.x = append(out.x, a.x[i*width:][:width]...)
	}
	return out
}

// wholeRows is how many rows the operations have in all.
const wholeRows = 137

func rowwiseOps() []rowwise {
	return []rowwise{
		softmaxRows("", SoftmaxCase{M: 333, D: 5, Dv: 3, Scale: .5, Bias: Potential}),
		softmaxRows("-wide", SoftmaxCase{M: 71, D: 65, Scale: .1, Bias: Distance}),
		softmaxRows("-d2", SoftmaxCase{M: 1003, D: 2, Scale: 3, Bias: Distance}),
		// Without tangents engines may do all in one pass, in parts of the keys.
		softmaxRows("-fused", SoftmaxCase{M: 600, D: 3, Scale: .5, Bias: Potential, Want: LSE | Mean | Second | Max | Arg}),
		softmaxRows("-fused-wide", SoftmaxCase{M: 530, D: 33, Scale: .1, Bias: Distance, Want: LSE | Max | Arg}),
		mixtureRows("", MixtureCase{K: 3, D: 5, VarRows: true, VarCols: true, Bases: 3}),
		mixtureRows("-reflect", MixtureCase{K: 5, D: 17, VarRows: true, VarCols: true, Reflect: 2}),
		mixtureRows("-isotropic", MixtureCase{K: 16, D: 3, VarRows: true}),
		followRows(), lincombRows(), errorNormRows(), matmulRows(false, ""), matmulRows(true, "-trans"), rowDotRows(),
	}
}

func softmaxRows(suffix string, c SoftmaxCase) rowwise {
	c.Name, c.B, c.N, c.P = "rows"+suffix, 1, wholeRows, 2
	c.RankOne, c.RowScale, c.Skip = true, true, true
	if c.Want == 0 {
		c.Want = AllOutputs &^ ColSum
	}
	return rowwise{"Softmax", suffix, wholeRows, func(d *device, rows []int) []rowOutput {
		h := c.host(d.t)
		h.q = d.spoiled(h.q, wholeRows)
		part := *h
		for _, a := range []**array{&part.q, &part.s, &part.c, &part.skip, &part.t} {
			*a = pick(*a, wholeRows, rows)
		}
		op := d.softmax(&part, c.Want)
		if d.err == nil {
			d.fail(d.e.Softmax(op))
		}
		dv := h.values().d
		return slices.DeleteFunc([]rowOutput{
			{"LSE", d.read(op.LSE), 1}, {"Mean", d.read(op.Mean), dv}, {"Second", d.read(op.Second), 1},
			{"TMean", d.read(op.TMean), c.P * dv}, {"Max", d.read(op.Max), 1}, {"Arg", d.read(op.Arg), 1},
		}, func(o rowOutput) bool { return o.x == nil })
	}}
}

func mixtureRows(suffix string, c MixtureCase) rowwise {
	c.Name, c.N, c.P, c.Want = "rows"+suffix, wholeRows, 2, AllMixture
	return rowwise{"Mixture", suffix, wholeRows, func(d *device, rows []int) []rowOutput {
		part := *c.host(d.t)
		part.x = d.spoiled(part.x, wholeRows)
		for _, a := range []**array{&part.coef, &part.x, &part.t} {
			*a = pick(*a, wholeRows, rows)
		}
		op := d.mixture(&part, c.Want)
		if d.err == nil {
			d.fail(d.e.Mixture(op))
		}
		return []rowOutput{
			{"V", d.read(op.V), c.D}, {"TV", d.read(op.TV), c.P * c.D}, {"Div", d.read(op.Div), 1},
			{"LogP", d.read(op.LogP), 1}, {"LogR", d.read(op.LogR), c.K},
		}
	}}
}

func followRows() rowwise {
	return rowwise{"MixtureFollow", "", wholeRows, func(d *device, rows []int) []rowOutput {
		c := FollowCase{Name: "rows", N: wholeRows, K: 3, D: 5, P: 2, VarRows: true, VarCols: true, Bases: 3, Want: AllFollow}
		h := c.host(d.t)
		m := *h.mixtureHost
		m.x = d.spoiled(m.x, wholeRows)
		part := &followHost{&m, h.branch, h.to}
		for _, a := range []**array{&m.coef, &m.x, &m.t, &part.branch, &part.to} {
			*a = pick(*a, wholeRows, rows)
		}
		op := d.follow(part, c.Want)
		if d.err == nil {
			d.fail(d.e.MixtureFollow(op))
		}
		return []rowOutput{
			{"Y", d.read(op.Y), c.D}, {"V", d.read(op.V), c.D}, {"TY", d.read(op.TY), c.P * c.D},
			{"LogDet", d.read(op.LogDet), 1}, {"Others", d.read(op.Others), 1},
		}
	}}
}

func lincombRows() rowwise {
	return rowwise{"LinComb", "", wholeRows, func(d *device, rows []int) []rowOutput {
		g := newUneven("LinComb/rows", d.t)
		coef, x := g.coefficients(1, wholeRows, 5), d.spoiled(g.cloud(wholeRows, 5, 17, 0), wholeRows)
		out, cb, xb := d.out(1, len(rows), 17), d.put(pick(coef, wholeRows, rows)), d.put(pick(x, wholeRows, rows))
		if d.err == nil {
			d.fail(d.e.LinComb(out, cb, xb))
		}
		return []rowOutput{{"out", d.read(out), 17}}
	}}
}

func errorNormRows() rowwise {
	return rowwise{"ErrorNorm", "", wholeRows, func(d *device, rows []int) []rowOutput {
		g := newUneven("ErrorNorm/rows", d.t)
		coef, x := g.coefficients(wholeRows, 2, 5), d.spoiled(g.cloud(wholeRows, 5, 17, 0), wholeRows)
		out, cb, xb := d.out(1, len(rows), 2), d.put(pick(coef, wholeRows, rows)), d.put(pick(x, wholeRows, rows))
		if d.err == nil {
			d.fail(d.e.ErrorNorm(out, cb, xb, 5, 1e-3, 1e-3))
		}
		return []rowOutput{{"out", d.read(out), 2}}
	}}
}

func matmulRows(transY bool, suffix string) rowwise {
	return rowwise{"MatMul", suffix, wholeRows, func(d *device, rows []int) []rowOutput {
		g := newUneven("MatMul/rows", d.t)
		x, y := d.spoiled(g.cloud(1, wholeRows, 65, 0), wholeRows), g.cloud(1, 65, 65, 0)
		out, xb, yb := d.out(1, len(rows), 65), d.put(pick(x, wholeRows, rows)), d.put(y)
		if d.err == nil {
			d.fail(d.e.MatMul(out, xb, yb, transY))
		}
		return []rowOutput{{"out", d.read(out), 65}}
	}}
}

func rowDotRows() rowwise {
	return rowwise{"RowDot", "", wholeRows, func(d *device, rows []int) []rowOutput {
		g := newUneven("RowDot/rows", d.t)
		x, y := d.spoiled(g.cloud(1, wholeRows, 65, 0), wholeRows), g.cloud(1, wholeRows, 65, 0)
		out, xb, yb := d.out(1, len(rows), 1), d.put(pick(x, wholeRows, rows)), d.put(pick(y, wholeRows, rows))
		if d.err == nil {
			d.fail(d.e.RowDot(out, xb, yb))
		}
		return []rowOutput{{"out", d.read(out), 1}}
	}}
}

// all returns every row.
func (o rowwise) all() []int {
	rows := make([]int, o.n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// compare reports a row of part, which ran on rows, that is not bitwise that row of whole.
func (o rowwise) compare(whole, part []rowOutput, rows []int) error {
	for k, p := range part {
		w := whole[k]
		for at, i := range rows {
			if err := same("row", p.x[at*p.d:][:p.d], w.x[i*w.d:][:w.d]); err != nil {
				return fmt.Errorf("%s of row %d among %d rows, against all %d: %w", p.name, i, len(rows), o.n, err)
			}
		}
	}
	return nil
}

// checkRows compares whole calls with calls on single rows and on ranges that start and end anywhere.
func (o rowwise) checkRows(d *device) error {
	all := o.all()
	whole := o.call(d, all)
	for _, rows := range [][]int{{0}, {1}, {63}, {64}, {o.n - 1}, all[1:4], all[60:70], all[3:136], {7, 3, 99, 3}} {
		part := o.call(d, rows)
		if d.err != nil {
			return d.err
		}
		if err := o.compare(whole, part, rows); err != nil {
			return err
		}
	}
	return d.err
}

// checkUnaligned: the same rows in views that start at odd places give the same bits, as single rows of
// a larger buffer do.
func (o rowwise) checkUnaligned(d *device) error {
	all := o.all()
	whole := o.call(d, all)
	for _, shift := range []int{1, 3} {
		d.shift = shift
		for _, rows := range [][]int{all, all[60:71]} {
			part := o.call(d, rows)
			if d.err != nil {
				return d.err
			}
			if err := o.compare(whole, part, rows); err != nil {
				return fmt.Errorf("%d numbers into a buffer: %w", shift, err)
			}
		}
	}
	return d.err
}

// checkBesideNaN: a row that has broken down leaves the others alone, and shows in its own result.
func (o rowwise) checkBesideNaN(d *device) error {
	all := o.all()
	whole := o.call(d, all)
	d.poison = true
	spoiled := o.call(d, all)
	if d.err != nil {
		return d.err
	}
	p := spoiled[0]
	for i, x := range p.x[poisoned*p.d:][:p.d] {
		if !math.IsNaN(x) {
			return fmt.Errorf("%s[%d] = %v of a row of NaN", p.name, i, x)
		}
	}
	for k, w := range whole { // that row may differ
		copy(spoiled[k].x[poisoned*w.d:][:w.d], w.x[poisoned*w.d:][:w.d])
	}
	return o.compare(whole, spoiled, all)
}

// checkRepeated runs the same call again, with another one between.
func (o rowwise) checkRepeated(d *device) error {
	all := o.all()
	first := o.call(d, all)
	o.call(d, all[:5])
	second := o.call(d, all)
	for k, p := range first {
		if err := same(p.name, second[k].x, p.x); err != nil {
			return fmt.Errorf("second call: %w", err)
		}
	}
	return d.err
}

// checkProblems: problem b alone is problem b of the batch.
func checkProblems(d *device) error {
	c := SoftmaxCase{Name: "problems", B: 5, N: 17, M: 33, D: 3, P: 2, Bias: Potential, RankOne: true, RowScale: true, Skip: true, Weights: true, Want: AllOutputs}
	h := c.host(d.t)
	run := func(h *softmaxHost) []rowOutput {
		op := d.softmax(h, c.Want)
		if d.err == nil {
			d.fail(d.e.Softmax(op))
		}
		return []rowOutput{
			{"LSE", d.read(op.LSE), c.N}, {"Mean", d.read(op.Mean), c.N * c.D}, {"Second", d.read(op.Second), c.N},
			{"TMean", d.read(op.TMean), c.N * c.P * c.D}, {"ColSum", d.read(op.ColSum), c.M},
			{"Max", d.read(op.Max), c.N}, {"Arg", d.read(op.Arg), c.N},
		}
	}
	whole := run(h)
	for b := range c.B {
		part := *h
		for _, a := range []**array{&part.q, &part.k, &part.s, &part.u, &part.c, &part.w, &part.skip, &part.a} {
			*a = pick(*a, c.B, []int{b})
		}
		t := pick(h.t, c.B, []int{b}) // [B N, P, D]: N of its problems belong to one here
		part.t = &array{c.N, c.P, c.D, t.x}
		alone := run(&part)
		if d.err != nil {
			return d.err
		}
		for k, p := range alone {
			if err := same(p.name, p.x, whole[k].x[b*p.d:][:p.d]); err != nil {
				return fmt.Errorf("problem %d alone: %w", b, err)
			}
		}
	}
	return d.err
}

// checkRepeatedColSum: the column sums add rows of all parts of the work, in an order that is fixed.
func checkRepeatedColSum(d *device) error {
	c := SoftmaxCase{Name: "repeated-colsum", B: 1, N: 1003, M: 71, D: 3, Bias: Potential, Weights: true, Want: LSE | ColSum}
	h := c.host(d.t)
	var first []float64
	for range 3 {
		op := d.softmax(h, c.Want)
		if d.err == nil {
			d.fail(d.e.Softmax(op))
		}
		x := d.read(op.ColSum)
		if first == nil {
			first = x
		}
		if err := same("ColSum", x, first); err != nil {
			return err
		}
	}
	return d.err
}
