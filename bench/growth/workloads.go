package main

import (
	"context"

	"monge/bench"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/ot"
)

// workloads returns the curves.
func workloads() []curve {
	var all []curve
	for _, t := range []engine.Dtype{engine.F64, engine.F32} {
		all = append(all,
			curve{workload: "SinkhornDense", fixed: "10 iterations, d = 64", axis: "n", expected: "n^2", t: t, sizes: []int{256, 512, 1024, 2048, 4096, 8192},
				prepare: func(ctx context.Context, e engine.Engine, t engine.Dtype, n int) (func() error, func(), error) {
					return sinkhorn(ctx, e, t, 1, n, 64)
				}},
			curve{workload: "SinkhornDense", fixed: "10 iterations, n = 2048", axis: "d", expected: "d from where products cost more than exponentials", t: t, sizes: []int{8, 16, 32, 64, 128, 256, 512, 1024},
				prepare: func(ctx context.Context, e engine.Engine, t engine.Dtype, d int) (func() error, func(), error) {
					return sinkhorn(ctx, e, t, 1, 2048, d)
				}},
			curve{workload: "SinkhornDense", fixed: "10 iterations, n = 256, d = 16", axis: "B", expected: "B", t: t, sizes: []int{1, 4, 16, 64, 256},
				prepare: func(ctx context.Context, e engine.Engine, t engine.Dtype, b int) (func() error, func(), error) {
					return sinkhorn(ctx, e, t, b, 256, 16)
				}},
			curve{workload: "FlowEmpirical", fixed: "a score, 256 queries, d = 64", axis: "n", expected: "n", t: t, sizes: []int{512, 1024, 2048, 4096, 8192, 16384},
				prepare: func(_ context.Context, e engine.Engine, t engine.Dtype, n int) (func() error, func(), error) {
					return score(e, t, n, 64, 256)
				}},
			curve{workload: "FlowEmpirical", fixed: "a score, 4096 atoms, 256 queries", axis: "d", expected: "d", t: t, sizes: []int{8, 16, 32, 64, 128, 256, 512, 1024},
				prepare: func(_ context.Context, e engine.Engine, t engine.Dtype, d int) (func() error, func(), error) {
					return score(e, t, 4096, d, 256)
				}},
			curve{workload: "FlowEmpirical", fixed: "a score, 4096 atoms, d = 64", axis: "B", expected: "B", t: t, sizes: []int{16, 64, 256, 1024, 4096},
				prepare: func(_ context.Context, e engine.Engine, t engine.Dtype, b int) (func() error, func(), error) {
					return score(e, t, 4096, 64, b)
				}},
		)
	}
	// A certificate's passes choose their type by themselves, and it has one problem.
	return append(all,
		curve{workload: "CertifyLarge", fixed: "d = 64", axis: "n", expected: "n^2", sizes: []int{1250, 2500, 5000, 10_000, 20_000}, prepare: func(ctx context.Context, e engine.Engine, _ engine.Dtype, n int) (func() error, func(), error) {
			return certify(ctx, e, n, 64)
		}},
		curve{workload: "CertifyLarge", fixed: "n = 4000", axis: "d", expected: "d", sizes: []int{16, 32, 64, 128, 256, 512, 1024, 2048}, prepare: func(ctx context.Context, e engine.Engine, _ engine.Dtype, d int) (func() error, func(), error) {
			return certify(ctx, e, 4000, d)
		}},
	)
}

func nothing() {}

// sinkhorn makes ten iterations of b problems of n points in d dimensions at .05 of the mean cost.
func sinkhorn(ctx context.Context, e engine.Engine, t engine.Dtype, b, n, d int) (func() error, func(), error) {
	s := &ot.SinkhornSettings{EpsRel: .05, Tol: -1, MaxIter: 10, NoSchedule: true, Dtype: t}
	problems := make([]ot.Clouds, b)
	for i := range problems {
		problems[i].X, problems[i].Y = bench.Normals(n, d, 0, 1, uint64(20+2*i)), bench.Normals(n, d, .5, 1.3, uint64(21+2*i))
	}
	return func() (err error) {
		if b == 1 {
			_, err = ot.Sinkhorn(ctx, e, problems[0], s)
		} else {
			_, err = ot.SinkhornBatch(ctx, e, problems, s)
		}
		return err
	}, nothing, nil
}

// certify brackets the pairing of n points in d dimensions with what is nearly their optimal map's image.
func certify(ctx context.Context, e engine.Engine, n, d int) (func() error, func(), error) {
	x, y := bench.RotatedPair(n, d)
	return func() error {
		_, err := ot.Certify(ctx, x, y, &ot.CertifySettings{Engine: e})
		return err
	}, nothing, nil
}

// score evaluates the posterior mean of b queries over n smoothed points in d dimensions, halfway to the latent.
func score(e engine.Engine, t engine.Dtype, n, d, b int) (run func() error, free func(), err error) {
	law, err := dist.NewPoints(bench.Normals(n, d, 0, 1, 4), nil, .3)
	if err != nil {
		return nil, nil, err
	}
	f, err := law.Bind(e, t)
	if err != nil {
		return nil, nil, err
	}
	free = f.Free
	defer func() {
		if err != nil {
			free()
		}
	}()
	buffers := make([]engine.Buffer, 3) // coefficients, queries, means
	for i, size := range []int{engine.CoefCount, d, d} {
		if buffers[i], err = e.Alloc(t, 1, b, size); err != nil {
			return nil, nil, err
		}
		last := free
		free = func() { buffers[i].Free(); last() }
	}
	coef := make([]float64, b*engine.CoefCount)
	for i := range b {
		coef[i*engine.CoefCount+engine.CoefAlpha], coef[i*engine.CoefCount+engine.CoefSigma] = .6, .8
		coef[i*engine.CoefCount+engine.CoefMean] = 1
	}
	if err = e.Write(buffers[0], 0, coef); err != nil {
		return nil, nil, err
	}
	if err = e.Normal(buffers[1], 5, 0, 0); err != nil {
		return nil, nil, err
	}
	return func() error { return f.Eval(&dist.Request{Coef: buffers[0], X: buffers[1], V: buffers[2]}) }, free, nil
}
