package bench

import (
	"context"
	"math"
	"os"
	"testing"
	"time"

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
			r := must(ot.Exact(context.Background(), ot.Clouds{X: x, Y: y}, &ot.ExactSettings{Engine: e}))(b)
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

// certify reports the pairs of points a second: those of one pass over all, as the proof needs at least; and its
// time in bare products x y^T of float32, the bound of a pass, measured beside it.
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
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/product(b, e, x, y).Seconds(), "products")
	})
}

// product returns the time of all products of the rows of x with those of y in float32, the best of two, in panels
// that fit anywhere.
func product(b *testing.B, e engine.Engine, x, y *tensor.Dense) time.Duration {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	n, d := x.Shape()[0], x.Shape()[1]
	rows := max(1, min(n, 1<<24/n))
	var buffers []engine.Buffer
	for _, size := range [][2]int{{n, d}, {n, d}, {rows, n}} {
		v, err := e.Alloc(engine.F32, 1, size[0], size[1])
		check(err)
		defer v.Free()
		buffers = append(buffers, v)
	}
	check(e.Write(buffers[0], 0, x.Data().([]float64)))
	check(e.Write(buffers[1], 0, y.Data().([]float64)))
	best := time.Duration(math.MaxInt64)
	for range 2 {
		check(e.Sync())
		began := time.Now()
		for lo := 0; lo < n; lo += rows {
			k := min(rows, n-lo)
			check(e.MatMul(buffers[2].View(0, 1, k, n), buffers[0].View(lo*d, 1, k, d), buffers[1], true))
		}
		check(e.Sync())
		best = min(best, time.Since(began))
	}
	return best
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

// BenchmarkCertifyImages certifies the encoder of images, smoothed, on the images themselves: the first 10,000 rows
// of the file that MONGE_IMAGES names, pixels of 0 to 255, with a bandwidth of 1 where pixels are 0 to 1. Encoding them takes a
// hundred times longer, and is not counted.
func BenchmarkCertifyImages(b *testing.B) {
	path := os.Getenv("MONGE_IMAGES")
	if path == "" {
		b.Skip("MONGE_IMAGES names no file of images")
	}
	x, y, err := ImagePair(path, 10_000)
	if err != nil {
		b.Fatal(err)
	}
	certify(b, same(x.Shape()[0], 0), x.Shape()[1], func(int, int) (*tensor.Dense, *tensor.Dense) { return x, y })
}

func BenchmarkCompare(b *testing.B) {
	law := must(dist.NewPoints(dist.Digits(), nil, .605))(b)
	each(b, engine.F64, same(1797, 0), 64, func(b *testing.B, e engine.Engine, n int) {
		for b.Loop() {
			must(study.Compare(context.Background(), e, study.CompareSettings{Law: law, Points: dist.Digits()}))(b)
		}
	})
}
