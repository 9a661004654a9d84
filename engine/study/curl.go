package study

import (
	"fmt"
	"math"

	"monge/engine/dist"
	"monge/engine/flow"
)

// curlCase is E23: the asymmetry of the encoder to the horizon tau. It stays 0 where the velocities' Jacobians
// commute along the flow, as in E01 to E05, and elsewhere settles by tau = 3.
func curlCase(t *trial) error {
	d := of(t, 16, 64)
	gauss, err := dist.RandomGaussian(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	plain, _, err := lineProduct(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	product, err := dist.NewRotation(plain, reflections(d, 1+t.s.Seed).matrix())
	if err != nil {
		return err
	}
	radial, err := dist.NewScaleMixture(d, nil, []float64{.5, 1, 2})
	if err != nil {
		return err
	}
	collinear, _, _, err := collinearLaw(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	cross, err := crossed()
	if err != nil {
		return err
	}
	copies, err := dist.NewCopies(dist.G1(), of(t, 32, 1536))
	if err != nil {
		return err
	}
	optimal := []namedLaw{{"Gaussian", gauss}, {"product", product}, {"radial", radial}, {"collinear", collinear}, {"G5", dist.G5()}}
	others := []namedLaw{{"G1", dist.G1()}, {"G2", dist.G2()}, {"crossed", cross}, {fmt.Sprintf("copies of G1, d=%d", copies.Dim()), copies}}
	taus := of(t, []float64{.1, .5, 1, 3}, []float64{.03, .1, .2, .3, .5, .7, 1, 1.5, 2, 3, 5})
	fig := Figure{Title: "asymmetry of the encoder to the horizon", X: "tau", Y: "|J - J^T|/|J|", LogX: true}
	for i, l := range append(optimal, others...) {
		points := of(t, 16, 64)
		if l.law.Dim() > 1000 { // many independent blocks: each point is as good as many
			points = 8
		}
		x := t.sample(l.law, points)
		limit, err := t.asymmetry(l.law, x, flow.Settings{Rtol: 1e-10, Atol: 1e-10})
		if err != nil {
			return err
		}
		curve := Curve{Name: l.name}
		for _, tau := range taus {
			a, err := t.asymmetry(l.law, x, flow.Settings{Rtol: 1e-10, Atol: 1e-10, Tau: tau})
			if err != nil {
				return err
			}
			curve.X, curve.Y = append(curve.X, tau), append(curve.Y, a.Mean)
			if i < len(optimal) {
				// Rounding alone: the steps' own error is symmetric too.
				t.zero(fmt.Sprintf("%s asym(%g)", l.name, tau), a.Max, t.within(1e-12, 10))
			} else if tau == 3 {
				// What is left of the flow turns J by O(exp(-2 tau)).
				t.row(l.name+" asym(3) over its limit", 1, a.Mean/limit.Mean, .02, "limit %.4g, mean over %d points", limit.Mean, limit.Points)
			}
			if err := t.ctx.Err(); err != nil {
				return err
			}
		}
		if i < len(optimal) {
			t.zero(l.name+" asym of the limit", limit.Max, t.within(1e-12, 10))
		} else {
			// Growing from 0, so that the first horizon has less than half of it.
			t.row(l.name+" asym grows", 0, math.Max(0, curve.Y[0]/limit.Mean-.5), 0, "asym(%g) = %.3g", taus[0], curve.Y[0])
			fig.Curves = append(fig.Curves, curve)
		}
		if err := t.done(i+1, len(optimal)+len(others)); err != nil {
			return err
		}
	}
	t.figure(fig)
	return nil
}
