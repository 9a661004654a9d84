package ot_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// A pairing that is optimal, one that a few rows would leave, and one of shuffled rows, with an engine and without: the
// optimum is the assignment's, whichever way it is found, and the first two skip the auction.
func TestExactGivenPairing(t *testing.T) {
	const n, d = 600, 9
	e := cpu.New(cpu.Options{})
	defer e.Close()
	r := rand.New(rand.NewPCG(3, 14))
	for _, c := range []struct {
		name    string
		swapped int // rows that are paired with each other's images
		shuffle bool
		offset  float64
	}{{"optimal", 0, false, 0}, {"few swapped", 5, false, 0}, {"far from the origin", 5, false, 1e6}, {"shuffled", 0, true, 0}} {
		x, y := encoded(31, n, d)
		want := 0.0
		for i := range x { // a monotone map: the given rows are the optimum
			x[i] += c.offset
			want += (x[i] - y[i]) * (x[i] - y[i]) / n
		}
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		for k := range c.swapped {
			i, j := k*n/c.swapped, k*n/c.swapped+17
			order[i], order[j] = j, i
		}
		if c.shuffle {
			order = r.Perm(n)
		}
		z := make([]float64, 0, n*d)
		for _, i := range order {
			z = append(z, y[i*d:(i+1)*d]...)
		}
		for _, passes := range []engine.Engine{nil, e} {
			got, err := ot.Exact(t.Context(), ot.Clouds{X: engine.Points(x, n, d), Y: engine.Points(z, n, d)}, &ot.ExactSettings{Engine: passes})
			if err != nil {
				t.Fatal(err)
			}
			checkExact(t, x, z, d, nil, nil, got)
			// Sums of 5400 squares in another order.
			if math.Abs(got.Cost-want) > 1e-12*want {
				t.Errorf("%s: cost %.17g, want %.17g", c.name, got.Cost, want)
			}
			for i, j := range got.Assignment {
				if order[j] != i {
					t.Fatalf("%s: row %d goes to the image of %d", c.name, i, order[j])
				}
			}
			if given := strings.Contains(got.Note, "given pairing"); given == c.shuffle {
				t.Errorf("%s: %s", c.name, got.Note)
			}
		}
	}
}
