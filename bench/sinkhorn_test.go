package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// Iterations alone, as peers count them: with what is made ready for them, without the bracket. ns/pair-half is the time
// of half an iteration, all threads together.
func BenchmarkSinkhornIterations(b *testing.B) {
	stores := map[engine.SinkhornStore]string{engine.StoreNone: "streaming", engine.StoreAlways: "kept"}
	for _, w := range []struct {
		name     string
		n        sizes
		d, iters int
		store    engine.SinkhornStore
		batch    map[string]int
	}{
		{name: "dense", n: same(4096, 40), d: 64, iters: 100, store: engine.StoreAlways},
		{name: "dense", n: same(4096, 40), d: 64, iters: 10, store: engine.StoreNone},
		{name: "plane", n: same(4096, 40), d: 3, iters: 20, store: engine.StoreNone},
		{name: "large", n: sizes{cpu: 8192}, d: 64, iters: 10, store: engine.StoreNone},
		{name: "large", n: sizes{cpu: 8192}, d: 768, iters: 1, store: engine.StoreNone},
		{name: "batch", n: sizes{256, 256, 16}, d: 16, iters: 100, store: engine.StoreAlways, batch: map[string]int{"cpu": 64, "cuda": 1024, "emu": 2}},
	} {
		b.Run(w.name+"/"+stores[w.store], func(b *testing.B) {
			for _, t := range []engine.Dtype{engine.F32, engine.F64} {
				each(b, t, w.n, w.d, func(b *testing.B, e engine.Engine, n int) {
					count := max(1, w.batch[e.Info().Name])
					op, free := loop(b, e, t, count, n, w.d, w.iters)
					defer free()
					op.Store = w.store
					measure(b, e, t, iterations(t, count, n, w.d, w.iters), func() error { return iterate(e, op) })
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*count*n*n*w.iters), "ns/pair-half")
				})
			}
		})
	}
}

// loop makes the run of so many iterations on batch copies of SinkhornClouds, at eps = .05 of the mean cost.
func loop(b *testing.B, e engine.Engine, t engine.Dtype, batch, n, d, iters int) (op *engine.Sinkhorn, free func()) {
	a := &arrays{b: b, e: e, t: t}
	x, y := SinkhornClouds(n, d)
	points := func(p *tensor.Dense) engine.Buffer {
		data := p.Data().([]float64)
		return a.write(a.zeros(t, batch, n, d), func(i int) float64 { return data[i%len(data)] })
	}
	number := func(n int, v float64) engine.Buffer {
		return a.write(a.zeros(engine.F64, 1, n, 1), func(int) float64 { return v })
	}
	squares := y.Data().([]float64)
	op = &engine.Sinkhorn{
		X: points(x), Y: points(y), Eps: number(1, .05*float64(d)*(1+1.3*1.3+.25)),
		LogA: number(n, -math.Log(float64(n))), LogB: number(n, -math.Log(float64(n))),
		F: a.zeros(engine.F64, batch, n, 1), State: a.zeros(engine.I32, batch, 2, 1), Trace: a.zeros(engine.F64, batch, iters+1, 1),
		Tol: -1, Limit: iters, Passes: iters,
	}
	op.G = a.write(a.zeros(engine.F64, batch, n, 1), func(i int) float64 {
		var s float64
		for _, v := range squares[i%n*d:][:d] {
			s -= v * v
		}
		return s
	})
	return op, a.free
}

// iterate makes the run from its beginning, with nothing kept from the one before.
func iterate(e engine.Engine, op *engine.Sinkhorn) error {
	state := make([]float64, engine.Len(op.State))
	if err := e.Write(op.State, 0, state); err != nil {
		return err
	}
	var err error
	if l, ok := e.(engine.SinkhornLoop); ok {
		err = l.Sinkhorn(context.Background(), op)
	} else {
		err = ot.ComposedSinkhorn(context.Background(), e, op)
	}
	if op.Kept != nil {
		op.Kept.Free()
		op.Kept = nil
	}
	return errors.Join(err, e.Sync())
}
