package schedule

import "math"

// VE is the variance exploding (EDM) process x = x0 + varsigma e in the finite variable u =
// varsigma/(1+varsigma), with the state kept normalised: x is divided by sqrt(1 + varsigma^2), so that
//
//	alpha = (1-u)/n, sigma = u/n, n^2 = (1-u)^2 + u^2, u in [0, 1].
//
// Source: Karras et al., arXiv 2206.00364. The zero value is ready.
type VE struct{}

func (VE) Name() string { return "ve" }

func (VE) End() float64 { return 1 }

// At uses d theta/du = 1/n^2: c1 = -sigma/n^2, c2 = -sigma alpha/n^2.
func (VE) At(u float64) (alpha, sigma, c1, c2 float64) {
	if u >= 1 {
		return 0, 1, -1, 0
	}
	v := 1 - u
	n2 := v*v + u*u
	n := math.Sqrt(n2)
	alpha, sigma = v/n, u/n
	return alpha, sigma, -sigma / n2, -sigma * alpha / n2
}

func (VE) U(theta float64) float64 { return ratio(theta) }

// ratio returns the u with u/(1-u) = tan theta.
func ratio(theta float64) float64 {
	if theta >= math.Pi/2 {
		return 1
	}
	s, c := math.Sincos(theta)
	return s / (s + c)
}
