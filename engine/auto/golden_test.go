package auto

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/gpu"
)

// engineOf opens the build's device, and skips where there is none.
func engineOf(t *testing.T) engine.Engine {
	t.Helper()
	if gpu.Kind == "" {
		t.Skip("this build has no device engine")
	}
	e, _, err := Open(gpu.Kind, Options{})
	if err != nil {
		if gpu.Kind != "emu" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func host(t *testing.T) engine.Engine {
	t.Helper()
	e, _, err := Open("cpu", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestFlowOnDevice: a device's encoder is the CPU's float64 encoder, to the tolerance of the steps.
func TestFlowOnDevice(t *testing.T) {
	e, cpu := engineOf(t), host(t)
	points, err := dist.NewPoints(dist.G1().Sample(2, 20), nil, .3)
	if err != nil {
		t.Fatal(err)
	}
	for _, law := range []dist.Distribution{dist.G1(), points} {
		x := law.Sample(1, 9)
		want, err := flow.Encode(context.Background(), cpu, engine.F64, law, x, &flow.Settings{Atol: 1e-9, Rtol: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			t   engine.Dtype
			tol float64
		}{
			{engine.F64, 1e-7}, // 100 times the control of a step, for the way it has to go
			{engine.F32, 1e-4}, // float32's 6e-8 of numbers up to 5, through maps that stretch by 10, with 30 steps
		} {
			for _, method := range []string{"adams", "dopri5"} {
				got, err := flow.Encode(context.Background(), e, c.t, law, x, &flow.Settings{Method: method, Atol: max(1e-9, c.tol/100), Rtol: -1})
				if err != nil {
					t.Fatal(err)
				}
				near(t, method+" in "+c.t.String(), got.X.Data().([]float64), want.X.Data().([]float64), c.tol)
			}
		}
	}
}

// TestSinkhornOnDevice: a device's Sinkhorn reaches the CPU's float64 potentials and cost.
func TestSinkhornOnDevice(t *testing.T) {
	e, cpu := engineOf(t), host(t)
	clouds := ot.Clouds{X: dist.G1().Sample(3, 37), Y: dist.G1().Sample(4, 41)}
	want, err := ot.Sinkhorn(context.Background(), cpu, clouds, &ot.SinkhornSettings{EpsRel: .05, Tol: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	for _, dtype := range []engine.Dtype{engine.F64, engine.F32} { // float32's last iterations are in float64
		got, err := ot.Sinkhorn(context.Background(), e, clouds, &ot.SinkhornSettings{EpsRel: .05, Tol: 1e-9, Dtype: dtype})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != want.Status {
			t.Errorf("%v: status %v, want %v", dtype, got.Status, want.Status)
		}
		// A marginal error of 1e-9 leaves eps/b times as much in a potential, here some 1e-8.
		near(t, "cost", []float64{got.Cost, got.Dual}, []float64{want.Cost, want.Dual}, 1e-8)
	}
}

// TestSinkhornPotentialsOnDevice: the loop on a device gives the CPU's float64 iterates, plain and with the
// schedule and acceleration, for few and for many coordinates.
func TestSinkhornPotentialsOnDevice(t *testing.T) {
	e, cpu := engineOf(t), host(t)
	if _, ok := e.(engine.SinkhornLoop); !ok {
		t.Fatalf("%T has no loop of its own", e)
	}
	g1, g2 := dist.G1(), dist.G2()
	clouds := map[string]ot.Clouds{"plane": {X: g1.Sample(3, 33), Y: g2.Sample(4, 29)}}
	wide, err := dist.NewCopies(g1, 130)
	if err != nil {
		t.Fatal(err)
	}
	clouds["d260"] = ot.Clouds{X: wide.Sample(5, 21), Y: wide.Sample(6, 35)}
	for name, c := range clouds {
		for _, s := range []ot.SinkhornSettings{
			{EpsRel: .05, Tol: -1, MaxIter: 12, NoSchedule: true},
			{EpsRel: .02, Tol: 1e-11},
		} {
			want, err := ot.Sinkhorn(context.Background(), cpu, c, &s)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				t   engine.Dtype
				tol float64 // of the mean cost
			}{
				{engine.F64, 1e-10}, // a residual of 1e-11 leaves eps / b_j, about one mean cost, times as much
				{engine.F32, 3e-6},  // float32 iterates of exponents of a hundred; converged ones end in float64
			} {
				s.Dtype = x.t
				got, err := ot.Sinkhorn(context.Background(), e, c, &s)
				if err != nil {
					t.Fatal(err)
				}
				if got.Status != want.Status || s.Tol < 0 && got.Iterations != want.Iterations {
					t.Errorf("%s %v: %s after %d iterations, want %s after %d", name, x.t, got.Status, got.Iterations, want.Status, want.Iterations)
				}
				mean := want.Eps / s.EpsRel
				near(t, name+" F", got.F, want.F, x.tol*mean)
				near(t, name+" G", got.G, want.G, x.tol*mean)
				near(t, name+" bracket", []float64{got.Lower, got.Upper, got.Cost}, []float64{want.Lower, want.Upper, want.Cost}, 2*x.tol*mean)
			}
		}
	}
}

// TestSinkhornInterrupt: a run on a device ends within .3 s of its context, however long it would take.
func TestSinkhornInterrupt(t *testing.T) {
	e := engineOf(t)
	ctx, cancel := context.WithCancel(context.Background())
	var at time.Time
	s := ot.SinkhornSettings{EpsRel: .05, Tol: -1, MaxIter: 1 << 20, NoSchedule: true, Progress: func(k int, _ float64) {
		if k == 20 {
			at = time.Now()
			cancel()
		}
	}}
	_, err := ot.Sinkhorn(ctx, e, ot.Clouds{X: dist.G1().Sample(3, 40), Y: dist.G1().Sample(4, 30)}, &s)
	if took := time.Since(at); !errors.Is(err, context.Canceled) || took > 300*time.Millisecond {
		t.Errorf("error %v, %v after the context", err, took)
	}
}

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !(math.Abs(v-want[i]) <= tol) {
			t.Errorf("%s: number %d is %.12g, want %.12g within %g", what, i, v, want[i], tol)
		}
	}
}
