package ot

import (
	"cmp"
	"context"
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
// The plan, the Assignment and the potentials are those of [Exact], whose method for d = 1 it is. Cost, Lower,
// Upper and Dual are all the optimum, up to rounding.
//
// Errors: those of [Exact], and engine.ErrShape for d > 1.
func OneDim(ctx context.Context, c Clouds) (*Result, error) {
	start := time.Now()
	in, err := newInstance(c)
	if err != nil {
		return nil, err
	}
	if in.d != 1 {
		return nil, fmt.Errorf("ot: onedim: d = %d, want 1: %w", in.d, engine.ErrShape)
	}
	r, err := solveExact(&work{ctx: ctx, threads: 1}, in, 0)
	if err != nil {
		return nil, fmt.Errorf("ot: onedim: %w", err)
	}
	r.Solver, r.MarginalError = "onedim", math.NaN()
	r.Lower, r.Dual = r.Cost, r.Cost
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

// lineCost returns W2^2 of two weighted sets of numbers; uniform is the case n = m with equal weights.
// x and y are sorted in place where uniform; rows and cols are scratch otherwise.
func lineCost(x, a, y, b []float64, uniform bool, rows, cols []int) (cost float64, scratchX, scratchY []int) {
	var s engine.Compensated
	if uniform {
		slices.Sort(x)
		slices.Sort(y)
		for i, v := range x {
			v -= y[i]
			s.Add(v * v)
		}
		return s.Value() / float64(len(x)), rows, cols
	}
	rows, cols = order(x, rows), order(y, cols)
	couple(rows, a, cols, b, func(i, j int, mass float64) {
		v := x[i] - y[j]
		s.Add(mass * v * v)
	})
	return s.Value(), rows, cols
}
