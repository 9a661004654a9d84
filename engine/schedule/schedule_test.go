package schedule

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// paths returns every path of ByName and a few with parameters of their own.
func paths(t testing.TB) map[string]Path {
	t.Helper()
	ps := map[string]Path{
		"linear/wide":  Linear{Beta0: 0, Beta1: 3},
		"linear/flat":  Linear{Beta0: 2, Beta1: 2},
		"cosine/large": Cosine{Offset: .2},
	}
	for _, name := range Names() {
		p, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != name {
			t.Errorf("ByName(%q) is named %q", name, p.Name())
		}
		ps[name] = p
	}
	return ps
}

func TestEnds(t *testing.T) {
	for name, p := range paths(t) {
		a, s, c1, c2 := p.At(0)
		if a != 1 || s != 0 || c2 > 0 || math.IsInf(c1+c2, 0) || math.IsNaN(c1+c2) {
			t.Errorf("%s: At(0) = %v %v %v %v", name, a, s, c1, c2)
		}
		a, s, c1, c2 = p.At(p.End())
		if a != 0 || s != 1 || math.IsInf(c1+c2, 0) || math.IsNaN(c1+c2) {
			t.Errorf("%s: At(End) = %v %v %v %v", name, a, s, c1, c2)
		}
		if u := p.U(0); u != 0 {
			t.Errorf("%s: U(0) = %v", name, u)
		}
		if u := p.U(math.Pi / 2); u != p.End() {
			t.Errorf("%s: U(pi/2) = %v, want %v", name, u, p.End())
		}
		// The formulas hold up to the end, not only the values put in at it.
		for _, u := range []float64{math.Nextafter(p.End(), 0), p.End() - 1e-9} {
			ae, se, d1, d2 := p.At(u)
			if math.Abs(ae-a)+math.Abs(se-s)+math.Abs(d1-c1)+math.Abs(d2-c2) > 1e-7 {
				t.Errorf("%s: At jumps at the end: %v %v %v %v", name, ae, se, d1, d2)
			}
		}
	}
}

// TestSlopes compares c1 and c2 with central differences of alpha and -sigma^2/2, which are smooth on the
// whole interval.
func TestSlopes(t *testing.T) {
	for name, p := range paths(t) {
		rapid.Check(t, func(rt *rapid.T) {
			u := rapid.Float64Range(0.001, 0.999).Draw(rt, "u") * p.End()
			const h = 1e-5
			_, _, c1, c2 := p.At(u)
			am, sm, _, _ := p.At(u - h)
			ap, sp, _, _ := p.At(u + h)
			d1 := (ap - am) / (2 * h)
			d2 := -(sp*sp - sm*sm) / (4 * h)
			// Truncation h^2/6 times third derivatives of up to 1e4 (linear), rounding 1e-16/h.
			if math.Abs(c1-d1) > 1e-6 || math.Abs(c2-d2) > 1e-6 {
				rt.Errorf("%s at %v: c1 %v, differences %v; c2 %v, differences %v", name, u, c1, d1, c2, d2)
			}
		})
	}
}

func TestAngleOfU(t *testing.T) {
	for name, p := range paths(t) {
		rapid.Check(t, func(rt *rapid.T) {
			theta := rapid.Float64Range(0, math.Pi/2).Draw(rt, "theta")
			a, s, _, _ := p.At(p.U(theta))
			// The relative error of u, a few roundings, moves theta by theta'(u) u of about 10.
			if got := math.Atan2(s, a); math.Abs(got-theta) > 1e-14 {
				rt.Errorf("%s: angle %v comes back as %v", name, theta, got)
			}
		})
		// Small angles keep their relative precision.
		for _, theta := range []float64{1e-12, 1e-8, 1e-4, 1e-2} {
			a, s, _, _ := p.At(p.U(theta))
			if got := math.Atan2(s, a); math.Abs(got/theta-1) > 1e-14 {
				t.Errorf("%s: angle %v comes back as %v", name, theta, got)
			}
		}
	}
}

func TestMonotoneAndNormalised(t *testing.T) {
	for name, p := range paths(t) {
		last := -1.0
		for i := 0; i <= 1000; i++ {
			a, s, c1, c2 := p.At(p.End() * float64(i) / 1000)
			theta := math.Atan2(s, a)
			if theta < last || c1 > 0 || c2 > 0 {
				t.Fatalf("%s: step %d: angle %v after %v, c1 %v, c2 %v", name, i, theta, last, c1, c2)
			}
			last = theta
			if name != "rf" && math.Abs(a*a+s*s-1) > 1e-15 {
				t.Fatalf("%s: step %d: alpha^2 + sigma^2 = %v", name, i, a*a+s*s)
			}
		}
	}
}

func TestLinearIsDDPM(t *testing.T) {
	a, _, _, _ := Linear{}.At(.5) // t = 1
	if want := math.Exp(-5.025); math.Abs(a/want-1) > 1e-15 {
		t.Errorf("alpha(t=1) = %v, want exp(-5.025) = %v", a, want)
	}
}

func TestAngleTau(t *testing.T) {
	for _, tau := range []float64{1e-300, 1e-20, 1e-8, .1, 1, 5, 5.025, 20} {
		theta := Angle(tau)
		// Beyond tau = 5 the angle's own rounding limits tau: d tau = tan(theta) d theta.
		if tol := 4e-16 * (1 + math.Tan(theta)/tau); math.Abs(Tau(theta)/tau-1) > tol {
			t.Errorf("Tau(Angle(%v)) = %v", tau, Tau(theta))
		}
	}
	if Angle(0) != 0 || Angle(math.Inf(1)) != math.Pi/2 || Tau(0) != 0 || !math.IsInf(Tau(math.Pi/2), 1) {
		t.Error("ends of Angle and Tau")
	}
	if got := Angle(1e-20); math.Abs(got/math.Sqrt(2e-20)-1) > 1e-15 {
		t.Errorf("Angle(1e-20) = %v, want sqrt(2e-20)", got)
	}
}

func TestByNameUnknown(t *testing.T) {
	_, err := ByName("sigmoid")
	if err == nil || !strings.Contains(err.Error(), `"sigmoid"`) {
		t.Errorf("error %v does not name the schedule", err)
	}
}

func TestLinearPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for decreasing rates")
		}
	}()
	Linear{Beta0: 2, Beta1: 1}.At(.5)
}

func ExamplePath() {
	p, _ := ByName("linear")
	u := p.U(Angle(5.025)) // the horizon of DDPM's linear schedule is t = 1
	alpha, sigma, _, _ := p.At(u)
	fmt.Printf("u %.4f alpha %.6f sigma %.6f\n", u, alpha, sigma)
	// Output: u 0.5000 alpha 0.006572 sigma 0.999978
}
