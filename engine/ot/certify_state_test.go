package ot_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// TestCertifyResume takes certificates up from every state that was kept on the way, in a file between, whichever way they
// go: they end with the bits and the passes of certificates that nobody stopped, and an exact solve or line integrals that
// are behind them are not made again.
func TestCertifyResume(t *testing.T) {
	if testing.Short() {
		t.Skip("the same passes many times")
	}
	const n, d = 120, 3
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := normals(14, n, d)
	cubes, u := make([]float64, n*d), make([]float64, n)
	for i, v := range x {
		cubes[i] = v * v * v
		u[i/d] += v * v * v * v / 4
	}
	near := normals(15, n, d)
	for i := range near {
		near[i] = .1*near[i] + x[i]*float64(1+i%d)
	}
	touching := make([]float64, n*d)
	for i, v := range x {
		touching[i] = math.Copysign(1, v) * 5
	}
	calls := 0
	line := func(context.Context) ([]float64, error) { calls++; return u, nil }
	for _, c := range []struct {
		name string
		y    []float64
		s    ot.CertifySettings
	}{
		{"the exact solver after passes", normals(16, n, d), ot.CertifySettings{}},
		{"passes to the optimum", normals(16, n, d), ot.CertifySettings{Potentials: "dual", MaxPasses: 300, Engine: e}},
		{"too few passes", normals(16, n, d), ot.CertifySettings{Potentials: "dual", MaxPasses: 3, Engine: e}},
		{"near the identity", near, ot.CertifySettings{Engine: e}},
		{"the exact solver alone", near, ot.CertifySettings{Potentials: "exact"}},
		{"line integrals alone", cubes, ot.CertifySettings{Potentials: "line", Line: line}},
		{"no memory for the exact solver", cubes, ot.CertifySettings{MaxMemory: 1, Line: line, Engine: e}},
		{"line integrals for slack", cubes, ot.CertifySettings{Line: line, Engine: e}},
		{"ties", touching, ot.CertifySettings{Line: line}},
	} {
		certify := func(s ot.CertifySettings) *ot.Certificate {
			t.Helper()
			r, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(c.y, n, d), &s)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			r.Seconds = 0
			return r
		}
		want := fmt.Sprintf("%+v", *certify(c.s)) // in text NaN is NaN
		var kept [][]byte
		s := c.s
		s.Keep = func(state func() *ot.CertifyState) {
			var file bytes.Buffer
			if err := gob.NewEncoder(&file).Encode(state()); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, file.Bytes())
		}
		if got := fmt.Sprintf("%+v", *certify(s)); got != want {
			t.Errorf("%s: what is kept changes the certificate:\n%s\n%s", c.name, got, want)
		}
		if len(kept) < 2 {
			t.Fatalf("%s: kept %d times", c.name, len(kept))
		}
		last := 0
		for at, file := range kept {
			s := c.s
			s.Resume = new(ot.CertifyState)
			if err := gob.NewDecoder(bytes.NewReader(file)).Decode(s.Resume); err != nil {
				t.Fatal(err)
			}
			calls = 0
			if got := fmt.Sprintf("%+v", *certify(s)); got != want {
				t.Fatalf("%s, from state %d of %d, %d steps done: \n%s\nundisturbed\n%s", c.name, at, len(kept), len(s.Resume.Steps), got, want)
			}
			last = calls
		}
		if last != 0 {
			t.Errorf("%s: line integrals are asked for again at the end", c.name)
		}
		s = c.s
		s.Resume = new(ot.CertifyState)
		if _, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(c.y, n, d), &s); !errors.Is(err, engine.ErrShape) {
			t.Errorf("%s: another problem's state: %v", c.name, err)
		}
		t.Logf("%s: %d states", c.name, len(kept))
	}
}
