package bench

import (
	"context"
	"fmt"
	"testing"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"

	"gorgonia.org/tensor"
)

// iterations is the work of that many iterations of Sinkhorn's method: a product and an exponential a pair.
// Its bytes are the clouds, once an iteration.
func iterations(t engine.Dtype, batch, n, d, count int) work {
	pairs := float64(batch) * float64(n) * float64(n) * float64(count)
	return work{
		unit: "pairs", items: pairs, muladds: float64(d) * pairs, exps: pairs,
		bytes: 2 * float64(count) * float64(batch) * float64(n) * float64(d) * size(t),
	}
}

// sinkhorn times iters iterations at a regularisation, and the bracket that every result has.
func sinkhorn(b *testing.B, n sizes, d, iters int, s ot.SinkhornSettings, clouds func(n, d int) (x, y *tensor.Dense)) {
	s.Tol, s.MaxIter, s.NoSchedule = -1, iters, true
	for _, t := range []engine.Dtype{engine.F32, engine.F64} {
		each(b, t, n, d, func(b *testing.B, e engine.Engine, n int) {
			x, y := clouds(n, d)
			s.Dtype = t
			measure(b, e, t, iterations(t, 1, n, d, iters), func() error {
				_, err := ot.Sinkhorn(context.Background(), e, ot.Clouds{X: x, Y: y}, &s)
				return err
			})
		})
	}
}

var meanCost = ot.SinkhornSettings{EpsRel: .05}

func BenchmarkSinkhornDense(b *testing.B) {
	sinkhorn(b, same(4096, 40), 64, 10, meanCost, SinkhornClouds)
}
func BenchmarkSinkhornPlane(b *testing.B) {
	sinkhorn(b, same(8192, 40), 3, 2, meanCost, SinkhornClouds)
}

func BenchmarkSinkhornLarge(b *testing.B) {
	for _, d := range []int{64, 768} {
		sinkhorn(b, sizes{cpu: 8192}, d, 2, meanCost, SinkhornClouds)
		sinkhorn(b, sizes{cuda: 50_000, emu: 40}, d, 10, meanCost, SinkhornClouds)
	}
}

// Many small problems at a time, 1024 on a device and 64 on a CPU, with the brackets of all.
func BenchmarkSinkhornBatch(b *testing.B) {
	const d, iters = 16, 100
	counts := map[string]int{"cpu": 64, "cuda": 1024, "emu": 2}
	for _, t := range []engine.Dtype{engine.F32, engine.F64} {
		each(b, t, sizes{cpu: 256, cuda: 256, emu: 16}, d, func(b *testing.B, e engine.Engine, n int) {
			problems := make([]ot.Clouds, counts[e.Info().Name])
			for i := range problems {
				problems[i].X, problems[i].Y = Normals(n, d, 0, 1, uint64(20+2*i)), Normals(n, d, .5, 1.3, uint64(21+2*i))
			}
			s := meanCost
			s.Tol, s.MaxIter, s.NoSchedule, s.Dtype = -1, iters, true, t
			measure(b, e, t, iterations(t, len(problems), n, d, iters), func() error {
				_, err := ot.SinkhornBatch(context.Background(), e, problems, &s)
				return err
			})
		})
	}
}

// Ten classes of embeddings against themselves with noise, at eps = blur^2.
func BenchmarkSinkhornEmbeddings(b *testing.B) {
	for _, blur := range []float64{30, 10, 3} {
		b.Run(fmt.Sprintf("blur=%g", blur), func(b *testing.B) {
			sinkhorn(b, sizes{4096, 50_000, 20}, 768, 2, ot.SinkhornSettings{Eps: blur * blur}, EmbeddingClouds)
		})
	}
}

// The time until the marginals are right to 1e-6 in L1, by the default schedule.
func BenchmarkSinkhornSharp(b *testing.B) {
	sharp := func(b *testing.B, e engine.Engine, t engine.Dtype, eps float64, x, y *tensor.Dense) {
		var r *ot.Result
		measure(b, e, t, work{}, func() (err error) {
			r, err = ot.Sinkhorn(context.Background(), e, ot.Clouds{X: x, Y: y}, &ot.SinkhornSettings{EpsRel: eps, Dtype: t})
			return err
		})
		b.ReportMetric(float64(r.Iterations), "iterations")
		b.ReportMetric(r.MarginalError, "marginal-error")
		if r.Status != ot.Converged {
			b.Errorf("status %s after %d iterations, marginal error %g", r.Status, r.Iterations, r.MarginalError)
		}
	}
	for _, eps := range []float64{.05, .01, .002} {
		for _, t := range []engine.Dtype{engine.F32, engine.F64} {
			b.Run(fmt.Sprintf("cloud=normals/eps=%g", eps), func(b *testing.B) {
				each(b, t, same(4096, 40), 64, func(b *testing.B, e engine.Engine, n int) {
					x, y := SinkhornClouds(n, 64)
					sharp(b, e, t, eps, x, y)
				})
			})
			b.Run(fmt.Sprintf("cloud=digits/eps=%g", eps), func(b *testing.B) {
				each(b, t, same(1797, 0), 64, func(b *testing.B, e engine.Engine, n int) {
					law := must(dist.NewPoints(dist.Digits(), nil, .605))(b)
					z := must(flow.Encode(context.Background(), e, engine.F64, law, dist.Digits(), nil))(b).X
					sharp(b, e, t, eps, dist.Digits(), z)
				})
			})
		}
	}
}
