package flow

import (
	"context"
	"math"

	"monge/engine"
	"monge/engine/schedule"
)

// whole is what an integration keeps on an engine that makes steps by itself: the host queues evaluations and
// steps, and looks at the rows' status every few of them.
type whole struct {
	stepper engine.Stepper
	control engine.StepControl
	track   staging // F64 [1, N, TrackCount]
	status  staging // I32 [1, N, 1]
	counts  staging // F64 [1, N, 2]
	ended   []int   // rows that the engine has ended

	// Where the engine makes many steps of the law's flow at once:
	through engine.Trajectories
	flow    engine.MixtureFlow
	tries   int // an operation
}

// wholeSize is its numbers a row.
const wholeSize = engine.TrackCount + 3

// A look at the status waits for the engine, and a row that has ended costs evaluations until the next.
const (
	stepsPerLook = 4
	triesPerLook = 64 // of steps within one operation, of few components
	leastTries   = 8
	partsPerLook = 512 // components times tries, so that an operation is short to whoever waits
)

// find looks for the engine's way through many steps at once, of a Runge-Kutta method of so many stages, or
// with 0 of Adams's.
func (w *whole) find(r *run, stages int) {
	t, ok := r.e.(engine.Trajectories)
	f, mixture := r.f.(interface{ Params() *engine.MixtureParams })
	if !ok || !mixture {
		return
	}
	p := f.Params()
	_, k, _ := p.LogW.Shape()
	bases := 0
	if p.Basis != nil {
		bases, _, _ = p.Basis.Shape()
	}
	if t.HasTrajectories(r.d, k, bases > 1, r.s, stages) {
		w.through, w.flow = t, engine.MixtureFlow{P: p, Tangents: r.p, Divergence: r.ell}
		w.tries = max(leastTries, min(triesPerLook, partsPerLook/k)) // not by the rows: float32 rounds between operations
	}
}

// newWhole returns nil where the engine does not step by itself, or does not know the path.
func newWhole(r *run, control engine.StepControl) *whole {
	stepper, ok := r.e.(engine.Stepper)
	path, curved := r.Path.(schedule.Curved)
	if !ok || !curved {
		return nil
	}
	w := &whole{stepper: stepper, control: control}
	w.control.Curve = path.Curve()
	w.track = r.mem.stage(engine.F64, r.cap, 0, engine.TrackCount)
	w.status = r.mem.stage(engine.I32, r.cap, 0, 1)
	w.counts = r.mem.stage(engine.F64, r.cap, 0, 2)
	return w
}

// rows returns the first n rows for an operation.
func (w *whole) rows(r *run, hist engine.Buffer, n int) engine.Rows {
	return engine.Rows{Track: w.track.rows(n), Status: w.status.rows(n), Hist: hist, Out: r.out.base, Counts: w.counts.base}
}

// begin gives the engine the tracks of the first n rows, which all run.
func (w *whole) begin(r *run, n int) error {
	clear(w.status.host[:n])
	w.ended = w.ended[:0]
	return w.push(r, n)
}

func (w *whole) push(r *run, n int) error {
	if _, err := w.track.push(r.e, n); err != nil {
		return err
	}
	_, err := w.status.push(r.e, n)
	return err
}

// look reads the status of the first n rows and notes those that have ended; row names a row of the chunk.
func (w *whole) look(r *run, n int, row func(i int) int) (ended, waiting int, err error) {
	if err := w.status.pull(r.e, n); err != nil {
		return 0, 0, err
	}
	for i, s := range w.status.host[:n] {
		switch s {
		case engine.RowEnded:
			w.ended = append(w.ended, row(i))
			ended++
		case engine.RowWaits:
			waiting++
		case engine.RowBroken:
			t := w.track.row(i)
			if err := r.e.Read(t, w.track.base, i*engine.TrackCount); err != nil {
				return 0, 0, err
			}
			return 0, 0, r.diverged(row(i), int(t[engine.TrackSteps]), t[engine.TrackU])
		}
	}
	return ended, waiting, nil
}

// count adds the evaluations and rejections of the rows that the engine has ended.
func (w *whole) count(r *run) error {
	if len(w.ended) == 0 {
		return nil
	}
	if err := w.counts.pull(r.e, r.cap); err != nil {
		return err
	}
	for _, row := range w.ended {
		c := w.counts.row(row)
		r.nfe[row] += c[0]
		r.rejected += int(c[1])
	}
	return nil
}

// loop takes the first live rows to the end.
func (a *adams) loop(ctx context.Context, live int) error {
	w := a.whole
	for i := range live {
		t, r := &a.tracks[i], w.track.row(i)
		clear(r)
		r[engine.TrackRow], r[engine.TrackU], r[engine.TrackH] = float64(t.row), t.u, t.h
		r[engine.TrackOrder], r[engine.TrackKnown] = float64(t.order), float64(t.known)
		r[engine.TrackStop] = math.NaN()
		if a.jump != nil && a.dir < 0 {
			r[engine.TrackStop] = t.landing.u
		}
		copy(r[engine.TrackTimes:], t.time[:])
		for m, s := range t.slot {
			r[engine.TrackSlots+m] = float64(s)
		}
	}
	if err := w.begin(a.run, live); err != nil {
		return err
	}
	advance, arrays := a.steps, []engine.Buffer{a.hist.base, w.track.base, w.status.base, a.z.base, a.coef.base}
	if w.through != nil {
		advance, arrays = a.tries, arrays[:3]
	}
	fresh := true // no step is predicted yet
	for live > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := advance(live, &fresh); err != nil {
			return err
		}
		ended, waiting, err := w.look(a.run, live, func(i int) int { return a.tracks[i].row })
		if err != nil {
			return err
		}
		if waiting > 0 {
			closed, err := a.resume(live)
			if err != nil {
				return err
			}
			ended += closed
		}
		if ended == 0 {
			continue
		}
		a.finished(ended)
		live, err = a.move.compact(a.run, live,
			func(i int) bool { return w.status.host[i] == engine.RowEnded },
			func(i, j int) {
				a.tracks[i], a.tracks[j] = a.tracks[j], a.tracks[i]
				w.status.host[i], w.status.host[j] = w.status.host[j], w.status.host[i]
			}, arrays...)
		if err != nil {
			return err
		}
	}
	return w.count(a.run)
}

// steps makes a few steps.
func (a *adams) steps(live int, fresh *bool) error {
	w := a.whole
	step := engine.AdamsStep{
		Rows: w.rows(a.run, a.hist.rows(live), live), Control: w.control, MaxOrder: a.maxOrder, First: firstShrink,
		Z: a.z.rows(live), Coef: a.coef.rows(live),
	}
	if *fresh {
		if err := w.stepper.AdamsStep(&step); err != nil {
			return err
		}
		*fresh = false
	}
	step.F = a.f.rows(live)
	for range stepsPerLook {
		if err := a.evalAt(step.Coef, step.F, step.Z, live); err != nil {
			return err
		}
		if err := w.stepper.AdamsStep(&step); err != nil {
			return err
		}
	}
	return nil
}

// tries lets the engine make many steps.
func (a *adams) tries(live int, _ *bool) error {
	w := a.whole
	return w.through.AdamsTrajectories(&engine.AdamsTrajectory{
		Rows: w.rows(a.run, a.hist.rows(live), live), MixtureFlow: w.flow, Control: w.control,
		MaxOrder: a.maxOrder, First: firstShrink, Tries: w.tries,
	})
}

// resume asks the waiting rows among the first n for their closed form, ends those that have it, whose count it
// returns, and lets the others go on.
func (a *adams) resume(n int) (closed int, err error) {
	w := a.whole
	if err := w.track.pull(a.e, n); err != nil {
		return 0, err
	}
	for i := range n {
		t, r := &a.tracks[i], w.track.row(i)
		t.u, t.steps = r[engine.TrackU], int(r[engine.TrackSteps])
	}
	if err := a.touch(n); err != nil {
		return 0, err
	}
	home := func(i int) bool { return w.status.host[i] == engine.RowWaits && a.tracks[i].u == a.end() }
	if closed, err = a.emit(n, home); err != nil {
		return 0, err
	}
	for i := range n {
		t, r := &a.tracks[i], w.track.row(i)
		switch {
		case home(i):
			a.nfe[t.row] += r[engine.TrackNFE]
			a.rejected += int(r[engine.TrackRejected])
			w.status.host[i] = engine.RowEnded
		case w.status.host[i] == engine.RowWaits:
			r[engine.TrackStop] = t.landing.u
			w.status.host[i] = engine.RowRuns
		}
	}
	return closed, w.push(a.run, n)
}
