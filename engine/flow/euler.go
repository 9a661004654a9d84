package flow

// euler is the explicit Euler method, of order 1.
func euler() tableau {
	return tableau{a: [][]float64{nil}, b: []float64{1}, c: []float64{0}}
}
