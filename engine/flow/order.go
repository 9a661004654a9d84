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

// reach returns the control's Reach. A step's error is told by the slopes at its nodes, which know nothing of what lies
// between them. At angle theta the flow takes details of the law much finer than theta for one point, and has long
// parted those much wider: it bends where theta is of the size of a detail, on the scale of theta itself. Steps short against
// the time therefore meet every bend. Decoding needs that for data much smaller than 1, or in clusters much smaller than
// their distances: the flow to the point that they are from afar is smooth, and its steps become as long as the time
// that is left. Encoding meets the finest details first, and Adams's steps only double from there.
//
// A polynomial of the highest order follows a bend to the tolerance with steps of the order of
// tol^(1/(maxOrder+1)) theta; half of that leaves errors in proportion to the tolerance, whatever the scale. A
// Runge-Kutta step has nodes within, and a factor of 2.5 between times is enough at all tolerances.
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
// Steps never have to be shorter than the control's Least.
func (r *run) floor() float64 {
	w := r.width
	if w == 0 || r.s == r.d {
		w = math.Max(w, r.tol())
	}
	return math.Max(r.Path.U(math.Atan(w)), r.underflow())
}
