package bench

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/study"
	"monge/gpu"

	"gorgonia.org/tensor"
)

// opener opens an engine for a benchmark, or skips it.
type opener struct {
	name string
	open func(testing.TB) engine.Engine
}

// engines returns what this build can measure.
func engines() []opener {
	list := []opener{{"cpu", func(testing.TB) engine.Engine { return cpu.New(cpu.Options{}) }}}
	if gpu.Kind != "" {
		list = append(list, opener{gpu.Kind, device})
	}
	return list
}

func device(t testing.TB) engine.Engine {
	e, err := gpu.Open(gpu.Options{})
	if errors.Is(err, engine.ErrNoDevice) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// each runs body as NAME/engine=E/dtype=T/n=N/d=D over every engine.
func each(b *testing.B, t engine.Dtype, n, d int, body func(*testing.B, engine.Engine)) {
	b.Helper()
	for _, e := range engines() {
		b.Run(fmt.Sprintf("engine=%s/dtype=%v/n=%d/d=%d", e.name, t, n, d), func(b *testing.B) {
			e := e.open(b)
			defer e.Close()
			body(b, e)
		})
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// sinkhorn times iters iterations at eps = .05 of the mean cost. A pair counts once an iteration: both of
// its halves are one product and one exponential.
func sinkhorn(b *testing.B, n, d, iters int) {
	x, y := SinkhornClouds(n, d)
	for _, t := range []engine.Dtype{engine.F32, engine.F64} {
		each(b, t, n, d, func(b *testing.B, e engine.Engine) {
			for b.Loop() {
				must(ot.Sinkhorn(context.Background(), e, ot.Clouds{X: x, Y: y},
					&ot.SinkhornSettings{EpsRel: .05, Tol: -1, MaxIter: iters, NoSchedule: true, Dtype: t}))(b)
			}
			pairs := float64(n) * float64(n) * float64(iters) * float64(b.N)
			b.ReportMetric(pairs/b.Elapsed().Seconds()/1e6, "Mpairs/s")
			b.ReportMetric(2*float64(d)*pairs/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkSinkhornDense(b *testing.B) { sinkhorn(b, 4096, 64, 10) }
func BenchmarkSinkhornLarge(b *testing.B) { sinkhorn(b, 8192, 64, 2) }
func BenchmarkSinkhornPlane(b *testing.B) { sinkhorn(b, 8192, 3, 2) }

func exact(b *testing.B, x, y *tensor.Dense) {
	n, d := x.Shape()[0], x.Shape()[1]
	each(b, engine.F64, n, d, func(b *testing.B, e engine.Engine) {
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
		exact(b, Normals(4096, d, 0, 1, 2), Normals(4096, d, 0, 1, 3))
	}
}

func BenchmarkExactEncoder(b *testing.B) {
	for _, d := range []int{2, 8, 64} {
		x, y := EncoderPair(4096, d)
		exact(b, x, y)
	}
}

func BenchmarkCertify(b *testing.B) {
	for _, d := range []int{2, 64} {
		x, y := EncoderPair(4096, d)
		each(b, engine.F64, 4096, d, func(b *testing.B, e engine.Engine) {
			var width float64
			for b.Loop() {
				width = must(ot.Certify(context.Background(), x, y, &ot.CertifySettings{Engine: e}))(b).RelativeUpper
			}
			b.ReportMetric(width, "relative-upper")
		})
	}
}

// encode reports the time and the velocity evaluations of a sample, coding there and back.
func encode(b *testing.B, law dist.Distribution, n int, s flow.Settings) {
	x := law.Sample(8, n)
	for _, back := range []bool{false, true} {
		name, run := "encode", flow.Encode
		if back {
			name, run = "decode", flow.Decode
		}
		b.Run(name, func(b *testing.B) {
			each(b, engine.F64, n, law.Dim(), func(b *testing.B, e engine.Engine) {
				in := x
				if back {
					in = must(flow.Encode(context.Background(), e, engine.F64, law, x, &s))(b).X
				}
				var r *flow.Result
				for b.Loop() {
					r = must(run(context.Background(), e, engine.F64, law, in, &s))(b)
				}
				b.ReportMetric(r.Stats.NFEMean, "evaluations")
				b.ReportMetric(r.Stats.NFEMax, "evaluations-max")
				b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(n*b.N), "µs/sample")
			})
		})
	}
}

// tight is the control that flow tables are stated in: absolute on the normalised state, per sample.
func tight(tol float64) flow.Settings { return flow.Settings{Atol: tol, Rtol: -1} }

func BenchmarkFlowMixture(b *testing.B) { // 1e-7 leaves global errors below 1e-6
	encode(b, must(FlowMixture())(b), 256, tight(1e-7))
}

func BenchmarkFlowGolden(b *testing.B) {
	for _, c := range []struct {
		name string
		law  dist.Distribution
	}{{"G1", dist.G1()}, {"G2", dist.G2()}} {
		b.Run(c.name, func(b *testing.B) { encode(b, c.law, 1000, flow.Settings{}) })
	}
}

func BenchmarkFlowEmpirical(b *testing.B) {
	for _, h := range []float64{.2016, .605} { // .1 and .3 of the digits' median nearest-neighbour distance
		b.Run(fmt.Sprintf("bandwidth=%g", h), func(b *testing.B) {
			encode(b, must(dist.NewPoints(dist.Digits(), nil, h))(b), 128, tight(1e-7))
		})
	}
}

func BenchmarkFlowGaussian(b *testing.B) {
	law := must(dist.RandomGaussian(3072, 1))(b)
	b.Run("adams", func(b *testing.B) { encode(b, law, 256, flow.Settings{}) })
	b.Run("dopri5", func(b *testing.B) { encode(b, law, 32, flow.Settings{Method: "dopri5"}) })
}

func BenchmarkJacobianProbes(b *testing.B) {
	const n, probes = 128, 8
	law := must(FlowMixture())(b)
	x := law.Sample(9, n)
	v := tensor.New(tensor.WithShape(n, probes, law.Dim()), tensor.WithBacking(Normals(n*probes, law.Dim(), 0, 1, 5).Data()))
	each(b, engine.F64, n, law.Dim(), func(b *testing.B, e engine.Engine) {
		for b.Loop() {
			r := must(flow.Encode(context.Background(), e, engine.F64, law, x, &flow.Settings{Tangents: v}))(b)
			must(flow.AsymmetryProbes(v, r.Tangents))(b)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	law := must(dist.NewPoints(dist.Digits(), nil, .605))(b)
	each(b, engine.F64, 1797, 64, func(b *testing.B, e engine.Engine) {
		for b.Loop() {
			must(study.Compare(context.Background(), e, study.CompareSettings{Law: law, Points: dist.Digits()}))(b)
		}
	})
}
