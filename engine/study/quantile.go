package study

import (
	"math"

	"monge/engine/dist"
	"monge/engine/rng"

	"gonum.org/v1/gonum/mathext"
)

// lineLaw is a law on the line by its distribution function: the masses below and above x, each to its own
// relative precision.
type lineLaw func(x float64) (below, above float64)

// quantile returns Phi^-1(F(x)), the optimal map from the law to the standard normal.
func (f lineLaw) quantile(x float64) float64 {
	below, above := f(x)
	if below < above {
		return mathext.NormalQuantile(below)
	}
	return -mathext.NormalQuantile(above)
}

// normalMasses returns Phi(x) and Phi(-x).
func normalMasses(x float64) (below, above float64) {
	return math.Erfc(-x/math.Sqrt2) / 2, math.Erfc(x/math.Sqrt2) / 2
}

// lineMixture is sum_k w_k N(m_k, s_k^2) on the line, w summing to 1.
type lineMixture struct{ w, m, s []float64 }

func (l lineMixture) masses(x float64) (below, above float64) {
	for k, w := range l.w {
		b, a := normalMasses((x - l.m[k]) / l.s[k])
		below += w * b
		above += w * a
	}
	return below, above
}

// slope returns the derivative of the quantile map, p(x)/phi(T(x)).
func (l lineMixture) slope(x float64) float64 {
	var p float64
	for k, w := range l.w {
		z := (x - l.m[k]) / l.s[k]
		p += w / l.s[k] * math.Exp(-z*z/2)
	}
	z := lineLaw(l.masses).quantile(x)
	return p * math.Exp(z*z/2)
}

// law returns the mixture for the flow.
func (l lineMixture) law() (dist.Distribution, error) {
	means, covs := make([][]float64, len(l.w)), make([]*dist.Covariance, len(l.w))
	for k, s := range l.s {
		means[k] = []float64{l.m[k]}
		var err error
		if covs[k], err = dist.Isotropic(1, s*s); err != nil {
			return nil, err
		}
	}
	return dist.NewMixture(l.w, means, covs)
}

// randomLine returns a mixture of k components, means of standard deviation 2 and scales .3 to 1.
func randomLine(k int, seed uint64) lineMixture {
	src := rng.NewSource(seed, lineStream)
	l := lineMixture{}
	var sum float64
	for range k {
		l.w = append(l.w, .5+src.Float64())
		l.m = append(l.m, 2*src.Normal())
		l.s = append(l.s, .3+.7*src.Float64())
		sum += l.w[len(l.w)-1]
	}
	for i := range l.w {
		l.w[i] /= sum
	}
	return l
}

// lineStream separates the numbers of randomLine from those of laws.
const lineStream = 0x6c696e65

// scaleMixtureOnLine returns the mixture of N(0, h^2 + variance(t)) with masses density(t) dt, t over a grid
// of the given step from lo to hi: the trapezoid rule, which converges faster than any power for smooth
// integrands that vanish at both ends.
func scaleMixtureOnLine(h, lo, hi, step float64, variance, density func(t float64) float64) lineMixture {
	var l lineMixture
	var sum float64
	for i := 0; lo+float64(i)*step <= hi; i++ {
		u := lo + float64(i)*step
		w := density(u)
		if w == 0 {
			continue
		}
		l.w, l.m, l.s = append(l.w, w), append(l.m, 0), append(l.s, math.Sqrt(h*h+variance(u)))
		sum += w
	}
	for i := range l.w {
		l.w[i] /= sum
	}
	return l
}

// laplace returns the law of density exp(-|x|/b)/(2b) with noise of standard deviation h: as a mixture for
// the flow, X = b sqrt(2 W) Z with W exponential and W = e^t, and as its own closed distribution function
//
//	F(x) = Phi(x/h) + e^(h^2/2b^2)/2 (e^(x/b) Phi(-x/h - h/b) - e^(-x/b) Phi(x/h - h/b)).
func laplace(b, h float64) (lineMixture, lineLaw) {
	l := scaleMixtureOnLine(h, -34, 4, .2, func(t float64) float64 { return 2 * b * b * math.Exp(t) },
		func(t float64) float64 { return math.Exp(t - math.Exp(t)) })
	below := func(x float64) float64 {
		p, _ := normalMasses(x / h)
		up, _ := normalMasses(-x/h - h/b)
		down, _ := normalMasses(x/h - h/b)
		return p + math.Exp(h*h/(2*b*b))/2*(math.Exp(x/b)*up-math.Exp(-x/b)*down)
	}
	return l, func(x float64) (float64, float64) { return below(x), below(-x) }
}

// student returns Student's law with 5 degrees of freedom and noise of standard deviation h: as a mixture for
// the flow, X = Z sqrt(5/V) with V chi-squared and V/2 = e^t, and as the integral of its own distribution
// function
//
//	F(x) = int F_5(x - h z) phi(z) dz,
//
// by the trapezoid rule, for which it is analytic in a strip of half width sqrt(5)/h.
func student(h float64) (lineMixture, lineLaw) {
	l := scaleMixtureOnLine(h, -16, 5, .1, func(t float64) float64 { return 5 / (2 * math.Exp(t)) },
		func(t float64) float64 { return math.Exp(2.5*t - math.Exp(t)) })
	below := func(x float64) float64 {
		const step = .125
		var sum, weights float64
		for i := -72; i <= 72; i++ { // |z| <= 9
			z := step * float64(i)
			w := math.Exp(-z * z / 2)
			sum += w * studentBelow(x-h*z)
			weights += w
		}
		return sum / weights
	}
	return l, func(x float64) (float64, float64) { return below(x), below(-x) }
}

// studentBelow is F_5(x) = 1/2 + (theta + sin 2 theta (2 + cos 2 theta)/3 ...)/pi with theta = atan(x/sqrt 5);
// below zero it is half the regularised incomplete beta function, which keeps the tail's digits.
func studentBelow(x float64) float64 {
	tail := mathext.RegIncBeta(2.5, .5, 5/(5+x*x)) / 2
	if x > 0 {
		return 1 - tail
	}
	return tail
}
