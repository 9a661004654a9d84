package ot

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"monge/engine"
)

// OneDim solves the transport problem on the line (d = 1) exactly, with any weights, in O(n log n): the
// optimal plan couples equal quantiles,
//
//	W2^2 = integral over u in (0, 1) of (F^-1(u) - G^-1(u))^2.
//
// Plan holds the coupling's at most n + m - 1 entries with positive mass, in the order of the points on
// the line, or Assignment the permutation where n = m and each cloud's weights are equal. F and G are
// optimal potentials, F_i + G_j <= |x_i - y_j|^2 with equality on the plan; points of no weight have
// them too. Cost, Lower, Upper and Dual are all the optimum. Equal points keep their order in the cloud.
func OneDim(c Clouds) (*Result, error) {
	start := time.Now()
	p, err := c.check()
	if err != nil {
		return nil, err
	}
	if p.d != 1 {
		return nil, fmt.Errorf("ot: onedim: d = %d, want 1: %w", p.d, engine.ErrShape)
	}
	rows, cols := order(p.x, nil), order(p.y, nil)
	r := &Result{Solver: "onedim", Status: Optimal, Eps: math.NaN(), MarginalError: math.NaN()}
	var cost accumulator
	if p.uniform {
		r.Assignment = make([]int64, p.n)
		for k, i := range rows {
			r.Assignment[i] = int64(cols[k])
			v := p.x[i] - p.y[cols[k]]
			cost.add(p.a[i] * v * v)
		}
	} else {
		couple(rows, p.a, cols, p.b, func(i, j int, mass float64) {
			v := p.x[i] - p.y[j]
			cost.add(mass * v * v)
			r.Plan = append(r.Plan, Entry{I: i, J: j, Mass: mass})
		})
	}
	r.Cost = cost.sum()
	if math.IsInf(r.Cost, 0) || math.IsNaN(r.Cost) {
		return nil, fmt.Errorf("ot: onedim: cost %v: %w", r.Cost, ErrNotFinite)
	}
	r.Lower, r.Upper, r.Dual = r.Cost, r.Cost, r.Cost
	r.F, r.G = lineDuals(p, rows, cols)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// order returns the indices of x from its least to its largest number, ties by index, in index's memory
// where it is long enough.
func order(x []float64, index []int) []int {
	index = slices.Grow(index[:0], len(x))[:len(x)]
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(i, j int) int {
		if c := cmp.Compare(x[i], x[j]); c != 0 {
			return c
		}
		return cmp.Compare(i, j)
	})
	return index
}

// couple visits the entries of the monotone coupling of weights a over rows and b over cols, each of sum
// 1, in order. What is left of a weight by rounding alone, a few units in its last place, is dropped
// rather than moved to the next point: equal weights then meet exactly, and no mass travels far.
func couple(rows []int, a []float64, cols []int, b []float64, visit func(i, j int, mass float64)) {
	const rounding = 8 * 0x1p-53
	var leftA, leftB float64
	i, j := -1, -1
	for {
		for leftA == 0 {
			if i++; i == len(rows) {
				return
			}
			leftA = a[rows[i]]
		}
		for leftB == 0 {
			if j++; j == len(cols) {
				return
			}
			leftB = b[cols[j]]
		}
		mass := min(leftA, leftB)
		visit(rows[i], cols[j], mass)
		if leftA -= mass; leftA <= rounding*a[rows[i]] {
			leftA = 0
		}
		if leftB -= mass; leftB <= rounding*b[cols[j]] {
			leftB = 0
		}
	}
}

// lineDuals returns optimal potentials of the problem on the line. Along the sorted points the staircase
// of the coupling is a basis of the transport polytope, and its potentials are feasible because
// (x - y)^2 is a Monge array: both follow from one walk. Centring keeps their digits at any offset.
func lineDuals(p *problem, rows, cols []int) (f, g []float64) {
	f, g = make([]float64, p.n), make([]float64, p.m)
	// The walk adds differences C(i', j) - C(i, j) = (x' - x)(x' + x - 2 y), which do not cancel.
	type step struct{ i, j int }
	var stairs []step
	couple(rows, p.a, cols, p.b, func(i, j int, mass float64) { stairs = append(stairs, step{i, j}) })
	rankX, rankY := ranks(rows), ranks(cols)
	i, j := 0, 0
	first := p.x[rows[0]] - p.y[cols[0]]
	f[rows[0]] = 0
	g[cols[0]] = first * first
	advance := func(toI, toJ int) {
		for i < toI {
			x0, x1, y := p.x[rows[i]], p.x[rows[i+1]], p.y[cols[j]]
			f[rows[i+1]] = f[rows[i]] + (x1-x0)*((x1-y)+(x0-y))
			i++
		}
		for j < toJ {
			y0, y1, x := p.y[cols[j]], p.y[cols[j+1]], p.x[rows[i]]
			g[cols[j+1]] = g[cols[j]] + (y1-y0)*((y1-x)+(y0-x))
			j++
		}
	}
	for _, s := range stairs {
		advance(rankX[s.i], rankY[s.j])
	}
	advance(p.n-1, p.m-1)
	return f, g
}

func ranks(order []int) []int {
	r := make([]int, len(order))
	for k, i := range order {
		r[i] = k
	}
	return r
}

// lineCost returns W2^2 of two weighted sets of numbers; uniform is the case n = m with equal weights.
// x and y are sorted in place where uniform; rows and cols are scratch otherwise.
func lineCost(x, a, y, b []float64, uniform bool, rows, cols []int) (cost float64, scratchX, scratchY []int) {
	var s accumulator
	if uniform {
		slices.Sort(x)
		slices.Sort(y)
		for i, v := range x {
			v -= y[i]
			s.add(v * v)
		}
		return s.sum() / float64(len(x)), rows, cols
	}
	rows, cols = order(x, rows), order(y, cols)
	couple(rows, a, cols, b, func(i, j int, mass float64) {
		v := x[i] - y[j]
		s.add(mass * v * v)
	})
	return s.sum(), rows, cols
}
