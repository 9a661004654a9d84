package flow

import "monge/engine"

// adamsControl has the limits that took the fewest evaluations over mixtures and smoothed points in 2 and 64
// dimensions.
var adamsControl = engine.StepControl{Safety: .72, Shrink: .4, Grow: 2, Retry: .8}

// firstShrink is the lower limit on the factor of a first step.
const firstShrink = .01

// controlled completes a control for the run's rows.
func (r *run) controlled(c engine.StepControl) engine.StepControl {
	c.Start, c.End, c.Least = r.start(), r.end(), r.underflow()
	c.Atol, c.Rtol, c.Group = r.Atol, r.Rtol, r.d
	return c
}
