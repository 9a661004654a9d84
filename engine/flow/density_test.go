package flow_test

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
)

// The quartic banana's encoder and Jacobian; golden values from an integration at 2e-13.
func TestBananaGolden(t *testing.T) {
	law, err := dist.NewDensity([]dist.Term{{Weight: 1, Poly: []dist.Monomial{
		{Coef: -.5, Powers: []int{4, 0}}, {Coef: .5, Powers: []int{2, 0}}, {Coef: -.3, Powers: []int{1, 0}},
		{Coef: -1, Powers: []int{0, 2}}, {Coef: 1, Powers: []int{2, 1}}, {Coef: -.05, Powers: []int{0, 4}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := engine.Points([]float64{.5, -.3, 1, .8}, 2, 2)
	r, err := flow.Encode(context.Background(), e, engine.F64, law, x, &flow.Settings{Rtol: 1e-12, Atol: 1e-12, Jacobian: true})
	if err != nil {
		t.Fatal(err)
	}
	got, _, _, _ := engine.Matrix(r.X)
	for i, want := range []float64{.763727147938, -.832292885961, 1.039057341595, .562289878467} {
		if math.Abs(got[i]-want) > 2e-12+1e-11 { // twelve digits are given; the global error is some times the tolerance
			t.Errorf("E[%d] = %.13g, want %.13g", i, got[i], want)
		}
	}
	jac := r.Jacobian.Data().([]float64)
	for i, want := range []float64{1.063081, -.164053, -.184901, 1.398648, 1.227983, -.333497, -.419971, 1.452861} {
		if math.Abs(jac[i]-want) > 6e-7 { // six digits are given
			t.Errorf("J[%d] = %.8g, want %.6f", i, jac[i], want)
		}
	}
	for i, want := range []float64{.016618, .061875} {
		if got := flow.Asymmetry(r.Jacobian)[i]; math.Abs(got-want) > 6e-7 {
			t.Errorf("asym[%d] = %.8g, want %.6f", i, got, want)
		}
	}
}

// On the Lavenant-Santambrogio family the encoder S differs from the optimal map T by O(eps^2). The distances
// were computed independently by dense quadrature and DOP853 at 1e-12.
func TestBrenierSlope(t *testing.T) {
	if testing.Short() {
		t.Skip("one point, in one goroutine")
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := engine.Points([]float64{.7, .4}, 1, 2)
	for _, c := range []struct{ eps, dist, curl float64 }{
		{.01, .166109, -.2421}, {.02, .160887, -.2396}, {.04, .150932, -.2342}, {.08, .132750, -.2227},
	} {
		law, err := dist.NewBrenier(c.eps)
		if err != nil {
			t.Fatal(err)
		}
		r, err := flow.Encode(context.Background(), e, engine.F64, law, x, &flow.Settings{Rtol: 1e-12, Atol: 1e-12, Jacobian: true})
		if err != nil {
			t.Fatal(err)
		}
		s, _, _, _ := engine.Matrix(r.X)
		m := law.Map([]float64{.7, .4})
		e2 := c.eps * c.eps
		if got := math.Hypot(s[0]-m[0], s[1]-m[1]) / e2; math.Abs(got-c.dist) > 1e-6 { // six digits are given
			t.Errorf("eps %g: |S-T|/eps^2 = %.6f, want %.5f", c.eps, got, c.dist)
		}
		j := r.Jacobian.Data().([]float64)
		if got := (j[1] - j[2]) / e2; math.Abs(got-c.curl) > 1e-4 { // four digits are given
			t.Errorf("eps %g: (D12-D21)/eps^2 = %.5f, want %.4f", c.eps, got, c.curl)
		}
	}
}
