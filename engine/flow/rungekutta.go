package flow

import (
	"context"
	"math"

	"monge/engine"
)

// Tableau returns the explicit Runge-Kutta method of that name, euler, heun, rk4 or dopri5: stage i is the slope at
// u + c_i h of y + h sum_{j < i} a_ij k_j, and y + h sum_j b_j k_j is the step. It panics for other names.
func Tableau(method string) (a [][]float64, b, c []float64) {
	table, ok := map[string]func() engine.Tableau{"euler": euler, "heun": heun, "rk4": rk4, "dopri5": dopri5}[method]
	if !ok {
		panic("flow: no Runge-Kutta method " + method)
	}
	t := table()
	return t.A, t.B, t.C
}

// rkControl steers adaptive Runge-Kutta methods by the last error alone: a proportional-integral rule takes
// a tenth more evaluations here.
var rkControl = engine.StepControl{Safety: .9, Shrink: .2, Grow: 5, Retry: .9}

// rungeKutta integrates by a tableau, with Steps equal steps in u or with every row's own step.
type rungeKutta struct {
	*run
	engine.Tableau
	control    engine.StepControl
	hist       array // [N, 1 + stages, S]: state, slopes
	flat       array // the same, [1, N (1 + stages), S]
	z, f       array // [1, N, S]
	lin        staging
	errc, norm staging
	move       movers
	tracks     []stage
	whole      *whole // where the engine steps by itself
}

// stage is the host's part of a row in a Runge-Kutta integration.
type stage struct {
	row      int
	u, h     float64
	next     float64
	steps    int
	rejected int
	primed   bool // slot 1 holds the slope at u
	accepted bool
}

func newRungeKutta(r *run, tab engine.Tableau) (solver, error) {
	slots := 1 + len(tab.B)
	k := &rungeKutta{run: r, Tableau: tab, control: r.controlled(rkControl), tracks: make([]stage, r.cap)}
	m, n := &r.mem, r.cap
	k.hist = m.alloc(r.t, n, slots, r.s)
	k.z, k.f = m.alloc(r.t, n, 0, r.s), m.alloc(r.t, n, 0, r.s)
	k.lin = m.stage(r.t, n, 0, slots)
	k.errc, k.norm = m.stage(r.t, n, 1, slots), m.stage(r.t, n, 0, 1)
	k.move = newMovers(r)
	k.whole = newWhole(r, k.control)
	if k.whole != nil && !k.whole.fits(r, k.Tableau) {
		k.whole = nil
	}
	if m.err != nil {
		return nil, m.err
	}
	k.flat = array{base: k.hist.base.View(0, 1, n*slots, r.s), d: r.s}
	return k, nil
}

// slots is the count of a row's vectors: its state and the stages' slopes.
func (k *rungeKutta) slots() int { return 1 + len(k.B) }

func (k *rungeKutta) solve(ctx context.Context, n int) error {
	if err := k.e.Copy2D(k.hist.base, 0, k.slots()*k.s, k.in.base, 0, k.s, n, k.s); err != nil {
		return err
	}
	for i := range n {
		k.tracks[i] = stage{row: i, u: k.start(), h: k.firstStep()}
	}
	if k.whole != nil {
		return k.loop(ctx, n)
	}
	for live := n; live > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.step(live); err != nil {
			return err
		}
		var err error
		if live, err = k.retire(live); err != nil {
			return err
		}
	}
	return nil
}

// target returns the end of a row's next step.
func (k *rungeKutta) target(t *stage) float64 {
	if k.Steps > 0 {
		return k.node(t.steps + 1)
	}
	return k.control.Land(t.u, t.h)
}

// step tries one step of the first n rows.
func (k *rungeKutta) step(n int) error {
	if err := k.prime(n); err != nil {
		return err
	}
	hist, z, f := k.hist.rows(n), k.z.rows(n), k.f.rows(n)
	for s := 1; s < len(k.B); s++ {
		for i := range n {
			t := &k.tracks[i]
			t.next = k.target(t)
			k.at(&k.coef, i, t.u+k.C[s]*(t.next-t.u))
			if k.C[s] == 1 { // not a rounding away from the path's end
				k.at(&k.coef, i, t.next)
			}
			k.combine(i, k.A[s])
			k.nfe[t.row]++
		}
		lin, err := k.lin.push(k.e, n)
		if err != nil {
			return err
		}
		if err := k.e.LinComb(z, lin, hist); err != nil {
			return err
		}
		if err := k.eval(f, z, n); err != nil {
			return err
		}
		if err := k.e.Copy2D(k.hist.base, (1+s)*k.s, k.slots()*k.s, f, 0, k.s, n, k.s); err != nil {
			return err
		}
	}
	if err := k.judge(n); err != nil {
		return err
	}
	return k.advance(n)
}

// combine sets row i's coefficients to those of y + h sum_j w_j k_j.
func (k *rungeKutta) combine(i int, w []float64) {
	t, row := &k.tracks[i], k.lin.row(i)
	clear(row)
	row[0] = 1
	for j, v := range w {
		row[1+j] = (t.next - t.u) * v
	}
}

// prime evaluates the slope at u of the rows that do not have it.
func (k *rungeKutta) prime(n int) error {
	bare := 0
	for i := range n {
		t := &k.tracks[i]
		if t.next = k.target(t); t.primed {
			continue
		}
		t.primed = true
		k.move.source.host[bare] = float64(i * k.slots())
		k.move.target.host[bare] = float64(i*k.slots() + 1)
		k.at(&k.coef, bare, t.u)
		k.nfe[t.row]++
		bare++
	}
	if bare == 0 {
		return nil
	}
	flat, z, f := k.flat.rows(n*k.slots()), k.z.rows(bare), k.f.rows(bare)
	if err := k.move.gather(k.run, z, flat, bare); err != nil {
		return err
	}
	if err := k.eval(f, z, bare); err != nil {
		return err
	}
	return k.move.scatter(k.run, flat, f, bare)
}

// judge accepts or rejects the steps and sets the next ones.
func (k *rungeKutta) judge(n int) error {
	if k.Steps > 0 {
		for i := range n {
			k.tracks[i].accepted = true
		}
		return nil
	}
	for i := range n {
		t, row := &k.tracks[i], k.errc.row(i)
		row[0] = 0
		for j, v := range k.Errors {
			row[1+j] = (t.next - t.u) * v
		}
	}
	errc, err := k.errc.push(k.e, n)
	if err != nil {
		return err
	}
	if err := k.e.ErrorNorm(k.norm.rows(n), errc, k.hist.rows(n), k.d, k.Atol, k.Rtol); err != nil {
		return err
	}
	if err := k.norm.pull(k.e, n); err != nil {
		return err
	}
	for i := range n {
		t, e := &k.tracks[i], k.norm.host[i]
		t.accepted = e <= 1 // false for NaN
		t.h = math.Abs(t.next-t.u) * k.control.Limit(k.control.Factor(e, k.Low), t.accepted, t.rejected > 0)
		if t.accepted {
			t.rejected = 0
			continue
		}
		t.rejected++
		k.rejected++
		if t.h < k.control.Least {
			return k.diverged(t.row, t.steps, t.u)
		}
	}
	return nil
}

// advance puts the accepted rows' new states into slot 0, and into z those of all rows.
func (k *rungeKutta) advance(n int) error {
	moves := 0
	for i := range n {
		t := &k.tracks[i]
		if !t.accepted {
			k.combine(i, nil)
			continue
		}
		k.combine(i, k.B)
		t.u, t.primed = t.next, k.FSAL
		t.steps++
		k.move.source.host[moves] = float64(i*k.slots() + len(k.B))
		k.move.target.host[moves] = float64(i*k.slots() + 1)
		moves++
	}
	lin, err := k.lin.push(k.e, n)
	if err != nil {
		return err
	}
	z := k.z.rows(n)
	if err := k.e.LinComb(z, lin, k.hist.rows(n)); err != nil {
		return err
	}
	if err := k.e.Copy2D(k.hist.base, 0, k.slots()*k.s, z, 0, k.s, n, k.s); err != nil || !k.FSAL {
		return err
	}
	flat := k.flat.rows(n * k.slots())
	return k.move.both(k.run, flat, flat, moves)
}

// retire moves the finished rows to the output and fills their places.
func (k *rungeKutta) retire(n int) (live int, err error) {
	done := 0
	for i := range n {
		k.move.target.host[i] = -1
		if t := &k.tracks[i]; t.u == k.end() {
			k.move.target.host[i] = float64(t.row)
			done++
		}
	}
	if done == 0 {
		return n, nil
	}
	if err := k.move.scatter(k.run, k.out.base, k.z.rows(n), n); err != nil {
		return 0, err
	}
	k.finished(done)
	return k.move.compact(k.run, n,
		func(i int) bool { return k.tracks[i].u == k.end() },
		func(i, j int) { k.tracks[i], k.tracks[j] = k.tracks[j], k.tracks[i] }, k.hist.base)
}
