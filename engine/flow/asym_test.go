package flow

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine"

	"gorgonia.org/tensor"
)

func TestAsymmetry(t *testing.T) {
	j := tensor.New(tensor.WithShape(3, 2, 2), tensor.WithBacking([]float64{
		1, 2, 2, 5, // symmetric
		0, 3e200, -3e200, 0, // antisymmetric, squares overflow
		1, .5, .25, 2}))
	got := Asymmetry(j)
	want := []float64{0, 2, math.Sqrt2 * .25 / math.Sqrt(1+.25+.0625+4)}
	if d := worst(t, got, want); d > 1e-15 { // a few roundings
		t.Errorf("asymmetry %v, want %v", got, want)
	}
	if a := Asymmetry(tensor.New(tensor.WithShape(1, 2, 2), tensor.WithBacking(make([]float64, 4)))); a[0] != 0 {
		t.Errorf("asymmetry %v of zero", a)
	}
	// What is not known is not symmetric.
	nan := tensor.New(tensor.WithShape(1, 2, 2), tensor.WithBacking([]float64{1, math.NaN(), 2, 3}))
	if a := Asymmetry(nan); !math.IsNaN(a[0]) {
		t.Errorf("asymmetry %v of a matrix with NaN", a)
	}
	if a, err := AsymmetryProbes(nan, nan); err != nil || !math.IsNaN(a[0]) {
		t.Errorf("asymmetry %v of products with NaN, error %v", a, err)
	}
}

// TestAsymmetryProbes checks that the estimate of a matrix converges to its asymmetry.
func TestAsymmetryProbes(t *testing.T) {
	const d, k = 7, 600
	r := rand.New(rand.NewPCG(1, 2))
	m := make([]float64, d*d)
	for i := range m {
		m[i] = r.NormFloat64()
	}
	v, jv := make([]float64, k*d), make([]float64, k*d)
	for p := range k {
		for i := range d {
			v[p*d+i] = r.NormFloat64()
		}
		for i := range d {
			jv[p*d+i] = dot(m[i*d:(i+1)*d], v[p*d:(p+1)*d])
		}
	}
	cube := func(x []float64) *tensor.Dense {
		return tensor.New(tensor.WithShape(1, k, d), tensor.WithBacking(x))
	}
	got, err := AsymmetryProbes(cube(v), cube(jv))
	if err != nil {
		t.Fatal(err)
	}
	want := Asymmetry(tensor.New(tensor.WithShape(1, d, d), tensor.WithBacking(m)))
	if e := math.Abs(got[0]/want[0] - 1); e > .1 { // about 2/sqrt(600)
		t.Errorf("estimate %g, exact %g", got[0], want[0])
	}
	one := tensor.New(tensor.WithShape(1, 1, 2), tensor.WithBacking([]float64{1, 2}))
	if _, err := AsymmetryProbes(one, one); !errors.Is(err, engine.ErrShape) {
		t.Errorf("one direction: %v", err)
	}
}
