package main

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gorgonia.org/tensor"
)

// TestKeeping stops a flow after a few blocks, with tangents and densities, and takes it up again: blocks that are done are
// not done again, and everything has the bits of a flow that nobody stopped.
func TestKeeping(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	law, err := dist.RandomMixture(64, 24, 3)
	if err != nil {
		t.Fatal(err)
	}
	const n, p = 41, 24
	d := law.Dim()
	x := law.Sample(2, n)
	s := flow.Settings{Tangents: tensor.New(tensor.WithShape(n, p, d), tensor.WithBacking(law.Sample(3, n*p).Data().([]float64))), LogP: true, Rtol: 1e-5, Atol: 1e-5}
	want, err := flow.Encode(t.Context(), e, engine.F64, law, x, &s)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: os.Stderr, service: service{checkpoint: t.TempDir()}}
	broken := errors.New("stopped")
	var rows []int
	left := 2 // blocks until it is stopped
	encode := func(ctx context.Context, e engine.Engine, dt engine.Dtype, law dist.Distribution, x *tensor.Dense, s *flow.Settings) (*flow.Result, error) {
		if left--; left < 0 {
			return nil, broken
		}
		rows = append(rows, x.Shape()[0])
		return flow.Encode(ctx, e, dt, law, x, s)
	}
	if size := blockRows(law, &s); size >= n/2 {
		t.Fatalf("blocks of %d rows: the test needs several in %d", size, n)
	}
	if _, err := a.keeping(encode)(t.Context(), e, engine.F64, law, x, &s); !errors.Is(err, broken) {
		t.Fatalf("stopped: %v", err)
	}
	left = math.MaxInt
	got, err := a.keeping(encode)(t.Context(), e, engine.F64, law, x, &s)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, r := range rows {
		sum += r
	}
	if sum != n {
		t.Errorf("blocks of %v rows, %d of %d in all: some were done twice or not at all", rows, sum, n)
	}
	if !slices.Equal(numbers(got.X), numbers(want.X)) || !slices.Equal(numbers(got.Tangents), numbers(want.Tangents)) || !slices.Equal(got.LogP, want.LogP) {
		t.Error("the bits are not those of a flow that nobody stopped")
	}
	if got.Stats.NFEMean != want.Stats.NFEMean || got.Stats.NFEMax != want.Stats.NFEMax || got.Stats.Rejected != want.Stats.Rejected {
		t.Errorf("%+v, undisturbed %+v", got.Stats, want.Stats)
	}
}
