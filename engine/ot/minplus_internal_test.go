package ot

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"testing"

	"monge/cpu"
	"monge/engine"
	"monge/engine/rng"
)

// exactKey returns |x'_i - y'_j|^2 - g of the exact differences of the points and their shifts.
func exactKey(q *minPlus, side, i, j int, g float64) *big.Float {
	const bits = 4000 // more than the exponents and digits of any sum here
	b := func(v float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(v) }
	x, y := q.cloud[side], q.cloud[1-side]
	sum := b(-g)
	for t := range q.d {
		e := b(x.x[i*q.d+t])
		e.Sub(e, b(x.shift[t]))
		e.Sub(e, b(y.x[j*q.d+t]))
		e.Add(e, b(y.shift[t]))
		sum.Add(sum, e.Mul(e, e))
	}
	return sum
}

// Clouds that a bound of the rounding could miss.
func hardClouds(n, d int) map[string][2][]float64 {
	draw := func(seed uint64, scale float64) []float64 {
		v := make([]float64, n*d)
		rng.Normals(v, seed, 0, 0)
		for i := range v {
			v[i] *= scale
		}
		return v
	}
	add := func(v []float64, c float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] + c
		}
		return out
	}
	outlier := draw(3, 1)
	for t := range d {
		outlier[t] = 1e6
	}
	near := draw(4, 1)
	for i, v := range draw(5, 1e-7) {
		near[i] += v
	}
	same := make([]float64, n*d)
	one := func(c float64) []float64 { return add(same, c) } // coordinates of one sign add up all their roundings
	positive := draw(6, 1)
	for i := range positive {
		positive[i] = math.Abs(positive[i])
	}
	pairs := draw(7, 1)
	copy(pairs[n*d/2:], pairs[:n*d/2])
	return map[string][2][]float64{
		"normals":       {draw(1, 1), draw(2, 1)},
		"offset":        {add(draw(1, 1), 1e6), add(draw(2, 1), -1e6)},
		"outlier":       {outlier, draw(2, 1)},
		"outliers":      {outlier, outlier},
		"near identity": {draw(4, 1), near},
		"equal":         {one(.1), one(.3)},
		"positive":      {positive, add(positive, 3)},
		"duplicates":    {pairs, draw(2, .1)},
		"tiny":          {draw(1, 1e-160), draw(2, 1e-155)},
		"huge":          {draw(1, 1e150), draw(2, 1e140)},
		"tiny and huge": {draw(1, 1e-30), draw(2, 1e30)},
	}
}

// The bound of a pass is below the minimum in exact arithmetic whatever the clouds, and by no more than the
// rounding that it allows for.
func TestMinPlusBoundIsProved(t *testing.T) {
	if testing.Short() {
		t.Skip("a few rows, in one goroutine")
	}
	for _, shape := range [][2]int{{24, 3}, {13, 300}} {
		n, d := shape[0], shape[1]
		for name, clouds := range hardClouds(n, d) {
			for p := single; p <= differences; p++ {
				for side := range 2 {
					t.Run(fmt.Sprintf("%s/n=%d/d=%d/%d/side=%d", name, n, d, p, side), func(t *testing.T) {
						e := cpu.New(cpu.Options{Threads: 2})
						defer e.Close()
						q, err := newMinPlus(context.Background(), &CertifySettings{Engine: e}, &problem{n: n, m: n, d: d, x: clouds[0], y: clouds[1]})
						if err != nil {
							t.Fatal(err)
						}
						defer q.free()
						q.setStep(squaredDistance(clouds[0], clouds[1])/float64(n) + 1e-320)
						s := &sweep{side: side, g: make([]float64, n), skip: make([]int32, n), low: make([]float64, n), arg: make([]int32, n)}
						scale := 0.0
						for i := range n {
							s.low[i], s.skip[i] = math.Inf(1), int32((i+1)%n)
							scale = max(scale, q.squares[0][i]+q.squares[1][i])
						}
						rng.Normals(s.g, 9, 0, 0)
						for j := range s.g {
							s.g[j] *= scale / float64(d) // of the order of a coordinate's square
						}
						if err := q.run(context.Background(), p, s); err != nil {
							t.Fatal(err)
						}
						u := engine.F64.Eps()
						if p == single {
							u = engine.F32.Eps()
						}
						for i := range n {
							best := new(big.Float)
							for j := range n {
								if v := exactKey(q, side, i, j, s.g[j]); j != int(s.skip[i]) && (best.Sign() == 0 && j < 2 || v.Cmp(best) < 0) {
									best = v
								}
							}
							gap, _ := new(big.Float).Sub(best, big.NewFloat(s.low[i])).Float64()
							if gap < 0 {
								t.Fatalf("row %d: %g is above the minimum by %g", i, s.low[i], -gap)
							}
							// Four times the bound's own terms: the errors of the row's pair and of the one that
							// was taken for it.
							j := int(s.arg[i])
							reach := q.squares[side][i] + q.squares[1-side][j] + math.Abs(s.g[j]) + scale/float64(d)*4
							if p == differences {
								c, _ := exactKey(q, side, i, j, 0).Float64()
								reach += q.t * c / float64(d)
							}
							reach += 1e-300
							if limit := 4 * u * float64(d+40) * reach; gap > limit {
								t.Errorf("row %d: %g is below the minimum by %g, more than %g", i, s.low[i], gap, limit)
							}
						}
					})
				}
			}
		}
	}
}

// Subsets of rows and columns, merged, give what one pass over everything gives, up to rounding.
func TestMinPlusSubsets(t *testing.T) {
	const n, d = 150, 20
	clouds := hardClouds(n, d)["normals"]
	e := cpu.New(cpu.Options{Threads: 2})
	defer e.Close()
	q, err := newMinPlus(context.Background(), &CertifySettings{Engine: e}, &problem{n: n, m: n, d: d, x: clouds[0], y: clouds[1]})
	if err != nil {
		t.Fatal(err)
	}
	defer q.free()
	g, skip := make([]float64, n), make([]int32, n)
	for i := range skip {
		skip[i] = int32(i)
	}
	fresh := func() *sweep {
		s := &sweep{g: g, skip: skip, low: make([]float64, n), arg: make([]int32, n)}
		for i := range s.low {
			s.low[i] = math.Inf(1)
		}
		return s
	}
	var odd, even []int32
	for i := range n {
		if i%3 == 0 {
			odd = append(odd, int32(i))
		} else {
			even = append(even, int32(i))
		}
	}
	for p := single; p <= differences; p++ {
		whole, parts := fresh(), fresh()
		runs := []*sweep{whole}
		for _, rows := range [][]int32{odd, even} {
			for _, cols := range [][]int32{even, odd} {
				s := *parts
				s.rows, s.cols = rows, cols
				runs = append(runs, &s)
			}
		}
		for _, s := range runs {
			if err := q.run(context.Background(), p, s); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			// Biases are centred on a median of the columns at hand, and rounded after.
			if math.Abs(whole.low[i]-parts.low[i]) > 1e-4 || whole.arg[i] != parts.arg[i] && p > single {
				t.Errorf("precision %d, row %d: %v at %d, in parts %v at %d", p, i, whole.low[i], whole.arg[i], parts.low[i], parts.arg[i])
			}
		}
	}
}
