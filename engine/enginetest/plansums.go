package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/ot"
)

// planSumsHost holds the inputs of an evaluation of engine.PlanSums, over the points of a Sinkhorn case.
type planSumsHost struct {
	*sinkhornHost
	u, h, p, a, r, q *array
}

// planSumsCases are cases of Sinkhorn's method, by name, whose points and potentials are evaluated.
var planSumsCases = map[string]bool{
	"one": true, "one-row": true, "one-column": true, "65x33": true, "shared": true, "start": true, "eps-large": true,
	"eps-small": true, "offset-1e3": true, "200x133-d16": true, "m300": true, "n600": true, "d257": true, "d257-batch": true,
}

// evaluation draws potentials in the middle of what an iteration makes of the points, so that no entry of the plan has the
// whole mass: one plain iteration, and noise.
func (h *sinkhornHost) evaluation(t engine.Dtype) *planSumsHost {
	g := newUneven("PlanSums/"+h.Name, t)
	wide := uneven{g.Source, engine.F64}
	e := &planSumsHost{sinkhornHost: h, u: newArray(h.B, h.M, 1), p: newArray(h.B, h.M, 1), q: newArray(h.B, h.N, 1), a: newArray(h.B, h.N, 1), r: newArray(h.B, h.N, 1)}
	e.h = wide.normals(h.B, h.M, 1)
	for b := range h.B {
		o := sinkhornPlain[float64](h, b, -1, 1)
		eps := h.eps.row(b, h.Steps)[0]
		for j := range h.M {
			l := h.logB.problem(b)[j]
			e.u.row(b, j)[0] = o.g[j]/eps + l
			if e.p.row(b, j)[0] = o.g[j]; math.IsInf(l, -1) {
				e.p.row(b, j)[0] = math.Inf(-1)
			}
		}
		for i := range h.N {
			l := h.logA.problem(b)[i]
			e.a.row(b, i)[0] = math.Exp(l)
			e.r.row(b, i)[0] = -o.f[i]/eps + .3*wide.Normal()
			if e.q.row(b, i)[0] = o.f[i]; math.IsInf(l, -1) {
				e.q.row(b, i)[0] = math.Inf(-1)
			}
		}
	}
	return e
}

// planSumsOut is what an evaluation comes to, and the units of its roundings.
type planSumsOut struct {
	lse, score, colSum, rowMax, colMax   []float64
	uLSE, uScore, uCol, uRowMax, uColMax []float64
}

// plain evaluates problem b as the doc comment of engine.PlanSums reads; capped says whether r counts.
func (e *planSumsHost) plain(b int, capped bool) *planSumsOut {
	n, m := e.N, e.M
	o := &planSumsOut{}
	for _, x := range []*[]float64{&o.lse, &o.score, &o.rowMax, &o.uLSE, &o.uScore, &o.uRowMax} {
		*x = make([]float64, n)
	}
	for _, x := range []*[]float64{&o.colSum, &o.colMax, &o.uCol, &o.uColMax} {
		*x = make([]float64, m)
	}
	for j := range m {
		o.colMax[j] = math.Inf(-1)
	}
	eps := e.eps.row(b, e.Steps)[0]
	finite := func(v float64) float64 {
		if math.IsInf(v, 0) {
			return 0
		}
		return math.Abs(v)
	}
	z, s := make([]float64, m), make([]float64, m)
	for i := range n {
		x := e.x.row(b, i)
		top, unit, size, product := math.Inf(-1), 1.0, 0.0, 0.0
		o.rowMax[i] = math.Inf(-1)
		for j := range m {
			y := e.y.row(b, j)
			xy := 2 * dot(x, y)
			length := 2 * math.Sqrt(dot(x, x)*dot(y, y))
			u, p, q := e.u.row(b, j)[0], e.p.row(b, j)[0], e.q.row(b, i)[0]
			z[j], s[j] = xy/eps+u, xy+e.h.row(b, j)[0]
			top = max(top, z[j])
			o.rowMax[i], o.colMax[j] = max(o.rowMax[i], xy+p), max(o.colMax[j], xy+q)
			unit = max(unit, 1+length/eps+finite(u))
			size = max(size, length+finite(e.h.row(b, j)[0]))
			product = max(product, length+finite(p))
			o.uColMax[j] = max(o.uColMax[j], length+finite(q))
		}
		o.uRowMax[i] = product
		if math.IsInf(top, -1) {
			o.lse[i] = top
			continue
		}
		var sum, score float64
		for j, v := range z {
			sum += math.Exp(v - top)
			score += math.Exp(v-top) * s[j]
		}
		o.lse[i], o.score[i] = top+math.Log(sum), score/sum
		o.uLSE[i], o.uScore[i] = unit, size*unit
		w := e.a.row(b, i)[0]
		if r := e.r.row(b, i)[0]; capped {
			w *= math.Exp(min(0, o.lse[i]-r))
			unit = 2*unit + math.Abs(r)
		}
		for j, v := range z {
			o.colSum[j] += w * math.Exp(v-o.lse[i])
			o.uCol[j] += w * math.Exp(v-o.lse[i]) * 2 * unit
		}
	}
	return o
}

// planSumsResult is what an evaluation leaves.
type planSumsResult [5][]float64 // LSE, Score, ColSum, RowMax, ColMax

// planSums makes an evaluation by one of the ways of [device.sinkhornRuns].
func (d *device) planSums(e *planSumsHost, own bool, store engine.SinkhornStore, capped bool) (planSumsResult, error) {
	wide := func(a *array) engine.Buffer { return d.putType(engine.F64, a) }
	of := &engine.Sinkhorn{X: d.put(e.x), Y: d.put(e.y), Eps: wide(e.eps), Store: store}
	defer func() {
		if of.Kept != nil {
			of.Kept.Free()
		}
	}()
	op := &engine.PlanSums{
		Of: of, U: wide(e.u), H: wide(e.h), P: wide(e.p), A: wide(e.a), Q: wide(e.q),
		LSE: d.fill(engine.F64, e.B, e.N, 1), Score: d.fill(engine.F64, e.B, e.N, 1), ColSum: d.fill(engine.F64, e.B, e.M, 1),
		RowMax: d.fill(engine.F64, e.B, e.N, 1), ColMax: d.fill(engine.F64, e.B, e.M, 1),
	}
	if capped {
		op.R = wide(e.r)
	}
	if d.err != nil {
		return planSumsResult{}, d.err
	}
	call := func() error { return ot.ComposedPlanSums(context.Background(), d.e, op) }
	if own {
		call = func() error { return d.e.(engine.PlanSummer).PlanSums(context.Background(), op) }
	}
	var out planSumsResult
	for range 2 { // the second time with what was kept
		if err := call(); err != nil {
			return out, err
		}
		before := out
		out = planSumsResult{d.read(op.LSE), d.read(op.Score), d.read(op.ColSum), d.read(op.RowMax), d.read(op.ColMax)}
		if before[0] == nil {
			continue
		}
		if err := before.same(out); err != nil {
			return out, fmt.Errorf("the second time: %w", err)
		}
	}
	return out, d.err
}

func (r planSumsResult) same(other planSumsResult) error {
	var err error
	for i, name := range [...]string{"LSE", "Score", "ColSum", "RowMax", "ColMax"} {
		err = errors.Join(err, same(name, other[i], r[i]))
	}
	return err
}

func planSumsTable() []Case {
	list := []Case{{Op: "PlanSums", Name: "error-shapes", run: checkPlanSumsErrors}}
	for _, c := range SinkhornCases() {
		if planSumsCases[c.Name] {
			list = append(list, Case{Op: "PlanSums", Name: c.Name, run: c.checkPlanSums})
		}
	}
	return list
}

// checkPlanSums evaluates in every way that the engine has: what is kept changes no bit, nor do other problems.
func (c SinkhornCase) checkPlanSums(d *device) error {
	e := c.host(d.t).evaluation(d.t)
	if c.Name == "one-column" { // a plan without entries
		e.u.row(0, 0)[0], e.p.row(0, 0)[0] = math.Inf(-1), math.Inf(-1)
	}
	for _, capped := range []bool{false, true} {
		got, err := d.planSums(e, false, engine.StoreAuto, capped)
		if err == nil {
			err = e.checkSums(d.t, got, capped)
		}
		if err != nil {
			return fmt.Errorf("composed: %w", err)
		}
		if _, own := d.e.(engine.PlanSummer); !own {
			continue
		}
		var all planSumsResult
		for i, store := range []engine.SinkhornStore{engine.StoreNone, engine.StoreAlways} {
			got, err := d.planSums(e, true, store, capped)
			if err == nil {
				err = e.checkSums(d.t, got, capped)
			}
			if err == nil && i > 0 {
				err = all.same(got)
			}
			if err != nil {
				return fmt.Errorf("own, store %d: %w", store, err)
			}
			all = got
		}
		for b := range e.B {
			h := *e.sinkhornHost
			one := &planSumsHost{&h, e.u, e.h, e.p, e.a, e.r, e.q}
			one.B = 1
			for _, a := range []**array{&one.x, &one.y, &one.eps, &one.u, &one.h, &one.p, &one.a, &one.r, &one.q} {
				*a = &array{1, (*a).n, (*a).d, (*a).problem(b)}
			}
			alone, err := d.planSums(one, true, engine.StoreAuto, capped)
			if err != nil {
				return err
			}
			part := all
			for k := range part {
				size := len(part[k]) / e.B
				part[k] = part[k][b*size:][:size]
			}
			if err := part.same(alone); err != nil {
				return fmt.Errorf("problem %d alone: %w", b, err)
			}
		}
	}
	return d.unchanged()
}

func (e *planSumsHost) checkSums(t engine.Dtype, got planSumsResult, capped bool) error {
	for b := range e.B {
		o := e.plain(b, capped)
		rows, cols := b*e.N, b*e.M
		for _, v := range []output{
			{name: "LSE", got: got[0][rows:][:e.N], ref: o.lse, unit: o.uLSE},
			{name: "Score", got: got[1][rows:][:e.N], ref: o.score, unit: o.uScore},
			{name: "ColSum", got: got[2][cols:][:e.M], ref: o.colSum, unit: o.uCol},
			{name: "RowMax", got: got[3][rows:][:e.N], ref: o.rowMax, unit: o.uRowMax},
			{name: "ColMax", got: got[4][cols:][:e.M], ref: o.colMax, unit: o.uColMax},
		} {
			v.terms = e.D + max(e.N, e.M)
			if err := v.check(t); err != nil {
				return fmt.Errorf("problem %d: %w", b, err)
			}
		}
	}
	return nil
}

func checkPlanSumsErrors(d *device) error {
	h := SinkhornCase{Name: "errors", B: 2, N: 3, M: 4, D: 2, Eps: .1, Limit: 1}.host(d.t)
	of := d.bindSinkhorn(h)
	rows, cols := d.fill(engine.F64, 2, 3, 1), d.fill(engine.F64, 2, 4, 1)
	for i, c := range []struct {
		want error
		a    engine.PlanSums
	}{
		{engine.ErrShape, engine.PlanSums{}},
		{engine.ErrShape, engine.PlanSums{Of: of, LSE: rows}},
		{engine.ErrShape, engine.PlanSums{Of: of, LSE: cols, U: cols}},
		{engine.ErrShape, engine.PlanSums{Of: of, ColSum: cols, U: cols}},
		{engine.ErrShape, engine.PlanSums{Of: of, RowMax: rows}},
		{engine.ErrShape, engine.PlanSums{Of: of, ColMax: cols, Q: cols}},
		{engine.ErrDtype, engine.PlanSums{Of: of, LSE: rows, U: d.allocType(engine.F32, 2, 4, 1)}},
	} {
		err := d.wants(c.want, func() error { return ot.ComposedPlanSums(context.Background(), d.e, &c.a) })
		if s, own := d.e.(engine.PlanSummer); own && err == nil {
			err = d.wants(c.want, func() error { return s.PlanSums(context.Background(), &c.a) })
		}
		if err != nil {
			return fmt.Errorf("mistake %d: %w", i, err)
		}
	}
	return d.err
}
