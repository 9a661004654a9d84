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

// TestGoldenOnDevice: the golden values of the encoder, with Jacobian and density, through the device's own steps and
// trajectories, and back; evaluation for evaluation those that the CPU makes.
func TestGoldenOnDevice(t *testing.T) {
	e, cpu := engineOf(t), host(t)
	for _, g := range []struct {
		law     *dist.Mixture
		x, e, j []float64
		logp    float64
	}{
		{dist.G1(), []float64{.5, -.3}, []float64{.028929882107, -.087912462127}, []float64{.225438434546, .039898554591, .089012954977, 1.379692270673}, -3.021491484577},
		{dist.G1(), []float64{1, .8}, []float64{.204771287955, 1.411526365278}, []float64{.116266964868, .120353689107, .496597428844, 1.080900964359}, -5.574575757506},
		{dist.G2(), []float64{.5, -.3}, []float64{.350411230366, -1.473510373180}, []float64{.252811881768, .095721563682, .014978810279, 4.162303409266}, -2.935291973415},
		{dist.G2(), []float64{1, .8}, []float64{.481135848447, .216304590432}, []float64{.006483367449, .041777924314, -.026337979779, .26383425986}, -7.851274228363},
		{dist.G5(), []float64{1, .8}, []float64{.090283726033, .993825161067}, []float64{.63934401768, -1.261466821244, -1.261466821244, 2.531544249546}, -5.939264777741},
	} {
		for _, method := range []string{"adams", "dopri5"} {
			s := &flow.Settings{Method: method, Rtol: 1e-10, Atol: 1e-10, Jacobian: true, LogP: true}
			x := engine.Points(g.x, 1, 2)
			got, err := flow.Encode(context.Background(), e, engine.F64, g.law, x, s)
			if err != nil {
				t.Fatal(err)
			}
			// The encoder stretches an error of a step, 1e-10, by up to 5, and there are some fifty.
			const tol = 1e-8
			near(t, method+" E(x)", got.X.Data().([]float64), g.e, tol)
			near(t, method+" J", got.Jacobian.Data().([]float64), g.j, tol)
			near(t, method+" log p", got.LogP, []float64{g.logp}, tol)
			want, err := flow.Encode(context.Background(), cpu, engine.F64, g.law, x, s)
			if err != nil {
				t.Fatal(err)
			}
			if got.Stats.NFEMean != want.Stats.NFEMean || got.Stats.Rejected != want.Stats.Rejected {
				t.Errorf("%s: %g evaluations and %d rejections, the CPU makes %g and %d", method, got.Stats.NFEMean, got.Stats.Rejected, want.Stats.NFEMean, want.Stats.Rejected)
			}
			back, err := flow.Decode(context.Background(), e, engine.F64, g.law, got.X, s)
			if err != nil {
				t.Fatal(err)
			}
			near(t, method+" D(E(x))", back.X.Data().([]float64), g.x, 10*tol) // G2's decoder stretches by 26
		}
	}
}

// steps is an engine with all the ways of package engine to make steps.
type steps interface {
	engine.Stepper
	engine.Trajectories
}

// counter counts operations and the numbers that pass between host and device.
type counter struct {
	steps
	ops   map[string]int
	moved int
}

func (c *counter) Write(dst engine.Buffer, off int, src []float64) error {
	c.ops["Write"]++
	c.moved += len(src)
	return c.steps.Write(dst, off, src)
}

func (c *counter) Read(dst []float64, src engine.Buffer, off int) error {
	c.ops["Read"]++
	c.moved += len(dst)
	return c.steps.Read(dst, src, off)
}

func (c *counter) Mixture(a *engine.Mixture) error {
	c.ops["Mixture"]++
	return c.steps.Mixture(a)
}

func (c *counter) LinComb(out, coef, x engine.Buffer) error {
	c.ops["LinComb"]++
	return c.steps.LinComb(out, coef, x)
}

func (c *counter) ErrorNorm(out, coef, x engine.Buffer, group int, atol, rtol float64) error {
	c.ops["ErrorNorm"]++
	return c.steps.ErrorNorm(out, coef, x, group, atol, rtol)
}

func (c *counter) CopyRows(dst, dstRows, src, srcRows engine.Buffer) error {
	c.ops["Copy"]++
	return c.steps.CopyRows(dst, dstRows, src, srcRows)
}

func (c *counter) Copy2D(dst engine.Buffer, dstOff, dstStride int, src engine.Buffer, srcOff, srcStride, rows, cols int) error {
	c.ops["Copy"]++
	return c.steps.Copy2D(dst, dstOff, dstStride, src, srcOff, srcStride, rows, cols)
}

func (c *counter) AdamsStep(a *engine.AdamsStep) error {
	c.ops["Step"]++
	return c.steps.AdamsStep(a)
}

func (c *counter) RungeKuttaStage(a *engine.RungeKuttaStage) error {
	c.ops["Step"]++
	return c.steps.RungeKuttaStage(a)
}

func (c *counter) Trajectories(a *engine.Trajectory) error {
	c.ops["Trajectories"]++
	return c.steps.Trajectories(a)
}

func (c *counter) AdamsTrajectories(a *engine.AdamsTrajectory) error {
	c.ops["Trajectories"]++
	return c.steps.AdamsTrajectories(a)
}

// composed is an engine with the contract's own operations alone.
type composed struct{ engine.Engine }

// TestStepsQueueLittle: a step on the device is one evaluation and one operation, and the host hears of it every few
// steps; a small mixture's trajectories are one operation.
func TestStepsQueueLittle(t *testing.T) {
	e, ok := engineOf(t).(steps)
	if !ok {
		t.Skip("this engine composes its steps")
	}
	law := dist.G1()
	x := law.Sample(1, 40)
	for _, method := range []string{"adams", "dopri5"} {
		s := &flow.Settings{Method: method}
		run := func(e engine.Engine) *flow.Result {
			r, err := flow.Encode(context.Background(), e, engine.F64, law, x, s)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		whole, parts := &counter{steps: e, ops: map[string]int{}}, &counter{steps: e, ops: map[string]int{}}
		run(whole)
		r := run(composed{parts})
		t.Logf("%s, %g evaluations a row, %g at most: %v, %d numbers moved; composed %v, %d numbers", method, r.Stats.NFEMean, r.Stats.NFEMax,
			whole.ops, whole.moved, parts.ops, parts.moved)
		if whole.ops["LinComb"]+whole.ops["ErrorNorm"] > 0 || 3*whole.moved > parts.moved {
			t.Errorf("%s: %v, %d numbers moved, composed %v, %d", method, whole.ops, whole.moved, parts.ops, parts.moved)
		}
		// The jump asks for responsibilities.
		if whole.ops["Mixture"] > 2 || whole.ops["Step"] > 0 || whole.ops["Trajectories"] > 4 {
			t.Errorf("%s: %v", method, whole.ops)
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

// TestSinkhornInterrupt: a run on a device ends within .3 s of its context, however long it would take. A busy machine may
// keep one of three waiting, no machine all of them.
func TestSinkhornInterrupt(t *testing.T) {
	e := engineOf(t)
	least := time.Duration(math.MaxInt64)
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		var at time.Time
		s := ot.SinkhornSettings{EpsRel: .05, Tol: -1, MaxIter: 1 << 20, NoSchedule: true, Progress: func(k int, _ float64) {
			if k == 20 {
				at = time.Now()
				cancel()
			}
		}}
		_, err := ot.Sinkhorn(ctx, e, ot.Clouds{X: dist.G1().Sample(3, 40), Y: dist.G1().Sample(4, 30)}, &s)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		least = min(least, time.Since(at))
	}
	if least > 300*time.Millisecond {
		t.Errorf("%v after the context at best", least)
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
