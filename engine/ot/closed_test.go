package ot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"monge/engine"
	"monge/engine/ot"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// checkLine asserts that a result on the line is a plan with the marginals asked for and potentials that
// prove it optimal.
func checkLine(t interface {
	Errorf(string, ...any)
}, x, y, a, b []float64, r *ot.Result) {
	rows, cols := make([]float64, len(x)), make([]float64, len(y))
	var cost, scale float64
	for _, u := range x {
		for _, v := range y {
			scale = max(scale, (u-v)*(u-v))
		}
	}
	// Potentials are sums along the line of at most n + m differences of costs.
	rounding := 1e-14 * scale * float64(len(x)+len(y))
	visit := func(i, j int, mass float64) {
		c := (x[i] - y[j]) * (x[i] - y[j])
		rows[i] += mass
		cols[j] += mass
		cost += mass * c
		if rest := c - r.F[i] - r.G[j]; math.Abs(rest) > rounding {
			t.Errorf("entry (%d, %d) has reduced cost %g", i, j, rest)
		}
	}
	for _, e := range r.Plan {
		visit(e.I, e.J, e.Mass)
	}
	for i, j := range r.Assignment {
		visit(i, int(j), a[i])
	}
	for i := range rows {
		if math.Abs(rows[i]-a[i]) > 1e-15 {
			t.Errorf("row %d holds %g, want %g", i, rows[i], a[i])
		}
		for j := range cols {
			c := (x[i] - y[j]) * (x[i] - y[j])
			if over := r.F[i] + r.G[j] - c; over > rounding {
				t.Errorf("F_%d + G_%d exceeds the cost %g by %g", i, j, c, over)
			}
		}
	}
	for j := range cols {
		if math.Abs(cols[j]-b[j]) > 1e-15 {
			t.Errorf("column %d holds %g, want %g", j, cols[j], b[j])
		}
	}
	if math.Abs(cost-r.Cost) > 1e-14*scale || r.Lower != r.Cost || r.Upper != r.Cost || r.Dual != r.Cost {
		t.Errorf("plan costs %g, cost %g, bracket [%g, %g]", cost, r.Cost, r.Lower, r.Upper)
	}
}

func TestOneDimPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		point := rapid.OneOf(rapid.Float64Range(-3, 3), rapid.Map(rapid.IntRange(-2, 2), func(k int) float64 { return float64(k) }))
		weight := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1, 1e-300, 1e300}))
		draw := func(name string) (x, w []float64) {
			n := rapid.IntRange(1, 8).Draw(t, name)
			x = rapid.SliceOfN(point, n, n).Draw(t, name+" points")
			if rapid.Bool().Draw(t, name+" weighted") {
				w = rapid.SliceOfN(weight, n, n).Draw(t, name+" weights")
				w[0] += 0.5
			}
			return x, w
		}
		x, a := draw("x")
		y, b := draw("y")
		r, err := ot.OneDim(context.Background(), measures(x, y, a, b, 1))
		if err != nil {
			t.Fatal(err)
		}
		unitA, _, _ := ot.Normalize("x", a, len(x))
		unitB, _, _ := ot.Normalize("y", b, len(y))
		checkLine(t, x, y, unitA, unitB, r)
		if (r.Assignment != nil) != (len(x) == len(y) && even(unitA) && even(unitB)) {
			t.Fatalf("assignment %v for weights %v and %v", r.Assignment, a, b)
		}
		bound, err := ot.Marginal(context.Background(), measures(x, y, a, b, 1))
		if err != nil || math.Abs(bound-r.Cost) > 1e-13*(1+r.Cost) {
			t.Fatalf("marginal bound %g, %v; want %g", bound, err, r.Cost)
		}
	})
}

func even(w []float64) bool {
	for _, v := range w {
		if v != w[0] {
			return false
		}
	}
	return true
}

// At an offset of 1e9 the digits of the coordinates are the only ones lost.
func TestOneDimOffset(t *testing.T) {
	x, y := []float64{3, 1, 2}, []float64{5, 2.5, 1}
	for i := range x {
		x[i] += 1e9
		y[i] += 1e9
	}
	r, err := ot.OneDim(context.Background(), measures(x, y, nil, nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	if want := (4 + 0.25 + 0) / 3; math.Abs(r.Cost-want) > 1e-15 {
		t.Errorf("cost %.17g, want %.17g", r.Cost, want)
	}
	checkLine(t, x, y, []float64{1. / 3, 1. / 3, 1. / 3}, []float64{1. / 3, 1. / 3, 1. / 3}, r)
}

func TestOneDimErrors(t *testing.T) {
	if _, err := ot.OneDim(context.Background(), measures(normals(1, 4, 2), normals(2, 4, 2), nil, nil, 2)); !errors.Is(err, engine.ErrShape) {
		t.Errorf("d = 2: %v", err)
	}
	if _, err := ot.OneDim(context.Background(), measures([]float64{1, math.Inf(1)}, []float64{1}, nil, nil, 1)); !errors.Is(err, ot.ErrNotFinite) {
		t.Errorf("infinity: %v", err)
	} else {
		t.Log(err)
	}
	if _, err := ot.OneDim(context.Background(), measures([]float64{1e200}, []float64{0}, nil, nil, 1)); !errors.Is(err, ot.ErrNotFinite) {
		t.Errorf("overflow: %v", err)
	}
}

// bures evaluates the formula as it is written, with covariances and their roots.
func bures(x, y, a, b []float64, d int) float64 {
	meanCov := func(x, w []float64) ([]float64, *mat.SymDense) {
		mean, cov := make([]float64, d), mat.NewSymDense(d, nil)
		for i, v := range w {
			for t := range d {
				mean[t] += v * x[i*d+t]
			}
		}
		for i, v := range w {
			z := make([]float64, d)
			for t := range z {
				z[t] = x[i*d+t] - mean[t]
			}
			cov.SymRankOne(cov, v, mat.NewVecDense(d, z))
		}
		return mean, cov
	}
	root := func(s mat.Symmetric) *mat.SymDense {
		var e mat.EigenSym
		if !e.Factorize(s, true) {
			panic("eigenvalues")
		}
		var v mat.Dense
		e.VectorsTo(&v)
		out := mat.NewSymDense(d, nil)
		for k, l := range e.Values(nil) {
			out.SymRankOne(out, math.Sqrt(max(0, l)), v.ColView(k))
		}
		return out
	}
	mx, A := meanCov(x, a)
	my, B := meanCov(y, b)
	rootA := root(A)
	var mid mat.Dense
	mid.Product(rootA, B, rootA)
	sym := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			sym.SetSym(i, j, (mid.At(i, j)+mid.At(j, i))/2)
		}
	}
	s := mat.Trace(A) + mat.Trace(B) - 2*mat.Trace(root(sym))
	for t := range d {
		s += (mx[t] - my[t]) * (mx[t] - my[t])
	}
	return s
}

func TestGaussian(t *testing.T) {
	for _, c := range []struct {
		n, m, d int
		tol     float64 // the reference squares singular values: half the digits of vanishing ones are noise
	}{{50, 40, 3, 1e-13}, {200, 130, 24, 1e-12}, {30, 45, 1, 1e-13}, {5, 9, 12, 1e-6}, {40, 6, 10, 1e-6}} {
		x, y := normals(1, c.n, c.d), normals(2, c.m, c.d)
		a, b := make([]float64, c.n), make([]float64, c.m)
		for i := range a {
			a[i] = float64(i % 4)
			x[i*c.d] *= 3
		}
		for j := range b {
			b[j] = 1 + float64(j%2)
			y[j*c.d] += 2
		}
		r, err := ot.Gaussian(context.Background(), measures(x, y, a, b, c.d))
		if err != nil {
			t.Fatal(err)
		}
		want := bures(x, y, unit(a), unit(b), c.d)
		if math.Abs(r.Cost-want) > c.tol*want || r.Lower != r.Cost || r.Upper != r.Cost || r.Dual != r.Cost {
			t.Errorf("%+v: %.15g, want %.15g", c, r.Cost, want)
		}
		bound, err := ot.Gelbrich(context.Background(), measures(x, y, a, b, c.d))
		if err != nil || bound != r.Cost {
			t.Errorf("Gelbrich %g, %v", bound, err)
		}
	}
}

// For a linear symmetric positive map between the clouds the Gaussian cost is the cost itself, and rank
// deficiency does not matter.
func TestGaussianLinearMap(t *testing.T) {
	const n, d = 9, 30
	x := normals(3, n, d)
	y := make([]float64, n*d)
	want := 0.0
	for i := range x {
		y[i] = x[i]*(0.5+float64(i%d)/10) + 1e6
		want += (x[i] - y[i]) * (x[i] - y[i]) / n
	}
	r, err := ot.Gaussian(context.Background(), measures(x, y, nil, nil, d))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Cost-want) > 1e-14*want {
		t.Errorf("%.17g, want %.17g", r.Cost, want)
	}
	same, err := ot.Gaussian(context.Background(), measures(x, x, nil, nil, d))
	if err != nil || same.Cost > 1e-13 {
		t.Errorf("a cloud and itself: %g, %v", same.Cost, err)
	}
	point, err := ot.Gaussian(context.Background(), measures([]float64{1, 2}, []float64{4, 6, 4, 6}, nil, nil, 2))
	if err != nil || point.Cost != 25 {
		t.Errorf("two points: %g, %v", point.Cost, err)
	}
}

// Every bound is below the optimum, and exact where theory says so.
func TestLowerBounds(t *testing.T) {
	for _, c := range []struct{ n, m, d int }{{40, 40, 2}, {35, 50, 3}, {30, 30, 7}} {
		x, y, a, b := uneven(c.n, c.m, c.d, 0)
		p := measures(x, y, a, b, c.d)
		exact, err := ot.Exact(context.Background(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		gelbrich, err1 := ot.Gelbrich(context.Background(), p)
		marginal, err2 := ot.Marginal(context.Background(), p)
		sliced, err3 := ot.Sliced(context.Background(), p, nil)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]float64{"gelbrich": gelbrich, "marginal": marginal, "sliced": sliced.Lower} {
			if !(v > 0) || v > exact.Cost*(1+1e-12) {
				t.Errorf("%+v: %s bound %g of %g", c, name, v, exact.Cost)
			}
		}
		if !(math.Abs(sliced.Cost-sliced.Lower) < 0.1*sliced.Cost) || sliced.Status != ot.Estimate || !math.IsNaN(sliced.Upper) {
			t.Errorf("sliced: %+v", sliced)
		}
	}
	// On the line every direction is the line.
	x, y, a, b := uneven(20, 31, 1, 1e6)
	line, err := ot.OneDim(context.Background(), measures(x, y, a, b, 1))
	if err != nil {
		t.Fatal(err)
	}
	sliced, err := ot.Sliced(context.Background(), measures(x, y, a, b, 1), &ot.SlicedSettings{Projections: 3})
	if err != nil || math.Abs(sliced.Cost-line.Cost) > 1e-12*line.Cost || math.Abs(sliced.Lower-line.Cost) > 1e-12*line.Cost {
		t.Errorf("sliced %g, %v; want %g", sliced.Cost, err, line.Cost)
	}
}

// A shift has W2^2(theta) = <theta, shift>^2: whole frames measure it exactly, and fewer directions than d
// never overstate it.
func TestSlicedShift(t *testing.T) {
	const n, d = 12, 6
	x := normals(5, n, d)
	y := append([]float64(nil), x...)
	for i := range n {
		y[i*d+1] += 3
	}
	for _, projections := range []int{6, 18} {
		r, err := ot.Sliced(context.Background(), measures(x, y, nil, nil, d), &ot.SlicedSettings{Projections: projections, Seed: 9})
		if err != nil || math.Abs(r.Cost-9) > 1e-13 || math.Abs(r.Lower-9) > 1e-13 {
			t.Errorf("%d directions: cost %.17g, lower %.17g, %v", projections, r.Cost, r.Lower, err)
		}
	}
	for seed := range uint64(50) {
		r, err := ot.Sliced(context.Background(), measures(x, y, nil, nil, d), &ot.SlicedSettings{Projections: 1 + int(seed%5), Seed: seed})
		if err != nil || r.Lower > 9 {
			t.Errorf("seed %d: lower %g, %v", seed, r.Lower, err)
		}
	}
	one, err1 := ot.Sliced(context.Background(), measures(x, y, nil, nil, d), &ot.SlicedSettings{Threads: 1})
	three, err2 := ot.Sliced(context.Background(), measures(x, y, nil, nil, d), &ot.SlicedSettings{Threads: 3})
	if err := errors.Join(err1, err2); err != nil || one.Cost != three.Cost {
		t.Errorf("one goroutine gives %g, three %g, %v", one.Cost, three.Cost, err)
	}
}

func ExampleOneDim() {
	x := engine.Points([]float64{0, 1}, 2, 1)
	y := engine.Points([]float64{1, 3, 0}, 3, 1)
	r, err := ot.OneDim(context.Background(), ot.Clouds{X: x, Y: y, B: []float64{1, 2, 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Cost)
	for _, e := range r.Plan {
		fmt.Println(e.I, e.J, e.Mass)
	}
	// Output:
	// 2.25
	// 0 0 0.25
	// 0 2 0.25
	// 1 1 0.5
}

func ExampleGaussian() {
	x := engine.Points([]float64{-1, 1}, 2, 1)
	y := engine.Points([]float64{0, 6}, 2, 1)
	r, err := ot.Gaussian(context.Background(), ot.Clouds{X: x, Y: y})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", r.Cost)
	// Output: 13.0000
}
