package flow

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

func TestSmallestEigenvalue(t *testing.T) {
	j := tensor.New(tensor.WithShape(3, 2, 2), tensor.WithBacking([]float64{
		2, 5, -5, 3, // the antisymmetric part does not count
		1, 4, 2, 1, // symmetric part 1, 3: eigenvalues -2 and 4
		math.NaN(), 0, 0, 1}))
	got := SmallestEigenvalue(j)
	if math.Abs(got[0]-2) > 1e-14 || math.Abs(got[1]+2) > 1e-14 || !math.IsNaN(got[2]) { // roundings
		t.Errorf("smallest eigenvalues %v, want 2, -2, NaN", got)
	}
}

// The space of all dimensions is exact, that of a few is never below and near, and both are what the law's
// closed form says.
func TestKrylovEigenvalue(t *testing.T) {
	copies, err := dist.NewCopies(dist.G1(), 3)
	if err != nil {
		t.Fatal(err)
	}
	mixture, err := dist.RandomMixture(3, 24, 5)
	if err != nil {
		t.Fatal(err)
	}
	gaussian, err := dist.RandomGaussian(40, 2)
	if err != nil {
		t.Fatal(err)
	}
	tight := Settings{Rtol: 1e-11, Atol: 1e-11}
	for _, c := range []struct {
		name  string
		law   dist.Distribution
		dims  int
		above float64 // by experience: how far the estimate may stay above, relative to the exact one
	}{
		{"one coordinate pair", dist.G1(), 0, 1e-8},
		{"whole space", copies, 6, 1e-8},
		{"part of the space", mixture, 12, .2},
		{"Gaussian", gaussian, 12, .05},
	} {
		x := c.law.Sample(4, 5)
		s := tight
		s.Jacobian = true
		exact := SmallestEigenvalue(encode(t, c.law, x, s).Jacobian)
		got, err := KrylovEigenvalue(context.Background(), newEngine(t), engine.F64, c.law, x, &EigenSettings{Dims: c.dims, Flow: tight})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			// Products with J^-1 stand for those with J to the flow's tolerance times the condition.
			if r := v/exact[i] - 1; !(r > -1e-7 && r < c.above) {
				t.Errorf("%s, row %d: %.10g, exact %.10g", c.name, i, v, exact[i])
			}
		}
	}
	_, l := gaussian.Spectrum()
	want := 1 / math.Sqrt(slices.Max(l))
	got, err := KrylovEigenvalue(context.Background(), newEngine(t), engine.F64, gaussian, gaussian.Sample(1, 1), &EigenSettings{Dims: 50})
	if err != nil || math.Abs(got[0]/want-1) > 1e-6 { // all 40 dimensions, at the default tolerance
		t.Errorf("Gaussian: %v (%v), want %v", got, err, want)
	}
	if _, err := KrylovEigenvalue(context.Background(), newEngine(t), engine.F64, gaussian, gaussian.Sample(1, 1), &EigenSettings{Dims: -1}); !errors.Is(err, ErrSettings) {
		t.Errorf("negative dimensions: %v", err)
	}
}
