package ot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"
	"monge/engine/rng"

	"pgregory.net/rapid"
)

// normals returns n x d standard normal numbers.
func normals(seed uint64, n, d int) []float64 {
	x := make([]float64, n*d)
	rng.Normals(x, seed, 0, 0)
	return x
}

// pairings calls f with every permutation of 0 .. n-1.
func pairings(n int, f func([]int)) {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	var visit func(k int)
	visit = func(k int) {
		if k == n {
			f(p)
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			visit(k + 1)
			p[k], p[i] = p[i], p[k]
		}
	}
	visit(0)
}

func pairCost(x, y []float64, d, i, j int) float64 {
	var s float64
	for t := range d {
		v := x[i*d+t] - y[j*d+t]
		s += v * v
	}
	return s
}

// bestPairing returns the least mean cost over all pairings, by trying them.
func bestPairing(x, y []float64, d int) float64 {
	n := len(x) / d
	best := math.Inf(1)
	pairings(n, func(p []int) {
		var s float64
		for i, j := range p {
			s += pairCost(x, y, d, i, j)
		}
		best = min(best, s/float64(n))
	})
	return best
}

// checkCertificate asserts what every certificate owes: feasible potentials of the stated value, an ordered
// bracket, a pairing of the stated cost.
func checkCertificate(t interface{ Errorf(string, ...any) }, x, y []float64, d int, r *ot.Certificate) {
	n := len(x) / d
	var value, paired, size float64
	for i := range n {
		for j := range n {
			size = max(size, pairCost(x, y, d, i, j))
		}
	}
	for i := range n {
		for j := range n {
			c := pairCost(x, y, d, i, j)
			// Moving the potentials back from the centred clouds rounds them relative to all costs.
			if r.F[i]+r.G[j] > c+1e-14*(size+math.Abs(r.F[i])+math.Abs(r.G[j])) {
				t.Errorf("F_%d + G_%d = %g exceeds the cost %g", i, j, r.F[i]+r.G[j], c)
				return
			}
		}
		value += (r.F[i] + r.G[i]) / float64(n)
		paired += pairCost(x, y, d, i, int(r.Assignment[i])) / float64(n)
	}
	if math.Abs(value-r.Lower) > 1e-12*size {
		t.Errorf("the potentials' value is %g, Lower %g", value, r.Lower)
	}
	if math.Abs(paired-r.Upper) > 1e-13*paired {
		t.Errorf("the assignment costs %g, Upper is %g", paired, r.Upper)
	}
	if !(r.Lower <= r.Upper && r.Upper <= r.Cost) {
		t.Errorf("bracket [%g, %g] of cost %g", r.Lower, r.Upper, r.Cost)
	}
	if r.SlackMargin < 0 {
		t.Errorf("slack margin %g is negative", r.SlackMargin)
	}
}

func TestCertifyBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 6).Draw(t, "n"), rapid.IntRange(1, 3).Draw(t, "d")
		// Small integers make duplicates and ties.
		point := rapid.OneOf(rapid.Float64Range(-3, 3), rapid.Map(rapid.IntRange(-1, 1), func(k int) float64 { return float64(k) }))
		x := rapid.SliceOfN(point, n*d, n*d).Draw(t, "x")
		y := rapid.SliceOfN(point, n*d, n*d).Draw(t, "y")
		offset := rapid.SampledFrom([]float64{0, 1e6}).Draw(t, "offset")
		for i := range y {
			y[i] += offset
		}
		want := bestPairing(x, y, d)
		for _, way := range []string{"", "dual", "exact"} {
			r, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: way})
			if err != nil {
				t.Fatalf("%q: %v", way, err)
			}
			checkCertificate(t, x, y, d, r)
			// The brute force sums its terms in another order.
			if rounding := 1e-13 * want; r.Lower > want+rounding || r.Upper < want-rounding {
				t.Fatalf("%q: [%g, %g] does not hold the optimum %g", way, r.Lower, r.Upper, want)
			}
			if way != "dual" && r.Upper-r.Lower > 1e-9*r.Cost {
				t.Fatalf("%q: bracket [%g, %g] is open", way, r.Lower, r.Upper)
			}
			if optimal := r.Cost <= want*(1+1e-11); optimal && (!r.CertifiedOptimal || r.MovedFraction != 0) {
				t.Fatalf("%q: optimal pairing of cost %g (optimum %g): relative upper %g, moved %g", way, r.Cost, want, r.RelativeUpper, r.MovedFraction)
			}
		}
	})
}

// A linear symmetric map in any dimension is optimal and the quadratic guess is its potential.
func TestCertifyLinearMap(t *testing.T) {
	for _, c := range []struct {
		n, d   int
		offset float64
	}{{700, 2, 0}, {301, 7, 1e6}, {64, 100, -3}} {
		x := normals(1, c.n, c.d)
		y := make([]float64, len(x))
		for i := range x {
			x[i] *= float64(1 + i%c.d)
			y[i] = x[i]/float64(1+i%c.d) + c.offset
		}
		for _, e := range []engine.Engine{nil, cpu.New(cpu.Options{})} {
			r, err := ot.Certify(context.Background(), engine.Points(x, c.n, c.d), engine.Points(y, c.n, c.d), &ot.CertifySettings{Engine: e})
			if err != nil {
				t.Fatal(err)
			}
			if !r.CertifiedOptimal || r.MovedFraction != 0 || r.Passes != 1 || !(r.SlackMargin > 0) && c.offset != 1e6 {
				t.Errorf("n = %d, d = %d: certified %v (%g), moved %g, %d passes, slack %g", c.n, c.d, r.CertifiedOptimal, r.RelativeUpper, r.MovedFraction, r.Passes, r.SlackMargin)
			}
		}
	}
}

// Maps near the identity have a cost far below the points' size: what certifies them must not be rounded
// relative to that size.
func TestCertifyNearIdentity(t *testing.T) {
	const n, d = 400, 2
	x := normals(2, n, d)
	y := append([]float64(nil), x...)
	for i, e := range normals(3, n, d) {
		y[i] += 1e-7 * e
	}
	r, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "dual"})
	if err != nil {
		t.Fatal(err)
	}
	// Points are 1e-2 apart and move by 1e-7: no other pairing can be as good.
	if !r.CertifiedOptimal || !(r.SlackMargin > 0) {
		t.Errorf("relative upper %g, slack %g", r.RelativeUpper, r.SlackMargin)
	}
}

// Where the exact solver may not help, the line integrals are asked for, once; and a cancelled context ends the
// passes soon.
func TestCertifyWithoutExact(t *testing.T) {
	const n, d = 400, 3
	x := normals(14, n, d)
	y, u := make([]float64, n*d), make([]float64, n)
	for i, v := range x {
		y[i] = v * v * v // far from the quadratic guess
		u[i/d] += v * v * v * v / 4
	}
	calls := 0
	s := &ot.CertifySettings{MaxMemory: 1, Line: func(context.Context) ([]float64, error) { calls++; return u, nil }}
	r, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), s)
	if err != nil {
		t.Fatal(err)
	}
	if !r.CertifiedOptimal || r.MovedFraction != 0 || calls != 1 {
		t.Errorf("certified %v, moved %v, %d calls: %s", r.CertifiedOptimal, r.MovedFraction, calls, r.Note)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	x, y = normals(15, 5000, 64), normals(16, 5000, 64)
	if _, err := ot.Certify(ctx, engine.Points(x, 5000, 64), engine.Points(y, 5000, 64), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

// Passes in float32 find what passes in float64 find: the brackets of a pairing that is not optimal agree but
// for ties, and nothing of it is rounded to float32.
func TestCertifyFloat32(t *testing.T) {
	const n, d = 600, 30
	x := normals(12, n, d)
	y := normals(13, n, d)
	for i := range y {
		y[i] = .1*y[i] + x[i]*float64(1+i%d)/10
	}
	for i := range 40 { // forty rows change places with their neighbours
		for t := range d {
			a, b := (2*i)*d+t, (2*i+1)*d+t
			y[a], y[b] = y[b], y[a]
		}
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	var r [2]*ot.Certificate
	for k, with := range []engine.Engine{nil, e} { // the engine's passes over so many pairs are float32's
		var err error
		r[k], err = ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "dual", Engine: with})
		if err != nil {
			t.Fatal(err)
		}
		checkCertificate(t, x, y, d, r[k])
	}
	t.Logf("%s\n%s", r[0].Note, r[1].Note)
	if r[0].Upper != r[1].Upper || math.Abs(r[0].Lower-r[1].Lower) > 1e-12*r[0].Lower || r[0].MovedFraction != 80./n || r[1].MovedFraction != 80./n {
		t.Errorf("[%v, %v] moved %v without an engine, [%v, %v] moved %v with it", r[0].Lower, r[0].Upper, r[0].MovedFraction, r[1].Lower, r[1].Upper, r[1].MovedFraction)
	}
	if r[0].Upper-r[0].Lower > 1e-12*r[0].Upper {
		t.Errorf("bracket [%v, %v] is open", r[0].Lower, r[0].Upper)
	}
}

// A shuffled pairing settles at the optimum by cycles alone, where the exact solver gets it too.
func TestCertifyFindsOptimum(t *testing.T) {
	const n = 150
	for _, d := range []int{1, 2, 5} {
		x, y := normals(4, n, d), normals(5, n, d)
		exact, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "exact"})
		if err != nil {
			t.Fatal(err)
		}
		checkCertificate(t, x, y, d, exact)
		if exact.Upper-exact.Lower > 1e-10*exact.Upper || exact.CertifiedOptimal || !(exact.MovedFraction > 0.5) || exact.SlackMargin != 0 {
			t.Errorf("d = %d: exact [%g, %g] of %g, moved %g, slack %g", d, exact.Lower, exact.Upper, exact.Cost, exact.MovedFraction, exact.SlackMargin)
		}
		dual, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "dual", MaxPasses: 300})
		if err != nil {
			t.Fatal(err)
		}
		checkCertificate(t, x, y, d, dual)
		t.Logf("d = %d: cost %g, exact %g (%d passes), dual [%g, %g] (%d passes)", d, exact.Cost, exact.Upper, exact.Passes, dual.Lower, dual.Upper, dual.Passes)
		if dual.Lower > exact.Upper || dual.Upper < exact.Lower || !(dual.RelativeLower > 0.1) {
			t.Errorf("d = %d: dual [%g, %g] around %g", d, dual.Lower, dual.Upper, exact.Upper)
		}
	}
}

// Potentials from the exact solver touch constraints everywhere; the margin must not.
func TestCertifySlackOfExact(t *testing.T) {
	x, y := normals(6, 50, 8), make([]float64, 400)
	for i := range x {
		y[i] = 2 * x[i]
	}
	r, err := ot.Certify(context.Background(), engine.Points(x, 50, 8), engine.Points(y, 50, 8), &ot.CertifySettings{Potentials: "exact"})
	if err != nil {
		t.Fatal(err)
	}
	if !r.CertifiedOptimal || !(r.SlackMargin > 0.01) {
		t.Errorf("certified %v, slack %g after %d passes", r.CertifiedOptimal, r.SlackMargin, r.Passes)
	}
}

func TestCertifyEdges(t *testing.T) {
	certify := func(x, y []float64, d int) *ot.Certificate {
		t.Helper()
		r, err := ot.Certify(context.Background(), engine.Points(x, len(x)/d, d), engine.Points(y, len(y)/d, d), nil)
		if err != nil {
			t.Fatal(err)
		}
		checkCertificate(t, x, y, d, r)
		return r
	}
	if r := certify([]float64{1, 2}, []float64{4, 6}, 2); r.Cost != 25 || r.RelativeUpper != 0 || !r.CertifiedOptimal || !math.IsNaN(r.SlackMargin) || r.MovedFraction != 0 {
		t.Errorf("one pair: %+v", r)
	}
	if r := certify([]float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, 2); r.Cost != 0 || r.Lower != 0 || r.Upper != 0 || r.RelativeLower != 0 || !r.CertifiedOptimal || r.MovedFraction != 0 {
		t.Errorf("equal points: %+v", r)
	}
	// Duplicates tie exactly: certified, nothing moved, no slack.
	if r := certify([]float64{0, 0, 5, 5}, []float64{1, 1, 7, 7}, 1); !r.CertifiedOptimal || r.SlackMargin != 0 || r.MovedFraction != 0 {
		t.Errorf("duplicates: %+v", r)
	}
	// Two crossing pairs: cost 4 and 4 against 0 and 0.
	if r := certify([]float64{0, 2}, []float64{2, 0}, 1); r.Upper != 0 || !math.IsNaN(r.RelativeLower) || r.CertifiedOptimal || r.MovedFraction != 1 {
		t.Errorf("crossing: %+v", r)
	}
	// Collinear points in the plane, order preserved.
	if r := certify([]float64{0, 0, 1, 1, 2, 2}, []float64{1, 1, 1.5, 1.5, 9, 9}, 2); !r.CertifiedOptimal || !(r.SlackMargin > 0) {
		t.Errorf("collinear: %+v", r)
	}
}

// The line integrals of a gradient settle at once: those of u = sum log cosh x_t, whose encoder is tanh.
func TestCertifyLine(t *testing.T) {
	const n, d = 500, 3
	x := normals(10, n, d)
	y, u := make([]float64, n*d), make([]float64, n)
	for i, v := range x {
		y[i] = math.Tanh(v) + 1e3 // the integrals are the given points', offset and all
		u[i/d] += math.Log(math.Cosh(v)) + 1e3*v
	}
	calls := 0
	line := func(context.Context) ([]float64, error) { calls++; return u, nil }
	r, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "line", Line: line})
	if err != nil {
		t.Fatal(err)
	}
	if !r.CertifiedOptimal || r.Passes != 1 || !(r.SlackMargin > 0) || calls != 1 {
		t.Errorf("certified %v after %d passes, slack %g, %d calls", r.CertifiedOptimal, r.Passes, r.SlackMargin, calls)
	}
	for name, f := range map[string]func(context.Context) ([]float64, error){
		"length":     func(context.Context) ([]float64, error) { return u[1:], nil },
		"not finite": func(context.Context) ([]float64, error) { return append([]float64{math.NaN()}, u[1:]...), nil },
		"its own":    func(context.Context) ([]float64, error) { return nil, context.DeadlineExceeded },
	} {
		want := map[string]error{"length": engine.ErrShape, "not finite": ot.ErrNotFinite, "its own": context.DeadlineExceeded}[name]
		if _, err := ot.Certify(context.Background(), engine.Points(x, n, d), engine.Points(y, n, d), &ot.CertifySettings{Potentials: "line", Line: f}); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertifyErrors(t *testing.T) {
	x := engine.Points(normals(7, 6, 2), 6, 2)
	bad := engine.Points([]float64{0, 1, math.NaN(), 3, 4, 5, 6, 7, 8, 9, 10, 11}, 6, 2)
	for name, err := range map[string]error{
		"shape": second(ot.Certify(context.Background(), x, engine.Points(normals(8, 5, 2), 5, 2), nil)),
		"name":  second(ot.Certify(context.Background(), x, x, &ot.CertifySettings{Potentials: "best"})),
		"line":  second(ot.Certify(context.Background(), x, x, &ot.CertifySettings{Potentials: "line"})),
		"nan":   second(ot.Certify(context.Background(), x, bad, nil)),
	} {
		t.Log(name, err)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if name == "shape" && !errors.Is(err, engine.ErrShape) || name == "nan" && !errors.Is(err, ot.ErrNotFinite) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := second(ot.Certify(ctx, x, engine.Points(normals(9, 6, 2), 6, 2), nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func ExampleCertify() {
	x := engine.Points([]float64{0, 0, 1, 0, 0, 1}, 3, 2)
	y := engine.Points([]float64{0, 0, 2, 0, 0, 3}, 3, 2)
	c, err := ot.Certify(context.Background(), x, y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("cost %.4f, optimal %v, moved %v\n", c.Cost, c.CertifiedOptimal, c.MovedFraction)
	// Output: cost 1.6667, optimal true, moved 0
}
