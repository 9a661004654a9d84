package flow

import "monge/engine"

// dopri5 is the method of order 5 with one of order 4 embedded, whose last stage is the next step's first.
// Source: Dormand and Prince, A family of embedded Runge-Kutta formulae, 1980.
func dopri5() engine.Tableau {
	b := []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0}
	return engine.Tableau{
		A: [][]float64{
			nil,
			{1. / 5},
			{3. / 40, 9. / 40},
			{44. / 45, -56. / 15, 32. / 9},
			{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
			{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
			b[:6],
		},
		B:      b,
		C:      []float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
		Errors: []float64{71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40},
		Low:    4,
		FSAL:   true,
	}
}
