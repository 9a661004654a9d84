package ot_test

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// coarse is an engine with a loop whose fast passes see points of eleven bits.
type coarse struct {
	engine.Engine
	t          *testing.T
	fast, full int
	turns      int // changes between the two
	was        bool
}

// Info is a device's.
func (e *coarse) Info() engine.Info {
	i := e.Engine.Info()
	i.Threads = 0
	return i
}

func (e *coarse) Sinkhorn(ctx context.Context, a *engine.Sinkhorn) error {
	if (e.fast+e.full > 0) && a.Fast != e.was {
		e.turns++
	}
	if e.was = a.Fast; !a.Fast {
		e.full++
		return ot.ComposedSinkhorn(ctx, e.Engine, a)
	}
	e.fast++
	op := *a
	for _, b := range []*engine.Buffer{&op.X, &op.Y} {
		nb, n, d := (*b).Shape()
		x := make([]float64, nb*n*d)
		if err := e.Read(x, *b, 0); err != nil {
			return err
		}
		for i, v := range x {
			f, exp := math.Frexp(v)
			x[i] = math.Ldexp(math.RoundToEven(f*0x1p11)*0x1p-11, exp)
		}
		rounded, err := e.Alloc((*b).Dtype(), nb, n, d)
		if err != nil {
			return err
		}
		defer rounded.Free()
		if err := e.Write(rounded, 0, x); err != nil {
			return err
		}
		*b = rounded
	}
	return ot.ComposedSinkhorn(ctx, e.Engine, &op)
}

// Iterations on rounded points come first, and the result is that of the points as they are.
func TestSinkhornFast(t *testing.T) {
	const n, m, d = 60, 70, 16
	x, y := normals(21, n, d), normals(22, m, d)
	for i := range y {
		y[i] = 1.3*y[i] + .5
	}
	for _, s := range []ot.SinkhornSettings{
		{EpsRel: .05, Tol: 1e-8, NoSchedule: true},
		{EpsRel: .05, Tol: 1e-8},
		{EpsRel: .005, Tol: 1e-6},
		{EpsRel: .005, MaxIter: 9, Tol: 1e-9, NoSchedule: true},
		{EpsRel: .05, Tol: -1, MaxIter: 20, NoSchedule: true},
	} {
		s.Dtype = engine.F32
		plain := cpu.New(cpu.Options{})
		want, err := ot.Sinkhorn(context.Background(), plain, measures(x, y, nil, nil, d), &s)
		if err != nil {
			t.Fatal(err)
		}
		e := &coarse{Engine: plain, t: t}
		got, err := ot.Sinkhorn(context.Background(), e, measures(x, y, nil, nil, d), &s)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v: %d iterations (%d with the points as they are), %d fast calls, %d full, %d turns, error %g", s, got.Iterations, want.Iterations, e.fast, e.full, e.turns, got.MarginalError)
		if (e.fast > 0) != (s.Tol > 0) || e.full == 0 || e.was {
			t.Errorf("%+v: %d fast and %d full calls", s, e.fast, e.full)
		}
		if got.Status != want.Status || len(got.Trace) != got.Iterations || s.MaxIter > 0 && got.Iterations != s.MaxIter {
			t.Errorf("%+v: %s after %d iterations, trace of %d, want %s", s, got.Status, got.Iterations, len(got.Trace), want.Status)
		}
		if want.Status != ot.Converged {
			continue
		}
		// A constant that moves from G to F changes no plan.
		constant := 0.0
		for i, f := range want.F {
			constant += (got.F[i] - f) / n
		}
		// Slow modes leave Tol some thousand times in a potential; the rounding would leave 3e-2 and more.
		for i, f := range want.F {
			if !(math.Abs(got.F[i]-f-constant) <= 5e-3*got.Eps) {
				t.Errorf("%+v: F[%d] = %g, want %g", s, i, got.F[i], f)
				break
			}
		}
		// With the rounding left in, the cost would be off by some 1e-4 of itself.
		if math.Abs(got.Cost-want.Cost) > 1e-6*want.Cost {
			t.Errorf("%+v: cost %.12g, want %.12g", s, got.Cost, want.Cost)
		}
	}
}
