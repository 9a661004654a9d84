package ot

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"monge/engine"
)

// line solves an instance with d = 1 by the monotone coupling: on the line (x - y)² is a Monge array,
//
//	c_ij + c_kl ≤ c_il + c_kj   for x_i ≤ x_k, y_j ≤ y_l,
//
// so that the north-west corner rule over sorted points is optimal for any weights, and potentials that are
// tight along its staircase are feasible (Hoffman, Proceedings of Symposia in Pure Mathematics 7, 1963). It
// takes O(n log n + m log m), its certificate over all pairs included. It sorts the instance's points.
func (in *instance) line(w *work) (*solution, error) {
	var px, py []int32
	var g sync.WaitGroup
	g.Go(func() { px = sorted(in.x) })
	py = sorted(in.y)
	g.Wait()
	in.permute(px, py)
	s := &solution{v: make([]float64, in.m)}
	// The staircase's potentials are sums of the differences c_ij' - c_ij = (y' - y)(y' + y - 2 x), which
	// do not cancel.
	x, y := in.x, in.y
	left, right := in.a[0], in.b[0]
	var v engine.Compensated
	for i, j := 0, 0; ; {
		units := min(left, right)
		s.plan = append(s.plan, flow{int32(i), int32(j), units})
		left -= units
		right -= units
		if right == 0 && j+1 < in.m {
			// Where both are used up, v may grow by anything between what rows i and i + 1 allow: by nothing, which
			// keeps it small where the clouds are near each other, or half way, where neither is tight.
			most := (y[j+1] - y[j]) * ((y[j+1] - x[i]) + (y[j] - x[i]))
			if left > 0 {
				v.Add(most)
			} else if least := (y[j+1] - y[j]) * ((y[j+1] - x[i+1]) + (y[j] - x[i+1])); least > 0 || most < 0 {
				v.Add(least/2 + most/2)
			}
			j++
			right = in.b[j]
			s.v[j] = v.Value()
		}
		if left == 0 {
			if i++; i == in.n {
				break
			}
			left = in.a[i]
		}
	}
	s.iterations = len(s.plan)
	if err := in.polish(w, nil, s); err != nil {
		return nil, err
	}
	return s, in.loosen(w, nil, s)
}

// lineTransform is [cTransform] with d = 1, in O((n + m) log n): in a Monge array the least columns of the rows
// do not decrease (Aggarwal, Klawe, Moran, Shor and Wilber, Algorithmica 2, 1987), so that a row halves the
// columns of those before and after it.
func lineTransform(w *work, x, y, v []float64, arg []int32) ([]float64, error) {
	u := make([]float64, len(x))
	px, py := identityOrSorted(x), identityOrSorted(y)
	var split func(rows []int32, lo, hi int)
	split = func(rows []int32, lo, hi int) {
		for len(rows) > 0 && w.ctx.Err() == nil {
			mid := len(rows) / 2
			i := rows[mid]
			best, at := math.Inf(1), lo
			for k := lo; k < hi; k++ {
				j := py[k]
				e := x[i] - y[j]
				if key := float64(e*e) - v[j]; key < best {
					best, at = key, k
				}
			}
			u[i] = best
			if arg != nil {
				arg[i] = py[at]
			}
			split(rows[:mid], lo, at+1)
			rows, lo = rows[mid+1:], at
		}
	}
	split(px, 0, len(py))
	return u, w.ctx.Err()
}

// identityOrSorted is the order of numbers, found at once where they are sorted.
func identityOrSorted(x []float64) []int32 {
	if slices.IsSorted(x) {
		return count(len(x))
	}
	return sorted(x)
}

// sorted returns the order of numbers, ties by index.
func sorted(x []float64) []int32 {
	type key struct {
		x float64
		i int32
	}
	keys := make([]key, len(x))
	for i, v := range x {
		keys[i] = key{v, int32(i)}
	}
	slices.SortFunc(keys, func(a, b key) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return cmp.Compare(a.i, b.i)
	})
	p := make([]int32, len(x))
	for i, k := range keys {
		p[i] = k.i
	}
	return p
}
