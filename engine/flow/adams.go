package flow

import (
	"context"
	"math"

	"monge/engine"
	"monge/engine/dist"
)

// adams is the variable-order, variable-step Adams method of one evaluation a step (predict, evaluate,
// correct), each row with its own time, step and order: the polynomial through the last k slopes predicts,
// the slope f(t + h, y predicted) joins them and corrects, and is kept as the new slope. The term of order j
// of the corrector is the error of order j. Before it the closed-form flow of the row's own component is
// followed as far as it holds; decoding ends with it.
// Source: Shampine and Gordon, Computer Solution of Ordinary Differential Equations, 1975; Hairer, Norsett
// and Wanner, Solving Ordinary Differential Equations I, III.5.
type adams struct {
	*run
	control  engine.StepControl
	maxOrder int

	hist             array // [N, historySlots, S]
	flat             array // the same, [1, N historySlots, S]
	z, f             array // [1, N, S]
	pred, corr, errc staging
	norm             staging
	move             movers
	tracks           []track
	jump             *jumper // nil where the law has no closed form of its parts

	weights AdamsWeights // of the row at hand
	nodes   [maxNodes]float64
	whole   *whole // where the engine steps by itself
}

func adamsSize(d, p int, ell bool) int { // numbers a row
	return (historySlots + 2) * stateSize(d, p, ell)
}

func newAdams(r *run) (solver, error) {
	a := &adams{run: r, control: r.controlled(adamsControl), maxOrder: maxOrder}
	a.control.Grid = r.grid()
	if j, ok := r.f.(dist.Jumper); ok {
		var err error
		if a.jump, err = newJumper(r, j); err != nil {
			return nil, err
		}
		if a.jump.single {
			return closed{a.jump}, nil
		}
	}
	if r.t == engine.F32 {
		a.maxOrder = 6 // the coefficients of higher orders alternate and amplify float32's roundoff
	}
	m, n, k := &r.mem, r.cap, historySlots
	a.hist = m.alloc(r.t, n, k, r.s)
	a.z, a.f = m.alloc(r.t, n, 0, r.s), m.alloc(r.t, n, 0, r.s)
	a.pred, a.corr = m.stage(r.t, n, 0, k), m.stage(r.t, n, 0, k)
	a.errc, a.norm = m.stage(r.t, n, 3, k), m.stage(r.t, n, 0, 3)
	a.move = newMovers(r)
	if a.whole = newWhole(r, a.control); a.whole != nil {
		a.whole.find(r, 0)
	}
	if m.err != nil {
		return nil, m.err
	}
	a.flat = array{base: a.hist.base.View(0, 1, n*k, r.s), d: r.s}
	a.tracks = make([]track, n)
	return a, nil
}

// solve integrates the first n rows of run.in into run.out.
func (a *adams) solve(ctx context.Context, n int) error {
	live, err := a.begin(n)
	if err != nil {
		return err
	}
	if a.whole != nil {
		return a.loop(ctx, live)
	}
	for live > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.step(live); err != nil {
			return err
		}
		if live, err = a.retire(live); err != nil {
			return err
		}
	}
	return nil
}

// begin gives every row its first slopes, from the closed form where the jump holds, and puts the rows that
// are not finished by it first.
func (a *adams) begin(n int) (live int, err error) {
	tracks := a.tracks[:n]
	for i := range tracks {
		tracks[i].reset(i)
		tracks[i].u = a.run.start()
		tracks[i].h = a.firstStep()
	}
	state := a.in.rows(n)
	if err := a.e.Copy2D(a.hist.base, 0, historySlots*a.s, state, 0, a.s, n, a.s); err != nil {
		return 0, err
	}
	if a.jump != nil && a.dir > 0 {
		if live, err = a.leap(n); err != nil {
			return 0, err
		}
	} else {
		if live, err = a.approach(n); err != nil {
			return 0, err
		}
	}
	if live == 0 {
		return 0, nil
	}
	// Rows without slopes want one evaluation at their start.
	bare := 0
	for i := range live {
		t := &a.tracks[i]
		a.move.source.host[bare] = float64(i * historySlots)
		if t.known == 0 {
			a.move.target.host[bare] = float64(i*historySlots + int(t.free()))
			a.at(&a.coef, bare, t.u)
			a.nfe[t.row]++
			bare++
		}
	}
	if bare == 0 {
		return live, nil
	}
	flat := a.flat.rows(live * historySlots)
	if err := a.move.gather(a.run, a.z.rows(bare), flat, bare); err != nil {
		return 0, err
	}
	if err := a.eval(a.f.rows(bare), a.z.rows(bare), bare); err != nil {
		return 0, err
	}
	if err := a.move.scatter(a.run, flat, a.f.rows(bare), bare); err != nil {
		return 0, err
	}
	for i := range live {
		if t := &a.tracks[i]; t.known == 0 {
			t.push(t.u)
		}
	}
	return live, nil
}

// step tries one step of the first n rows: those accepted have their new state in the history and in z.
func (a *adams) step(n int) error {
	for i := range n {
		a.predict(i)
	}
	e := a.e
	hist, z, f := a.hist.rows(n), a.z.rows(n), a.f.rows(n)
	pred, err := a.pred.push(e, n)
	if err != nil {
		return err
	}
	if err := e.LinComb(z, pred, hist); err != nil {
		return err
	}
	if err := a.eval(f, z, n); err != nil {
		return err
	}
	if err := a.move.scatter(a.run, a.flat.rows(n*historySlots), f, n); err != nil {
		return err
	}
	errc, err := a.errc.push(e, n)
	if err != nil {
		return err
	}
	if err := e.ErrorNorm(a.norm.rows(n), errc, hist, a.d, a.Atol, a.Rtol); err != nil {
		return err
	}
	if err := a.norm.pull(e, n); err != nil {
		return err
	}
	for i := range n {
		if err := a.decide(i); err != nil {
			return err
		}
	}
	corr, err := a.corr.push(e, n)
	if err != nil {
		return err
	}
	if err := e.LinComb(z, corr, hist); err != nil {
		return err
	}
	return e.Copy2D(a.hist.base, 0, historySlots*a.s, z, 0, a.s, n, a.s)
}

// predict fills row i's coefficients of the predictor, the corrector and the errors.
func (a *adams) predict(i int) {
	t := &a.tracks[i]
	t.next = a.control.Land(t.u, t.h)
	h := t.next - t.u
	k := t.order
	a.at(&a.coef, i, t.next)
	a.move.target.host[i] = float64(i*historySlots + int(t.free()))

	old := min(t.known, k+1)
	u := a.nodes[:old+1]
	for j := range old {
		u[j+1] = (t.time[j] - t.u) / h
	}
	w := &a.weights
	w.Find(u[1:k+1], k-1)
	row := a.pred.row(i)
	clear(row)
	row[0] = 1
	for m := range k {
		row[t.slot[m]] = h * w.Sum[m]
	}

	u[0] = 1
	w.Find(u, k)
	row = a.corr.row(i)
	clear(row)
	row[0] = 1
	errs := a.errc.row(i)
	clear(errs)
	for m := range u {
		slot := t.free()
		if m > 0 {
			slot = t.slot[m-1]
		}
		if m <= k {
			row[slot] = h * w.Sum[m]
		}
		for e := range 3 {
			errs[e*historySlots+int(slot)] = h * w.Term[e][m]
		}
	}
}

// decide accepts or rejects row i's step and sets its next order and step.
func (a *adams) decide(i int) error {
	t := &a.tracks[i]
	e := a.norm.row(i)
	k := t.order
	h := math.Abs(t.next - t.u)
	a.nfe[t.row]++
	accepted := e[1] <= 1 // false for NaN
	higher := k < a.maxOrder && t.known > k
	control := a.control
	if t.known == 1 { // the first step is a guess, and its error a sure guide
		control.Shrink = firstShrink
	}
	order, factor := control.Choose(k, e, higher, accepted, t.rejected > 0)
	t.order, t.h = order, h*factor
	if accepted {
		t.push(t.next)
		t.u = t.next
		t.steps++
		t.rejected = 0
		return nil
	}
	row := a.corr.row(i)
	clear(row)
	row[0] = 1
	t.rejected++
	a.rejected++
	if t.h < a.control.Least {
		return a.diverged(t.row, t.steps, t.u)
	}
	return nil
}

// retire moves the finished rows among the first n to the output and fills their places with the last.
func (a *adams) retire(n int) (live int, err error) {
	if a.jump != nil && a.dir < 0 {
		if err := a.touch(n); err != nil {
			return 0, err
		}
	}
	done, err := a.emit(n, func(i int) bool { return a.tracks[i].u == a.end() })
	if err != nil || done == 0 {
		return n, err
	}
	a.finished(done)
	return a.move.compact(a.run, n,
		func(i int) bool { return a.tracks[i].u == a.end() },
		func(i, j int) { a.tracks[i], a.tracks[j] = a.tracks[j], a.tracks[i] }, a.hist.base)
}

// emit copies the states of the done rows among the first n to the output.
func (a *adams) emit(n int, done func(i int) bool) (count int, err error) {
	for i := range n {
		if done(i) {
			a.move.source.host[count] = float64(i * historySlots)
			a.move.target.host[count] = float64(a.tracks[i].row)
			count++
		}
	}
	return count, a.move.both(a.run, a.out.base, a.flat.rows(n*historySlots), count)
}
