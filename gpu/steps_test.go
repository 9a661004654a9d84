//go:build (cuda || emu) && cgo

package gpu

import "testing"

// What is beyond the limits of whole trajectories goes stage by stage: both sides of each are named, so that flows that are meant
// to test the one do not silently take the other.
func TestReachOfTrajectories(t *testing.T) {
	e := open(t, Options{})
	const dopri5, adams = 7, 0
	all := func(d int) int { return d*(1+d) + 1 } // numbers of a state with every tangent and the divergence
	for _, c := range []struct {
		d, k         int
		own          bool
		s            int
		adams, stage bool
	}{
		{d: 4, k: 64, s: 4, adams: true, stage: true},
		{d: 4, k: 65, s: 4},
		{d: 4, k: 65, own: true, s: 4, adams: true, stage: true},
		{d: 4, k: 2, s: all(4), adams: true, stage: true},
		{d: 5, k: 32, s: 5, adams: true, stage: true},
		{d: 5, k: 33, s: 5},
		{d: 32, k: 32, s: 33, adams: true, stage: true},
		{d: 33, k: 1, s: 33},
		{d: 5, k: 8, own: true, s: 5, adams: true, stage: true},
		{d: 16, k: 8, own: true, s: 16, adams: true, stage: true},
		{d: 16, k: 9, own: true, s: 16},
		{d: 17, k: 2, own: true, s: 17, adams: true, stage: true},
		{d: 17, k: 3, own: true, s: 17},
		{d: 13, k: 1, s: all(13), adams: true, stage: true},
		{d: 14, k: 1, s: all(14), adams: true},
		{d: 19, k: 1, s: all(19), adams: true, stage: true},
		{d: 20, k: 1, s: all(20), adams: true},
	} {
		if got := e.HasTrajectories(c.d, c.k, c.own, c.s, adams); got != c.adams {
			t.Errorf("%+v: %v for Adams steps", c, got)
		}
		if got := e.HasTrajectories(c.d, c.k, c.own, c.s, dopri5); got != c.stage {
			t.Errorf("%+v: %v for steps of %d stages", c, got, dopri5)
		}
		if e.HasTrajectories(c.d, c.k, c.own, c.s, 8) {
			t.Errorf("%+v: steps of 8 stages", c)
		}
	}
}
