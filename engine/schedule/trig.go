package schedule

import "math"

// Trig is the trigonometric path alpha = cos u, sigma = sin u, u in [0, pi/2]: the variance preserving
// process in its own angle. The zero value is ready.
type Trig struct{}

func (Trig) Name() string { return "trig" }

func (Trig) End() float64 { return math.Pi / 2 }

// At returns (cos u, sin u, -sin u, -sin u cos u), with (0, 1, -1, 0) from the end on.
func (Trig) At(u float64) (alpha, sigma, c1, c2 float64) {
	if u >= math.Pi/2 {
		return 0, 1, -1, 0
	}
	sigma, alpha = math.Sincos(u)
	return alpha, sigma, -sigma, -sigma * alpha
}

func (Trig) U(theta float64) float64 { return theta }
