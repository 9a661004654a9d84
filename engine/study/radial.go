package study

import (
	"fmt"
	"math"

	"monge/engine/dist"
	"monge/engine/flow"

	"gonum.org/v1/gonum/mathext"
)

// radialCase is E04: sum_k w_k N(0, s_k^2 I). The encoder is the radial quantile map
//
//	T(x) = x/|x| chi_d^-1(F(|x|)),  F(r) = sum_k w_k chi_d(r/s_k),
//
// with chi_d the distribution function of the norm of a standard normal vector. Scales far apart make shells
// with nothing between them, in large dimension many of their widths apart: a test of stiffness.
func radialCase(t *trial) error {
	dims := of(t, []int{2, 64, 784}, []int{2, 64, 784, 3072})
	for i, d := range dims {
		// The norm of a component has standard deviation s/sqrt 2 at every d: shells half of that apart.
		near := .35 / math.Sqrt(float64(d))
		if err := t.radial(fmt.Sprintf("d=%d mild shells", d), d, []float64{1, 1 + near, 1 + 3*near}, 1e-9); err != nil {
			return err
		}
		// The two shells are spread over half of the latent norms each. Where a point's shell is decided its
		// component's weight falls from 1 to 1/2 within a small part of the path.
		if err := t.radial(fmt.Sprintf("d=%d shells apart", d), d, []float64{.5, 2}, 1e-8); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) radial(name string, d int, scales []float64, tol float64) error {
	law, err := dist.NewScaleMixture(d, nil, scales)
	if err != nil {
		return err
	}
	x := t.sample(law, of(t, 16, 64))
	r, err := t.encode(law, x, strict())
	if err != nil {
		return err
	}
	want := eachRow(x, func(dst, row []float64) {
		var r2 float64
		for _, v := range row {
			r2 += v * v
		}
		var below, above float64
		for _, s := range scales {
			b, a := normMasses(d, r2/(s*s))
			below += b / float64(len(scales))
			above += a / float64(len(scales))
		}
		f := math.Sqrt(normQuantile(d, below, above) / r2)
		for k, v := range row {
			dst[k] = f * v
		}
	})
	// Relative to the norm sqrt d, which all steps see: the map's slope along the radius is below 2 in mean
	// and 100 on the shells' borders.
	t.zero(name, relative(numbers(r.X), want), t.within(tol, 100), "%.0f evaluations a sample, %.0f at most", r.Stats.NFEMean, r.Stats.NFEMax)
	s := flow.Settings{Rtol: 1e-10, Atol: 1e-10}
	asym, err := t.asymmetry(law, t.sample(law, 4), s)
	if err != nil {
		return err
	}
	// J is a multiple of I and of x x^T at every time: rounding alone.
	t.zero(name+", asym", asym.Max, t.within(1e-11, 10))
	return nil
}

// normMasses returns the probabilities that the squared norm of a standard normal vector of d coordinates is
// below and above r2.
func normMasses(d int, r2 float64) (below, above float64) {
	return mathext.GammaIncReg(float64(d)/2, r2/2), mathext.GammaIncRegComp(float64(d)/2, r2/2)
}

// normQuantile returns the squared norm with these probabilities below and above it: Newton's method on the
// smaller one's logarithm, from Wilson and Hilferty's approximation.
func normQuantile(d int, below, above float64) float64 {
	n := float64(d)
	z := lineLaw(func(float64) (float64, float64) { return below, above }).quantile(0)
	q := n * math.Pow(math.Max(1-2/(9*n)+z*math.Sqrt(2/(9*n)), .05), 3)
	lgamma, _ := math.Lgamma(n / 2)
	for range 50 {
		b, a := normMasses(d, q)
		density := math.Exp((n/2-1)*math.Log(q/2)-q/2-lgamma) / 2
		step := b / density * math.Log(b/below)
		if above < below {
			step = -a / density * math.Log(a/above)
		}
		step = math.Max(-q/2, math.Min(step, q)) // keeps q positive
		q -= step
		if math.Abs(step) <= 1e-15*q {
			break
		}
	}
	return q
}
