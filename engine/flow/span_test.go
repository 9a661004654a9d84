package flow_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/rng"
	"monge/engine/schedule"

	"gorgonia.org/tensor"
)

// scattered returns a law of few points in many dimensions, far from the origin, of uneven weights, one of them zero,
// with a point twice and one on the line through two others.
func scattered(t *testing.T, n, d int) *dist.Points {
	t.Helper()
	y := make([]float64, n*d)
	rng.Normals(y, 5, 0, 0)
	w := make([]float64, n)
	for i := range y {
		y[i] = 20 + y[i]/math.Sqrt(float64(d))
	}
	for j := range w {
		w[j] = 1 + float64(j%5)
	}
	w[4] = 0
	copy(y[3*d:4*d], y[:d])
	for k := range d {
		y[7*d+k] = .25*y[d+k] + .75*y[2*d+k]
	}
	p, err := dist.NewPoints(engine.Points(y, n, d), w, .3)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The flow of few points in many dimensions, solved in their span, is that of all dimensions.
func TestSpan(t *testing.T) {
	const n, d, rows, probes = 41, 1709, 6, 3
	law := scattered(t, n, d)
	e := cpu.New(cpu.Options{})
	defer e.Close()
	span, err := law.Span(context.Background(), e)
	if err != nil || span == nil {
		t.Fatal(span, err)
	}
	// The origin takes a dimension, and so do the repeated point and the one between two others.
	if r := span.Law.Dim(); r != n-3 {
		t.Errorf("%d dimensions, want %d", r, n-3)
	}
	x := law.Sample(9, rows).Data().([]float64)
	copy(x, law.Rows().Data().([]float64)[:2*d]) // points of the law itself lie in the span
	v := make([]float64, rows*probes*d)
	rng.Normals(v, 6, 0, 0)
	for k := range d { // a direction in the span
		v[k] = x[k] - x[d+k]
	}
	tangents := tensor.New(tensor.WithShape(rows, probes, d), tensor.WithBacking(v))
	for _, c := range []struct {
		s   flow.Settings
		dt  engine.Dtype
		tol float64
	}{
		{flow.Settings{}, engine.F64, 1e-9},
		{flow.Settings{Tau: .7, Path: schedule.VE{}}, engine.F64, 1e-9},
		{flow.Settings{Method: "dopri5"}, engine.F64, 1e-9},
		// Near the data roundoffs of a unit in float32 become 1/.3 of that, in either computation.
		{flow.Settings{}, engine.F32, 2e-4},
	} {
		for _, way := range []struct {
			name string
			run  func(context.Context, engine.Engine, engine.Dtype, dist.Distribution, *tensor.Dense, *flow.Settings) (*flow.Result, error)
		}{{"encode", flow.Encode}, {"decode", flow.Decode}} {
			t.Run(fmt.Sprintf("%s/%s/tau=%g/%v", way.name, c.s.Method, c.s.Tau, c.dt), func(t *testing.T) {
				s := c.s
				s.Rtol, s.Atol, s.Tangents, s.LogP = 1e-11, 1e-11, tangents, true
				in := engine.Points(x, rows, d)
				if way.name == "decode" {
					z := make([]float64, rows*d)
					rng.Normals(z, 7, 0, 0)
					in = engine.Points(z, rows, d)
				}
				got, err := way.run(context.Background(), e, c.dt, law, in, &s)
				if err != nil {
					t.Fatal(err)
				}
				want, err := way.run(context.Background(), e, c.dt, struct{ dist.Distribution }{law}, in, &s)
				if err != nil {
					t.Fatal(err)
				}
				near(t, "x", got.X.Data().([]float64), want.X.Data().([]float64), c.tol)
				near(t, "tangent", got.Tangents.Data().([]float64), want.Tangents.Data().([]float64), c.tol)
				near(t, "log density", got.LogP, want.LogP, c.tol)
				one, err := way.run(context.Background(), e, c.dt, law, engine.Points(in.Data().([]float64)[d:2*d], 1, d), &flow.Settings{
					Method: s.Method, Tau: s.Tau, Path: s.Path, Rtol: s.Rtol, Atol: s.Atol, LogP: true,
					Tangents: tensor.New(tensor.WithShape(1, probes, d), tensor.WithBacking(v[probes*d:2*probes*d])),
				})
				if err != nil {
					t.Fatal(err)
				}
				near(t, "row alone", one.X.Data().([]float64), got.X.Data().([]float64)[d:2*d], 0)
			})
		}
	}
}

// near compares relative to the largest number.
func near(t *testing.T, name string, got, want []float64, tol float64) {
	t.Helper()
	size := 0.0
	for _, v := range want {
		size = math.Max(size, math.Abs(v))
	}
	for i, v := range got {
		if !(math.Abs(v-want[i]) <= tol*size) {
			t.Errorf("%s %d: %v, want %v within %g of %g", name, i, v, want[i], tol, size)
			return
		}
	}
}

// A law keeps its own dimensions where that is as well, or where the span would cost digits.
func TestNoSpan(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	const n, d = 40, 1700
	y := make([]float64, n*d)
	rng.Normals(y, 5, 0, 0)
	nearly := append([]float64(nil), y...)
	wide := make([]float64, 500*1100) // uniform, off the origin: G's least eigenvalue is a 500th of the others
	rng.Normals(wide, 6, 0, 0)
	for i := range wide {
		wide[i] = 10 + math.Erf(wide[i])
	}
	for k := range d { // off by 1e-6: the Gram matrix does not know where
		nearly[k] = nearly[d+k] + 1e-6*nearly[k]
	}
	for name, c := range map[string]struct {
		y    []float64
		d    int
		h    float64
		span bool
	}{
		"spanned":         {y, d, 1, true},
		"many points":     {wide, 1100, 4, true},
		"few dimensions":  {y, 40, 1, false},
		"narrow":          {y, d, .01, false},
		"nearly repeated": {nearly, d, 1, false},
	} {
		p, err := dist.NewPoints(engine.Points(c.y, len(c.y)/c.d, c.d), nil, c.h)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := p.Span(context.Background(), e); err != nil || (s != nil) != c.span {
			t.Errorf("%s: span %v, error %v", name, s != nil, err)
		}
	}
	p, err := dist.NewPoints(engine.Points(y, n, d), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Span(ctx, e); err == nil {
		t.Error("no error of a cancelled context")
	}
}
