package study

import (
	"fmt"
	"math"
	"slices"

	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/rng"
)

// collinearCase is E05: components of one covariance S whose means lie on a line along an eigenvector u of S.
// Along u the law is a mixture on the line, across it is normal and independent of it, so the encoder is the
// quantile map along u and S^-1/2 across: the gradient of a convex function.
func collinearCase(t *trial) error {
	if err := t.collinear("G5", dist.G5(), dist.G5().Dim()); err != nil {
		return err
	}
	dims := of(t, []int{2, 64, 784}, []int{2, 64, 784, 3072})
	for i, d := range dims {
		law, want, slopes, err := collinearLaw(d, 1+t.s.Seed)
		if err != nil {
			return err
		}
		x := t.sample(law, 16)
		r, err := t.encode(law, x, strict())
		if err != nil {
			return err
		}
		// Scales of .3 expand the error of a step by 3, and a hundred steps add up.
		t.zero(fmt.Sprintf("d=%d map", d), farthest(numbers(r.X), eachRow(x, want)), t.within(1e-9, 1000))
		if err := t.least(fmt.Sprintf("d=%d", d), law, slopes); err != nil {
			return err
		}
		if err := t.collinear(fmt.Sprintf("d=%d", d), law, d); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	return nil
}

// least compares the smallest eigenvalue of J, found from products with J and J^-1, with the smallest slope of
// the map at the same points.
func (t *trial) least(name string, law dist.Distribution, slopes func(x []float64) float64) error {
	x := t.sample(law, 4)
	got, err := flow.KrylovEigenvalue(t.ctx, t.e, t.s.Dtype, law, x, &flow.EigenSettings{Seed: t.s.Seed, Dims: of(t, 12, 20), Flow: flow.Settings{Rtol: 1e-10, Atol: 1e-10}})
	if err != nil {
		return err
	}
	worst, d := 0.0, law.Dim()
	for i, v := range got {
		worst = math.Max(worst, math.Abs(v/slopes(numbers(x)[i*d:(i+1)*d])-1))
	}
	// A Krylov space of a dozen dimensions is never below, and above by one or two hundredths where, as here, hundreds of
	// eigenvalues crowd at the small end.
	t.zero(name+" smallest eigenvalue of J", worst, .03, "relative")
	return nil
}

// collinear holds a law's Jacobian and coupling to what an optimal map has.
func (t *trial) collinear(name string, law dist.Distribution, d int) error {
	asym, err := t.asymmetry(law, t.sample(law, 8), strict())
	if err != nil {
		return err
	}
	// The velocities' Jacobians commute at every time: rounding alone.
	t.zero(name+" asym", asym.Max, t.within(1e-12, 10))
	x := t.sample(law, 200)
	r, err := t.encode(law, x, flow.Settings{Rtol: 1e-10, Atol: 1e-10})
	if err != nil {
		return err
	}
	c, err := t.certify(x, r.X)
	if err != nil {
		return err
	}
	// The solver's own bound of a certified optimum; in the plane, float32 latents may exchange near ties.
	t.zero(name+" eps_rel", c.RelativeUpper, t.within(1e-9, 10), "n = %d, moved %g, slack margin %.3g", c.N, c.MovedFraction, c.SlackMargin)
	return nil
}

// collinearLaw returns three components along a random direction, variances .1 to 2, with the optimal map and
// its smallest slope at a point.
func collinearLaw(d int, seed uint64) (law *dist.Mixture, want func(dst, row []float64), slopes func(row []float64) float64, err error) {
	along := lineMixture{w: []float64{.5, .3, .2}, m: []float64{-2, .5, 3}}
	variances := make([]float64, d)
	rng.Uniforms(variances, seed, turnStream+8, 0)
	for i, u := range variances {
		variances[i] = .1 * math.Pow(20, u)
	}
	variances[0] = .25
	along.s = []float64{.5, .5, .5}
	turn := reflections(d, seed)
	cov, err := dist.Reflected(variances, turn)
	if err != nil {
		return nil, nil, nil, err
	}
	u := make([]float64, d)
	u[0] = 1
	turn.apply(u)
	means := make([][]float64, len(along.m))
	for k, m := range along.m {
		means[k] = make([]float64, d)
		for i, v := range u {
			means[k][i] = m * v
		}
	}
	law, err = dist.NewMixture(along.w, means, []*dist.Covariance{cov})
	want = func(dst, row []float64) {
		copy(dst, row)
		turn.transposed(dst)
		dst[0] = lineLaw(along.masses).quantile(dst[0])
		for i := 1; i < d; i++ {
			dst[i] /= math.Sqrt(variances[i])
		}
		turn.apply(dst)
	}
	slopes = func(row []float64) float64 {
		y := slices.Clone(row)
		turn.transposed(y)
		return math.Min(along.slope(y[0]), 1/math.Sqrt(slices.Max(variances[1:])))
	}
	return law, want, slopes, err
}
