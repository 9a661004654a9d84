package bound_test

import (
	"math"
	"testing"

	"monge/engine/bound"
	"monge/engine/dist"
)

// isotropic returns N(0, v I).
func isotropic(t testing.TB, d int, v float64) *dist.Gaussian {
	t.Helper()
	c, err := dist.Isotropic(d, v)
	if err != nil {
		t.Fatal(err)
	}
	g, err := dist.NewGaussian(make([]float64, d), c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ddpm(t testing.TB) *bound.Process {
	t.Helper()
	p, err := bound.Linear(.1, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// curves are those of the scaled exact score on a Gaussian.
func curves(p *bound.Process, law *dist.Gaussian, delta, start float64) bound.Curves {
	c := bound.Curves{Start: start}
	g, l := bound.NewGaussian(law, delta), law.OneSided()
	for _, t := range p.Times() {
		c.Error = append(c.Error, delta*delta*g.Fisher(t))
		c.Lipschitz = append(c.Lipschitz, (1+delta)*l(t.Alpha, t.Sigma))
	}
	return c
}

// TestGoldenGaussian holds the printed digits of the table of one-dimensional Gaussians, and sqrt(d) times them.
func TestGoldenGaussian(t *testing.T) {
	for _, c := range []struct{ v, delta, j, sde, sdeTheorem, sdeCorollary, ode, odeTheorem, odeCorollary, sdeOffset, odeOffset float64 }{
		{.25, 0, 0, 0, 2.7e-8, 0, 8.10e-6, 8.10e-6, 0, 2.66e-8, 8.10e-6},
		{.25, .05, .01430, .023269, .045370, .080609, .124328, .124340, .124762, 1.5e-8, 6.1e-6},
		{.25, .2, .22873, .077423, .142809, .285810, .340667, .340672, .358384, 2.7e-9, 2.6e-6},
		{4, .05, .01083, .093068, .180270, .280637, .389594, .389594, .390354, 1.1e-6, 1.0e-4},
	} {
		for _, d := range []int{1, 3072} {
			law, p := isotropic(t, d, c.v), ddpm(t)
			g := bound.NewGaussian(law, c.delta)
			loss, sde, ode := p.Bounds(curves(p, law, c.delta, g.Start(p.End())))
			root := math.Sqrt(float64(d))
			check := func(what string, got, want, unit float64) {
				t.Helper()
				if math.Abs(got-want) > unit { // half a unit of the last printed digit, and rounding
					t.Errorf("v %v delta %v d %d: %s = %.7g, want %.7g", c.v, c.delta, d, what, got, want)
				}
			}
			sdeUnit, odeUnit := 5.1e-7, 5.1e-7
			if c.delta == 0 { // printed with fewer digits
				sdeUnit, odeUnit = 5.1e-10, 5.1e-9
			}
			check("J_SM", loss/float64(d), c.j, 5.1e-6)
			check("SDE W2", g.SDE(p, true)/root, c.sde, sdeUnit)
			check("SDE theorem", sde.Theorem/root, c.sdeTheorem, sdeUnit)
			check("ODE W2", g.ODE(p, true)/root, c.ode, odeUnit)
			check("ODE theorem", ode.Theorem/root, c.odeTheorem, odeUnit)
			check("SDE offset", sde.Offset/root/c.sdeOffset, 1, .04)
			check("ODE offset", ode.Offset/root/c.odeOffset, 1, .05) // printed to two digits
			if c.delta != 0 {
				check("SDE corollary", sde.Corollary/root, c.sdeCorollary, 5.1e-7)
				check("ODE corollary", ode.Corollary/root, c.odeCorollary, 5.1e-7)
			}
		}
	}
}

// TestWeightings holds theorem <= corollary for any weighting of the loss (Cauchy-Schwarz), with the plain corollary for
// constant weights, and equality for the weight that makes the integrand of both factors the same.
func TestWeightings(t *testing.T) {
	law, p := isotropic(t, 1, .25), ddpm(t)
	c := curves(p, law, .2, 0)
	_, plain, _ := p.Bounds(c)
	n := len(p.Times())
	weigh := func(f func(k int) float64) bound.Side {
		c.Weight = make([]float64, n)
		for k := range n {
			c.Weight[k] = f(k)
		}
		_, sde, _ := p.Bounds(c)
		return sde
	}
	if s := weigh(func(int) float64 { return 7 }); math.Abs(s.Corollary/plain.Corollary-1) > 1e-13 || s.Theorem != plain.Theorem {
		t.Errorf("constant weights: %v, %v; without %v, %v", s.Theorem, s.Corollary, plain.Theorem, plain.Corollary)
	}
	simple := weigh(func(k int) float64 { at := p.Times()[k]; return at.Sigma * at.Sigma / at.Rate })
	if !(simple.Corollary > simple.Theorem) {
		t.Errorf("sigma^2 weights: corollary %v, theorem %v", simple.Corollary, simple.Theorem)
	}
	// rho b = I^2/rho: rho = I/sqrt(b).
	rate := make([]float64, n)
	for k, l := range c.Lipschitz {
		rate[k] = .5 + l
	}
	growth, _ := p.Cumulate(rate)
	best := weigh(func(k int) float64 { return math.Exp(growth[k]) / math.Sqrt(c.Error[k]) })
	if math.Abs(best.Corollary/best.Theorem-1) > 1e-12 {
		t.Errorf("the best weights: corollary %v, theorem %v", best.Corollary, best.Theorem)
	}
}
