package ot

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"monge/engine"
)

func testWork() *work { return &work{ctx: context.Background(), threads: 2} }

func normals(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// The kernels have the bits of the plain sum, at sizes that are no multiple of a tile.
func TestDistanceKernels(t *testing.T) {
	for _, c := range []struct{ n, m, d int }{{1, 1, 1}, {3, 17, 2}, {5, 33, 7}, {2, 16, 64}, {5, 300, 2*blockCoords + 3}} {
		x, y := normals(1, c.n*c.d), normals(2, c.m*c.d)
		p := newPanels(y, c.d)
		out := make([]float64, c.n*p.width())
		p.distances(x, out)
		for i := range c.n {
			for j := range c.m {
				want := squaredDistance(x[i*c.d:(i+1)*c.d], y[j*c.d:(j+1)*c.d])
				if got := out[i*p.width()+j]; got != want {
					t.Errorf("%v: pair (%d, %d): %g, want %g", c, i, j, got, want)
				}
			}
		}
		var a0, a1, b0, b1 [tileCols]float64
		x0, x1 := x[:c.d], x[(c.n-1)*c.d:]
		tile(x0, x1, p.p[:tileCols*c.d], &a0, &a1)
		tileGo(x0, x1, p.p[:tileCols*c.d], &b0, &b1)
		if a0 != b0 || a1 != b1 {
			t.Errorf("%v: the kernel and plain Go differ", c)
		}
	}
}

func TestFirstBelow(t *testing.T) {
	c, v := normals(3, 101), normals(4, 101)
	for _, bound := range []float64{-10, -3, -1, 0, 10, math.Inf(1)} {
		n := firstBelow(c, v, bound)
		for j := range n {
			if c[j]-v[j] < bound {
				t.Errorf("bound %g: passed place %d", bound, j)
			}
		}
		if n%8 != 0 || bound == -10 && n != 0 && n != 96 {
			t.Errorf("bound %g: stopped at %d", bound, n)
		}
	}
}

// All ways to keep costs serve the same lists, also while v falls after a refit.
func TestPairsAgree(t *testing.T) {
	for _, d := range []int{1, 2, 3, 4} {
		in, err := newInstance(Clouds{X: engine.Points(normals(5, 60*d), 60, d), Y: engine.Points(normals(6, 333*d), 333, d)})
		if err != nil {
			t.Fatal(err)
		}
		tree := newTreePairs(in)
		all, err := newStored(testWork(), in)
		if err != nil {
			t.Fatal(err)
		}
		v := normals(7, in.m)
		tree.refit(v)
		for j := range v {
			v[j] -= math.Abs(float64(j%5)) / 7
		}
		var a, b, c, e scratch
		for i := range int32(in.n) {
			limit := math.Inf(1)
			if i%2 == 0 {
				limit = float64(i) / 8
			}
			tree.nearest(i, v, 20, limit, &a)
			all.nearest(i, v, 20, limit, &b)
			newStreamed(in, 20).nearest(i, v, 20, limit, &c)
			e.scan(tree.all(i, &e), v, 20, limit)
			for _, s := range []scratch{a, c, e} {
				if !slices.Equal(s.key, b.key) || !slices.Equal(s.cost, b.cost) || !slices.Equal(s.idx, b.idx) {
					t.Fatalf("d = %d, row %d: lists differ", d, i)
				}
			}
		}
	}
}

// The auction and the network simplex agree on uniform clouds of one size.
func TestAuctionAgainstSimplex(t *testing.T) {
	for _, c := range []struct{ n, d int }{{2, 2}, {77, 2}, {500, 3}, {300, 40}} {
		clouds := Clouds{X: engine.Points(normals(8, c.n*c.d), c.n, c.d), Y: engine.Points(normals(9, c.n*c.d), c.n, c.d)}
		var costs []float64
		for _, method := range []func(*work, *instance, pairs) (*solution, error){
			assign,
			func(w *work, in *instance, p pairs) (*solution, error) { return networkSimplex(w, in, p, 0) },
		} {
			in, err := newInstance(clouds)
			if err != nil {
				t.Fatal(err)
			}
			w := testWork()
			src, _, err := newPairs(w, in, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			s, err := method(w, in, src)
			if err != nil {
				t.Fatal(err)
			}
			r, err := in.result(w, s)
			if err != nil {
				t.Fatal(err)
			}
			costs = append(costs, r.Cost)
		}
		if math.Abs(costs[0]-costs[1]) > 1e-14*costs[0] { // means of n squares in two orders
			t.Errorf("%v: auction %.17g, simplex %.17g", c, costs[0], costs[1])
		}
	}
}

// After every pivot the tree spans all nodes, its sizes and flows are right, and pairs of flow 0 hang their
// row below.
func TestSimplexTree(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 0))
	n, m := 30, 23
	x, y := make([]float64, 2*n), make([]float64, 2*m)
	for i := range x {
		x[i] = float64(r.IntN(9))
	}
	for j := range y {
		y[j] = float64(r.IntN(9))
	}
	in, err := newInstance(Clouds{X: engine.Points(x, n, 2), Y: engine.Points(y, m, 2)})
	if err != nil {
		t.Fatal(err)
	}
	s := newSimplex(testWork(), in, newTreePairs(in))
	g := s.newGreedy(in)
	g.corner(count(n), count(m))
	g.plant()
	s.potentials()
	if err := s.rebuildAll(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		i, j, c, ok := s.entering(4)
		if !ok {
			break
		}
		s.pivot(i, int32(n)+j, c)
		seen, balance := int32(0), make([]int64, n+m)
		for k := s.root; k >= 0; k = s.after(k, s.root) {
			seen++
			if k == s.root {
				continue
			}
			if s.flow[k] < 0 || s.flow[k] == 0 && !s.isRow(k) {
				t.Fatalf("node %d: flow %d", k, s.flow[k])
			}
			balance[k] += s.flow[k]
			balance[s.parent[k]] += s.flow[k]
			if e := s.price[k] - s.pot[k] - s.pot[s.parent[k]]; math.Abs(e) > 1e-12 { // rounding of 500 shifts
				t.Fatalf("node %d: pair off by %g", k, e)
			}
			size := int32(1)
			for q := s.first[k]; q >= 0; q = s.next[q] {
				size += s.size[q]
			}
			if size != s.size[k] {
				t.Fatalf("node %d: size %d, counted %d", k, s.size[k], size)
			}
		}
		if int(seen) != n+m || !slices.Equal(balance, slices.Concat(in.a, in.b)) {
			t.Fatalf("%d nodes, masses %v", seen, balance)
		}
	}
	if s.pivots = 0; s.optimise() != nil || s.pivots > 0 {
		t.Error("pivots were left")
	}
}

// The transform by monotone row minima is that over all pairs, whatever the potential and the
// order, duplicates included.
func TestLineTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	for _, c := range []struct{ n, m int }{{1, 1}, {1, 40}, {40, 1}, {257, 500}, {500, 33}} {
		x, y, v := normals(12, c.n), normals(13, c.m), normals(14, c.m)
		for i := range x {
			if i%3 == 0 {
				x[i] = float64(r.IntN(3))
			}
		}
		for j := range y {
			if j%4 == 0 {
				y[j] = float64(r.IntN(2))
			}
		}
		arg := make([]int32, c.n)
		u, err := lineTransform(testWork(), x, y, v, arg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			want := math.Inf(1)
			for j := range y {
				want = min(want, squaredDistance(x[i:i+1], y[j:j+1])-v[j])
			}
			// Ties by rounding may send a row's neighbours to a column that is worse by as much.
			if got := squaredDistance(x[i:i+1], y[arg[i]:arg[i]+1]) - v[arg[i]]; got != u[i] || math.Abs(u[i]-want) > 1e-14 {
				t.Fatalf("%v: row %d: %g at %d with %g, want %g", c, i, u[i], arg[i], got, want)
			}
		}
	}
}
