package flow

// rk4 is the classical Runge-Kutta method of order 4.
func rk4() tableau {
	return tableau{
		a: [][]float64{nil, {.5}, {0, .5}, {0, 0, 1}},
		b: []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6},
		c: []float64{0, .5, .5, 1},
	}
}
