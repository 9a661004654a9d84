package flow

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

func newEngine(t testing.TB) engine.Engine {
	t.Helper()
	e := cpu.New(cpu.Options{Threads: 2})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func encode(t testing.TB, law dist.Distribution, x *tensor.Dense, s Settings) *Result {
	t.Helper()
	r, err := Encode(context.Background(), newEngine(t), engine.F64, law, x, &s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func decode(t testing.TB, law dist.Distribution, z *tensor.Dense, s Settings) *Result {
	t.Helper()
	r, err := Decode(context.Background(), newEngine(t), engine.F64, law, z, &s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func floats(t *tensor.Dense) []float64 { return t.Data().([]float64) }

// worst returns the largest difference of two arrays of numbers.
func worst(t testing.TB, got, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	m := 0.0
	for i, v := range got {
		d := math.Abs(v - want[i])
		if math.IsNaN(d) {
			t.Fatalf("number %d is %v, want %v", i, v, want[i])
		}
		m = math.Max(m, d)
	}
	return m
}

// golden are encoder values computed independently by an integrator of order 8 at a relative tolerance of
// 2e-13, given to twelve decimals.
var golden = []struct {
	name string
	law  func() *dist.Mixture
	x    []float64
	e    []float64
	j    []float64
	logp float64
}{
	{"G1/inner", dist.G1, []float64{.5, -.3}, []float64{.028929882107, -.087912462127},
		[]float64{.225438434546, .039898554591, .089012954977, 1.379692270673}, -3.021491484577},
	{"G1/outer", dist.G1, []float64{1, .8}, []float64{.204771287955, 1.411526365278},
		[]float64{.116266964868, .120353689107, .496597428844, 1.080900964359}, -5.574575757506},
	{"G2/inner", dist.G2, []float64{.5, -.3}, []float64{.350411230366, -1.473510373180},
		[]float64{.252811881768, .095721563682, .014978810279, 4.162303409266}, -2.935291973415},
	{"G2/outer", dist.G2, []float64{1, .8}, []float64{.481135848447, .216304590432},
		[]float64{.006483367449, .041777924314, -.026337979779, .26383425986}, -7.851274228363},
	{"G5/outer", dist.G5, []float64{1, .8}, []float64{.090283726033, .993825161067},
		[]float64{.63934401768, -1.261466821244, -1.261466821244, 2.531544249546}, -5.939264777741},
}

func TestGolden(t *testing.T) {
	for _, m := range []struct {
		method string
		tol    float64
		within float64 // the tables' rounding is 5e-13; the encoder's expansion, up to 5 here, multiplies the tolerance
	}{
		{"adams", 1e-12, 1e-10},
		{"dopri5", 1e-12, 1e-10},
		{"adams", 0, 1e-6},
		{"heun", 1e-7, 1e-4},
	} {
		for _, g := range golden {
			r := encode(t, g.law(), engine.Points(g.x, 1, 2), Settings{Method: m.method, Rtol: m.tol, Atol: m.tol, Jacobian: true, LogP: true})
			de, dj, dl := worst(t, floats(r.X), g.e), worst(t, floats(r.Jacobian), g.j), math.Abs(r.LogP[0]-g.logp)
			t.Logf("%s %s at %g: %.0f evaluations, errors %.1e (x) %.1e (J) %.1e (log p)", m.method, g.name, m.tol, r.Stats.NFEMean, de, dj, dl)
			if de > m.within || dj > m.within || dl > m.within {
				t.Errorf("%s %s at %g: errors %g (x) %g (J) %g (log p)", m.method, g.name, m.tol, de, dj, dl)
			}
		}
	}
}

func TestFiniteHorizon(t *testing.T) {
	for _, method := range []string{"adams", "dopri5"} {
		r := encode(t, dist.G1(), engine.Points([]float64{1, .8}, 1, 2), Settings{Method: method, Tau: 5, Rtol: 1e-12, Atol: 1e-12})
		// Twelve decimals are known.
		if d := worst(t, floats(r.X), []float64{.204792239296, 1.411512203623}); d > 1e-11 {
			t.Errorf("%s: error %g", method, d)
		}
	}
}
