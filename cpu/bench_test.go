package cpu

import (
	"fmt"
	"testing"

	"monge/engine"
)

// pairs reports the time a pair of query and key, times the threads.
func pairs(b *testing.B, n, m, threads int) {
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n)/float64(m)*float64(threads), "ns/pair/core")
}

// BenchmarkSoftmaxMean is the score of 1797 smoothed points in 64 dimensions, at 1797 rows.
func BenchmarkSoftmaxMean(b *testing.B) {
	const n, d = 1797, 64
	for _, t := range []engine.Dtype{engine.F64, engine.F32} {
		for _, scale := range []float64{.05, 5} {
			b.Run(fmt.Sprintf("%v/scale=%g", t, scale), func(b *testing.B) {
				f := newFixture(b, t, 1)
				op := &engine.Softmax{Q: f.normals(1, n, d), K: f.normals(1, n, d), Scale: scale, LSE: f.zeros(1, n, 1), Mean: f.zeros(1, n, d)}
				b.ReportAllocs()
				for b.Loop() {
					if err := f.Softmax(op); err != nil {
						b.Fatal(err)
					}
				}
				pairs(b, n, n, 1)
			})
		}
	}
}

// BenchmarkSoftmaxLSE is half a Sinkhorn iteration between clouds in few dimensions.
func BenchmarkSoftmaxLSE(b *testing.B) {
	const n = 4000
	for _, d := range []int{2, 3, 8, 16, 64} {
		for _, t := range []engine.Dtype{engine.F64, engine.F32} {
			b.Run(fmt.Sprintf("d=%d/%v", d, t), func(b *testing.B) {
				f := newFixture(b, t, 1)
				op := &engine.Softmax{Q: f.normals(1, n, d), K: f.normals(1, n, d), Scale: 1, U: f.normals(1, n, 1), LSE: f.zeros(1, n, 1)}
				for b.Loop() {
					if err := f.Softmax(op); err != nil {
						b.Fatal(err)
					}
				}
				pairs(b, n, n, 1)
			})
		}
	}
}

// BenchmarkMixture evaluates velocities: 16 full covariances in 64 dimensions, and tiny mixtures.
func BenchmarkMixture(b *testing.B) {
	for _, c := range []struct{ n, k, d, bases int }{{1000, 16, 64, 16}, {1000, 3, 2, 3}, {1000, 3, 2, 0}} {
		for _, t := range []engine.Dtype{engine.F64, engine.F32} {
			b.Run(fmt.Sprintf("k=%d/d=%d/bases=%d/%v", c.k, c.d, c.bases, t), func(b *testing.B) {
				f := newFixture(b, t, 1)
				op := &engine.Mixture{P: f.mixture(c.k, c.d, c.bases, 0, c.k, c.d), X: f.normals(1, c.n, c.d), Coef: f.times(c.n), V: f.zeros(1, c.n, c.d)}
				b.ReportAllocs()
				for b.Loop() {
					if err := f.Mixture(op); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(c.n), "ns/row")
			})
		}
	}
}

// BenchmarkGemm is the yardstick: products on one core.
func BenchmarkGemm(b *testing.B) {
	const n = 512
	for _, trans := range []bool{true, false} {
		b.Run(fmt.Sprintf("trans=%v/k=64", trans), func(b *testing.B) {
			f := newFixture(b, engine.F64, 1)
			x, y, c := f.normals(1, n, 64), f.normals(1, n, 64), f.zeros(1, n, n)
			if !trans {
				x, y, c = f.normals(1, n, n), f.normals(1, n, 64), f.zeros(1, n, 64)
			}
			for b.Loop() {
				if err := f.MatMul(c, x, y, trans); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(2*n*n*64/(b.Elapsed().Seconds()*1e9/float64(b.N)), "GFLOP/s")
		})
	}
}
