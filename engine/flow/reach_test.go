package flow

import (
	"fmt"
	"math"
	"testing"

	"monge/engine"
	"monge/engine/dist"
)

// line is a mixture on a line: weights that sum to 1, means, standard deviations.
type line struct{ w, mean, width []float64 }

// excess returns F(x) - Phi(z) for the law F of alpha x0 + sigma e, from the tails on z's side, and its density at x.
func (l line) excess(x, z, alpha, sigma float64) (v, density float64) {
	side := math.Copysign(1, z)
	tail := func(y float64) float64 { return math.Erfc(side*y/math.Sqrt2) / 2 }
	for k, w := range l.w {
		s := math.Hypot(alpha*l.width[k], sigma)
		y := (x - alpha*l.mean[k]) / s
		density += w * math.Exp(-y*y/2) / (s * math.Sqrt(2*math.Pi))
		v += w * tail(y)
	}
	return side * (tail(z) - v), density
}

// quantile is the flow of z at a time: on a line it keeps the order, and so the mass on either side. Beside it is the density there.
func (l line) quantile(z, alpha, sigma float64) (x, density float64) {
	lo, hi := -20., 20.
	for x = 0; lo < x && x < hi; x = lo + (hi-lo)/2 {
		if v, _ := l.excess(x, z, alpha, sigma); v < 0 {
			lo = x
		} else {
			hi = x
		}
	}
	_, density = l.excess(x, z, alpha, sigma)
	return x, density
}

// gain is the largest derivative, over the times, of the flow's end at z by its state at that time: the ratio of the
// densities. It is what becomes of an error of 1 in a step.
func (l line) gain(z, dir float64) float64 {
	_, data := l.quantile(z, 1, 0)
	_, end := l.quantile(z, 0, 1)
	if dir < 0 {
		end = data
	}
	largest := math.Max(data, math.Exp(-z*z/2)/math.Sqrt(2*math.Pi))
	for x := -7.; x < 2; x += .125 {
		theta := math.Atan(math.Pow(10, x))
		_, p := l.quantile(z, math.Cos(theta), math.Sin(theta))
		largest = math.Max(largest, p)
	}
	return largest / end
}

// starts are latent points about every divide between modes next to each other, and some far from them.
func (l line) starts() []float64 {
	z := []float64{-2, .5, 1.5}
	mass := 0.
	for _, w := range l.w[:len(l.w)-1] {
		mass += w
		for _, off := range []float64{-.01, -.001, .001, .003, .01, .03, .1} {
			z = append(z, math.Sqrt2*math.Erfinv(2*mass-1)+off)
		}
	}
	return z
}

// TestScales takes modes of all sizes and distances through the flow, at loose and at tight tolerances. On a line the flow
// is the monotone map, known in closed form; across the line it divides by the width. A step whose error is one
// tolerance leaves gain tolerances at the end, some dozens of which are allowed: about a divide, which is
// where most of the points are, the steps' errors have one sign. Steps that know nothing of the scales below their
// own leave up to a hundred thousand.
func TestScales(t *testing.T) {
	pair := func(mean, width float64) line {
		return line{[]float64{.5, .5}, []float64{-mean, mean}, []float64{width, width}}
	}
	laws := map[string]line{
		"uneven":   {[]float64{.3, .7}, []float64{-1e-3, 1e-3}, []float64{1e-4, 1e-4}},
		"three":    {[]float64{.2, .5, .3}, []float64{5 - 1e-3, 5, 5 + 2e-3}, []float64{1e-4, 2e-4, 1e-4}},
		"clusters": {[]float64{.4, .1, .2, .3}, []float64{-1.001, -.998, .999, 1.001}, []float64{1e-4, 2e-4, 1e-4, 1e-4}},
		"in one":   {[]float64{.5, .25, .25}, []float64{0, .3, .302}, []float64{1, 1e-4, 1e-4}},
	}
	for _, c := range [][2]float64{{1, .1}, {.1, .01}, {.01, .005}, {.01, 1e-3}, {1e-3, 3e-4}, {1e-3, 1e-4}, {1e-4, 1e-5}, {1e-5, 1e-6}, {1e-3, 1e-6}} {
		laws[fmt.Sprintf("%g of %g", c[0], c[1])] = pair(c[0], c[1])
	}
	for name, l := range laws {
		for _, dims := range []int{1, 3} {
			if dims > 1 && len(l.w) > 2 { // widths that differ bend the flow across
				continue
			}
			law, z, x := l.across(dims)
			for _, dir := range []float64{-1, 1} {
				gains := make([]float64, 0, len(z)/dims)
				for _, v := range l.starts() {
					gains = append(gains, math.Max(l.gain(v, dir), 1))
					if dims > 1 && dir > 0 {
						gains[len(gains)-1] = math.Max(gains[len(gains)-1], 1/l.width[0])
					}
				}
				for _, method := range []string{"adams", "dopri5"} {
					for _, tol := range []float64{1e-4, 1e-6, 1e-8, 1e-10} {
						s := Settings{Method: method, Rtol: -1, Atol: tol}
						var r *Result
						want := x
						if dir < 0 {
							r = decode(t, law, engine.Points(z, len(gains), dims), s)
						} else {
							r, want = encode(t, law, engine.Points(x, len(gains), dims), s), z
						}
						worst, at := 0., 0
						for i, v := range floats(r.X) {
							if e := math.Abs(v-want[i]) / (tol * gains[i/dims]); !(e <= worst) {
								worst, at = e, i/dims
							}
						}
						what := fmt.Sprintf("%s in %d dimensions, %s towards %+g at %g", name, dims, method, dir, tol)
						t.Logf("%s: %.1f of z = %g, %.1f evaluations", what, worst, l.starts()[at], r.Stats.NFEMean)
						if !(worst <= 60) {
							t.Errorf("%s: z = %g ends %.3g times the tolerance and the gain %.3g away", what, l.starts()[at], worst, gains[at])
						}
					}
				}
			}
		}
	}
}

// across returns the law in some dimensions, along the diagonal, with starts there beside it, and where they end.
func (l line) across(dims int) (law dist.Distribution, z, x []float64) {
	var means [][]float64
	var covs []*dist.Covariance
	along := 1 / math.Sqrt(float64(dims))
	for k, m := range l.mean {
		mean := make([]float64, dims)
		for j := range mean {
			mean[j] = m * along
		}
		means, covs = append(means, mean), append(covs, must(dist.Isotropic(dims, l.width[k]*l.width[k])))
	}
	for _, v := range l.starts() {
		q, _ := l.quantile(v, 1, 0)
		off := []float64{.7, -.7, 0}
		if dims == 1 {
			off[0] = 0
		}
		for j := range dims {
			z, x = append(z, v*along+off[j]), append(x, q*along+off[j]*l.width[0])
		}
	}
	return must(dist.NewMixture(l.w, means, covs)), z, x
}
