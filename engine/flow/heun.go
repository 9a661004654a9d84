package flow

import "monge/engine"

// heun is the trapezoidal method of order 2 with Euler's embedded, of order 1.
func heun() engine.Tableau {
	return engine.Tableau{
		A:      [][]float64{nil, {1}},
		B:      []float64{.5, .5},
		C:      []float64{0, 1},
		Errors: []float64{-.5, .5},
		Low:    1,
	}
}
