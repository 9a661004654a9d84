package flow

import "monge/engine"

// rk4 is the classical Runge-Kutta method of order 4.
func rk4() engine.Tableau {
	return engine.Tableau{
		A: [][]float64{nil, {.5}, {0, .5}, {0, 0, 1}},
		B: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6},
		C: []float64{0, .5, .5, 1},
	}
}
