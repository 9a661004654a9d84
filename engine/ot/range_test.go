package ot_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
)

// ladder is n points in the plane of the given size.
func ladder(n int, size float64) []float64 {
	x := make([]float64, 2*n)
	for i := range n {
		x[2*i], x[2*i+1] = size*float64(i%5), size*math.Sin(float64(i))
	}
	return x
}

// TestRange runs every solver over points near both ends of the range of float64: the costs scale with the
// square of the points as long as it is a normal number, become errors where it overflows, and are finite
// everywhere else.
func TestRange(t *testing.T) {
	ctx := context.Background()
	e := cpu.New(cpu.Options{})
	defer e.Close()
	const n = 12
	solvers := map[string]func(ot.Clouds) (*ot.Result, error){
		"exact":    func(c ot.Clouds) (*ot.Result, error) { return ot.Exact(ctx, c, nil) },
		"gaussian": func(c ot.Clouds) (*ot.Result, error) { return ot.Gaussian(ctx, c) },
		"sliced":   func(c ot.Clouds) (*ot.Result, error) { return ot.Sliced(ctx, c, nil) },
		"sinkhorn": func(c ot.Clouds) (*ot.Result, error) {
			return ot.Sinkhorn(ctx, e, c, &ot.SinkhornSettings{EpsRel: 0.1})
		},
		"sinkhorn f32": func(c ot.Clouds) (*ot.Result, error) {
			return ot.Sinkhorn(ctx, e, c, &ot.SinkhornSettings{EpsRel: 0.1, Dtype: engine.F32})
		},
	}
	clouds := func(size float64) ot.Clouds {
		x, y := ladder(n, size), ladder(n, -size)
		y[0] += size
		return ot.Clouds{X: engine.Points(x, n, 2), Y: engine.Points(y, n, 2)}
	}
	for name, solve := range solvers {
		one, err := solve(clouds(1))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, size := range []float64{1e-140, 1e-30, 1e30, 1e140} {
			r, err := solve(clouds(size))
			if err != nil {
				t.Errorf("%s at size %g: %v", name, size, err)
				continue
			}
			// Sinkhorn stops at a marginal error of 1e-6, from iterates that are rounded otherwise; the
			// others are exact to rounding.
			if got := r.Cost / size / size; math.Abs(got-one.Cost) > 1e-5*one.Cost || r.Status != one.Status {
				t.Errorf("%s at size %g: cost %g size^2, %s; want %g, %s", name, size, got, r.Status, one.Cost, one.Status)
			}
			// The bracket scales as the cost does, but for the same rounding of the iterates.
			lower, upper := r.Lower/size/size, r.Upper/size/size
			if name != "sliced" && !(math.Abs(lower-one.Lower) <= 1e-4*one.Cost && math.Abs(upper-one.Upper) <= 1e-4*one.Cost) {
				t.Errorf("%s at size %g: [%g, %g] size^2, want [%g, %g]", name, size, lower, upper, one.Lower, one.Upper)
			}
		}
		for _, size := range []float64{1e160, 1e200, 1e308 / 4} {
			if _, err := solve(clouds(size)); !errors.Is(err, ot.ErrNotFinite) {
				t.Errorf("%s at size %g: %v, want ErrNotFinite", name, size, err)
			}
		}
		for _, size := range []float64{1e-160, 1e-310, 5e-324, 0} {
			r, err := solve(clouds(size))
			if err != nil {
				if !errors.Is(err, ot.ErrSettings) { // eps-rel times the mean cost leaves no 1/eps
					t.Errorf("%s at size %g: %v", name, size, err)
				}
				continue
			}
			if !(r.Cost >= 0 && r.Cost < 1e-300) {
				t.Errorf("%s at size %g: cost %g", name, size, r.Cost)
			}
		}
	}
}

// TestExactSame is the transport of a cloud to itself, whose bracket is one number, 0.
func TestExactSame(t *testing.T) {
	x := ladder(20, 1)
	for i := range x {
		x[i] += math.Cos(float64(i * i))
	}
	r, err := ot.Exact(context.Background(), ot.Clouds{X: engine.Points(x, 20, 2), Y: engine.Points(x, 20, 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cost != 0 || r.Lower != 0 || r.Upper != 0 {
		t.Errorf("cost %g in [%g, %g], want 0", r.Cost, r.Lower, r.Upper)
	}
}
