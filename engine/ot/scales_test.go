package ot_test

import (
	"math"
	"testing"

	"monge/engine"
	"monge/engine/ot"
	"monge/engine/rng"
)

// TestExactScales matches a cloud of size 1 to heavy-tailed clouds that are far larger, up to where the costs hold nothing of
// the small cloud any more: the solver's bounds are then as wide as the gaps between its keys. Every result is a
// permutation whose cost is that of its pairs, certified.
func TestExactScales(t *testing.T) {
	for _, d := range []int{2, 3, 8} {
		for _, scale := range []float64{1, 1e8, 1e13, 1e17, 1e60} {
			for seed := range uint64(6) {
				const n = 256
				x, y := make([]float64, n*d), make([]float64, n*d)
				rng.Normals(x, seed, 1, 0)
				rng.Normals(y, seed, 2, 0)
				for i, v := range y {
					y[i] = scale * v * v * v
				}
				r, err := ot.Exact(t.Context(), ot.Clouds{X: engine.Points(x, n, d), Y: engine.Points(y, n, d)}, nil)
				if err != nil {
					t.Fatalf("d %d, scale %g, seed %d: %v", d, scale, seed, err)
				}
				used := make([]bool, n)
				var cost float64
				for i, j := range r.Assignment {
					if used[j] {
						t.Fatalf("d %d, scale %g, seed %d: column %d twice", d, scale, seed, j)
					}
					used[j] = true
					for k := range d {
						e := x[i*d+k] - y[int(j)*d+k]
						cost += e * e / n
					}
				}
				// Sums of 256 d squares, and the certificate's own 1e-9.
				if math.Abs(r.Cost-cost) > 1e-12*cost || !(r.Upper-r.Lower <= 1e-9*cost) {
					t.Errorf("d %d, scale %g, seed %d: cost %v of pairs that cost %v, lower %v", d, scale, seed, r.Cost, cost, r.Lower)
				}
			}
		}
	}
}
