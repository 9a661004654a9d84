package flow

import "math"

// stepControl is the choice of the next order and step from the errors of neighbouring orders: the largest
// step among the orders wins. The limits are those that took the fewest evaluations over mixtures and
// smoothed points in 2 and 64 dimensions.
type stepControl struct {
	safety         float64 // part of the step that the error estimate asks for
	shrink, grow   float64 // limits of the step's factor
	afterRejection float64 // upper limit on a step that is retried
}

var adamsControl = stepControl{safety: .72, shrink: .4, grow: 2, afterRejection: .8}

// firstShrink is the lower limit on the factor of a first step.
const firstShrink = .01

// factor returns the step's factor for an error err (in units of the tolerance) of the given order,
// unlimited above; an error that is not finite gives 0.
func (c *stepControl) factor(err float64, order int) float64 {
	if math.IsNaN(err) || math.IsInf(err, 0) {
		return 0
	}
	return c.safety * math.Pow(err, -1/float64(order+1))
}

// limit clips a factor: accepted says whether the step was, retried whether the step before was not.
func (c *stepControl) limit(f float64, accepted, retried bool) float64 {
	f = math.Min(math.Max(f, c.shrink), c.grow)
	if !accepted {
		return math.Min(f, c.afterRejection)
	}
	if retried {
		return math.Min(f, 1)
	}
	return f
}

// choose returns the next order and the step's factor from the errors of orders k-1, k and k+1; higher
// says whether k+1 was estimated.
func (c *stepControl) choose(k int, e []float64, higher, accepted, retried bool) (order int, factor float64) {
	order, factor = k, c.factor(e[1], k)
	if k > 1 {
		if f := c.factor(e[0], k-1); f > factor {
			order, factor = k-1, f
		}
	}
	if higher && accepted {
		if f := c.factor(e[2], k+1); f > factor {
			order, factor = k+1, f
		}
	}
	return order, c.limit(factor, accepted, retried)
}
