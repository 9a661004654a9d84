package dist

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// maxDim bounds the dimensions of a law: beyond it a row's index in a batch of rows passes 32 bits.
const maxDim = 1 << 24

// maxNumbers bounds the parameters that a few keys can ask for: 1 GB.
const maxNumbers = 1 << 27

// Name is a law known by name.
type Name struct {
	Name        string
	Params      []string // key=default
	Description string
	make        func(p *params) (Distribution, error)
}

// Names returns the laws known by name, in the order to list them.
func Names() []Name {
	return []Name{
		{"G1", nil, "two Gaussians in the plane whose encoder is not the optimal map", func(*params) (Distribution, error) { return G1(), nil }},
		{"G2", nil, "three narrow isotropic Gaussians in the plane, a triangle", func(*params) (Distribution, error) { return G2(), nil }},
		{"G5", nil, "two isotropic Gaussians in the plane whose encoder is the optimal map", func(*params) (Distribution, error) { return G5(), nil }},
		{"gaussian", []string{"d=2", "seed=1"}, "a Gaussian with a random mean and covariance, spectrum .1 to 10", func(p *params) (Distribution, error) {
			d, seed := int(p.integer("d", 2, 1, maxDim)), p.integer("seed", 1, 0, math.MaxInt64)
			if p.err != nil {
				return nil, p.err
			}
			return RandomGaussian(d, uint64(seed))
		}},
		{"mixture", []string{"k=16", "d=64", "seed=1"}, "k random Gaussians with full covariances, spectra .05 to 2", func(p *params) (Distribution, error) {
			k, d := p.integer("k", 16, 1, maxDim), p.integer("d", 64, 1, maxDim)
			seed := p.integer("seed", 1, 0, math.MaxInt64)
			if p.err == nil && k*d > maxNumbers/(d+1) {
				p.err = bad("mixture: k=%d, d=%d: k d (d + 1) is over %d numbers", k, d, maxNumbers)
			}
			if p.err != nil {
				return nil, p.err
			}
			return RandomMixture(int(k), int(d), uint64(seed))
		}},
		{"pair", []string{"separation=3", "anisotropy=9", "angle=45"}, "two equal Gaussians in the plane; G1 with other distances and axes", func(p *params) (Distribution, error) {
			separation, anisotropy, angle := p.positive("separation", 3), p.positive("anisotropy", 9), p.finite("angle", 45)
			if p.err != nil {
				return nil, p.err
			}
			return Pair(separation, anisotropy, angle)
		}},
		{"moons", []string{"n=256", "noise=0.05"}, "two interleaved half circles of n grid points in all, smoothed", func(p *params) (Distribution, error) {
			n, noise := p.integer("n", 256, 2, 1<<20), p.positive("noise", .05)
			if p.err != nil {
				return nil, p.err
			}
			return Moons(int(n), noise)
		}},
		{"clusters", []string{"std=0.0125"}, "four Gaussian clusters at (+-.5, +-.5)", func(p *params) (Distribution, error) {
			std := p.positive("std", .0125)
			if p.err != nil {
				return nil, p.err
			}
			return Clusters(std)
		}},
		{"digits", []string{"bandwidth=0.605"}, "1797 handwritten digits of 8 x 8 pixels in [-1, 1], smoothed", func(p *params) (Distribution, error) {
			h := p.positive("bandwidth", DigitsBandwidth)
			if p.err != nil {
				return nil, p.err
			}
			return NewPoints(Digits(), nil, h)
		}},
		{"copies", []string{"of", "m"}, "m independent copies, side by side, of a name or file; of's own parameters follow it", makeCopies},
	}
}

// G1 is the mixture of equal weights, means (1.5, 0) and (-1.5, 0), both covariances [[.5, .4], [.4, .5]].
func G1() *Mixture {
	c, err := Full(mat.NewSymDense(2, []float64{.5, .4, .4, .5}))
	return fixed(c, err, nil, [][]float64{{1.5, 0}, {-1.5, 0}})
}

// Pair is the mixture of equal weights and means (s/2, 0) and (-s/2, 0) whose covariances both have the eigenvalues
// a/(1 + a) along the direction of the angle in degrees and 1/(1 + a) across it: G1 is that of s = 3, a = 9, 45 degrees.
// Its encoder is the optimal map where a = 1, since collinear isotropic mixtures' are, and at 0 and 90 degrees, where it
// is a product.
func Pair(separation, anisotropy, angle float64) (*Mixture, error) {
	u := mat.NewVecDense(2, []float64{math.Cos(angle * math.Pi / 180), math.Sin(angle * math.Pi / 180)})
	s := mat.NewSymDense(2, []float64{1, 0, 0, 1})
	s.ScaleSym(1/(1+anisotropy), s)
	s.SymRankOne(s, (anisotropy-1)/(1+anisotropy), u)
	c, err := Full(s)
	if err != nil {
		return nil, err
	}
	return NewMixture(nil, [][]float64{{separation / 2, 0}, {-separation / 2, 0}}, []*Covariance{c})
}

// G2 has weights .5, .3, .2, means (0, 0), (3, 0), (.5, 1.5) and covariances .05 I.
func G2() *Mixture {
	c, err := Isotropic(2, .05)
	return fixed(c, err, []float64{.5, .3, .2}, [][]float64{{0, 0}, {3, 0}, {.5, 1.5}})
}

// G5 has weights .3 and .7, means (2, 1) and (-2, -1) and covariances .1 I.
func G5() *Mixture {
	c, err := Isotropic(2, .1)
	return fixed(c, err, []float64{.3, .7}, [][]float64{{2, 1}, {-2, -1}})
}

// fixed makes a mixture of numbers written in this package.
func fixed(c *Covariance, err error, w []float64, means [][]float64) *Mixture {
	if err == nil {
		var m *Mixture
		if m, err = NewMixture(w, means, []*Covariance{c}); err == nil {
			return m
		}
	}
	panic(err)
}
