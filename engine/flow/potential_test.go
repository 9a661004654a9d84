package flow_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
)

// An affine encoder's integrand is linear in t, so any number of nodes is exact: u = <E(c) + E(x), x - c> / 2.
func TestPotentialAffine(t *testing.T) {
	const n, d = 9, 5
	law, err := dist.RandomGaussian(d, 3)
	if err != nil {
		t.Fatal(err)
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := law.Sample(1, n)
	points, _, _, _ := engine.Matrix(x)
	mean := make([]float64, d)
	for i, v := range points {
		mean[i%d] += v / n
	}
	r, err := flow.Encode(context.Background(), e, engine.F64, law, engine.Points(append(mean, points...), n+1, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	z, _, _, _ := engine.Matrix(r.X)
	last := 0
	for _, nodes := range []int{1, 2, 0} {
		u, err := flow.Potential(context.Background(), e, engine.F64, law, x, nodes, &flow.Settings{
			Jacobian: true, // not wanted here, and left out
			Progress: func(done, total int) { last = total - done },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			want := 0.0
			for k := range d {
				want += (z[k] + z[(i+1)*d+k]) * (points[i*d+k] - mean[k]) / 2
			}
			if math.Abs(u[i]-want) > 1e-13*(1+math.Abs(want)) { // sums of a few terms of order 1
				t.Errorf("%d nodes: u[%d] = %v, want %v", nodes, i, u[i], want)
			}
		}
		if last != 0 {
			t.Errorf("%d nodes: %d points not reported", nodes, last)
		}
	}
	if _, err := flow.Potential(context.Background(), e, engine.F64, law, x, -1, nil); !errors.Is(err, flow.ErrSettings) {
		t.Errorf("-1 nodes: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := flow.Potential(ctx, e, engine.F64, law, x, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Where the encoder is a gradient the integrals are its potential: differences between points are path integrals
// along the segment between them too.
func TestPotentialGradient(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	law := dist.G5()
	x := engine.Points([]float64{2.1, .7, 1.5, 1.2, 1.8, 1.3}, 3, 2) // one lobe: the integrand is smooth
	u, err := flow.Potential(context.Background(), e, engine.F64, law, x, 0, &flow.Settings{Rtol: 1e-10, Atol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	pair := engine.Points([]float64{2.1, .7, 1.5, 1.2}, 2, 2)
	v, err := flow.Potential(context.Background(), e, engine.F64, law, pair, 0, &flow.Settings{Rtol: 1e-10, Atol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	// The tolerance's error in E, times lengths below 1, a few times over.
	if got, want := v[1]-v[0], u[1]-u[0]; math.Abs(got-want) > 1e-8 {
		t.Errorf("difference %v along the segment, %v by way of the mean", got, want)
	}
}
