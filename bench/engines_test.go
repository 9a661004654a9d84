package bench

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
	"monge/gpu"
	"monge/kernels/roofline"
	"monge/kernels/sass"
)

var only = flag.String("engines", "", "the kind of engine to measure alone: cpu, cuda or emu")

// sizes are the n of a benchmark by the kind of engine; 0 = not measured there. The emulation checks that a
// benchmark runs; its times say nothing.
type sizes struct{ cpu, cuda, emu int }

// same is one size for every engine but the emulation.
func same(n, emu int) sizes { return sizes{n, n, emu} }

// each runs body as NAME/engine=E/dtype=T/n=N/d=D over the engines that this build has.
func each(b *testing.B, t engine.Dtype, n sizes, d int, body func(b *testing.B, e engine.Engine, n int)) {
	b.Helper()
	run := func(name string, n int, open func(testing.TB) engine.Engine) {
		if n == 0 || *only != "" && *only != name {
			return
		}
		b.Run(fmt.Sprintf("engine=%s/dtype=%v/n=%d/d=%d", name, t, n, d), func(b *testing.B) {
			e := open(b)
			defer e.Close()
			body(b, e, n)
		})
	}
	run("cpu", n.cpu, func(testing.TB) engine.Engine { return cpu.New(cpu.Options{}) })
	switch gpu.Kind {
	case "cuda":
		run(gpu.Kind, n.cuda, device)
	case "emu":
		run(gpu.Kind, n.emu, device)
	}
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

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// work is what a call of a benchmark's body has to do, from the formula of the operation: what an
// implementation does beyond it (recomputed products, extra passes) does not count.
type work struct {
	unit    string  // of items: "pairs"
	items   float64 // in all
	muladds float64 // multiply-adds
	exps    float64 // exponentials
	bytes   float64 // inputs and outputs, each once
}

// bound returns the least time of the work on a card: products and other arithmetic of float32 on the faster
// of its pipes and the tensor cores at three fp16 products each, float64 on its own pipe.
func (w work) bound(d roofline.Device, t engine.Dtype) time.Duration {
	x := roofline.Work{Bytes: w.bytes}
	switch {
	case t == engine.F64:
		x.Threads[sass.FP64] = w.muladds
	case 3*w.muladds/d.Rate(sass.Tensor) < w.muladds/d.Rate(sass.FMA):
		x.Threads[sass.Tensor] = 3 * w.muladds
		x.Threads[sass.XU] = w.exps
	default:
		x.Threads[sass.FMA] = w.muladds
		x.Threads[sass.XU] = w.exps
	}
	s, _ := d.Bound(x)
	return time.Duration(s * float64(time.Second))
}

// measure times f on e and reports its rates: by the host's clock, and for a device also the device's own
// time a call and, on a card whose rates are known, the share of the roofline that the work reaches.
func measure(b *testing.B, e engine.Engine, t engine.Dtype, w work, f func() error) {
	b.Helper()
	var took time.Duration
	for b.Loop() {
		d, err := engine.Time(e, f)
		if err != nil {
			b.Fatal(err)
		}
		took += d
	}
	s := b.Elapsed().Seconds() / float64(b.N)
	rate := func(x, unit float64, name string) {
		if x > 0 {
			b.ReportMetric(x/s/unit, name)
		}
	}
	rate(w.items, 1e6, "M"+w.unit+"/s")
	rate(2*w.muladds, 1e9, "GFLOP/s")
	rate(w.bytes, 1e9, "GB/s")
	if _, ok := e.(engine.Timed); !ok {
		return
	}
	b.ReportMetric(took.Seconds()*1e3/float64(b.N), "device-ms/op")
	if d, ok := roofline.Find(e.Info().Device); ok {
		b.ReportMetric(100*float64(w.bound(d, t))*float64(b.N)/float64(took), "%roofline")
	}
}

// size is the bytes of a number.
func size(t engine.Dtype) float64 { return float64(t.Size()) }
