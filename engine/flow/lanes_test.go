package flow

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// TestLanes checks that the parts of an engine give the bits of the whole, for every kind of law, that no
// evaluation is lost between them, and that progress reaches the end.
func TestLanes(t *testing.T) {
	all := laws(t)
	density, err := dist.NewDensity([]dist.Term{{Weight: 1, Poly: []dist.Monomial{{Coef: -1, Powers: []int{4}}, {Coef: .3, Powers: []int{1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	all["density"] = density
	for name, law := range all {
		for _, s := range []Settings{{Rtol: 1e-6, Atol: 1e-6, Jacobian: true, LogP: true}, {Method: "rk4", Steps: 5}, {Method: "dpm2", Steps: 5}} {
			const n = 61
			in := law.Sample(3, n)
			for way, run := range map[string]func(context.Context, engine.Engine, engine.Dtype, dist.Distribution, *tensor.Dense, *Settings) (*Result, error){"encode": Encode, "decode": Decode} {
				var want *Result
				for _, threads := range []int{1, 2, 7} {
					e := cpu.New(cpu.Options{Threads: threads})
					progress := 0
					s := s
					s.MaxMemory = 1 << 16 // several chunks
					s.Progress = func(done, _ int) {
						if done <= progress {
							t.Errorf("progress %d after %d", done, progress)
						}
						progress = done
					}
					r, err := run(context.Background(), e, engine.F64, law, in, &s)
					if err != nil {
						t.Fatal(err)
					}
					if err := e.Close(); err != nil {
						t.Error(err)
					}
					if progress != n {
						t.Errorf("progress ends at %d of %d", progress, n)
					}
					if want == nil {
						want = r
						continue
					}
					what := fmt.Sprintf("%s: %s %s, %d threads", name, way, s.Method, threads)
					for _, p := range [][2][]float64{{floats(r.X), floats(want.X)}, {r.LogP, want.LogP}, {[]float64{r.Stats.NFEMean, r.Stats.NFEMax, float64(r.Stats.Rejected)}, []float64{want.Stats.NFEMean, want.Stats.NFEMax, float64(want.Stats.Rejected)}}} {
						for i, v := range p[0] {
							if v != p[1][i] {
								t.Fatalf("%s: number %d is %v, of one thread %v", what, i, v, p[1][i])
							}
						}
					}
					if s.Jacobian {
						for i, v := range floats(r.Jacobian) {
							if v != floats(want.Jacobian)[i] {
								t.Fatalf("%s: number %d of the Jacobian is %v, of one thread %v", what, i, v, floats(want.Jacobian)[i])
							}
						}
					}
				}
			}
		}
	}
}

// TestLanesFail: whichever lane comes first, the error is that of the first row of those that break down, and
// everything is given back.
func TestLanesFail(t *testing.T) {
	for range 20 {
		e := cpu.New(cpu.Options{Threads: 4, MaxMemory: 1 << 24})
		free := e.Info().Free
		x := dist.G1().Sample(1, 400)
		for i := 101; i < 400; i += 50 {
			floats(x)[2*i] = 1e200 // its square is not finite
		}
		var d *engine.DivergedError
		_, err := Encode(context.Background(), e, engine.F64, dist.G1(), x, &Settings{MaxMemory: 1 << 17})
		if !errors.As(err, &d) || d.Row != 101 {
			t.Fatalf("error %v, want one of row 101", err)
		}
		if f := e.Info().Free; f != free {
			t.Fatalf("%d bytes are free, %d before", f, free)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := Encode(ctx, e, engine.F64, dist.G1(), dist.G1().Sample(1, 400), nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
