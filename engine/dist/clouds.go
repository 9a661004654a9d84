package dist

import (
	"math"

	"monge/engine"
)

// Moons returns the two interleaved half circles of make_moons, (cos t, sin t) and (1 - cos t, 1/2 - sin t),
// each on its own equal grid of t in [0, pi], n points in all, with Gaussian noise of the given standard
// deviation. As the grid is fixed, the score is exact.
func Moons(n int, noise float64) (*Points, error) {
	if n < 2 {
		return nil, bad("moons of %d points: want at least 2", n)
	}
	outer := (n + 1) / 2
	x := make([]float64, 0, 2*n)
	for i := range n {
		j, count := i, outer
		if i >= outer {
			j, count = i-outer, n-outer
		}
		s, c := math.Sincos(math.Pi * float64(j) / float64(max(count-1, 1)))
		if i < outer {
			x = append(x, c, s)
		} else {
			x = append(x, 1-c, .5-s)
		}
	}
	return NewPoints(engine.Points(x, n, 2), nil, noise)
}

// Clusters returns the four clusters N((+-.5, +-.5), std^2 I) of equal weight.
// Source: Kwon, Fan and Lee, arXiv 2212.06359.
func Clusters(std float64) (*Mixture, error) {
	c, err := Isotropic(2, std*std)
	if err != nil {
		return nil, bad("clusters of standard deviation %v: want a finite number above 0", std)
	}
	return NewMixture(nil, [][]float64{{-.5, -.5}, {-.5, .5}, {.5, -.5}, {.5, .5}}, []*Covariance{c})
}
