package bench

import (
	"context"
	"testing"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/ot"
	"monge/engine/study"

	"gorgonia.org/tensor"
)

// exact runs on the host whatever the engine.
func exact(b *testing.B, n, d int, clouds func(n, d int) (x, y *tensor.Dense)) {
	each(b, engine.F64, sizes{cpu: n}, d, func(b *testing.B, e engine.Engine, n int) {
		x, y := clouds(n, d)
		for b.Loop() {
			r := must(ot.Exact(context.Background(), ot.Clouds{X: x, Y: y}, nil))(b)
			if r.Status != ot.Optimal {
				b.Fatalf("status %s", r.Status)
			}
		}
	})
}

func BenchmarkExactHard(b *testing.B) {
	for _, d := range []int{2, 64} {
		exact(b, 4096, d, func(n, d int) (x, y *tensor.Dense) { return Normals(n, d, 0, 1, 2), Normals(n, d, 0, 1, 3) })
	}
}

func BenchmarkExactEncoder(b *testing.B) {
	for _, d := range []int{2, 8, 64} {
		exact(b, 4096, d, EncoderPair)
	}
}

// certify reports the pairs of points a second: those of one pass over all, as the proof needs at least.
func certify(b *testing.B, n sizes, d int, pair func(n, d int) (x, y *tensor.Dense)) {
	each(b, engine.F64, n, d, func(b *testing.B, e engine.Engine, n int) {
		x, y := pair(n, d)
		pairs := float64(n) * float64(n)
		var c *ot.Certificate
		measure(b, e, engine.F32, work{unit: "pairs", items: pairs, muladds: pairs * float64(d), bytes: 8 * float64(n) * float64(d)}, func() (err error) {
			c, err = ot.Certify(context.Background(), x, y, &ot.CertifySettings{Engine: e})
			return err
		})
		b.ReportMetric(c.RelativeUpper, "relative-upper")
		b.ReportMetric(float64(c.Passes), "passes")
	})
}

func BenchmarkCertify(b *testing.B) {
	for _, d := range []int{2, 64} {
		certify(b, same(4096, 40), d, EncoderPair)
	}
}

func BenchmarkCertifyLarge(b *testing.B) {
	certify(b, sizes{cpu: 10_000, emu: 30}, 784, RotatedPair)
	certify(b, sizes{cuda: 100_000}, 3072, RotatedPair)
	certify(b, sizes{cuda: 1_000_000}, 64, RotatedPair)
}

func BenchmarkCompare(b *testing.B) {
	law := must(dist.NewPoints(dist.Digits(), nil, .605))(b)
	each(b, engine.F64, same(1797, 0), 64, func(b *testing.B, e engine.Engine, n int) {
		for b.Loop() {
			must(study.Compare(context.Background(), e, study.CompareSettings{Law: law, Points: dist.Digits()}))(b)
		}
	})
}
