package flow

import (
	"context"
	"testing"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// laws returns one law of every kind whose density is known, uneven on purpose.
func laws(t testing.TB) map[string]dist.Distribution {
	t.Helper()
	must := func(d dist.Distribution, err error) dist.Distribution {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	// Duplicates, an outlier and a point without weight.
	y := engine.Points([]float64{0, 0, 0, 0, 1, .2, 9, -4, -1, 1, .3, .4}, 6, 2)
	pts := must(dist.NewPoints(y, []float64{1, 2, 1, .5, 0, 3}, .25))
	one, _, _, _ := mixture1D(t)
	gauss := must(dist.RandomGaussian(3, 2))
	return map[string]dist.Distribution{
		"G1":              dist.G1(),
		"points":          pts,
		"scale mixture":   must(dist.NewScaleMixture(3, []float64{.2, .8}, []float64{.5, 2})),
		"product":         must(dist.NewProduct(dist.G2(), one, gauss)),
		"gaussians":       must(dist.NewProduct(gauss, gauss)),
		"copies":          must(dist.NewCopies(dist.G1(), 3)),
		"rotated":         must(dist.NewRotation(must(dist.NewProduct(one, dist.G5())), rotation(3, 8))),
		"rotated normals": must(dist.NewRotation(must(dist.NewCopies(gauss, 2)), rotation(6, 8))),
	}
}

// TestLikelihood compares the flow's density and both directions' Jacobians on every kind of law with closed
// forms and with an integration without any.
func TestLikelihood(t *testing.T) {
	for name, law := range laws(t) {
		t.Run(name, func(t *testing.T) {
			x := law.Sample(6, 11)
			want, err := LogDensity(context.Background(), newEngine(t), engine.F64, law, x)
			if err != nil {
				t.Fatal(err)
			}
			s := Settings{Rtol: 1e-10, Atol: 1e-10, Jacobian: true, LogP: true}
			rk := s
			rk.Method = "dopri5"
			for what, run := range map[string]func(testing.TB, dist.Distribution, *tensor.Dense, Settings) *Result{"encode": encode, "decode": decode} {
				start := x
				if what == "decode" {
					start = encode(t, law, x, Settings{Rtol: 1e-12, Atol: 1e-12}).X
				}
				a, b := run(t, law, start, s), run(t, law, start, rk)
				// 1e-10 a step, expanded by up to 1/.15, and the same again for derivatives.
				if e := worst(t, floats(a.X), floats(b.X)); e > 1e-8 {
					t.Errorf("%s: adams and dopri5 differ by %g", what, e)
				}
				if e := worst(t, floats(a.Jacobian), floats(b.Jacobian)); e > 1e-6 {
					t.Errorf("%s: Jacobians of adams and dopri5 differ by %g", what, e)
				}
				if e := worst(t, a.LogP, want); e > 1e-7 {
					t.Errorf("%s: log density off by %g", what, e)
				}
				if e := worst(t, b.LogP, want); e > 1e-7 {
					t.Errorf("%s: dopri5's log density off by %g", what, e)
				}
				if _, gaussian := law.(dist.GaussianLaw); gaussian && a.Stats.NFEMax != 0 {
					t.Errorf("%s: %g evaluations of a Gaussian", what, a.Stats.NFEMax)
				}
			}
		})
	}
}
