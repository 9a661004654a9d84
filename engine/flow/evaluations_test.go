package flow

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine/dist"

	"gonum.org/v1/gonum/mat"
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

// flowMixture is a mixture of 16 components with full covariances in 64 dimensions, standard normal means and
// eigenvalues log-uniform in [.05, 2].
func flowMixture(t testing.TB) *dist.Mixture {
	t.Helper()
	const k, d = 16, 64
	r := rand.New(rand.NewPCG(7, 7))
	w := make([]float64, k)
	means := make([][]float64, k)
	covs := make([]*dist.Covariance, k)
	for i := range k {
		w[i] = r.Float64() + .5
		means[i] = make([]float64, d)
		l := make([]float64, d)
		for j := range d {
			means[i][j] = r.NormFloat64()
			l[j] = .05 * math.Pow(40, r.Float64())
		}
		q := rotation(d, uint64(i))
		var c mat.Dense
		c.Product(q, mat.NewDiagDense(d, l), q.T())
		sym := mat.NewSymDense(d, nil)
		for a := range d {
			for b := range a + 1 {
				sym.SetSym(a, b, (c.At(a, b)+c.At(b, a))/2)
			}
		}
		var err error
		if covs[i], err = dist.Full(sym); err != nil {
			t.Fatal(err)
		}
	}
	law, err := dist.NewMixture(w, means, covs)
	if err != nil {
		t.Fatal(err)
	}
	return law
}

// BenchmarkFlow encodes and decodes at a tolerance of 1e-7 and reports evaluations and time a sample.
func BenchmarkFlow(b *testing.B) {
	digits := func(h float64) dist.Distribution {
		p, err := dist.NewPoints(dist.Digits(), nil, h)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name string
		law  dist.Distribution
		n    int
	}{{"G1", dist.G1(), 1024}, {"G2", dist.G2(), 1024}, {"FlowMixture", flowMixture(b), 512}, {"Digits/h=.2016", digits(.2016), 128}, {"Digits/h=.605", digits(.605), 128}} {
		x := c.law.Sample(1, c.n)
		s := Settings{Rtol: -1, Atol: 1e-7}
		b.Run(c.name+"/encode", func(b *testing.B) {
			for b.Loop() {
				r := encode(b, c.law, x, s)
				b.ReportMetric(r.Stats.NFEMean, "nfe")
				b.ReportMetric(r.Stats.Seconds/float64(c.n)*1e6, "us/sample")
			}
		})
		z := encode(b, c.law, x, s).X
		b.Run(c.name+"/decode", func(b *testing.B) {
			for b.Loop() {
				r := decode(b, c.law, z, s)
				b.ReportMetric(r.Stats.NFEMean, "nfe")
				b.ReportMetric(r.Stats.Seconds/float64(c.n)*1e6, "us/sample")
			}
		})
	}
}
