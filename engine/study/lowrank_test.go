package study

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/flow"
	"monge/engine/schedule"
)

// uneven is a law of rank 2 in three coordinates with series of unequal degrees.
func uneven() *lowRank {
	return &lowRank{d: 3, w: []float64{.7, .3}, cores: [][]hermiteSeries{
		{squared(.8, .2), {1}, squared(-.5, .1)},
		{squared(-.6, .2), squared(.3, 0), {1, 0, .2, 0, .01}},
	}}
}

func TestLowRankVelocity(t *testing.T) {
	ctx, e := context.Background(), cpu.New(cpu.Options{})
	defer e.Close()
	law := uneven()
	x := law.Sample(3, 5)
	encode := func(x []float64, s flow.Settings) *flow.Result {
		t.Helper()
		s.Rtol, s.Atol = 1e-12, 1e-12
		r, err := flow.Encode(ctx, e, engine.F64, law, engine.Points(x, len(x)/3, 3), &s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := encode(numbers(x), flow.Settings{Jacobian: true, LogP: true})
	// One map along every path: that of ve has alpha^2 + sigma^2 far from 1.
	ve, err := schedule.ByName("ve")
	if err != nil {
		t.Fatal(err)
	}
	if err := farthest(numbers(encode(numbers(x), flow.Settings{Path: ve}).X), numbers(r.X)); err > 1e-9 {
		t.Errorf("ve differs by %v", err)
	}
	// Central differences: h^2 of truncation, 1e-11/h of the flow.
	const h = 1e-4
	for i := range 5 {
		for c := range 3 {
			row := append([]float64(nil), numbers(x)[3*i:3*i+3]...)
			row[c] += h
			up := numbers(encode(row, flow.Settings{}).X)
			row[c] -= 2 * h
			down := numbers(encode(row, flow.Settings{}).X)
			for k := range 3 {
				if got, want := cells(r.Jacobian)[9*i+3*k+c], (up[k]-down[k])/(2*h); math.Abs(got-want) > 1e-6 {
					t.Errorf("row %d: J[%d,%d] = %v, differences %v", i, k, c, got, want)
				}
			}
		}
	}
	for i := range 5 {
		if want := law.logp(numbers(x)[3*i : 3*i+3]); math.Abs(r.LogP[i]-want) > 1e-9 {
			t.Errorf("row %d: ln p %v by the flow, %v", i, r.LogP[i], want)
		}
	}
}

// TestLowRankSample holds means and variances to those that the series' first coefficients give:
// E x = c_1, E x^2 = 1 + 2 c_2.
func TestLowRankSample(t *testing.T) {
	law := uneven()
	const n = 40000
	x := numbers(law.Sample(1, n))
	for c := range law.d {
		var mean, square float64
		for k, w := range law.w {
			q := append(append(hermiteSeries{}, law.cores[k][c]...), 0, 0)
			mean += w * q[1]
			square += w * (1 + 2*q[2])
		}
		var m, s float64
		for i := range n {
			m += x[i*law.d+c] / n
			s += x[i*law.d+c] * x[i*law.d+c] / n
		}
		// Five standard errors; the fourth moment of these is below 12.
		if math.Abs(m-mean) > 5*math.Sqrt(square/n) || math.Abs(s-square) > 5*math.Sqrt(12./n) {
			t.Errorf("coordinate %d: mean %v, want %v; square %v, want %v", c, m, mean, s, square)
		}
	}
}
