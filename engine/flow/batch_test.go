package flow

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// TestRowsAlone checks that a row's result is bitwise the same alone, in a batch, and in chunks of any size.
func TestRowsAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("rows one by one; TestLanes has the goroutines")
	}
	all := laws(t)
	for _, law := range []dist.Distribution{dist.G2(), all["points"], all["product"], all["rotated"]} {
		for _, s := range []Settings{{}, {Jacobian: true, LogP: true}, {Method: "dopri5"}, {Method: "heun", Rtol: 1e-4, Atol: 1e-4},
			{Method: "rk4", Steps: 7}, {Method: "dpm3", Steps: 7, LogP: true}} {
			rowsAlone(t, law, s)
		}
	}
}

func rowsAlone(t *testing.T, law dist.Distribution, s Settings) {
	t.Helper()
	const n = 13
	d := law.Dim()
	x := law.Sample(11, n)
	for name, run := range map[string]func(testing.TB, dist.Distribution, *tensor.Dense, Settings) *Result{"encode": encode, "decode": decode} {
		all := run(t, law, x, s)
		check := func(what string, r *Result, lo, hi int) {
			t.Helper()
			pairs := [][2][]float64{{floats(r.X), floats(all.X)[d*lo : d*hi]}}
			if s.Jacobian {
				pairs = append(pairs, [2][]float64{floats(r.Jacobian), floats(all.Jacobian)[d*d*lo : d*d*hi]})
			}
			if s.LogP {
				pairs = append(pairs, [2][]float64{r.LogP, all.LogP[lo:hi]})
			}
			for _, p := range pairs {
				for i, v := range p[0] {
					if v != p[1][i] {
						t.Errorf("%s %s: %s: number %d is %v, in the batch %v", name, s.Method, what, i, v, p[1][i])
						return
					}
				}
			}
		}
		for i := range n {
			one := engine.Points(floats(x)[d*i:d*i+d], 1, d)
			check("alone", run(t, law, one, s), i, i+1)
		}
		small := s
		small.MaxMemory = 6000 // a few rows
		check("in chunks", run(t, law, x, small), 0, n)
		small.MaxMemory = 1
		check("row by row", run(t, law, x, small), 0, n)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		word string
	}{
		{Settings{Method: "adams", Steps: 10}, "Steps"},
		{Settings{Method: "rk4"}, "Steps"},
		{Settings{Method: "euler"}, "Steps"},
		{Settings{Method: "dpm2"}, "Steps"},
		{Settings{Steps: -1, Method: "dopri5"}, "Steps"},
		{Settings{Method: "leapfrog"}, "leapfrog"},
		{Settings{Tau: -1}, "Tau"},
		{Settings{Tau: math.NaN()}, "Tau"},
		{Settings{Rtol: math.NaN()}, "Rtol"},
		{Settings{Rtol: -1, Atol: -1}, "Rtol"},
	} {
		_, err := Encode(context.Background(), newEngine(t), engine.F64, dist.G1(), engine.Points([]float64{0, 0}, 1, 2), &c.s)
		if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v: error %v, want one that names %s", c.s, err, c.word)
		}
	}
	_, err := Encode(context.Background(), newEngine(t), engine.F64, dist.G1(), engine.Points([]float64{0, 0, 0}, 1, 3), nil)
	if !errors.Is(err, engine.ErrShape) {
		t.Errorf("three coordinates for two dimensions: %v", err)
	}
}

func TestDiverged(t *testing.T) {
	x := engine.Points([]float64{0, 0, 1, 1, math.NaN(), 0}, 3, 2)
	_, err := Encode(context.Background(), newEngine(t), engine.F64, dist.G1(), x, nil)
	var d *engine.DivergedError
	if !errors.As(err, &d) || d.Row != 2 || !errors.Is(err, engine.ErrDiverged) {
		t.Errorf("a point that is not a number: %v", err)
	}
	// 1e200 squared is not finite: whatever happens must be an error or a number, not a hang.
	for _, m := range []string{"adams", "dopri5"} {
		r, err := Encode(context.Background(), newEngine(t), engine.F64, dist.G1(), engine.Points([]float64{1e200, 0}, 1, 2), &Settings{Method: m})
		if err == nil && math.IsNaN(floats(r.X)[0]) {
			t.Errorf("%s: not a number without an error", m)
		} else if err != nil && !errors.Is(err, engine.ErrDiverged) {
			t.Errorf("%s: %v", m, err)
		}
	}
}

func TestCancel(t *testing.T) {
	law := dist.G2()
	x := law.Sample(1, 2000)
	for _, s := range []Settings{{Rtol: 1e-12, Atol: 1e-12}, {Method: "dpm1", Steps: 1 << 30}, {Method: "euler", Steps: 1 << 30}} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		began := time.Now()
		_, err := Encode(ctx, newEngine(t), engine.F64, law, x, &s)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v", s.Method, err)
		}
		if took := time.Since(began); took > 3*time.Second { // .3 s on a machine of one's own
			t.Errorf("%s: returned after %v", s.Method, took)
		}
	}
}

func TestProgress(t *testing.T) {
	last := 0
	s := Settings{MaxMemory: 20000, Progress: func(done, n int) {
		if done <= last || done > n || n != 40 {
			t.Errorf("progress %d of %d after %d", done, n, last)
		}
		last = done
	}}
	encode(t, dist.G1(), dist.G1().Sample(1, 40), s)
	if last != 40 {
		t.Errorf("progress ends at %d of 40", last)
	}
}

// TestFloat32 asks float32 for more than it has: the tolerance is floored, and errors stay at a few hundred
// roundoffs times the map's expansion.
func TestFloat32(t *testing.T) {
	e := cpu.New(cpu.Options{Threads: 2})
	defer e.Close()
	for _, law := range []*dist.Mixture{dist.G1(), dist.G2()} {
		x := law.Sample(2, 64)
		for i, v := range floats(x) {
			floats(x)[i] = float64(float32(v))
		}
		ref := encode(t, law, x, Settings{Rtol: 1e-12, Atol: 1e-12, Jacobian: true, LogP: true})
		for _, m := range []string{"adams", "dopri5"} {
			r, err := Encode(context.Background(), e, engine.F32, law, x, &Settings{Method: m, Rtol: 1e-12, Atol: 1e-12, Jacobian: true, LogP: true})
			if err != nil {
				t.Fatal(err)
			}
			ex, ej, el := worst(t, floats(r.X), floats(ref.X)), worst(t, floats(r.Jacobian), floats(ref.Jacobian)), worst(t, r.LogP, ref.LogP)
			t.Logf("%s: %.0f evaluations, %d rejected, errors %.1e %.1e %.1e", m, r.Stats.NFEMean, r.Stats.Rejected, ex, ej, el)
			if ex > 3e-4 || ej > 3e-3 || el > 3e-3 {
				t.Errorf("%s: errors %g (x) %g (J) %g (log p)", m, ex, ej, el)
			}
		}
	}
}

// TestTangents carries directions and the identity at once, and compares J T with the product.
func TestTangents(t *testing.T) {
	law := dist.G1()
	x := law.Sample(5, 3)
	dirs := []float64{1, 2, -1, .5, 0, 3, .1, .2, 5, 5, -2, 1}
	for _, run := range []func(testing.TB, dist.Distribution, *tensor.Dense, Settings) *Result{encode, decode} {
		r := run(t, law, x, Settings{Tangents: tensor.New(tensor.WithShape(3, 2, 2), tensor.WithBacking(dirs)), Jacobian: true})
		j, jt := floats(r.Jacobian), floats(r.Tangents)
		for i := range 3 {
			for p := range 2 {
				v := dirs[i*4+p*2 : i*4+p*2+2]
				for a := range 2 {
					want := dot(j[i*4+a*2:i*4+a*2+2], v)
					if d := math.Abs(jt[i*4+p*2+a] - want); d > 1e-6 { // both to 1e-8 a step
						t.Errorf("row %d, tangent %d: off by %g", i, p, d)
					}
				}
			}
		}
	}
}
