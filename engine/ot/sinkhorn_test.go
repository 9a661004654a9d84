package ot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/ot"

	"pgregory.net/rapid"
)

// alternation is the method of the paper in plain float64: log-sum-exps of rows and columns in turn, from
// zero column potentials.
func alternation(x, y []float64, d int, a, b []float64, eps float64, iterations int) (f, g []float64) {
	n, m := len(a), len(b)
	f, g = make([]float64, n), make([]float64, m)
	half := func(out, in, w []float64, cost func(i, j int) float64) {
		for i := range out {
			top := math.Inf(-1)
			for j, v := range in {
				if w[j] > 0 {
					top = max(top, (v-cost(i, j))/eps+math.Log(w[j]))
				}
			}
			var s float64
			for j, v := range in {
				if w[j] > 0 {
					s += math.Exp((v-cost(i, j))/eps + math.Log(w[j]) - top)
				}
			}
			out[i] = -eps * (top + math.Log(s))
		}
	}
	for range iterations {
		half(f, g, b, func(i, j int) float64 { return pairCost(x, y, d, i, j) })
		half(g, f, a, func(j, i int) float64 { return pairCost(x, y, d, i, j) })
	}
	return f, g
}

// uneven returns clouds that are no multiple of anything, with an outlier, duplicates and weights over many
// orders, some of them zero.
func uneven(n, m, d int, offset float64) (x, y, a, b []float64) {
	x, y = normals(11, n, d), normals(12, m, d)
	for t := range d {
		y[t] += 6
		x[d+t] = x[t]
	}
	for i := range x {
		x[i] += offset
	}
	for i := range y {
		y[i] = 0.7*y[i] + offset + 0.5
	}
	a, b = make([]float64, n), make([]float64, m)
	for i := range a {
		a[i] = 1 + float64(i%5)
	}
	for j := range b {
		b[j] = 1 + float64(j%3)
	}
	a[3], b[2], b[5], a[6] = 0, 0, 1e-300, 1e-12
	return
}

func unit(w []float64) []float64 {
	v, _, err := ot.Normalize("test", w, len(w))
	if err != nil {
		panic(err)
	}
	return v
}

func measures(x, y, a, b []float64, d int) ot.Clouds {
	return ot.Clouds{X: engine.Points(x, len(x)/d, d), Y: engine.Points(y, len(y)/d, d), A: a, B: b}
}

// The one-pass iteration gives the iterates of the alternating method, at small eps too, where columns
// underflow.
func TestSinkhornIterates(t *testing.T) {
	for _, c := range []struct {
		n, m, d int
		eps     float64
		dtype   engine.Dtype
		tol     float64 // of a potential relative to the mean cost
	}{
		// Rounding of z, some hundred units in the last place, accumulates little.
		{37, 53, 3, 0.1, engine.F64, 1e-13},
		{37, 53, 3, 0.005, engine.F64, 1e-12},
		{1, 9, 2, 0.05, engine.F64, 1e-13},
		{9, 1, 2, 0.05, engine.F64, 1e-13},
		{41, 30, 17, 0.01, engine.F64, 1e-12},
		{37, 53, 3, 0.1, engine.F32, 3e-6},
		{37, 53, 3, 0.01, engine.F32, 3e-6},
	} {
		x, y, a, b := uneven(max(c.n, 7), max(c.m, 7), c.d, 0)
		x, y, a, b = x[:c.n*c.d], y[:c.m*c.d], a[:c.n], b[:c.m]
		mean := 0.0
		a, b = unit(a), unit(b)
		for i := range a {
			for j := range b {
				mean += a[i] * b[j] * pairCost(x, y, c.d, i, j)
			}
		}
		r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, a, b, c.d),
			&ot.SinkhornSettings{EpsRel: c.eps, Tol: -1, MaxIter: 30, NoSchedule: true, Dtype: c.dtype})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.Eps-c.eps*mean) > 1e-14*r.Eps {
			t.Errorf("eps = %g, want %g", r.Eps, c.eps*mean)
		}
		f, g := alternation(x, y, c.d, a, b, c.eps*mean, 30)
		for i := range f {
			if !(math.Abs(r.F[i]-f[i]) <= c.tol*mean) {
				t.Errorf("%+v: F_%d = %.17g, want %.17g", c, i, r.F[i], f[i])
				break
			}
		}
		for j := range g {
			if !(math.Abs(r.G[j]-g[j]) <= c.tol*mean) {
				t.Errorf("%+v: G_%d = %.17g, want %.17g", c, j, r.G[j], g[j])
				break
			}
		}
		if r.Iterations != 30 || len(r.Trace) != 30 {
			t.Errorf("%d iterations, trace of %d", r.Iterations, len(r.Trace))
		}
	}
}

// What a result says of its plan is what the plan made from its potentials is.
func TestSinkhornPlan(t *testing.T) {
	for _, offset := range []float64{0, 1e6} {
		for _, dtype := range []engine.Dtype{engine.F64, engine.F32} {
			const n, m, d = 45, 61, 2
			x, y, a, b := uneven(n, m, d, offset)
			r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, a, b, d), &ot.SinkhornSettings{EpsRel: 0.02, Dtype: dtype})
			if err != nil {
				t.Fatal(err)
			}
			a, b = unit(a), unit(b)
			rows, cols := make([]float64, n), make([]float64, m)
			var cost, dual float64
			for i := range n {
				for j := range m {
					c := pairCost(x, y, d, i, j)
					p := a[i] * b[j] * math.Exp((r.F[i]+r.G[j]-c)/r.Eps)
					rows[i] += p
					cols[j] += p
					cost += p * c
				}
				dual += a[i] * r.F[i]
			}
			var errRows, errCols float64
			for i := range rows {
				errRows += math.Abs(rows[i] - a[i])
			}
			for j := range cols {
				errCols += math.Abs(cols[j] - b[j])
				dual += b[j] * r.G[j]
			}
			// Points near 1e6 carry an absolute rounding of 1e-10, which eps = 0.1 turns into 1e-9.
			slack := 1e-12 * (1 + offset)
			if r.Status != ot.Converged || !(r.MarginalError <= 1e-6) || math.Abs(errRows-r.MarginalError) > 1e-8 || errCols > 1e-10+1e-14*offset {
				t.Errorf("%v, offset %g: %s, marginal error %g, found %g and %g", dtype, offset, r.Status, r.MarginalError, errRows, errCols)
			}
			if math.Abs(cost-r.Cost) > slack*cost || math.Abs(dual-r.Dual) > slack*cost {
				t.Errorf("%v, offset %g: cost %.15g, dual %.15g, found %.15g and %.15g", dtype, offset, r.Cost, r.Dual, cost, dual)
			}
			exact, err := ot.Exact(context.Background(), measures(x, y, a, b, d), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !(r.Lower <= exact.Cost+slack && exact.Cost <= r.Upper+slack) || !(r.Upper-r.Lower < 0.2*exact.Cost) {
				t.Errorf("%v, offset %g: [%g, %g] around %g", dtype, offset, r.Lower, r.Upper, exact.Cost)
			}
		}
	}
}

// As eps falls the bracket closes on the optimum.
func TestSinkhornLimit(t *testing.T) {
	const n, d = 40, 2
	x, y := normals(13, n, d), normals(14, n, d)
	exact, err := ot.Exact(context.Background(), measures(x, y, nil, nil, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, eps := range []float64{1e-1, 1e-2, 1e-3, 1e-4} {
		r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, nil, nil, d), &ot.SinkhornSettings{EpsRel: eps})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("eps %g: %d iterations, %s, error %.2g, [%.12g, %.12g] around %.12g", eps, r.Iterations, r.Status, r.MarginalError, r.Lower, r.Upper, exact.Cost)
		// The entropy of a plan of n^2 entries is at most ln n^2 away from that of a permutation.
		if r.Lower > exact.Cost || r.Upper < exact.Cost || r.Upper-r.Lower > 2*r.Eps*math.Log(n*n)+1e-4*exact.Cost {
			t.Errorf("eps %g: [%g, %g] around %g", eps, r.Lower, r.Upper, exact.Cost)
		}
	}
}

// The bracket holds the optimum of any small problem, whatever eps and however few iterations.
func TestSinkhornBracket(t *testing.T) {
	e := cpu.New(cpu.Options{Threads: 1})
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 5).Draw(t, "n"), rapid.IntRange(1, 3).Draw(t, "d")
		// Multiples of 2^-40: eps of a cost near the smallest number has no reciprocal, and is refused.
		fine := rapid.Map(rapid.Float64Range(-3, 3), func(x float64) float64 { return math.Ldexp(math.Round(math.Ldexp(x, 40)), -40) })
		point := rapid.OneOf(fine, rapid.Map(rapid.IntRange(-1, 1), func(k int) float64 { return float64(k) }))
		x := rapid.SliceOfN(point, n*d, n*d).Draw(t, "x")
		y := rapid.SliceOfN(point, n*d, n*d).Draw(t, "y")
		offset := rapid.SampledFrom([]float64{0, 1e6}).Draw(t, "offset")
		for i := range x {
			x[i] += offset
			y[i] += offset
		}
		want := bestPairing(x, y, d)
		s := &ot.SinkhornSettings{
			EpsRel:  rapid.SampledFrom([]float64{1, 0.1, 1e-3, 1e-6}).Draw(t, "eps"),
			MaxIter: rapid.SampledFrom([]int{1, 3, 200}).Draw(t, "limit"),
			Dtype:   rapid.SampledFrom([]engine.Dtype{engine.F64, engine.F32}).Draw(t, "dtype"),
			Tol:     rapid.SampledFrom([]float64{0, -1}).Draw(t, "tol"),
		}
		r, err := ot.Sinkhorn(context.Background(), e, measures(x, y, nil, nil, d), s)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.Lower <= want && want <= r.Upper) || !(r.Cost >= 0) || math.IsNaN(r.Dual) {
			t.Fatalf("[%g, %g] around %g, cost %g, dual %g", r.Lower, r.Upper, want, r.Cost, r.Dual)
		}
		if len(r.Trace) != r.Iterations {
			t.Fatalf("%d iterations, trace %v", r.Iterations, r.Trace)
		}
	})
}

// plainEngine hides what an engine can do besides the contract.
type plainEngine struct{ engine.Engine }

// An engine's own evaluation is the composed one; and that from products of float32, where a run of so many iterations
// ends in them, is what float64 says of the same potentials, with a bracket that is little wider.
func TestSinkhornEvaluation(t *testing.T) {
	const n, m = 150, 131
	for _, d := range []int{2, 40} {
		x, y, a, b := uneven(n, m, d, 3)
		c := measures(x, y, a, b, d)
		e := cpu.New(cpu.Options{})
		for _, eps := range []float64{.2, .01} {
			s := ot.SinkhornSettings{EpsRel: eps, Tol: -1, MaxIter: 15, NoSchedule: true}
			run := func(e engine.Engine, t0 engine.Dtype) *ot.Result {
				s.Dtype = t0
				r, err := ot.Sinkhorn(context.Background(), e, c, &s)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			want, composed, low := run(e, engine.F64), run(plainEngine{e}, engine.F64), run(e, engine.F32)
			// Both sum some thousand numbers of float64, at exponents of up to some hundred.
			for _, v := range [][2]float64{{composed.Cost, want.Cost}, {composed.Dual, want.Dual}, {composed.Lower, want.Lower}, {composed.Upper, want.Upper}} {
				if !(math.Abs(v[0]-v[1]) <= 1e-11*want.Upper) {
					t.Errorf("d = %d, eps %g: composed %.15g, own %.15g", d, eps, v[0], v[1])
				}
			}
			// The potentials of 15 iterations in float32 are off by some 1e-6 of the cost.
			near, width := 1e-5*want.Upper, want.Upper-want.Lower
			if math.Abs(low.Cost-want.Cost) > near || low.Lower > want.Lower+near || low.Lower < want.Lower-width/128-near ||
				low.Upper < want.Upper-near || low.Upper > want.Upper+width/128+near {
				t.Errorf("d = %d, eps %g: float32 finds cost %.9g in [%.9g, %.9g], float64 %.9g in [%.9g, %.9g]",
					d, eps, low.Cost, low.Lower, low.Upper, want.Cost, want.Lower, want.Upper)
			}
			exact, err := ot.Exact(context.Background(), c, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []*ot.Result{want, composed, low} {
				if !(r.Lower <= exact.Cost && exact.Cost <= r.Upper) {
					t.Errorf("d = %d, eps %g: [%g, %g] around %g", d, eps, r.Lower, r.Upper, exact.Cost)
				}
			}
			together, err := ot.SinkhornBatch(context.Background(), e, []ot.Clouds{c, c}, &s)
			if err != nil {
				t.Fatal(err)
			}
			if r := together[1]; r.Lower != low.Lower || r.Upper != low.Upper || r.Cost != low.Cost || r.MarginalError != low.MarginalError {
				t.Errorf("d = %d, eps %g: [%g, %g] in a batch, [%g, %g] alone", d, eps, r.Lower, r.Upper, low.Lower, low.Upper)
			}
		}
	}
}

// A far point that both clouds share says nothing about the others: the bracket stays theirs.
func TestSinkhornOutlier(t *testing.T) {
	const n, d = 30, 2
	x, y := normals(15, n, d), normals(16, n, d)
	x[0], y[0] = 1e3, 1e3
	exact, err := ot.Exact(context.Background(), measures(x, y, nil, nil, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), measures(x, y, nil, nil, d), &ot.SinkhornSettings{Eps: 0.01, Tol: 1e-7})
	if err != nil {
		t.Fatal(err)
	}
	// Exponents near 1e8 leave the marginals wrong by 1e-9, which the far point makes dear.
	if !(r.Lower <= exact.Cost && exact.Cost <= r.Upper) || r.Upper-r.Lower > 2*0.01*math.Log(n)+1e-3 {
		t.Errorf("[%g, %g] around %g, cost %g, %s after %d iterations", r.Lower, r.Upper, exact.Cost, r.Cost, r.Status, r.Iterations)
	}
}

func TestSinkhornWarmStart(t *testing.T) {
	const n, m, d = 30, 44, 3
	x, y, a, b := uneven(n, m, d, 0)
	e := cpu.New(cpu.Options{})
	s := ot.SinkhornSettings{EpsRel: 0.02, Tol: 1e-10}
	first, err := ot.Sinkhorn(context.Background(), e, measures(x, y, a, b, d), &s)
	if err != nil {
		t.Fatal(err)
	}
	for _, warm := range []ot.SinkhornSettings{{EpsRel: 0.02, Tol: 1e-9, G0: first.G}, {EpsRel: 0.02, Tol: 1e-9, F0: first.F}} {
		again, err := ot.Sinkhorn(context.Background(), e, measures(x, y, a, b, d), &warm)
		if err != nil {
			t.Fatal(err)
		}
		if again.Iterations > 1 || math.Abs(again.Cost-first.Cost) > 1e-8*first.Cost {
			t.Errorf("%d iterations from the solution, cost %g after %g", again.Iterations, again.Cost, first.Cost)
		}
	}
}

func TestSinkhornDegenerate(t *testing.T) {
	e := cpu.New(cpu.Options{})
	for name, c := range map[string]ot.Clouds{
		"one to one":  measures([]float64{1, 2}, []float64{4, 6}, nil, nil, 2),
		"one point":   measures([]float64{1, 1, 1}, []float64{1, 1}, nil, nil, 1),
		"one to many": measures([]float64{1}, []float64{1, 5, 9}, nil, []float64{0, 1, 1}, 1),
	} {
		r, err := ot.Sinkhorn(context.Background(), e, c, &ot.SinkhornSettings{EpsRel: 0.01})
		if err != nil {
			t.Fatal(name, err)
		}
		want := map[string]float64{"one to one": 25, "one point": 0, "one to many": 40}[name]
		// One plan only: every bound is the cost within rounding.
		if r.Status != ot.Converged || math.Abs(r.Cost-want) > 1e-13*want || math.Abs(r.Lower-want) > 1e-12*want || math.Abs(r.Upper-want) > 1e-12*want {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// A limit of iterations is a status; the schedule leaves iterations for eps itself.
	x, y, a, b := uneven(20, 20, 2, 0)
	r, err := ot.Sinkhorn(context.Background(), e, measures(x, y, a, b, 2), &ot.SinkhornSettings{EpsRel: 1e-3, MaxIter: 4})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != ot.IterationLimit || r.Iterations != 4 || r.Trace[3].Eps != r.Eps || r.Lower > r.Upper {
		t.Errorf("after 4 iterations: %+v", r.Trace)
	}
}

func TestSinkhornErrors(t *testing.T) {
	e := cpu.New(cpu.Options{})
	x, y, a, b := uneven(10, 10, 2, 0)
	c := measures(x, y, a, b, 2)
	nan := math.NaN()
	for _, s := range []*ot.SinkhornSettings{nil, {}, {Eps: -1}, {Eps: nan}, {EpsRel: nan}, {Eps: 1, EpsRel: 1}, {Eps: math.Inf(1)}, {Eps: 1e-300}, {Eps: 1, MaxIter: -1}, {Eps: 1, G0: []float64{1}}} {
		if _, err := ot.Sinkhorn(context.Background(), e, c, s); err == nil {
			t.Errorf("%+v: no error", s)
		} else {
			t.Log(err)
		}
	}
	for name, w := range map[string][]float64{"negative": {1, -2}, "nan": {1, nan}, "zero": {0, 0}, "infinite": {1, math.Inf(1)}, "short": {1}} {
		_, err := ot.Sinkhorn(context.Background(), e, measures([]float64{1, 2}, []float64{1, 2}, w, nil, 1), &ot.SinkhornSettings{Eps: 1})
		if want := ot.ErrWeights; name != "short" && !errors.Is(err, want) || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ot.Sinkhorn(context.Background(), e, c, &ot.SinkhornSettings{Eps: 1, MaxMemory: 100})
	var memory *engine.MemoryError
	if !errors.As(err, &memory) || memory.Free != 100 {
		t.Errorf("100 bytes: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ot.Sinkhorn(ctx, e, c, &ot.SinkhornSettings{Eps: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Results are bitwise the same on any number of goroutines.
func TestSinkhornThreads(t *testing.T) {
	x, y, a, b := uneven(300, 257, 5, 0)
	var want *ot.Result
	for _, threads := range []int{1, 2, 3} {
		r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{Threads: threads}), measures(x, y, a, b, 5), &ot.SinkhornSettings{EpsRel: 0.02})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = r
		}
		if r.Cost != want.Cost || r.Lower != want.Lower || r.Upper != want.Upper || r.Iterations != want.Iterations || r.F[17] != want.F[17] {
			t.Errorf("%d threads: %g, %g, %g differ from %g, %g, %g", threads, r.Cost, r.Lower, r.Upper, want.Cost, want.Lower, want.Upper)
		}
	}
}

func ExampleSinkhorn() {
	x := engine.Points([]float64{0, 0, 1, 0, 0, 1}, 3, 2)
	y := engine.Points([]float64{0, 2, 0, 0, 2, 0}, 3, 2)
	r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), ot.Clouds{X: x, Y: y}, &ot.SinkhornSettings{EpsRel: 0.01})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: cost %.4f, optimum in [%.4f, %.4f]\n", r.Status, r.Cost, r.Lower, r.Upper)
	// Output: converged: cost 0.6667, optimum in [0.6667, 0.6667]
}

// Masses that only a rare path joins: 3/5 at 1 and 2/5 at -1 against 4/5 at 0 and 1/5 at -1. The potentials of the two
// parts drift by steps that are equal but for their rounding, of which no acceleration may make a leap.
func TestSinkhornDrift(t *testing.T) {
	const limit = 200
	for _, dtype := range []engine.Dtype{engine.F32, engine.F64} {
		for _, apart := range []float64{0, 1e-7, 1.862645149230957e-9} {
			c := measures([]float64{1, 1, 1, -1, -1}, []float64{apart, 0, 0, 0, -1}, nil, nil, 1)
			r, err := ot.Sinkhorn(context.Background(), cpu.New(cpu.Options{}), c, &ot.SinkhornSettings{EpsRel: 1e-3, MaxIter: limit, Dtype: dtype})
			if err != nil {
				t.Fatal(err)
			}
			want := (3 + (1-apart)*(1-apart)) / 5 // one of those at -1 stays, the other and two go to 0, one to apart
			// The tolerance of the marginals, 1e-6, is what the cost of masses at distance 1 can be off by.
			if r.Status != ot.Converged || r.Iterations == limit || math.Abs(r.Cost-want) > 1e-6 || r.Lower > want+1e-14 || r.Upper < want-1e-14 {
				t.Errorf("%v, %g apart: %v after %d iterations, cost %.12g in [%.12g, %.12g], want %.12g", dtype, apart, r.Status, r.Iterations, r.Cost, r.Lower, r.Upper, want)
			}
		}
	}
}
