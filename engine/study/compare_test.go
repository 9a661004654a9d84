package study_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/study"
)

func compare(t testing.TB, s study.CompareSettings) *study.Comparison {
	t.Helper()
	e := cpu.New(cpu.Options{})
	defer e.Close()
	c, err := study.Compare(context.Background(), e, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func copies(t testing.TB, m int) dist.Distribution {
	t.Helper()
	law, err := dist.NewCopies(dist.G1(), m)
	if err != nil {
		t.Fatal(err)
	}
	return law
}

// G1's encoder is not optimal, and 500 points in the plane show it; copies of it are as far from optimal,
// and the same count of points cannot show it, but the Jacobian can.
func TestCompareSeesAndIsBlind(t *testing.T) {
	c := compare(t, study.CompareSettings{Law: dist.G1(), N: 500, Seed: 1})
	// The gap of 500 points is .33 % on average; it varies by about a fifth of that between draws.
	if g := c.Transport; !(g.RelativeLower > 1e-3 && g.RelativeUpper < 6e-3) || g.RelativeUpper-g.RelativeLower > 1e-9 {
		t.Errorf("G1: gap %v .. %v, want about .0033", g.RelativeLower, g.RelativeUpper)
	}
	if c.Transport.CertifiedOptimal || c.Transport.MovedFraction == 0 {
		t.Errorf("G1: %+v", c.Transport)
	}
	plane := c.Jacobian.Mean

	c = compare(t, study.CompareSettings{Law: copies(t, 4), N: 500, Seed: 1})
	if !c.Transport.CertifiedOptimal || c.Transport.MovedFraction != 0 || !(c.Transport.SlackMargin > .01) {
		t.Errorf("four copies: certified %v, moved %v, margin %v", c.Transport.CertifiedOptimal, c.Transport.MovedFraction, c.Transport.SlackMargin)
	}
	if c.Jacobian.Probes != 0 || c.Jacobian.Points != 128 {
		t.Errorf("four copies: %+v, want exact Jacobians at 128 points", c.Jacobian)
	}
	// |J - J^T|^2 and |J|^2 of the blocks add up, so the ratio is about that of one block.
	if math.Abs(c.Jacobian.Mean-plane) > .5*plane {
		t.Errorf("four copies: asymmetry %v, one copy %v", c.Jacobian.Mean, plane)
	}
}

// A Gaussian's encoder is optimal: everything agrees, and the bounds are below the cost.
func TestCompareGaussian(t *testing.T) {
	law, err := dist.RandomGaussian(24, 3)
	if err != nil {
		t.Fatal(err)
	}
	c := compare(t, study.CompareSettings{Law: law, N: 300, Seed: 2})
	if !c.Transport.CertifiedOptimal {
		t.Errorf("not certified: %+v", c.Transport)
	}
	if c.Jacobian.Probes != study.DefaultProbes || c.Jacobian.Max > 1e-12 { // closed form: rounding alone
		t.Errorf("asymmetry %+v", c.Jacobian)
	}
	for name, b := range map[string]float64{"gelbrich": c.Bounds.Gelbrich, "marginal": c.Bounds.Marginal, "principal": c.Bounds.Principal, "sliced": c.Bounds.Sliced} {
		if !(b > 0 && b <= c.Transport.Upper*(1+1e-12)) {
			t.Errorf("%s = %v above the optimum %v", name, b, c.Transport.Upper)
		}
	}
	// The map is affine, so the moments know everything.
	if b := c.Bounds.Gelbrich; math.Abs(b-c.Transport.Cost) > 1e-9*b {
		t.Errorf("gelbrich %v, cost %v", b, c.Transport.Cost)
	}
	if c.Flow.NFEMax != 0 {
		t.Errorf("%v evaluations for a closed form", c.Flow.NFEMax)
	}
}

// Potentials from shortest paths touch constraints of a dense cloud; the encoder's line integrals, of an encoder that
// is a gradient, show that nothing ties.
func TestCompareLine(t *testing.T) {
	c := compare(t, study.CompareSettings{Law: dist.G5(), N: 400, Seed: 1})
	if g := c.Transport; !g.CertifiedOptimal || g.MovedFraction != 0 || !(g.SlackMargin > 0) {
		t.Errorf("certified %v, moved %v, slack %v: %s", g.CertifiedOptimal, g.MovedFraction, g.SlackMargin, g.Note)
	}
}

// Random directions estimate the exact asymmetry: over 128 points the mean is within a few percent.
func TestCompareProbes(t *testing.T) {
	exact := compare(t, study.CompareSettings{Law: copies(t, 3), N: 128, Seed: 5}).Jacobian
	probed := compare(t, study.CompareSettings{Law: copies(t, 3), N: 128, Seed: 5, Probes: 24}).Jacobian
	if probed.Probes != 24 || math.Abs(probed.Mean-exact.Mean) > .1*exact.Mean {
		t.Errorf("probes %+v, exact %+v", probed, exact)
	}
}

func TestComparePointsAndErrors(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	x := engine.Points([]float64{.5, -.3, 1, .8}, 2, 2)
	c := compare(t, study.CompareSettings{Law: dist.G1(), Points: x, Flow: flow.Settings{Rtol: 1e-12, Atol: 1e-12}})
	z, _, _, _ := engine.Matrix(c.Z)
	for i, want := range []float64{.028929882107, -.087912462127, .204771287955, 1.411526365278} {
		if math.Abs(z[i]-want) > 1e-10 { // the golden values' digits, less the expansion of the tolerance
			t.Errorf("E[%d] = %.12f, want %.12f", i, z[i], want)
		}
	}
	for name, s := range map[string]study.CompareSettings{
		"dimension": {Law: dist.G1(), Points: engine.Points(make([]float64, 3), 1, 3)},
		"negative":  {Law: dist.G1(), N: -1},
	} {
		if _, err := study.Compare(context.Background(), e, s); !errors.Is(err, engine.ErrShape) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := study.Compare(context.Background(), e, study.CompareSettings{}); err == nil {
		t.Error("no law: no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	stages := map[string]bool{}
	_, err := study.Compare(ctx, e, study.CompareSettings{Law: dist.G1(), N: 200, Progress: func(stage string, done, total int) {
		stages[stage] = true
		if stage == study.StageJacobian {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !stages[study.StageEncode] {
		t.Errorf("cancelled: error %v after stages %v", err, stages)
	}
}

func ExampleCompare() {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	c, err := study.Compare(context.Background(), e, study.CompareSettings{Law: dist.G1(), N: 500, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("gap %.2f %%, certified optimal: %v, asymmetry %.2f\n",
		100*c.Transport.RelativeLower, c.Transport.CertifiedOptimal, c.Jacobian.Mean)
	// Output: gap 0.31 %, certified optimal: false, asymmetry 0.12
}
