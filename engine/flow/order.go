package flow

import (
	"math"

	"monge/engine"
)

// adamsControl has the limits that took the fewest evaluations over mixtures and smoothed points in 2 and 64
// dimensions.
var adamsControl = engine.StepControl{Safety: .72, Shrink: .4, Grow: 2, Retry: .8}

// firstShrink is the lower limit on the factor of a first step.
const firstShrink = .01

// controlled completes a control for the run's rows.
func (r *run) controlled(c engine.StepControl) engine.StepControl {
	c.Start, c.End, c.Least = r.start(), r.end(), r.underflow()
	c.Reach, c.Floor = r.reach(), r.floor()
	c.Atol, c.Rtol, c.Group = r.Atol, r.Rtol, r.d
	return c
}

// reach returns the control's Reach. A step's error is told by the slopes at its nodes, and tells nothing of what lies
// between them. To the flow at angle theta the law's details finer than theta are one point, and those wider are
// apart: at most a multiple of the time lies between the two, whatever the scale. Steps that are short in units
// of the time therefore meet every transition. Decoding needs that for data much smaller than 1, or in clusters much
// smaller than their distances: the flow of the point that they are from afar is smooth, and steps on it become as long as
// the time that is left. Encoding meets the finest details first; Adams's steps from there at most double, and have never
// needed more.
//
// An Adams step so long that a polynomial of the highest order just resolves a transition over a multiple of
// the time is a multiple of tol^(1/(maxOrder+1)); a half of that leaves errors in proportion to the tolerance. A Runge-Kutta
// step has stages within, and a factor of 2.5 from time to time is enough at all tolerances.
func (r *run) reach() float64 {
	switch adams := r.Method == "adams"; {
	case !adams && r.dir > 0:
		return 1.5
	case !adams:
		return .6
	case r.dir > 0:
		return 0
	}
	return .5 * math.Pow(r.tol(), 1./(maxOrder+1))
}

// floor returns the control's Floor: the time at which the law's least width shows. Where the state is a point alone, it
// moves by no more than about an angle on the angle's way to the data, and what shows below the tolerance is lost in it.
func (r *run) floor() float64 {
	w := r.width
	if w == 0 || r.s == r.d {
		w = math.Max(w, r.tol())
	}
	return r.Path.U(math.Atan(w))
}
