package flow

import (
	"math"
	"testing"

	"monge/engine/dist"
)

// TestEvaluations holds the default method to its count of evaluations at a largest error of 1e-6 over all
// samples and coordinates, interpolated between tolerances a decade apart (absolute), and to errors of at most
// 19 tolerances. The counts are those of a reference implementation of the algorithm on the same problems,
// plus fifteen percent; decoding, for which there are none, may take a quarter more, as the closed form's end
// has to be looked for from the far side.
func TestEvaluations(t *testing.T) {
	for _, c := range []struct {
		name string
		law  dist.Distribution
		n    int
		nfe  float64
	}{{"G1", dist.G1(), 256, 38}, {"G2", dist.G2(), 256, 49}, {"FlowMixture", flowMixture(t), 48, 40}} {
		x := c.law.Sample(5, c.n)
		z := encode(t, c.law, x, Settings{Rtol: -1, Atol: 1e-12}).X
		var nfe, err [2]float64
		for i, tol := range []float64{1e-6, 1e-7} {
			r := encode(t, c.law, x, Settings{Rtol: -1, Atol: tol})
			nfe[i], err[i] = r.Stats.NFEMean, worst(t, floats(r.X), floats(z))
			t.Logf("%s: encode at %g: %.1f (largest %.0f), %d rejected, error %.1e", c.name, tol, nfe[i], r.Stats.NFEMax, r.Stats.Rejected, err[i])
			if err[i] > 19*tol {
				t.Errorf("%s: error %g at tolerance %g", c.name, err[i], tol)
			}
		}
		at := nfe[0] + (nfe[1]-nfe[0])*math.Log(1e-6/err[0])/math.Log(err[1]/err[0])
		t.Logf("%s: %.1f evaluations at an error of 1e-6", c.name, at)
		if at > 1.15*c.nfe {
			t.Errorf("%s: %.1f evaluations at an error of 1e-6, want at most %.1f", c.name, at, 1.15*c.nfe)
		}
		b := decode(t, c.law, z, Settings{Rtol: -1, Atol: 1e-7})
		e := worst(t, floats(b.X), floats(x))
		t.Logf("%s: decode at 1e-7: %.1f (largest %.0f), %d rejected, error %.1e", c.name, b.Stats.NFEMean, b.Stats.NFEMax, b.Stats.Rejected, e)
		// The decoder stretches what lies between modes: G1's inner points by a hundred.
		if b.Stats.NFEMean > 1.25*1.15*nfe[1] || e > 2e-5 {
			t.Errorf("%s: decoding takes %.1f evaluations, error %g", c.name, b.Stats.NFEMean, e)
		}
	}
}

// flowMixture is the mixture of the benchmark of that name: 16 components with full covariances, d = 64.
func flowMixture(t testing.TB) *dist.Mixture {
	t.Helper()
	law, err := dist.RandomMixture(16, 64, 7)
	if err != nil {
		t.Fatal(err)
	}
	return law
}
