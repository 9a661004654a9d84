package flow

import (
	"math"
	"testing"

	"monge/engine/dist"
)

// TestEvaluations holds the default method to its count of evaluations at an error of 1e-6, interpolated between
// absolute tolerances a decade apart: the root mean square error over all samples and coordinates, and the
// largest, which is also at most 19 tolerances. The counts are those of a reference implementation of the
// algorithm on the same problems, plus fifteen percent; decoding, for which there are none, may take a quarter
// more, as the closed form's end has to be looked for from the far side. For the digits with the small
// bandwidth the largest error of some dozens of samples is one sample's, and between draws the count at it
// varies by a fifth (76 to 90 over eight draws): there the mean square alone is held.
func TestEvaluations(t *testing.T) {
	if testing.Short() {
		t.Skip("counts evaluations")
	}
	for _, c := range []struct {
		name         string
		law          dist.Distribution
		n            int
		rms, largest float64
	}{
		{"G1", dist.G1(), 256, 32, 38}, {"G2", dist.G2(), 256, 40, 49}, {"FlowMixture", flowMixture(t), 48, 33, 40},
		{"digits, h = .2016", digits(t, .2016), 64, 52, 0}, {"digits, h = .605", digits(t, .605), 64, 45, 58},
	} {
		x := c.law.Sample(5, c.n)
		z := encode(t, c.law, x, Settings{Rtol: -1, Atol: 1e-12}).X
		var nfe, rms, largest [3]float64
		for i, tol := range []float64{1e-5, 1e-6, 1e-7} {
			r := encode(t, c.law, x, Settings{Rtol: -1, Atol: tol})
			nfe[i], largest[i] = r.Stats.NFEMean, worst(t, floats(r.X), floats(z))
			for j, v := range floats(r.X) {
				d := v - floats(z)[j]
				rms[i] += d * d
			}
			rms[i] = math.Sqrt(rms[i] / float64(len(floats(z))))
			t.Logf("%s: encode at %g: %.1f (largest %.0f), %d rejected, error %.1e, largest %.1e", c.name, tol, nfe[i], r.Stats.NFEMax, r.Stats.Rejected, rms[i], largest[i])
			if c.largest > 0 && largest[i] > 19*tol {
				t.Errorf("%s: error %g at tolerance %g", c.name, largest[i], tol)
			}
		}
		// count interpolates the evaluations at which errors reach 1e-6, from the tolerances k and k + 1.
		count := func(err [3]float64, k int) float64 {
			return nfe[k] + (nfe[k+1]-nfe[k])*math.Log(1e-6/err[k])/math.Log(err[k+1]/err[k])
		}
		for _, m := range []struct {
			of        string
			got, want float64
		}{{"root mean square", count(rms, 0), c.rms}, {"largest", count(largest, 1), c.largest}} {
			t.Logf("%s: %.1f evaluations at a %s error of 1e-6", c.name, m.got, m.of)
			if m.want > 0 && m.got > 1.15*m.want {
				t.Errorf("%s: %.1f evaluations at a %s error of 1e-6, want at most %.1f", c.name, m.got, m.of, 1.15*m.want)
			}
		}
		b := decode(t, c.law, z, Settings{Rtol: -1, Atol: 1e-7})
		e := worst(t, floats(b.X), floats(x))
		t.Logf("%s: decode at 1e-7: %.1f (largest %.0f), %d rejected, error %.1e", c.name, b.Stats.NFEMean, b.Stats.NFEMax, b.Stats.Rejected, e)
		// The decoder stretches what lies between modes: G1's inner points by a hundred.
		if b.Stats.NFEMean > 1.25*1.15*nfe[2] || e > 2e-5 {
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

// digits is the law of the handwritten digits smoothed with standard deviation h.
func digits(t testing.TB, h float64) *dist.Points {
	t.Helper()
	law, err := dist.NewPoints(dist.Digits(), nil, h)
	if err != nil {
		t.Fatal(err)
	}
	return law
}
