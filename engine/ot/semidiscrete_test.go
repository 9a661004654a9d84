package ot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/ot"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

func semiDiscrete(t *testing.T, y []float64, d int, b []float64, s *ot.SemiDiscreteSettings) *ot.SemiDiscreteResult {
	t.Helper()
	r, err := ot.SemiDiscrete(context.Background(), engine.Points(y, len(y)/d, d), b, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// monteCarlo compares a result with the map that its weights define, at points drawn here.
func monteCarlo(t *testing.T, name string, r *ot.SemiDiscreteResult, x []float64, d int) {
	t.Helper()
	n := len(x) / d
	cell, err := r.Assign(context.Background(), engine.Points(x, n, d))
	if err != nil {
		t.Fatal(err)
	}
	y, _, _, _ := engine.Matrix(r.Atoms)
	share := make([]float64, len(r.Psi))
	var sum, squares float64
	for i, j := range cell {
		share[j] += 1 / float64(n)
		c := sqdist(x[i*d:i*d+d], y[int(j)*d:int(j)*d+d])
		sum += c / float64(n)
		squares += c * c / float64(n)
	}
	for j, m := range r.Masses {
		if e := math.Sqrt(m*(1-m)/float64(n)) + r.MassError; math.Abs(share[j]-m) > 4.5*e+1e-9 {
			t.Errorf("%s: cell %d wins %.5f of the points, its mass is %.5f ± %.5f", name, j, share[j], m, e)
		}
	}
	if e := math.Sqrt((squares-sum*sum)/float64(n)) + r.CostError; math.Abs(sum-r.Cost) > 4.5*e {
		t.Errorf("%s: the points cost %.5f, want %.5f ± %.5f", name, sum, r.Cost, e)
	}
}

func TestSemiDiscreteTriangle(t *testing.T) {
	y, b := []float64{0, 0, 3, 0, .5, 1.5}, []float64{.5, .3, .2}
	r := semiDiscrete(t, y, 2, b, nil)
	// The reference is a Monte Carlo mean over 4e5 points whose costs have standard deviation 2.5.
	if r.Status != ot.Optimal || math.Abs(r.Cost-2.418040) > .012 || math.Abs(r.Cost-r.Dual) > 1e-9 || r.Samples != 0 {
		t.Errorf("%s: cost %.6f, dual %.6f, %d samples", r.Status, r.Cost, r.Dual, r.Samples)
	}
	s := semiDiscrete(t, y, 2, b, &ot.SemiDiscreteSettings{Sampling: true})
	if s.Status != ot.Converged || s.Samples == 0 || math.Abs(s.Cost-r.Cost) > 4.5*s.CostError+.01 || math.Abs(s.Dual-r.Dual) > 4.5*s.DualError {
		t.Errorf("by sampling: %s, cost %.4f ± %.4f, dual %.4f ± %.4f, want %.4f", s.Status, s.Cost, s.CostError, s.Dual, s.DualError, r.Cost)
	}
	for j := range r.Psi { // the masses are within 2 %, and a mass moves by about a tenth when ψ moves by 1
		if math.Abs(s.Psi[j]-r.Psi[j]) > .2 {
			t.Errorf("ψ %v by sampling, %v", s.Psi, r.Psi)
		}
	}
}

// Atoms on a line have slabs between normal quantiles, in any dimension and whatever the direction and offset.
func TestSemiDiscreteLine(t *testing.T) {
	b := []float64{.1, .25, .05, .6}
	at := []float64{-1, .5, 2, 7}
	for _, d := range []int{1, 2, 5} {
		y := make([]float64, 0, 4*d)
		for _, v := range at {
			for c := range d {
				y = append(y, 3+v*float64(c-2)/2) // d = 1: falling
			}
		}
		r := semiDiscrete(t, y, d, b, nil)
		if r.Status != ot.Optimal {
			t.Fatalf("d = %d: %s after %d steps, masses %v", d, r.Status, r.Iterations, r.Masses)
		}
		var length float64
		for c := range d {
			length += (y[d+c] - y[c]) * (y[d+c] - y[c])
		}
		length = math.Sqrt(length) / 1.5 // of a unit of at
		// Along the line x is normal with mean -<y_0, e>, e the direction; the wall between neighbours is at
		// the quantile z.
		cumulative := 0.
		for j := range 3 {
			cumulative += b[j]
			z := distuv.UnitNormal.Quantile(cumulative)
			wall := make([]float64, d)
			for c := range d {
				wall[c] = (y[d+c] - y[c]) / 1.5 / length * z
			}
			want := sqdist(wall, y[(j+1)*d:(j+2)*d]) - sqdist(wall, y[j*d:(j+1)*d])
			// The quantiles of masses within 1e-10, at densities above .1, times distances up to 20.
			if got := r.Psi[j+1] - r.Psi[j]; math.Abs(got-want) > 1e-7 {
				t.Errorf("d = %d: ψ_%d - ψ_%d = %.12g, want %.12g", d, j+1, j, got, want)
			}
		}
	}
}

// The cells of many atoms with uneven weights have the masses asked for, as points of the law see them.
func TestSemiDiscreteMany(t *testing.T) {
	x := normals(20, 40000, 2)
	for _, kind := range []string{"even", "uneven", "grid", "outlier", "heavy", "close"} {
		r := rand.New(rand.NewPCG(21, 0))
		n := 150
		y, b := normals(22, n, 2), make([]float64, n)
		for j := range b {
			b[j] = 1
			switch kind {
			case "uneven":
				b[j] = math.Exp(3 * r.NormFloat64())
			case "grid":
				y[2*j], y[2*j+1] = float64(j%15), float64(j/15)
			case "outlier":
				if j == 0 {
					y[0] = 1e4
				}
			case "heavy":
				if j == 0 {
					b[j] = 1e5
				}
			case "close":
				y[2*j] = 5 + 1e-4*y[2*j]
			}
		}
		got := semiDiscrete(t, y, 2, b, nil)
		if got.Status != ot.Optimal || got.MassError > 1e-10 || math.Abs(got.Cost-got.Dual) > 1e-9*got.Cost {
			t.Errorf("%s: %s after %d steps: distance %g, cost %g, dual %g", kind, got.Status, got.Iterations, got.MassError, got.Cost, got.Dual)
			continue
		}
		monteCarlo(t, kind, got, x, 2)
	}
}

// In d = 5 the cells of atoms in a plane are those of the plane, and Gaussians of any covariance are measured
// exactly too.
func TestSemiDiscretePlane(t *testing.T) {
	d, n := 5, 40
	plane, frame := normals(23, n, 2), normals(24, 2, d)
	y := make([]float64, n*d)
	for j := range n {
		for c := range d {
			y[j*d+c] = plane[2*j]*frame[c] + plane[2*j+1]*frame[d+c] + float64(c)
		}
	}
	x := normals(25, 40000, d)
	r := semiDiscrete(t, y, d, nil, nil)
	if r.Status != ot.Optimal {
		t.Fatalf("%s: distance %g", r.Status, r.MassError)
	}
	monteCarlo(t, "plane", r, x, d)

	f := mat.NewDense(d, d, normals(26, d, d))
	S := mat.NewSymDense(d, nil)
	S.SymOuterK(1, f)
	for c := range d {
		S.SetSym(c, c, S.At(c, c)+.1)
	}
	cov, err := dist.Full(S)
	if err != nil {
		t.Fatal(err)
	}
	law, err := dist.NewGaussian([]float64{1, -1, 0, 2, 0}, cov)
	if err != nil {
		t.Fatal(err)
	}
	r = semiDiscrete(t, y, d, nil, &ot.SemiDiscreteSettings{Law: law})
	if r.Status != ot.Optimal || r.Samples != 0 {
		t.Fatalf("%s: distance %g", r.Status, r.MassError)
	}
	drawn, _, _, _ := engine.Matrix(law.Sample(9, 40000))
	monteCarlo(t, "covariance", r, drawn, d)
}

// Laws and dimensions that leave only points to draw.
func TestSemiDiscreteAscent(t *testing.T) {
	clusters, err := dist.Clusters(.2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		law  dist.Distribution
		n, d int
		tol  float64
	}{{"clusters", clusters, 30, 2, .03}, {"normal", nil, 60, 20, .05}} {
		y, b := normals(27, c.n, c.d), make([]float64, c.n)
		for j := range b {
			b[j] = 1 + float64(j%5)
		}
		b[3] = 0
		r := semiDiscrete(t, y, c.d, b, &ot.SemiDiscreteSettings{Law: c.law, Tol: c.tol})
		t.Logf("%s: %d points, %d steps, distance %g, cost %g ± %g, dual %g ± %g, %g s", c.name, r.Samples, r.Iterations, r.MassError, r.Cost, r.CostError, r.Dual, r.DualError, r.Seconds)
		if r.Status != ot.Converged || r.MassError > c.tol || !math.IsInf(r.Psi[3], -1) || r.Masses[3] != 0 {
			t.Errorf("%s: %s, distance %g, ψ_3 = %g", c.name, r.Status, r.MassError, r.Psi[3])
		}
		x := normals(28, 40000, c.d)
		if c.law != nil {
			x, _, _, _ = engine.Matrix(c.law.Sample(10, 40000))
		}
		// The estimate from above holds for points that it never saw.
		cell, err := r.Assign(context.Background(), engine.Points(x, 40000, c.d))
		if err != nil {
			t.Fatal(err)
		}
		share, l1, noise := make([]float64, c.n), 0., 0.
		for _, j := range cell {
			share[j] += 1. / 40000
		}
		for j, v := range r.Weights {
			l1 += math.Abs(share[j] - v)
			noise += math.Sqrt(v / 40000)
		}
		if l1 > c.tol+noise {
			t.Errorf("%s: distance %g from other points, noise %g", c.name, l1, noise)
		}
		if c.d > 4 {
			monteCarlo(t, c.name, r, x, c.d)
		}
	}
}

func TestSemiDiscreteSmall(t *testing.T) {
	// One place: all mass goes there, at cost |y|² + d.
	for _, y := range [][]float64{{3, 4}, {3, 4, 3, 4, 3, 4}} {
		r := semiDiscrete(t, y, 2, nil, nil)
		if r.Status != ot.Optimal || math.Abs(r.Cost-27) > 1e-12 || math.Abs(r.Masses[0]-2/float64(len(y))) > 1e-15 {
			t.Errorf("%v: %+v", y, r)
		}
		r = semiDiscrete(t, y, 2, nil, &ot.SemiDiscreteSettings{Sampling: true})
		if r.Status != ot.Converged || math.Abs(r.Cost-27) > 4*r.CostError {
			t.Errorf("%v: %+v", y, r)
		}
	}
	// A weight of zero takes part in nothing.
	r := semiDiscrete(t, []float64{0, 0, 1, 0, 0, 2}, 2, []float64{1, 0, 1}, nil)
	if !math.IsInf(r.Psi[1], -1) || r.Masses[1] != 0 || math.Abs(r.Masses[0]-.5) > 1e-10 {
		t.Errorf("%+v", r)
	}
}

func TestSemiDiscreteThreads(t *testing.T) {
	for _, sampling := range []bool{false, true} {
		var first *ot.SemiDiscreteResult
		for _, threads := range []int{1, 3} {
			r := semiDiscrete(t, normals(29, 30, 2), 2, nil, &ot.SemiDiscreteSettings{Threads: threads, Sampling: sampling, Tol: .1})
			if first == nil {
				first = r
			}
			if fmt.Sprint(r.Psi, r.Masses, r.Cost, r.Dual) != fmt.Sprint(first.Psi, first.Masses, first.Cost, first.Dual) {
				t.Errorf("sampling %v: another result with %d threads", sampling, threads)
			}
		}
	}
}

func TestSemiDiscreteErrors(t *testing.T) {
	ctx := context.Background()
	y := engine.Points([]float64{0, 1, 2, 3}, 2, 2)
	if _, err := ot.SemiDiscrete(ctx, y, []float64{1, -1}, nil); !errors.Is(err, ot.ErrWeights) {
		t.Error(err)
	}
	if _, err := ot.SemiDiscrete(ctx, engine.Points([]float64{0, math.NaN()}, 1, 2), nil, nil); !errors.Is(err, ot.ErrNotFinite) {
		t.Error(err)
	}
	law, err := dist.Clusters(.1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ot.SemiDiscrete(ctx, engine.Points([]float64{1, 2, 3}, 1, 3), nil, &ot.SemiDiscreteSettings{Law: law}); !errors.Is(err, engine.ErrShape) {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = ot.SemiDiscrete(short, engine.Points(normals(30, 1000, 100), 1000, 100), nil, nil)
	if late := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || late > 2*time.Second {
		t.Errorf("%v after %v", err, late)
	}
}
