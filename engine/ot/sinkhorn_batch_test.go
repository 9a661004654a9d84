package ot_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// A batch's results are the single ones of the plain iteration, whatever the types and however early some stop.
func TestSinkhornBatch(t *testing.T) {
	const n, m, d = 23, 31, 3
	e := cpu.New(cpu.Options{})
	var problems []ot.Clouds
	for b := range 5 {
		x, y, a, w := uneven(n, m, d, float64(b))
		for i := range x {
			x[i] *= 1 + float64(b)/2
		}
		problems = append(problems, measures(x, y, a, w, d))
	}
	for _, s := range []ot.SinkhornSettings{
		{EpsRel: .1, Tol: 1e-7, NoSchedule: true},
		{EpsRel: .05, Tol: -1, MaxIter: 12, NoSchedule: true},
		{EpsRel: .1, Tol: 1e-7, NoSchedule: true, Dtype: engine.F32},
	} {
		called := 0
		s.Progress = func(int, float64) { called++ }
		all, err := ot.SinkhornBatch(context.Background(), e, problems, &s)
		if err != nil {
			t.Fatal(err)
		}
		if called == 0 {
			t.Error("no progress")
		}
		s.Progress = nil
		different := false
		for b, got := range all {
			// The plain iteration alone: with a negative tolerance or none, Sinkhorn does not accelerate it.
			want, err := ot.Sinkhorn(context.Background(), e, problems[b], &s)
			if err != nil {
				t.Fatal(err)
			}
			// In float32 the common floor may let one problem go on to float64 earlier than alone.
			if s.Dtype == engine.F64 && got.Iterations != want.Iterations || got.Status != want.Status || len(got.Trace) != got.Iterations || got.Eps != want.Eps {
				t.Errorf("problem %d: %s after %d iterations, trace of %d; alone %s after %d", b, got.Status, got.Iterations, len(got.Trace), want.Status, want.Iterations)
			}
			different = different || got.Iterations != all[0].Iterations
			for i, f := range want.F {
				// 1e-7 of a marginal wrong, times eps / a_i of at least 1e-3.
				if !(math.Abs(got.F[i]-f) <= 1e-4*want.Cost) {
					t.Errorf("problem %d: F[%d] = %g, alone %g", b, i, got.F[i], f)
					break
				}
			}
			if !(math.Abs(got.Cost-want.Cost) <= 1e-6*want.Cost) || !(got.Lower <= got.Upper) {
				t.Errorf("problem %d: cost %g in [%g, %g], alone %g", b, got.Cost, got.Lower, got.Upper, want.Cost)
			}
		}
		if s.Tol > 0 && !different {
			t.Error("all problems end together: the test sees nothing")
		}
	}
	scheduled, err := ot.SinkhornBatch(context.Background(), e, problems, &ot.SinkhornSettings{EpsRel: .02})
	if err != nil {
		t.Fatal(err)
	}
	for b, r := range scheduled {
		if r.Status != ot.Converged || !(r.Trace[0].Eps > 2*r.Eps) || r.Trace[len(r.Trace)-1].Eps != r.Eps {
			t.Errorf("problem %d: %s after %d iterations from eps %g to %g", b, r.Status, r.Iterations, r.Trace[0].Eps, r.Eps)
		}
	}
	// Each with its own eps: the bits of a problem by itself, schedules of different lengths or none.
	each := []float64{.5, .02, .1, .05, .005}
	for _, s := range []ot.SinkhornSettings{{EachEpsRel: each, Tol: -1, MaxIter: 40}, {EachEps: each, NoSchedule: true, Tol: 1e-3, MaxIter: 60}} {
		all, err := ot.SinkhornBatch(context.Background(), e, problems, &s)
		if err != nil {
			t.Fatal(err)
		}
		for b, got := range all {
			one := s
			one.EachEps, one.EachEpsRel = nil, nil
			if s.EachEps != nil {
				one.Eps = each[b]
			} else {
				one.EpsRel = each[b]
			}
			want, err := ot.Sinkhorn(context.Background(), e, problems[b], &one)
			if err != nil {
				t.Fatal(err)
			}
			if got.Cost != want.Cost || got.Dual != want.Dual || got.Lower != want.Lower || got.Upper != want.Upper || got.MarginalError != want.MarginalError ||
				got.Iterations != want.Iterations || got.Eps != want.Eps || got.Status != want.Status || !slices.Equal(got.F, want.F) || !slices.Equal(got.G, want.G) {
				t.Errorf("problem %d, own eps %v: cost %v after %d iterations, alone %v after %d", b, got.Eps, got.Cost, got.Iterations, want.Cost, want.Iterations)
			}
		}
	}
	if _, err := ot.SinkhornBatch(context.Background(), e, problems, &ot.SinkhornSettings{EachEps: each[:2]}); !errors.Is(err, ot.ErrSettings) {
		t.Errorf("two values of eps for five problems: %v", err)
	}
	other := measures(make([]float64, 3*d), make([]float64, m*d), nil, nil, d)
	if _, err := ot.SinkhornBatch(context.Background(), e, append(problems[:1:1], other), &ot.SinkhornSettings{Eps: 1}); !errors.Is(err, engine.ErrShape) {
		t.Errorf("different sizes: %v", err)
	}
	if _, err := ot.SinkhornBatch(context.Background(), e, problems, &ot.SinkhornSettings{Eps: 1, F0: make([]float64, n)}); !errors.Is(err, ot.ErrSettings) {
		t.Errorf("with F0: %v", err)
	}
}

// counting is an engine that iterates by itself, but does not evaluate plans, and counts its reductions.
type counting struct {
	engine.SinkhornLoop
	reductions int
}

func (c *counting) Softmax(a *engine.Softmax) error {
	c.reductions++
	return c.SinkhornLoop.Softmax(a)
}

// The brackets of a batch, and columns without weight, take as many reductions as those of one problem, and have its bits.
func TestSinkhornBatchTogether(t *testing.T) {
	const n, m, d = 11, 17, 3
	var problems []ot.Clouds
	for b := range 20 {
		x, y, a, w := uneven(n, m, d, float64(b))
		a[b%n], w[3] = 0, float64(b%3)/m
		problems = append(problems, measures(x, y, a, w, d))
	}
	for _, s := range []ot.SinkhornSettings{
		{EpsRel: .1, Tol: -1, MaxIter: 7},
		{EpsRel: .1, Tol: -1, MaxIter: 7, Dtype: engine.F32},
	} {
		run := func(problems []ot.Clouds) ([]*ot.Result, int) {
			e := &counting{SinkhornLoop: cpu.New(cpu.Options{})}
			defer e.Close()
			r, err := ot.SinkhornBatch(context.Background(), e, problems, &s)
			if err != nil {
				t.Fatal(err)
			}
			return r, e.reductions
		}
		all, many := run(problems)
		for b, want := range all {
			alone, one := run(problems[b : b+1])
			if got := alone[0]; got.Lower != want.Lower || got.Upper != want.Upper || got.Cost != want.Cost || got.Dual != want.Dual ||
				got.MarginalError != want.MarginalError || !slices.Equal(got.F, want.F) || !slices.Equal(got.G, want.G) {
				t.Errorf("%v, problem %d: cost %v in [%v, %v], alone %v in [%v, %v]", s.Dtype, b, want.Cost, want.Lower, want.Upper, got.Cost, got.Lower, got.Upper)
			}
			if spare := b%3 == 0; spare && one != many { // others need none for columns without weight
				t.Errorf("%v: %d reductions for %d problems, %d for one", s.Dtype, many, len(problems), one)
			}
		}
	}
}
