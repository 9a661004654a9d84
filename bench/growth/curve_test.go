package main

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
)

func TestOrder(t *testing.T) {
	// Twice the size takes four times as long, above a start that does not grow.
	c := curve{at: []float64{1, 2, 4, 8, 16, 32}}
	for i, n := range c.at {
		s := n * n
		if i < 3 {
			s = 9
		}
		c.seconds = append(c.seconds, s)
	}
	if k := c.order(); math.Abs(k-2) > 1e-12 {
		t.Errorf("order %v of a square, want 2", k)
	}
	c.at, c.seconds = c.at[:1], c.seconds[:1]
	if k := c.order(); !math.IsNaN(k) {
		t.Errorf("order %v of one point, want NaN", k)
	}
}

// TestCurves runs every workload at a small size.
func TestCurves(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	free := e.Info().Free
	curves := workloads()
	for i := range curves {
		c := &curves[i]
		c.sizes = []int{8, 16}
		switch {
		case c.workload == "CertifyLarge" && c.axis == "d", strings.Contains(c.fixed, "n = 2048"), strings.Contains(c.fixed, "4096 atoms"):
			c.sizes = c.sizes[:1]
		}
		if err := c.measure(context.Background(), e, time.Minute); err != nil {
			t.Fatalf("%s: %v", c.title(), err)
		}
		for _, s := range c.seconds {
			if !(s > 0) {
				t.Errorf("%s: %v seconds", c.title(), c.seconds)
			}
		}
	}
	if now := e.Info().Free; now != free {
		t.Errorf("%d bytes are not given back", free-now)
	}
	if f := figures(curves); len(f) != 8 {
		t.Errorf("%d figures, want 8: three axes of two workloads and two of one", len(f))
	}
	var out bytes.Buffer
	table(&out, "growth", curves)
	if n := strings.Count(out.String(), "\n| "); n != len(curves)+2 {
		t.Errorf("%d lines in the table of %d curves:\n%s", n, len(curves), out.String())
	}
	// A run beyond the limit ends its curve.
	c := curve{t: engine.F64, sizes: []int{1, 2, 3}, prepare: func(context.Context, engine.Engine, engine.Dtype, int) (func() error, func(), error) {
		return func() error { time.Sleep(time.Millisecond); return nil }, nothing, nil
	}}
	if err := c.measure(context.Background(), e, time.Microsecond); err != nil || len(c.at) != 1 {
		t.Errorf("%d sizes, %v; want 1", len(c.at), err)
	}
}
