package flow

import (
	"context"
	"math"

	"monge/engine"
)

// fits says whether the engine makes steps of a method: many at once, or its stages, which all rows make together,
// while a method whose last stage is not the next step's first makes one less after a rejection.
func (w *whole) fits(r *run, t engine.Tableau) bool {
	w.find(r, len(t.B))
	return w.through != nil || len(t.B) <= engine.MaxStages && (r.Steps > 0 || t.FSAL)
}

// loop takes the first live rows to the end.
func (k *rungeKutta) loop(ctx context.Context, live int) error {
	w := k.whole
	for i := range live {
		t, r := &k.tracks[i], w.track.row(i)
		clear(r)
		r[engine.TrackRow], r[engine.TrackU], r[engine.TrackH], r[engine.TrackStop] = float64(t.row), t.u, t.h, math.NaN()
	}
	if err := w.begin(k.run, live); err != nil {
		return err
	}
	advance := k.stages
	if w.through != nil {
		advance = k.tries
	}
	first := -1 // of the stages to come
	for live > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := advance(live, &first); err != nil {
			return err
		}
		ended, _, err := w.look(k.run, live, func(i int) int { return k.tracks[i].row })
		if err != nil {
			return err
		}
		if ended == 0 {
			continue
		}
		k.finished(ended)
		arrays := []engine.Buffer{k.hist.base, w.track.base, w.status.base}
		if w.through == nil {
			arrays = append(arrays, k.z.base, k.coef.base)
		}
		live, err = k.move.compact(k.run, live,
			func(i int) bool { return w.status.host[i] == engine.RowEnded },
			func(i, j int) {
				k.tracks[i], k.tracks[j] = k.tracks[j], k.tracks[i]
				w.status.host[i], w.status.host[j] = w.status.host[j], w.status.host[i]
			}, arrays...)
		if err != nil {
			return err
		}
	}
	return w.count(k.run)
}

// tries lets the engine make many steps.
func (k *rungeKutta) tries(live int, _ *int) error {
	w := k.whole
	return w.through.Trajectories(&engine.Trajectory{
		Rows: w.rows(k.run, k.hist.rows(live), live), MixtureFlow: w.flow, Control: w.control,
		Tableau: &k.Tableau, Steps: k.Steps, Tries: w.tries,
	})
}

// stages makes a few steps from stage first on, stage by stage.
func (k *rungeKutta) stages(live int, first *int) error {
	op := engine.RungeKuttaStage{
		Rows: k.whole.rows(k.run, k.hist.rows(live), live), Control: k.whole.control, Tableau: &k.Tableau, Steps: k.Steps,
		Stage: -1, Z: k.z.rows(live), Coef: k.coef.rows(live),
	}
	if *first < 0 {
		if err := k.whole.stepper.RungeKuttaStage(&op); err != nil {
			return err
		}
		*first = 0
	}
	op.F = k.f.rows(live)
	for range stepsPerLook {
		for s := *first; s < len(k.B); s++ {
			if err := k.evalAt(op.Coef, op.F, op.Z, live); err != nil {
				return err
			}
			op.Stage = s
			if err := k.whole.stepper.RungeKuttaStage(&op); err != nil {
				return err
			}
		}
		if *first = 0; k.FSAL {
			*first = 1
		}
	}
	return nil
}
