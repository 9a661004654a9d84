package ot_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"monge/engine"
	"monge/engine/ot"

	"gonum.org/v1/gonum/mat"
)

// rotation returns an orthogonal d x d matrix as rows.
func rotation(seed uint64, d int) []float64 {
	var qr mat.QR
	qr.Factorize(mat.NewDense(d, d, normals(seed, d, d)))
	var q mat.Dense
	qr.QTo(&q)
	return q.RawMatrix().Data
}

// combine returns the points x [n, d] in the coordinates whose axes are the rows of q, plus an offset.
func combine(x, q []float64, d int, offset float64) []float64 {
	y := make([]float64, len(x))
	for i := range len(x) / d {
		for k := range d {
			for t := range d {
				y[i*d+t] += x[i*d+k] * q[k*d+t]
			}
		}
		for t := range d {
			y[i*d+t] += offset
		}
	}
	return y
}

// grid returns all points of a box of 5 x 4 x 3 uneven numbers: its covariance is diagonal.
func grid() []float64 {
	var x []float64
	for _, a := range []float64{-7, -2, 0, 1, 9} {
		for _, b := range []float64{-3, -1, 0, 2} {
			for _, c := range []float64{-.5, 0, .75} {
				x = append(x, a, b, c)
			}
		}
	}
	return x
}

// A monotone map of each rotated coordinate is optimal, and marginals along these coordinates know its cost, where
// the axes do not. Principal axes find them.
func TestMarginalAlongRotatedProduct(t *testing.T) {
	const d = 3
	x := grid()
	y := make([]float64, len(x))
	var cost float64
	n := len(x) / d
	for i, v := range x {
		y[i] = []float64{math.Cbrt(v), math.Exp(v / 4), 2 * v}[i%d]
		cost += (v - y[i]) * (v - y[i]) / float64(n)
	}
	for _, offset := range []float64{0, 1e6} {
		q := rotation(1, d)
		c := ot.Clouds{X: engine.Points(combine(x, q, d, offset), n, d), Y: engine.Points(combine(y, q, d, offset), n, d)}
		frame, err := ot.Directions(q, d)
		if err != nil {
			t.Fatal(err)
		}
		principal, err := ot.PrincipalAxes(context.Background(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		// Coordinates of 1e6 are rounded to 1e-10, and so are costs of order 1; the axes of x's and y's spread differ
		// by as much as their means' difference turns them.
		tolerance := 1e-12 * cost
		if offset > 0 {
			tolerance = 1e-8 * cost
		}
		if got, err := ot.MarginalAlong(context.Background(), c, frame, 1); err != nil || math.Abs(got-cost) > tolerance || got > cost+tolerance {
			t.Errorf("offset %g: %g along the map's axes, cost %g (%v)", offset, got, cost, err)
		}
		axes, err1 := ot.MarginalAlong(context.Background(), c, ot.Axes(d), 1)
		plain, err2 := ot.Marginal(context.Background(), c)
		if err := errors.Join(err1, err2); err != nil || !(axes < .99*cost) || math.Abs(axes-plain) > tolerance {
			t.Errorf("offset %g: %g and %g along the axes, cost %g (%v)", offset, axes, plain, cost, err)
		}
		if got, err := ot.MarginalAlong(context.Background(), c, principal, 1); err != nil || !(got > axes) || got > cost+tolerance {
			t.Errorf("offset %g: %g along the principal axes, %g along the axes, cost %g (%v)", offset, got, axes, cost, err)
		}
	}
}

// Every frame bounds the optimum from below: with weights, with few
// directions, with offsets, in more dimensions than points.
func TestMarginalAlongIsBelow(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		n, d   int
		offset float64
	}{{6, 2, 0}, {7, 5, 1e6}, {5, 40, -3}, {6, 300, 10}} {
		x, y := normals(1, c.n, c.d), normals(2, c.n, c.d)
		for i := range y {
			y[i] = y[i]*float64(1+i%c.d%4) + c.offset
		}
		clouds := ot.Clouds{X: engine.Points(x, c.n, c.d), Y: engine.Points(y, c.n, c.d)}
		best := bestPairing(x, y, c.d)
		few, err := ot.Directions(rotation(3, c.d)[:2*c.d], c.d)
		if err != nil {
			t.Fatal(err)
		}
		principal, err := ot.PrincipalAxes(ctx, clouds, 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, frame := range map[string]ot.Frame{"axes": ot.Axes(c.d), "few": few, "principal": principal} {
			got, err := ot.MarginalAlong(ctx, clouds, frame, 0)
			again, _ := ot.MarginalAlong(ctx, clouds, frame, 3)
			if err != nil || got > best*(1+1e-12) || !(got > 0) || got != again {
				t.Errorf("n = %d, d = %d: %s %g (again %g), optimum %g (%v)", c.n, c.d, name, got, again, best, err)
			}
		}
	}
}

func TestFrameErrors(t *testing.T) {
	if _, err := ot.Directions([]float64{1, 0, .1, 1}, 2); !errors.Is(err, ot.ErrSettings) {
		t.Errorf("directions that are not orthonormal: %v", err)
	}
	if _, err := ot.Directions(make([]float64, 3), 2); !errors.Is(err, engine.ErrShape) {
		t.Errorf("three numbers in two dimensions: %v", err)
	}
	x := engine.Points(normals(1, 4, 2), 4, 2)
	if _, err := ot.MarginalAlong(context.Background(), ot.Clouds{X: x, Y: x}, ot.Axes(3), 1); !errors.Is(err, engine.ErrShape) {
		t.Errorf("axes of another space: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ot.MarginalAlong(ctx, ot.Clouds{X: x, Y: x}, ot.Axes(2), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := ot.Marginal(ctx, ot.Clouds{X: x, Y: x}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := ot.Gelbrich(ctx, ot.Clouds{X: x, Y: x}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
