package ot

import (
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// anderson accelerates a fixed-point iteration g <- g + r(g): the next iterate is the combination of the
// last few, and of their steps r, whose combined step is least in the norm of the weights w.
// Source: Walker and Ni, SIAM J. Numer. Anal. 49 (2011).
type anderson struct {
	depth        int
	reach        float64   // of an iterate from the next: the spread of the changes of g that can be sound
	weight       []float64 // square roots of w
	g, r         []float64 // the iterate before and its step
	dg, dr       [][]float64
	best         float64 // the least size of a step, and its iterate and step
	bestG, bestR []float64
}

func newAnderson(depth int, reach float64, w []float64) *anderson {
	a := &anderson{depth: depth, reach: reach, weight: make([]float64, len(w))}
	for j, v := range w {
		a.weight[j] = math.Sqrt(v)
	}
	a.reset()
	return a
}

// reset forgets all iterates.
func (a *anderson) reset() {
	a.g, a.r, a.dg, a.dr, a.best = nil, nil, nil, nil, math.Inf(1)
}

// next replaces g by the next iterate, from its step r and that step's size. Where the size has grown to
// three times the least one, or is not a number, it goes on from there, by the plain iteration, and forgets the rest;
// the plain iteration's size does not grow. So it does from g where the combination leads out of reach, as that of steps
// that differ by no more than their rounding.
func (a *anderson) next(g, r []float64, size float64) {
	if !(size <= 3*a.best) && a.bestG != nil {
		g0, r0 := a.bestG, a.bestR
		size = a.best
		a.reset()
		copy(g, g0)
		copy(r, r0)
	}
	if size < a.best {
		a.best = size
		a.bestG, a.bestR = append(a.bestG[:0], g...), append(a.bestR[:0], r...)
	}
	if a.g != nil {
		a.remember(g, r)
	}
	a.g, a.r = append(a.g[:0], g...), append(a.r[:0], r...)
	change := append([]float64(nil), r...)
	for p, c := range a.combination(r) {
		for j, v := range a.dg[p] {
			change[j] -= c * (v + a.dr[p][j])
		}
	}
	if !(a.spread(change) <= a.reach) {
		copy(change, r)
		a.dg, a.dr = nil, nil
	}
	floats.Add(g, change)
}

// spread is the difference of the largest and the least number among those with weight.
func (a *anderson) spread(v []float64) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for j, w := range a.weight {
		if w > 0 {
			least, most = min(least, v[j]), max(most, v[j]) // NaN stays
		}
	}
	return most - least
}

// remember adds the differences to the iterate before, in the place of the oldest where depth is reached.
func (a *anderson) remember(g, r []float64) {
	var dg, dr []float64
	if len(a.dg) == a.depth {
		dg, dr = a.dg[0], a.dr[0]
		a.dg, a.dr = append(a.dg[:0], a.dg[1:]...), append(a.dr[:0], a.dr[1:]...)
	} else {
		dg, dr = make([]float64, len(g)), make([]float64, len(g))
	}
	for j := range g {
		dg[j], dr[j] = g[j]-a.g[j], r[j]-a.r[j]
	}
	a.dg, a.dr = append(a.dg, dg), append(a.dr, dr)
}

// combination returns the coefficients gamma for which r - sum_p gamma_p dr_p is least. Differences that
// have become dependent are forgotten.
func (a *anderson) combination(r []float64) []float64 {
	k, n := len(a.dr), len(r)
	if k == 0 || n < k {
		return nil
	}
	// Columns of unit length, so that the condition says how dependent they are.
	columns := blas64.General{Rows: n, Cols: k, Stride: k, Data: make([]float64, n*k)}
	lengths := make([]float64, k)
	right := make([]float64, n)
	for j, w := range a.weight {
		right[j] = w * r[j]
		for p, dr := range a.dr {
			columns.Data[j*k+p] = w * dr[j]
		}
	}
	for p := range lengths {
		column := blas64.Vector{N: n, Data: columns.Data[p:], Inc: k}
		lengths[p] = blas64.Nrm2(column)
		if lengths[p] == 0 {
			a.dg, a.dr = nil, nil
			return nil
		}
		blas64.Scal(1/lengths[p], column)
	}
	var qr mat.QR
	qr.Factorize(mat.NewDense(n, k, columns.Data))
	var gamma mat.VecDense
	if !(qr.Cond() < 1e10) || qr.SolveVecTo(&gamma, false, mat.NewVecDense(n, right)) != nil {
		a.dg, a.dr = nil, nil
		return nil
	}
	out := make([]float64, k)
	for p := range out {
		out[p] = gamma.AtVec(p) / lengths[p]
	}
	return out
}
