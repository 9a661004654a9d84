package engine

import "math"

// direction is the sign of the integration.
func (c *StepControl) direction() float64 {
	if c.End > c.Start {
		return 1
	}
	return -1
}

// Land returns the end of a step of length h > 0 from u, or of the longest that Reach allows where that is shorter: End
// where the step reaches it but for a billionth, else the last time of the grid before u + h, unless that keeps less
// than .6 of the step or there is no grid.
func (c *StepControl) Land(u, h float64) float64 {
	if c.Reach > 0 {
		h = math.Min(h, c.Reach*math.Max(u, c.Floor))
	}
	if math.Abs(c.End-u) <= h*(1+1e-9) {
		return c.End
	}
	dir := c.direction()
	next := u + dir*h
	if !(c.Grid > 0) {
		return next
	}
	if g := c.Snap(next); dir*(g-u) >= .6*h {
		return g
	}
	return next
}

// Snap returns the last time of the grid not after u, in the direction of the integration. A time within a
// billionth of Grid of the grid counts as on it.
func (c *StepControl) Snap(u float64) float64 {
	if c.direction() > 0 {
		return math.Floor(u/c.Grid+1e-9) * c.Grid
	}
	return math.Ceil(u/c.Grid-1e-9) * c.Grid
}

// Factor returns Safety err^(-1/(order+1)), the factor of a step of error err, in units of the tolerance, unlimited
// above; an error that is not finite gives 0.
func (c *StepControl) Factor(err float64, order int) float64 {
	if math.IsNaN(err) || math.IsInf(err, 0) {
		return 0
	}
	return c.Safety * math.Pow(err, -1/float64(order+1))
}

// Limit clips a factor to [Shrink, Grow]; that of a rejected step is at most Retry, and after a rejection an accepted
// step's at most 1.
func (c *StepControl) Limit(f float64, accepted, retried bool) float64 {
	f = math.Min(math.Max(f, c.Shrink), c.Grow)
	if !accepted {
		return math.Min(f, c.Retry)
	}
	if retried {
		return math.Min(f, 1)
	}
	return f
}

// Choose returns the order after a step of order k, and its length's factor, from the errors of orders k-1, k
// and k+1: the largest step among the orders wins. higher says whether k+1 was estimated.
func (c *StepControl) Choose(k int, e []float64, higher, accepted, retried bool) (order int, factor float64) {
	order, factor = k, c.Factor(e[1], k)
	if k > 1 {
		if f := c.Factor(e[0], k-1); f > factor {
			order, factor = k-1, f
		}
	}
	if higher && accepted {
		if f := c.Factor(e[2], k+1); f > factor {
			order, factor = k+1, f
		}
	}
	return order, c.Limit(factor, accepted, retried)
}
