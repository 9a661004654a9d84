package ot_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"monge/engine/ot"

	"gonum.org/v1/gonum/mat"
)

// TestLeading: two matrices' leading eigenvectors are those of the dense solver, one of the values twice; of nothing they
// are orthonormal with values 0.
func TestLeading(t *testing.T) {
	const d, k = 40, 5
	draw := func(seed uint64, n int) *mat.Dense {
		z := mat.NewDense(n, d, normals(seed, n, d))
		z.Apply(func(_, j int, v float64) float64 { return v * math.Pow(.7, float64(j)) }, z)
		return z
	}
	two := mat.NewDense(2, d, nil) // one value twice, the largest
	two.Set(0, 38, 1e3)
	two.Set(1, 39, 1e3)
	for name, z := range map[string][]*mat.Dense{
		"decaying": {draw(1, 60), draw(2, 7)}, "double": {draw(3, 50), two}, "fewer rows than directions": {draw(4, 3)}, "zero": {mat.NewDense(4, d, nil)},
	} {
		sum := mat.NewSymDense(d, nil)
		for _, z := range z {
			sum.SymRankK(sum, 1, z.T())
		}
		var e mat.EigenSym
		if !e.Factorize(sum, false) {
			t.Fatal("no eigenvalues")
		}
		want := e.Values(nil)
		v, values, err := ot.Leading(context.Background(), z, k, 60, 1)
		if err != nil {
			t.Fatal(err)
		}
		q := mat.NewDense(k, d, v)
		var gram, image mat.Dense
		gram.Mul(q, q.T())
		image.Mul(q, sum)
		for a := range k {
			// The twelfth value is a tenth of the fifth and less: nothing is left of it after 60 rounds but rounding.
			if got, want := values[a], math.Max(0, want[d-1-a]); !(math.Abs(got-want) <= 1e-12*want+1e-13*values[0]) {
				t.Errorf("%s: value %d is %v, want %v", name, a, got, want)
			}
			for b := range k {
				unit := 0.0
				if a == b {
					unit = 1
				}
				if !(math.Abs(gram.At(a, b)-unit) <= 1e-13) { // some roundings of 40 terms
					t.Errorf("%s: product %v of axes %d and %d", name, gram.At(a, b), a, b)
				}
			}
			for j := range d {
				if !(math.Abs(image.At(a, j)-values[a]*q.At(a, j)) <= 1e-12*values[0]) { // rounding of 40 terms alone
					t.Errorf("%s: axis %d is no eigenvector: %g off in coordinate %d", name, a, image.At(a, j)-values[a]*q.At(a, j), j)
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ot.Leading(ctx, []*mat.Dense{draw(1, 9)}, k, 3, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
