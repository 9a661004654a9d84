package flow

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine/dist"

	"gonum.org/v1/gonum/mat"
)

// TestEvaluations holds the default method to its count of evaluations. The targets are those measured for
// the algorithm with a reference implementation, at the same tolerance 1e-7 (absolute), plus fifteen percent;
// decoding may take a quarter more, as the jump's end has to be looked for from the far side.
func TestEvaluations(t *testing.T) {
	for _, c := range []struct {
		name string
		law  dist.Distribution
		nfe  float64 // 42 and 49: largest error 1e-6 over all samples, by interpolation; here it is half that
	}{{"G1", dist.G1(), 42}, {"G2", dist.G2(), 52}} {
		x := c.law.Sample(5, 256)
		ref := encode(t, c.law, x, Settings{Rtol: -1, Atol: 1e-13})
		r := encode(t, c.law, x, Settings{Rtol: -1, Atol: 1e-7})
		e := worst(t, floats(r.X), floats(ref.X))
		t.Logf("%s: encode %.1f (largest %.0f), %d rejected, error %.1e", c.name, r.Stats.NFEMean, r.Stats.NFEMax, r.Stats.Rejected, e)
		if r.Stats.NFEMean > 1.15*c.nfe || e > 19e-7 { // the largest error is 2 to 19 tolerances
			t.Errorf("%s: %.1f evaluations, error %g", c.name, r.Stats.NFEMean, e)
		}
		b := decode(t, c.law, ref.X, Settings{Rtol: -1, Atol: 1e-7})
		e = worst(t, floats(b.X), floats(x))
		t.Logf("%s: decode %.1f (largest %.0f), %d rejected, error %.1e", c.name, b.Stats.NFEMean, b.Stats.NFEMax, b.Stats.Rejected, e)
		// The decoder stretches what lies between modes: G1's inner points by a hundred.
		if b.Stats.NFEMean > 1.25*1.15*c.nfe || e > 2e-5 {
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
