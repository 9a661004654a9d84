package study

import (
	"fmt"
	"math"

	"monge/engine/bound"
	"monge/engine/dist"
)

// centred returns N(0, diag(vars)).
func centred(vars []float64) (*dist.Gaussian, error) {
	c, err := dist.Diagonal(vars)
	if err != nil {
		return nil, err
	}
	return dist.NewGaussian(make([]float64, len(vars)), c)
}

func repeat(v float64, d int) []float64 {
	x := make([]float64, d)
	for i := range x {
		x[i] = v
	}
	return x
}

// boundGoldenCase is B01: N(0, v I) with a score that is too large by delta, the linear schedule .1 to 20 from N(0, I).
// The numbers are those of one coordinate; d of them multiply distances by sqrt(d) and losses by d.
func boundGoldenCase(t *trial) error {
	p, err := bound.Linear(.1, 20, 1)
	if err != nil {
		return err
	}
	for _, c := range []struct{ v, delta, j, sde, sdeTheorem, sdeCorollary, ode, odeTheorem, odeCorollary float64 }{
		{.25, 0, 0, 0, 2.7e-8, math.NaN(), 8.10e-6, 8.10e-6, math.NaN()},
		{.25, .05, .01430, .023269, .045370, .080609, .124328, .124340, .124762},
		{.25, .2, .22873, .077423, .142809, .285810, .340667, .340672, .358384},
		{4, .05, .01083, .093068, .180270, .280637, .389594, .389594, .390354},
	} {
		for _, d := range []int{1, 3072} {
			law, err := centred(repeat(c.v, d))
			if err != nil {
				return err
			}
			r, err := bound.Estimate(t.ctx, t.e, p, law, bound.Settings{Delta: c.delta, Clouds: -1, Seed: t.s.Seed, Dtype: t.s.Dtype})
			if err != nil {
				return err
			}
			// Half a unit of the last printed digit, and rounding.
			row := func(what string, want, got, digit float64) {
				if !math.IsNaN(want) {
					t.row(fmt.Sprintf("v=%g delta=%g d=%d %s", c.v, c.delta, d, what), want, got, .51*digit)
				}
			}
			root, sde, ode := math.Sqrt(float64(d)), 1e-6, 1e-6
			if c.delta == 0 { // printed with fewer digits
				sde, ode = 1e-9, 1e-8
			}
			row("J_SM", c.j, r.JSM/float64(d), 1e-5)
			row("SDE W2", c.sde, r.SDEW2/root, sde)
			row("SDE theorem", c.sdeTheorem, r.SDE.Theorem/root, sde)
			row("SDE corollary", c.sdeCorollary, r.SDE.Corollary/root, sde)
			row("ODE W2", c.ode, r.ODEW2/root, ode)
			row("ODE theorem", c.odeTheorem, r.ODE.Theorem/root, ode)
			row("ODE corollary", c.odeCorollary, r.ODE.Corollary/root, ode)
		}
	}
	return nil
}

// boundOrderCase is B02: anisotropic spectra lambda_k = k^-p. Every bound lies above what it bounds.
func boundOrderCase(t *trial) error {
	p, err := bound.Linear(.1, 20, 1)
	if err != nil {
		return err
	}
	f := Figure{Title: "W2 and its bounds, lambda_k = k^-1, delta = .05", X: "d", Y: "W2", LogX: true, LogY: true, Curves: []Curve{
		{Name: "W2"}, {Name: "Alekseev-Groebner"}, {Name: "ODE theorem"}, {Name: "ODE corollary"},
	}}
	dims := []int{2, 16, 128, 3072}
	for i, d := range dims {
		for _, power := range []float64{.5, 1, 2} {
			vars := make([]float64, d)
			for k := range vars {
				vars[k] = math.Pow(float64(k+1), -power)
			}
			law, err := centred(vars)
			if err != nil {
				return err
			}
			r, err := bound.Estimate(t.ctx, t.e, p, law, bound.Settings{Delta: .05, Clouds: -1, Dtype: t.s.Dtype})
			if err != nil {
				return err
			}
			name := fmt.Sprintf("d=%d k^-%g ", d, power)
			// The excess of the smaller number over the larger: 0 but for rounding and quadrature.
			above := func(what string, smaller, larger float64) {
				t.zero(name+what, math.Max(0, smaller/larger-1), 1e-9, "%.6g <= %.6g", smaller, larger)
			}
			above("W2 <= Alekseev-Groebner", r.ODEW2, r.Posterior)
			above("Alekseev-Groebner <= ODE theorem", r.Posterior, r.ODE.Theorem)
			above("ODE theorem <= corollary", r.ODE.Theorem, r.ODE.Corollary)
			above("SDE W2 <= theorem", r.SDEW2, r.SDE.Theorem)
			above("SDE theorem <= corollary", r.SDE.Theorem, r.SDE.Corollary)
			if power == 1 {
				for j, y := range []float64{r.ODEW2, r.Posterior, r.ODE.Theorem, r.ODE.Corollary} {
					f.Curves[j].X, f.Curves[j].Y = append(f.Curves[j].X, float64(d)), append(f.Curves[j].Y, y)
				}
			}
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	t.figure(f)
	return nil
}

// sigmoidSteps is the process of Kwon, Fan and Lee's experiment with n steps: 10 in the paper.
func sigmoidSteps(n int) (*bound.Process, error) { return bound.Discrete(bound.Sigmoid(n, 1e-5, 1e-2)) }

// boundExactCase is B03: the discrete experiment with the exact score. The floor is the loss of noise prediction, a mean
// over the coordinates, that no model passes.
func boundExactCase(t *trial) error {
	p, err := sigmoidSteps(10)
	if err != nil {
		return err
	}
	alpha := p.End().Alpha
	t.row("alpha^2 at the end", .95098, alpha*alpha, 5.1e-6)
	law, err := centred(repeat(.1, 2))
	if err != nil {
		return err
	}
	r, err := bound.Estimate(t.ctx, t.e, p, law, bound.Settings{Marginal: true, Clouds: -1, Dtype: t.s.Dtype})
	if err != nil {
		return err
	}
	t.row("Gaussian: log of half the floor", .95973, math.Log(r.JDSM/2), 5.1e-6)
	t.row("Gaussian: log intercept", -1.37023, r.SDE.LogIntercept, 5.1e-6)
	clusters, err := dist.Clusters(.0125)
	if err != nil {
		return err
	}
	r, err = bound.Estimate(t.ctx, t.e, p, clusters, bound.Settings{Marginal: true, Lipschitz: bound.AllPairs, Spacing: .1, Samples: 2, Clouds: -1, Dtype: t.s.Dtype})
	if err != nil {
		return err
	}
	t.row("clusters: log intercept", 14.097, r.SDE.LogIntercept, t.within(5.1e-4, 100),
		"L_s by pairs of a grid of spacing .1; the steepest place between two clusters is narrower than that")
	analytic, err := bound.Estimate(t.ctx, t.e, p, clusters, bound.Settings{Marginal: true, Samples: 2, Clouds: -1, Dtype: t.s.Dtype})
	if err != nil {
		return err
	}
	t.zero("clusters: grid <= analytic", math.Max(0, r.Lipschitz/analytic.Lipschitz-1), 1e-9, "the analytic log intercept is %.5g", analytic.SDE.LogIntercept)
	return nil
}
