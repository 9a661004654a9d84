package enginetest

import (
	"math"

	"monge/engine"
)

// stepShapes holds the calls of optional interfaces that must fail; an engine without them has nothing to refuse.
func stepShapes() []Case {
	control := engine.StepControl{End: 1, Atol: 1, Group: 2, Safety: .9, Shrink: .2, Grow: 5, Retry: .9}
	euler := &engine.Tableau{A: [][]float64{nil}, B: []float64{1}, C: []float64{0}}
	rows := func(d *device, slots int) engine.Rows {
		return engine.Rows{
			Track: d.allocType(engine.F64, 1, 3, engine.TrackCount), Status: d.allocType(engine.I32, 1, 3, 1),
			Hist: d.alloc(3, slots, 2), Out: d.alloc(1, 5, 2), Counts: d.allocType(engine.F64, 1, 5, 2),
		}
	}
	call := func(name string, want error, f func(d *device, s engine.Stepper, t engine.Trajectories) error) Case {
		return Case{Op: "Steps", Name: name, run: func(d *device) error {
			s, ok := d.e.(engine.Stepper)
			t, both := d.e.(engine.Trajectories)
			if !ok || !both {
				return nil
			}
			return d.wants(want, func() error { return f(d, s, t) })
		}}
	}
	adams := func(name string, want error, spoil func(d *device, a *engine.AdamsStep)) Case {
		return call("adams-"+name, want, func(d *device, s engine.Stepper, _ engine.Trajectories) error {
			a := &engine.AdamsStep{Rows: rows(d, engine.AdamsHistory), Control: control, MaxOrder: 5, F: d.alloc(1, 3, 2), Z: d.alloc(1, 3, 2), Coef: d.alloc(1, 3, engine.CoefCount)}
			spoil(d, a)
			return s.AdamsStep(a)
		})
	}
	stage := func(name string, want error, spoil func(d *device, a *engine.RungeKuttaStage)) Case {
		return call("stage-"+name, want, func(d *device, s engine.Stepper, _ engine.Trajectories) error {
			a := &engine.RungeKuttaStage{Rows: rows(d, 2), Control: control, Tableau: euler, Steps: 3, F: d.alloc(1, 3, 2), Z: d.alloc(1, 3, 2), Coef: d.alloc(1, 3, engine.CoefCount)}
			spoil(d, a)
			return s.RungeKuttaStage(a)
		})
	}
	model := func(d *device, dim, k int) *engine.MixtureParams {
		return &engine.MixtureParams{LogW: d.alloc(1, k, 1), Mean: d.alloc(1, k, dim), Var: d.alloc(1, 1, 1)}
	}
	return []Case{
		adams("history", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Hist = d.alloc(3, 13, 2) }),
		adams("track", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Track = d.allocType(engine.F64, 1, 3, 5) }),
		adams("track-dtype", engine.ErrDtype, func(d *device, a *engine.AdamsStep) { a.Track = d.allocType(engine.F32, 1, 3, engine.TrackCount) }),
		adams("status-dtype", engine.ErrDtype, func(d *device, a *engine.AdamsStep) { a.Status = d.allocType(engine.F64, 1, 3, 1) }),
		adams("order", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.MaxOrder = 13 }),
		adams("coef", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Coef = nil }),
		adams("control", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Control.Group = 0 }),
		adams("times", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Control.End = math.NaN() }),
		adams("reach", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Control.Reach = .1 }), // without a Floor no End
		adams("reach-sign", engine.ErrShape, func(d *device, a *engine.AdamsStep) { a.Control.Reach, a.Control.Floor = -.1, 1 }),
		stage("stage", engine.ErrShape, func(d *device, a *engine.RungeKuttaStage) { a.Stage = 1 }),
		stage("slopes", engine.ErrShape, func(d *device, a *engine.RungeKuttaStage) { a.F = nil }),
		stage("no-control", engine.ErrShape, func(d *device, a *engine.RungeKuttaStage) { a.Steps = 0 }),
		stage("z", engine.ErrShape, func(d *device, a *engine.RungeKuttaStage) { a.Z = d.alloc(1, 3, 4) }),
		call("trajectories-state", engine.ErrShape, func(d *device, _ engine.Stepper, t engine.Trajectories) error {
			return t.Trajectories(&engine.Trajectory{Rows: rows(d, 2), Control: control, Tableau: euler, Steps: 3, Tries: 1,
				MixtureFlow: engine.MixtureFlow{P: model(d, 2, 2), Tangents: 1}})
		}),
		call("trajectories-wide", engine.ErrUnsupported, func(d *device, _ engine.Stepper, t engine.Trajectories) error {
			r, c := rows(d, 2), control
			r.Hist, r.Out, c.Group = d.alloc(3, 2, 900), d.alloc(1, 5, 900), 900
			return t.Trajectories(&engine.Trajectory{Rows: r, Control: c, Tableau: euler, Steps: 3, Tries: 1,
				MixtureFlow: engine.MixtureFlow{P: model(d, 900, 2)}})
		}),
		call("adams-trajectories-tries", engine.ErrShape, func(d *device, _ engine.Stepper, t engine.Trajectories) error {
			return t.AdamsTrajectories(&engine.AdamsTrajectory{Rows: rows(d, engine.AdamsHistory), Control: control, MaxOrder: 5,
				MixtureFlow: engine.MixtureFlow{P: model(d, 2, 2)}})
		}),
	}
}
