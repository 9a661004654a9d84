package ot_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"slices"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// TestSinkhornResume takes runs up from states that were kept on the way, in a file between: they end with the bits, the
// iterations and the trace of runs that nobody stopped, whatever the type of the numbers and the kind of the iteration.
func TestSinkhornResume(t *testing.T) {
	const n, m, d = 37, 29, 3
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x, y, a, b := uneven(n, m, d, 1)
	c := measures(x, y, a, b, d)
	for name, s := range map[string]ot.SinkhornSettings{
		"accelerated":           {EpsRel: .002, Tol: 1e-9},
		"accelerated, float32":  {EpsRel: .02, Tol: 1e-9, Dtype: engine.F32},
		"plain":                 {EpsRel: .05, Tol: 1e-7, NoSchedule: true},
		"a number of passes":    {EpsRel: .01, Tol: -1, MaxIter: 300},
		"plain passes, float32": {EpsRel: .05, Tol: -1, MaxIter: 300, NoSchedule: true, Dtype: engine.F32},
	} {
		var kept [][]byte
		s.Keep = func(state func() *ot.SinkhornState) {
			var file bytes.Buffer
			if err := gob.NewEncoder(&file).Encode(state()); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, file.Bytes())
		}
		want, err := ot.Sinkhorn(context.Background(), e, c, &s)
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) < 2 {
			t.Fatalf("%s: kept %d times in %d iterations", name, len(kept), want.Iterations)
		}
		s.Keep = nil
		plain, err := ot.Sinkhorn(context.Background(), e, c, &s)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(plain.G, want.G) {
			t.Errorf("%s: what is kept changes the run", name)
		}
		for _, at := range []int{0, len(kept) / 3, len(kept) - 2, len(kept) - 1} {
			s.Resume = new(ot.SinkhornState)
			if err := gob.NewDecoder(bytes.NewReader(kept[at])).Decode(s.Resume); err != nil {
				t.Fatal(err)
			}
			got, err := ot.Sinkhorn(context.Background(), e, c, &s)
			if err != nil {
				t.Fatal(err)
			}
			if got.Iterations != want.Iterations || got.Status != want.Status || got.Cost != want.Cost || got.Lower != want.Lower || got.Upper != want.Upper ||
				got.MarginalError != want.MarginalError || !slices.Equal(got.F, want.F) || !slices.Equal(got.G, want.G) || !slices.Equal(got.Trace, want.Trace) {
				t.Errorf("%s, from iteration %d: cost %v after %d iterations, undisturbed %v after %d", name, s.Resume.Done, got.Cost, got.Iterations, want.Cost, want.Iterations)
			}
		}
		s.Resume = &ot.SinkhornState{F: make([]float64, n), G: make([]float64, n)}
		if _, err := ot.Sinkhorn(context.Background(), e, c, &s); !errors.Is(err, engine.ErrShape) {
			t.Errorf("%s: another problem's state: %v", name, err)
		}
	}
}
