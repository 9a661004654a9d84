package bench

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/flow"

	"gorgonia.org/tensor"
)

// images is a file of points for FlowEmpirical: rows of pixels 0 to 255, as .npy, .csv or
// any other format of package arrayio: go test -bench FlowEmpirical ./bench -images mnist.npy
var images = flag.String("images", "", "file of images, a row each of pixels 0 to 255 (MNIST's 784, say), for FlowEmpirical")

// encode reports the time and the velocity evaluations of a sample, coding there and back.
func encode(b *testing.B, law dist.Distribution, n sizes, s flow.Settings) {
	for _, back := range []bool{false, true} {
		name, run := "encode", flow.Encode
		if back {
			name, run = "decode", flow.Decode
		}
		b.Run(name, func(b *testing.B) {
			each(b, engine.F64, n, law.Dim(), func(b *testing.B, e engine.Engine, n int) {
				in := law.Sample(8, n)
				if back {
					in = must(flow.Encode(context.Background(), e, engine.F64, law, in, &s))(b).X
				}
				var r *flow.Result
				measure(b, e, engine.F64, work{}, func() (err error) {
					r, err = run(context.Background(), e, engine.F64, law, in, &s)
					return err
				})
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
	encode(b, must(FlowMixture())(b), sizes{256, 10_000, 1}, tight(1e-7))
}

func BenchmarkFlowGolden(b *testing.B) {
	for _, c := range []struct {
		name string
		law  dist.Distribution
	}{{"G1", dist.G1()}, {"G2", dist.G2()}} {
		b.Run(c.name, func(b *testing.B) { encode(b, c.law, same(1000, 2), flow.Settings{}) })
	}
}

func BenchmarkFlowEmpirical(b *testing.B) {
	for _, h := range []float64{.2016, .605} { // .1 and .3 of the digits' median nearest-neighbour distance
		b.Run(fmt.Sprintf("bandwidth=%g", h), func(b *testing.B) {
			encode(b, must(dist.NewPoints(dist.Digits(), nil, h))(b), sizes{128, 1024, 0}, tight(1e-7))
		})
	}
	b.Run("images", func(b *testing.B) {
		x := load(b)
		h := .3 * NearestNeighbour(x, 100)
		law := must(dist.NewPoints(x, nil, h))(b)
		encode(b, law, sizes{128, 1024, 0}, tight(1e-7))
	})
}

// load reads the images, scaled to [-1, 1], or skips the benchmark.
func load(b *testing.B) *tensor.Dense {
	b.Helper()
	if *images == "" {
		b.Skip("no -images FILE")
	}
	a := must(arrayio.ReadPoints(*images, arrayio.Options{}))(b)
	data := a.Data
	for i, v := range data {
		data[i] = v/127.5 - 1
	}
	return engine.Points(data, a.Shape[0], a.Shape[1])
}

func BenchmarkFlowGaussian(b *testing.B) {
	law := must(dist.RandomGaussian(3072, 1))(b)
	b.Run("adams", func(b *testing.B) { encode(b, law, sizes{256, 4096, 1}, flow.Settings{}) })
	b.Run("dopri5", func(b *testing.B) { encode(b, law, sizes{32, 4096, 0}, flow.Settings{Method: "dopri5"}) })
}

// Eight directions at each point, of the mixture in 64 dimensions and of 256 atoms in 3072.
func BenchmarkJacobianProbes(b *testing.B) {
	const probes = 8
	atoms := Normals(256, 3072, 0, 1, 6)
	for _, law := range []dist.Distribution{
		must(FlowMixture())(b), must(dist.NewPoints(atoms, nil, .3*NearestNeighbour(atoms, 100)))(b),
	} {
		n := sizes{128, 1024, 0}
		if law.Dim() > 64 {
			n.cpu = 16
		}
		each(b, engine.F64, n, law.Dim(), func(b *testing.B, e engine.Engine, n int) {
			x := law.Sample(9, n)
			v := tensor.New(tensor.WithShape(n, probes, law.Dim()), tensor.WithBacking(Normals(n*probes, law.Dim(), 0, 1, 5).Data()))
			measure(b, e, engine.F64, work{}, func() error {
				r, err := flow.Encode(context.Background(), e, engine.F64, law, x, &flow.Settings{Tangents: v})
				if err != nil {
					return err
				}
				_, err = flow.AsymmetryProbes(v, r.Tangents)
				return err
			})
		})
	}
}
