package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/flow"
	"monge/engine/schedule"
)

// adamsTry demands that one try of a trajectory is a step with a mixture's slope, from the same uneven history.
func (s *stepping) adamsTry() error {
	t, ok := s.e.(engine.Trajectories)
	if !ok {
		return nil
	}
	for i, dim := range []int{1, 2, 4, 7, 8, 8, 9, 12, 16, 16, 17, 24, 32, 32} {
		law := tryLaw(i, dim)
		if !t.HasTrajectories(dim, law.K, law.Bases > 1, dim, 0) {
			continue
		}
		p := s.params(law.host(s.t))
		c := engine.StepControl{Curve: schedule.Cosine{}.Curve(), End: 1, Atol: .1, Rtol: .1, Group: dim, Safety: .72, Shrink: .4, Grow: 2, Retry: .8}
		var ways [2]stepping
		for way := range ways {
			o := &stepping{device: s.device, s: s.s, g: newUneven("try", engine.F64)}
			o.adamsRows(c, dim, .1, func(_ int, v []float64) {
				for j := range v {
					v[j] = uneven{t: s.t}.round(o.g.Normal())
				}
			})
			if s.err != nil {
				return s.err
			}
			var err error
			if way == 0 {
				err = t.AdamsTrajectories(&engine.AdamsTrajectory{Rows: o.rows, MixtureFlow: engine.MixtureFlow{P: p}, Control: c, MaxOrder: engine.AdamsOrder, First: .01, Tries: 1})
			} else {
				step := engine.AdamsStep{Rows: o.rows, Control: c, MaxOrder: engine.AdamsOrder, First: .01, Z: o.z, Coef: o.coef}
				if err = o.s.AdamsStep(&step); err == nil {
					err = s.e.Mixture(&engine.Mixture{P: p, Coef: o.coef, X: o.z, V: o.f})
				}
				if step.F = o.f; err == nil {
					err = o.s.AdamsStep(&step)
				}
			}
			if err == nil {
				err = o.pull()
			}
			if err != nil {
				return err
			}
			ways[way] = *o
		}
		// Weights of up to a million carry their rounding into points, and in float32 the two round times and slopes apart.
		tol := 1e-9
		if s.t == engine.F32 {
			tol = 1e-4
		}
		if err := sameTry(&ways[0], &ways[1], tol); err != nil {
			return fmt.Errorf("d = %d: %w", dim, err)
		}
	}
	return s.err
}

// tryLaw is mixture i of those whose steps are tried in dim dimensions: its axes are own, shared or reflections, or none.
func tryLaw(i, dim int) MixtureCase {
	law := MixtureCase{Name: "try", K: 3, D: dim, VarRows: i%3 > 0, VarCols: i%4 > 0, Var: .3, ZeroWeight: i%5 == 0}
	if dim > 24 {
		law.K = 2 // more have too many bases
	}
	switch i % 4 {
	case 1:
		law.Bases = law.K
	case 2:
		law.Bases = 1
	case 3:
		law.Reflect = 2
	}
	return law
}

// sameTry compares rows after a try of a trajectory with the same after a step.
func sameTry(got, want *stepping, tol float64) error {
	if err := near("histories", got.hist, want.hist, tol); err != nil {
		return err
	}
	for i := range want.n {
		if got.t == engine.F32 {
			break // rounding of slopes moves lengths, and now and then a judgement
		}
		for _, col := range []int{engine.TrackU, engine.TrackH, engine.TrackOrder, engine.TrackKnown, engine.TrackSteps, engine.TrackRetries, engine.TrackNFE} {
			if g, w := got.row(i)[col], want.row(i)[col]; !(math.Abs(g-w) <= tol*math.Abs(w)) {
				return fmt.Errorf("column %d of row %d is %v after a try, %v after a step", col, i, g, w)
			}
		}
	}
	return nil
}

// stageTry demands that one try of a trajectory is a Runge-Kutta step with a mixture's slopes, side by side of rows that know the
// slope at their state and others that do not, and of lengths that are refused and others that are not.
func (s *stepping) stageTry() error {
	t, ok := s.e.(engine.Trajectories)
	if !ok {
		return nil
	}
	tableau := engine.Tableau{Errors: []float64{71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}, Low: 4, FSAL: true}
	tableau.A, tableau.B, tableau.C = flow.Tableau("dopri5")
	stages := len(tableau.B)
	var taken, tried float64
	for i, dim := range []int{2, 5, 5, 8, 8, 13, 16, 17, 17, 32, 32} {
		law := tryLaw(i, dim)
		if !t.HasTrajectories(dim, law.K, law.Bases > 1, dim, stages) {
			continue
		}
		p := s.params(law.host(s.t))
		c := engine.StepControl{Curve: schedule.Cosine{}.Curve(), End: 1, Atol: 1e-4, Rtol: 1e-4, Group: dim, Safety: .9, Shrink: .2, Grow: 5, Retry: .9}
		begin := func() *stepping {
			o := &stepping{device: s.device, s: s.s, g: newUneven("stage-try", engine.F64)}
			o.begin(13, 1+stages, dim, c)
			for r := range o.n {
				track := o.row(r)
				track[engine.TrackU], track[engine.TrackH] = .8*o.g.Float64(), math.Pow(10, -2*o.g.Float64())
				for j := range dim {
					o.hist[r*(1+stages)*dim+j] = uneven{t: s.t}.round(2 * o.g.Normal())
				}
			}
			return o
		}

		want := begin()
		want.push()
		err := want.stage(&tableau, 0, -1, nil)
		var slopes []float64 // at the states
		for stage := 0; stage < stages && err == nil; stage++ {
			if err = s.e.Mixture(&engine.Mixture{P: p, Coef: want.coef, X: want.z, V: want.f}); err != nil {
				break
			}
			f := want.read(want.f)
			if stage == 0 {
				slopes = f
			}
			err = want.stage(&tableau, 0, stage, f)
		}
		if err == nil {
			err = want.pull()
		}
		if err != nil {
			return err
		}

		got := begin()
		for r := 1; r < got.n; r += 2 {
			got.row(r)[engine.TrackKnown], got.row(r)[engine.TrackNFE] = 1, 1
			copy(got.hist[(r*(1+stages)+1)*dim:][:dim], slopes[r*dim:][:dim])
		}
		got.push()
		err = t.Trajectories(&engine.Trajectory{Rows: got.rows, MixtureFlow: engine.MixtureFlow{P: p}, Control: c, Tableau: &tableau, Tries: 1})
		if err == nil {
			err = got.pull()
		}
		if err != nil {
			return err
		}
		// A trajectory leaves the state and the slope there, which it knows after a refusal, too; a step by stages leaves all slopes.
		for r := range got.n {
			want.row(r)[engine.TrackKnown] = 1
			clear(got.hist[(r*(1+stages)+2)*dim : (r+1)*(1+stages)*dim])
			clear(want.hist[(r*(1+stages)+2)*dim : (r+1)*(1+stages)*dim])
			taken, tried = taken+want.row(r)[engine.TrackSteps], tried+1
		}
		// An error is a difference of slopes that cancels some five digits, and lengths follow it; in float32 only one way rounds its slopes.
		tol := 1e-9
		if s.t == engine.F32 {
			tol = 1e-5
		}
		if err := sameTry(got, want, tol); err != nil {
			return fmt.Errorf("d = %d: %w", dim, err)
		}
	}
	if tried > 0 && (taken < .2*tried || taken > .8*tried) {
		return fmt.Errorf("%v of %v steps are taken: the case has to have both kinds", taken, tried)
	}
	return s.err
}
