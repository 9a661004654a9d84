package ot_test

import (
	"context"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"monge/engine"
	"monge/engine/ot"

	"pgregory.net/rapid"
)

func exact(t rapid.TB, x, y []float64, d int, a, b []float64) *ot.Result {
	t.Helper()
	r, err := ot.Exact(context.Background(), ot.Clouds{X: engine.Points(x, len(x)/d, d), Y: engine.Points(y, len(y)/d, d), A: a, B: b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkExact(t, x, y, d, a, b, r)
	return r
}

func sqdist(x, y []float64) float64 {
	var s float64
	for t := range x {
		s += (x[t] - y[t]) * (x[t] - y[t])
	}
	return s
}

func shares(w []float64, n int) []float64 {
	if w == nil {
		return slices.Repeat([]float64{1 / float64(n)}, n)
	}
	var sum float64
	r := slices.Clone(w)
	for _, v := range w {
		sum += v
	}
	for i := range r {
		r[i] /= sum
	}
	return r
}

// checkExact proves a result from its parts: the plan's marginals, the potentials' feasibility over all pairs
// and tightness on the plan, and the equality of primal and dual values.
func checkExact(t rapid.TB, x, y []float64, d int, a, b []float64, r *ot.Result) {
	t.Helper()
	n, m := len(x)/d, len(y)/d
	p, q := shares(a, n), shares(b, m)
	// Costs and potentials come from sums of d + a few terms of this size, each rounded.
	var size float64
	for i := range n {
		for j := range m {
			size = max(size, sqdist(x[i*d:i*d+d], y[j*d:j*d+d]))
		}
	}
	for _, v := range slices.Concat(r.F, r.G) {
		size = max(size, math.Abs(v))
	}
	tol := float64(d+32) * 0x1p-52 * size
	if r.Status != ot.Optimal || r.Solver != "exact" {
		t.Fatalf("status %s, solver %s, cost %g, lower %g", r.Status, r.Solver, r.Cost, r.Lower)
	}
	if r.Upper != r.Cost || r.Lower > r.Cost || r.Dual != r.Lower {
		t.Fatalf("cost %g, bracket [%g, %g], dual %g", r.Cost, r.Lower, r.Upper, r.Dual)
	}
	plan := r.Plan
	if r.Assignment != nil {
		seen := make([]bool, m)
		for i, j := range r.Assignment {
			if seen[j] {
				t.Fatalf("row %d of Y taken twice", j)
			}
			seen[j] = true
			plan = append(plan, ot.Entry{I: i, J: int(j), Mass: 1 / float64(n)})
		}
	}
	rows, cols := make([]*big.Float, n), make([]*big.Float, m) // exact: a marginal may have hundreds of terms
	for i := range rows {
		rows[i] = big.NewFloat(-p[i]).SetPrec(2000)
	}
	for j := range cols {
		cols[j] = big.NewFloat(-q[j]).SetPrec(2000)
	}
	var cost, dual float64
	for _, e := range plan {
		if !(e.Mass > 0) {
			t.Fatalf("entry %v has no mass", e)
		}
		mass := big.NewFloat(e.Mass)
		rows[e.I].Add(rows[e.I], mass)
		cols[e.J].Add(cols[e.J], mass)
		c := sqdist(x[e.I*d:e.I*d+d], y[e.J*d:e.J*d+d])
		cost += e.Mass * c
		if r := c - r.F[e.I] - r.G[e.J]; math.Abs(r) > tol {
			t.Fatalf("pair (%d, %d) of the plan has slack %g, cost %g, tolerance %g", e.I, e.J, r, c, tol)
		}
	}
	for i, v := range rows {
		if e, _ := v.Float64(); math.Abs(e) > 1e-15 {
			t.Fatalf("row %d of mass %g is off by %g", i, p[i], e)
		}
		dual += p[i] * r.F[i]
	}
	for j, v := range cols {
		if e, _ := v.Float64(); math.Abs(e) > 1e-15 {
			t.Fatalf("column %d of mass %g is off by %g", j, q[j], e)
		}
		dual += q[j] * r.G[j]
	}
	if math.Abs(cost-r.Cost) > tol || math.Abs(dual-r.Dual) > tol {
		t.Fatalf("cost %.17g, recomputed %.17g; dual %.17g, recomputed %.17g, tolerance %g", r.Cost, cost, r.Dual, dual, tol)
	}
	for i := range n {
		for j := range m {
			if s := sqdist(x[i*d:i*d+d], y[j*d:j*d+d]) - r.F[i] - r.G[j]; s < -tol {
				t.Fatalf("potentials of (%d, %d) exceed the cost by %g, tolerance %g", i, j, -s, tol)
			}
		}
	}
}

// bruteForce returns the least mean cost over all permutations.
func bruteForce(x, y []float64, d int) float64 {
	n := len(x) / d
	used := make([]bool, n)
	var search func(i int, sum float64) float64
	search = func(i int, sum float64) float64 {
		if i == n {
			return sum / float64(n)
		}
		best := math.Inf(1)
		for j := range n {
			if !used[j] {
				used[j] = true
				best = min(best, search(i+1, sum+sqdist(x[i*d:i*d+d], y[j*d:j*d+d])))
				used[j] = false
			}
		}
		return best
	}
	return search(0, 0)
}

// clouds draws points of awkward kinds: ties, duplicates, lines, lattices, outliers and offsets.
func clouds(t *rapid.T, n, d int, name string) []float64 {
	kind := rapid.SampledFrom([]string{"normal", "lattice", "coarse", "line", "equal", "outlier", "offset"}).Draw(t, name+"kind")
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name+"seed"), 3))
	x := make([]float64, n*d)
	for i := range n {
		for c := range d {
			z := r.NormFloat64()
			switch kind {
			case "lattice":
				z = float64(r.IntN(4))
			case "coarse":
				z = .1 * float64(r.IntN(7))
			case "line":
				if c > 0 {
					z = x[i*d] * float64(c)
				}
			case "equal":
				z = .3
			case "outlier":
				if i == 0 {
					z *= 1e7
				}
			case "offset":
				z += 1e6
			}
			x[i*d+c] = z
		}
	}
	return x
}

func TestExactAgainstPermutations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 8).Draw(t, "n"), rapid.SampledFrom([]int{1, 2, 3, 5, 64}).Draw(t, "d")
		x, y := clouds(t, n, d, "x"), clouds(t, n, d, "y")
		r := exact(t, x, y, d, nil, nil)
		// Both are means of sums of the same n d squares.
		if want := bruteForce(x, y, d); math.Abs(r.Cost-want) > 1e-13*want {
			t.Fatalf("cost %.17g, brute force %.17g", r.Cost, want)
		}
	})
}

func TestExactProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]int{1, 2, 3, 4, 5, 17}).Draw(t, "d")
		n := rapid.IntRange(1, 130).Draw(t, "n")
		m := n
		if rapid.Bool().Draw(t, "uneven") {
			m = rapid.IntRange(1, 130).Draw(t, "m")
		}
		exact(t, clouds(t, n, d, "x"), clouds(t, m, d, "y"), d, weights(t, n, "a"), weights(t, m, "b"))
	})
}

func weights(t *rapid.T, n int, name string) []float64 {
	kind := rapid.SampledFrom([]string{"nil", "even", "random", "zeros", "wide", "units"}).Draw(t, name+"kind")
	if kind == "nil" {
		return nil
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name+"seed"), 4))
	w := make([]float64, n)
	for i := range w {
		switch kind {
		case "even":
			w[i] = .7
		case "random":
			w[i] = r.Float64()
		case "zeros":
			w[i] = float64(r.IntN(2)) * r.Float64()
		case "wide":
			w[i] = math.Exp(-1400 * r.Float64() * r.Float64())
		case "units":
			w[i] = float64(1 + r.IntN(3))
		}
	}
	w[n/2] = 1
	return w
}

func TestExactSizes(t *testing.T) {
	for _, c := range []struct{ n, d int }{{1, 1}, {1, 3}, {2, 2}, {3, 64}, {777, 2}, {777, 7}, {1001, 1}, {1001, 3}, {1001, 64}, {1500, 2}} {
		x, y := hard(uint64(c.n), c.n, c.n, c.d)
		exact(t, x, y, c.d, nil, nil)
	}
}

func TestExactWeighted(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ n, m, d int }{{1, 5, 2}, {5, 1, 64}, {600, 400, 2}, {700, 701, 5}, {900, 30, 3}, {40, 800, 1}} {
		x, y := hard(uint64(c.n), c.n, c.m, c.d)
		a, b := make([]float64, c.n), make([]float64, c.m)
		for i := range a {
			a[i] = r.ExpFloat64()
		}
		for j := range b {
			b[j] = r.ExpFloat64()
		}
		exact(t, x, y, c.d, a, b)
		exact(t, x, y, c.d, nil, nil)
	}
}

// A weight too small to count in units still has a place in the plan; a weight of 0 has none.
func TestExactTinyWeights(t *testing.T) {
	x, y := hard(3, 6, 5, 2)
	a, b := []float64{1, 1e-300, 2, 0, 1, 1e-25}, []float64{0, 3, 1e-300, 1, 2}
	r := exact(t, x, y, 2, a, b)
	rows := map[int]bool{}
	for _, e := range r.Plan {
		rows[e.I] = true
		if e.I == 3 || e.J == 0 {
			t.Errorf("entry %v of no weight", e)
		}
	}
	if !rows[1] || !rows[5] {
		t.Errorf("plan %v leaves out rows of tiny weight", r.Plan)
	}
}

// On the line the plan that keeps the order is optimal.
func TestExactLine(t *testing.T) {
	x, y := hard(7, 1000, 1000, 1)
	r := exact(t, x, y, 1, nil, nil)
	sx, sy := slices.Clone(x), slices.Clone(y)
	slices.Sort(sx)
	slices.Sort(sy)
	if want := sqdist(sx, sy) / 1000; math.Abs(r.Cost-want) > 1e-13*want { // sums of 1000 squares in other orders
		t.Errorf("cost %.17g, sorted %.17g", r.Cost, want)
	}
}

// The image of a cloud under the gradient of a convex function is matched with its source (Brenier).
func TestExactGradient(t *testing.T) {
	for _, d := range []int{1, 2, 4, 5, 32} {
		x, _ := hard(8, 400, 1, d)
		y := make([]float64, len(x))
		for i := range 400 {
			p := x[i*d : i*d+d]
			var s float64
			for _, v := range p {
				s += v
			}
			for c, v := range p { // gradient of |x|²/2 + sum of cosh + (sum x)²/8
				y[i*d+c] = v + math.Sinh(v) + s/4
			}
		}
		r := exact(t, x, y, d, nil, nil)
		for i, j := range r.Assignment {
			if i != int(j) {
				t.Fatalf("d = %d: row %d goes to %d", d, i, j)
			}
		}
	}
}

func TestExactZero(t *testing.T) {
	x, _ := hard(9, 300, 1, 3)
	y := slices.Clone(x)
	for i := range 150 { // another order
		for c := range 3 {
			y[i*3+c], y[(299-i)*3+c] = y[(299-i)*3+c], y[i*3+c]
		}
	}
	for i := range x {
		x[i] += 1e6
		y[i] += 1e6
	}
	if r := exact(t, x, y, 3, nil, nil); r.Cost != 0 {
		t.Errorf("cost of equal clouds %g", r.Cost)
	}
}

// The plan does not change when a cloud moves, however far.
func TestExactOffset(t *testing.T) {
	x, y := hard(10, 300, 300, 2)
	want := exact(t, x, y, 2, nil, nil)
	for i := range y { // multiples of 2^-20 move exactly
		x[i], y[i] = math.Round(x[i]*0x1p20)*0x1p-20, math.Round(y[i]*0x1p20)*0x1p-20
	}
	for i := range y {
		y[i] += 1e6
	}
	r := exact(t, x, y, 2, nil, nil)
	if !slices.Equal(want.Assignment, r.Assignment) {
		t.Error("another assignment after an offset")
	}
}

func TestExactThreads(t *testing.T) {
	x, y := hard(11, 1200, 1200, 2)
	sameBits(t, "auction", x, y, 2, "auction")
	x, y = hard(11, 500, 500, 8)
	sameBits(t, "auction with stored costs", x, y, 8, "auction")
	x, y = hard(11, 500, 300, 3)
	sameBits(t, "simplex", x, y, 3, "simplex")
	x, y = encoded(11, 500, 9)
	sameBits(t, "given pairing", x, y, 9, "given pairing")
	x, y = spread(600)
	sameBits(t, "simplex after the auction", x, y, 2, "simplex")
	x, y = farHalves(200, 5)
	sameBits(t, "parts", x, y, 5, "parts")
	x, y, _ = nearIdentity(300, 2, 1e-9)
	sameBits(t, "potentials made anew", x, y, 2, "auction")
}

// sameBits solves a problem on several counts of goroutines, by the way that note tells.
func sameBits(t *testing.T, name string, x, y []float64, d int, note string) {
	t.Helper()
	var first *ot.Result
	for _, threads := range []int{1, 2, 5} {
		c := ot.Clouds{X: engine.Points(x, len(x)/d, d), Y: engine.Points(y, len(y)/d, d)}
		r, err := ot.Exact(context.Background(), c, &ot.ExactSettings{Threads: threads})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if first == nil {
			first = r
		}
		if !strings.Contains(r.Note, note) {
			t.Errorf("%s: %s", name, r.Note)
		}
		if r.Cost != first.Cost || r.Lower != first.Lower || !slices.Equal(r.F, first.F) || !slices.Equal(r.G, first.G) ||
			!slices.Equal(r.Assignment, first.Assignment) || !slices.Equal(r.Plan, first.Plan) {
			t.Errorf("%s: another result with %d threads", name, threads)
		}
	}
}

func TestExactMemory(t *testing.T) {
	x, y := hard(12, 400, 400, 9)
	c := ot.Clouds{X: engine.Points(x, 400, 9), Y: engine.Points(y, 400, 9)}
	want, err := ot.Exact(context.Background(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ot.Exact(context.Background(), c, &ot.ExactSettings{MaxMemory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	checkExact(t, x, y, 9, nil, nil, got)
	if !strings.Contains(got.Note, "streamed") || got.Cost != want.Cost {
		t.Errorf("%s: cost %g, with all costs in memory %g", got.Note, got.Cost, want.Cost)
	}
	// The simplex streams its lists too; its plan has another support where optima tie.
	a := make([]float64, 400)
	for i := range a {
		a[i] = 1 + float64(i%7)
	}
	c.A = a
	if want, err = ot.Exact(context.Background(), c, nil); err != nil {
		t.Fatal(err)
	}
	if got, err = ot.Exact(context.Background(), c, &ot.ExactSettings{MaxMemory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	checkExact(t, x, y, 9, a, nil, got)
	if !strings.Contains(got.Note, "streamed") || math.Abs(got.Cost-want.Cost) > 1e-13*want.Cost {
		t.Errorf("%s: cost %g, with all costs in memory %g", got.Note, got.Cost, want.Cost)
	}
	_, err = ot.Exact(context.Background(), c, &ot.ExactSettings{MaxMemory: 1 << 12})
	var e *engine.MemoryError
	if !errors.As(err, &e) || e.Free != 1<<12 || e.Asked <= e.Free {
		t.Errorf("error %v", err)
	}
}

func TestExactErrors(t *testing.T) {
	ones := func(n, d int) []float64 { return slices.Repeat([]float64{1}, n*d) }
	bad := ones(4, 2)
	bad[5] = math.NaN()
	far := ones(4, 2)
	far[0], far[2] = 1e200, -1e200
	for name, c := range map[string]struct {
		c    ot.Clouds
		want error
		says string
	}{
		"dimension": {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2), Y: engine.Points(ones(4, 3), 4, 3)}, engine.ErrShape, ""},
		"nil":       {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2)}, engine.ErrShape, ""},
		"nan":       {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2), Y: engine.Points(bad, 4, 2)}, ot.ErrNotFinite, "row 2"},
		"overflow":  {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2), Y: engine.Points(far, 4, 2)}, ot.ErrNotFinite, "squared"},
		"length":    {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2), Y: engine.Points(ones(4, 2), 4, 2), A: []float64{1}}, engine.ErrShape, ""},
		"negative":  {ot.Clouds{X: engine.Points(ones(4, 2), 4, 2), Y: engine.Points(ones(4, 2), 4, 2), A: []float64{1, 1, -1, 1}}, ot.ErrWeights, "2"},
	} {
		_, err := ot.Exact(context.Background(), c.c, nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExactCancel(t *testing.T) {
	for _, c := range []struct{ n, m, d int }{{20000, 20000, 2}, {6000, 6000, 32}, {8000, 7000, 3}} {
		x, y := hard(13, c.n, c.m, c.d)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		start := time.Now()
		_, err := ot.Exact(ctx, ot.Clouds{X: engine.Points(x, c.n, c.d), Y: engine.Points(y, c.m, c.d)}, nil)
		cancel()
		// The solver checks every few milliseconds; the rest is a busy machine's.
		if late := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || late > 2*time.Second {
			t.Errorf("%v: %v after %v", c, err, late)
		}
	}
}
