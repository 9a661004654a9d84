//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"math"
	"testing"

	"monge/engine"
)

// TestTensorValues: means from weights in memory over several parts of the keys are as exact as float32 arithmetic, a row's are
// the same alone, and a value that is not finite counts in the columns that have it, whatever part it is in.
func TestTensorValues(t *testing.T) {
	e := open(t, Options{})
	const n, m, d, dv, odd = 3, 2*1024 + 70, leastDims, 130, 1500
	scale := 1 / math.Sqrt(float64(d))
	q, k, v := cloud(1, n, d), cloud(2, m, d), cloud(3, m, dv)
	v[odd*dv+7] = math.Inf(1)
	kb, vb := array(t, e, engine.F32, 1, m, d, k), array(t, e, engine.F32, 1, m, dv, v)
	columns := array(t, e, engine.F32, 1, m, 1, make([]float64, m)) // with their sums weights go through memory
	run := func(rows []float64) []float64 {
		n := len(rows) / d
		qb, mean, got := array(t, e, engine.F32, 1, n, d, rows), array(t, e, engine.F32, 1, n, dv, make([]float64, n*dv)), make([]float64, n*dv)
		err := e.Softmax(&engine.Softmax{Q: qb, K: kb, V: vb, Scale: scale, Mean: mean, ColSum: columns})
		if err := errors.Join(err, e.Read(got, mean, 0)); err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := run(q)
	for i := range n {
		row := q[i*d:][:d]
		exact, rough := weights(row, k, scale), weights32(row, k, scale)
		var worst, plain float64 // in units of sum_j r_j |v_j|
		for l := range dv {
			if l == 7 {
				if !math.IsInf(got[i*dv+l], 1) {
					t.Errorf("row %d: the mean with an infinite value is %g", i, got[i*dv+l])
				}
				continue
			}
			off, rounded := meanErrors(exact, rough, v[l:], dv, got[i*dv+l])
			worst, plain = max(worst, off), max(plain, rounded)
		}
		if worst > allowed(plain, 1) {
			t.Errorf("row %d is off by %.3g, the plain formula by %.3g", i, worst, plain)
		}
	}
	for l, x := range run(q[d : 2*d]) {
		if x != got[dv+l] {
			t.Fatalf("column %d of row 1 alone is %g, in company %g", l, x, got[dv+l])
		}
	}
}
