package study

import (
	"fmt"
	"math"

	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
)

// gaussianCase is E01: N(c, S) with a random mean and a covariance of random spectrum .1 to 10 and random
// eigenvectors. The encoder is S^-1/2 (x - c), which is the optimal map, and to a finite horizon
// a c + S_tau^1/2 S^-1/2 (x - c), S_tau = a^2 S + (1 - a^2) I.
func gaussianCase(t *trial) error {
	dims := of(t, []int{2, 64, 784}, []int{2, 64, 784, 3072, 12288})
	for i, d := range dims {
		law, err := dist.RandomGaussian(d, 1+t.s.Seed)
		if err != nil {
			return err
		}
		if err := t.gaussian(law); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) gaussian(law *dist.Gaussian) error {
	d := law.Dim()
	name := func(what string) string { return fmt.Sprintf("d=%d %s", d, what) }
	x := t.sample(law, 64)
	latents := func(tau float64) []float64 {
		a := math.Exp(-tau)
		return eachRow(x, func(dst, row []float64) {
			for k, c := range law.Mean() {
				dst[k] = row[k] - c
			}
			law.Covariance().Apply(dst, dst, func(l float64) float64 { return math.Sqrt((a*a*l - math.Expm1(-2*tau)) / l) })
			for k, c := range law.Mean() {
				dst[k] += a * c
			}
		})
	}
	limit := latents(math.Inf(1))
	r, err := t.encode(law, x, strict())
	if err != nil {
		return err
	}
	// Rounding of a few products of the largest latent, about 4.
	t.zero(name("closed form"), farthest(numbers(r.X), limit), t.within(1e-12, 10))
	s := strict()
	s.Tau = .7
	if r, err = t.encode(law, x, s); err != nil {
		return err
	}
	want := latents(.7)
	t.zero(name("closed form, tau = .7"), relative(numbers(r.X), want), t.within(1e-12, 10))

	// An integrator that knows nothing of Gaussians, at a tolerance of 1e-10: variances of .1 expand the
	// error of a step by 3, and a hundred steps add up.
	s = flow.Settings{Method: "dopri5", Rtol: 1e-10, Atol: 1e-10}
	few := t.sample(law, 4)
	asym, err := t.asymmetry(law, few, s)
	if err != nil {
		return err
	}
	// The velocities' Jacobians commute: only rounding is left, and in float32 that of 2^-24 a step.
	t.zero(name("asym, integrated"), asym.Max, t.within(1e-13, 3))
	if r, err = t.encode(law, few, s); err != nil {
		return err
	}
	t.zero(name("integrated"), farthest(numbers(r.X), limit[:4*d]), t.within(1e-8, 100))
	s.Tau = .7
	if r, err = t.encode(law, few, s); err != nil {
		return err
	}
	t.zero(name("integrated, tau = .7"), relative(numbers(r.X), want[:4*d]), t.within(1e-8, 100))
	return t.gaussianCost(law, name)
}

// gaussianCost compares the encoder's cost on a cloud with the exact optimum of the cloud, with the Bures
// distance of its moments, and with that of the law.
func (t *trial) gaussianCost(law *dist.Gaussian, name func(string) string) error {
	x := t.sample(law, of(t, 200, 500))
	r, err := t.encode(law, x, strict())
	if err != nil {
		return err
	}
	c, err := t.certify(x, r.X)
	if err != nil {
		return err
	}
	t.zero(name("eps_rel"), c.RelativeUpper, t.within(1e-9, 1), "n = %d, moved %g, slack margin %.3g", c.N, c.MovedFraction, c.SlackMargin)
	// The cloud's moments are mapped by the same matrix, so the equality holds for them too.
	bures, err := ot.Gelbrich(t.ctx, ot.Clouds{X: x, Y: r.X})
	if err != nil {
		return err
	}
	t.row(name("cost against Bures of the cloud"), bures, c.Cost, t.within(1e-9, 10)*bures)
	mean, values := law.Spectrum()
	var population float64
	for i, l := range values {
		population += mean[i]*mean[i] + (math.Sqrt(l)-1)*(math.Sqrt(l)-1)
	}
	_, stderr := meanSquare(numbers(x), numbers(r.X), law.Dim())
	t.row(name("cost against Bures of the law"), population, c.Cost, 5*stderr, "five standard errors of n = %d draws", c.N)
	return nil
}
