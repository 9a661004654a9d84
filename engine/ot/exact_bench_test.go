package ot_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine"
	"monge/engine/ot"
)

// hard returns clouds far from images of each other: a Gaussian against a curved, skew mixture.
func hard(seed uint64, n, m, d int) (x, y []float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	x, y = make([]float64, n*d), make([]float64, m*d)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	for j := range m {
		k := r.IntN(3)
		for t := range d {
			y[j*d+t] = math.Exp(.5*r.NormFloat64()) + float64(k*(t%3))
		}
	}
	return x, y
}

// encoded returns a cloud and its image under a monotone map.
func encoded(seed uint64, n, d int) (x, y []float64) {
	x, _ = hard(seed, n, 1, d)
	y = make([]float64, len(x))
	for i, v := range x {
		y[i] = 1.5*v + .4*math.Sin(v) + .3*x[i-i%d]
	}
	return x, y
}

func BenchmarkExactHard(b *testing.B) {
	for _, c := range []struct{ n, m, d int }{{4096, 4096, 2}, {4096, 4096, 64}, {1000, 700, 2}, {4096, 4000, 2}, {4096, 4000, 64}} {
		x, y := hard(1, c.n, c.m, c.d)
		clouds := ot.Clouds{X: engine.Points(x, c.n, c.d), Y: engine.Points(y, c.m, c.d)}
		b.Run(fmt.Sprintf("n=%d/m=%d/d=%d", c.n, c.m, c.d), func(b *testing.B) { solve(b, clouds) })
	}
}

func BenchmarkExactEncoder(b *testing.B) {
	for _, c := range []struct{ n, d int }{{4096, 2}, {4096, 8}, {1797, 64}, {4096, 64}} {
		x, y := encoded(1, c.n, c.d)
		clouds := ot.Clouds{X: engine.Points(x, c.n, c.d), Y: engine.Points(y, c.n, c.d)}
		b.Run(fmt.Sprintf("n=%d/d=%d", c.n, c.d), func(b *testing.B) { solve(b, clouds) })
	}
}

func BenchmarkExactLine(b *testing.B) {
	for _, m := range []int{1000000, 999999} {
		x, y := hard(1, 1000000, m, 1)
		clouds := ot.Clouds{X: engine.Points(x, len(x), 1), Y: engine.Points(y, m, 1)}
		b.Run(fmt.Sprintf("n=%d/m=%d", len(x), m), func(b *testing.B) { solve(b, clouds) })
	}
}

func solve(b *testing.B, c ot.Clouds) {
	for b.Loop() {
		r, err := ot.Exact(context.Background(), c, nil)
		if err != nil || r.Status != ot.Optimal {
			b.Fatal(r, err)
		}
		b.ReportMetric(float64(r.Iterations), "iterations")
		b.ReportMetric((r.Cost-r.Lower)/r.Cost, "gap")
	}
}
