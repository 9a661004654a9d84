package flow

// heun is the trapezoidal method of order 2 with Euler's embedded, of order 1.
func heun() tableau {
	return tableau{
		a:      [][]float64{nil, {1}},
		b:      []float64{.5, .5},
		c:      []float64{0, 1},
		errors: []float64{-.5, .5},
		low:    1,
	}
}
