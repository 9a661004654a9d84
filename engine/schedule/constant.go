package schedule

import "math"

// Constant is the variance preserving process with a constant rate beta, the Ornstein-Uhlenbeck process:
// tau = beta t/2, in the finite variable u = 1 - exp(-tau), End = 1. There
//
//	alpha = 1 - u, sigma^2 = u (2 - u), c1 = -1, c2 = -(1 - u),
//
// and beta, which only scales t, drops out. The zero value is ready.
type Constant struct{}

func (Constant) Name() string { return "constant" }

func (Constant) End() float64 { return 1 }

func (Constant) At(u float64) (alpha, sigma, c1, c2 float64) {
	if u >= 1 {
		return 0, 1, -1, 0
	}
	alpha = 1 - u
	return alpha, math.Sqrt(u * (2 - u)), -1, -alpha
}

// U returns 1 - cos theta = 2 sin^2(theta/2).
func (Constant) U(theta float64) float64 {
	if theta >= math.Pi/2 {
		return 1
	}
	s := math.Sin(theta / 2)
	return 2 * s * s
}
