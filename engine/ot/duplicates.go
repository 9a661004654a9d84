package ot

import (
	"cmp"
	"slices"
)

// merged is an instance whose equal points were joined, with the members of each point.
type merged struct {
	*instance
	members [2][][]int32 // rows of the full instance of each row, columns of each column
	most    int          // members of the largest
}

// merge joins the equal points of each cloud. Equal points have equal costs, so that the joined problem has
// the same potentials, and any split of its plan among the members is optimal.
func (in *instance) merge() *merged {
	r := &merged{instance: &instance{d: in.d, uniform: in.uniform}}
	r.x, r.a, r.members[0] = join(in.x, in.a, in.d)
	r.y, r.b, r.members[1] = join(in.y, in.b, in.d)
	r.n, r.m = len(r.a), len(r.b)
	r.rows, r.cols = make([]int, r.n), make([]int, r.m)
	for i, k := range r.members[0] {
		r.rows[i] = i
		r.most = max(r.most, len(k))
	}
	for j, k := range r.members[1] {
		r.cols[j] = j
		r.most = max(r.most, len(k))
	}
	return r
}

func join(x []float64, mass []int64, d int) (points []float64, sums []int64, members [][]int32) {
	at := func(i int32) []float64 { return x[int(i)*d : int(i+1)*d] }
	order := count(len(mass))
	slices.SortFunc(order, func(a, b int32) int {
		if c := slices.Compare(at(a), at(b)); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	distinct := 0
	for k, i := range order {
		if k == 0 || !slices.Equal(at(i), at(order[k-1])) {
			distinct++
		}
	}
	if distinct == len(order) { // no copies of clouds that may be large
		members = make([][]int32, len(order))
		for k, i := range count(len(order)) {
			members[k] = []int32{i}
		}
		return x, slices.Clone(mass), members
	}
	for k, i := range order {
		if k == 0 || !slices.Equal(at(i), at(order[k-1])) {
			points, sums, members = append(points, at(i)...), append(sums, 0), append(members, nil)
		}
		g := len(sums) - 1
		sums[g] += mass[i]
		members[g] = append(members[g], i)
	}
	return points, sums, members
}

// spread turns a solution of the joined problem into one of the full instance.
func (r *merged) spread(in *instance, s *solution) *solution {
	full := &solution{u: make([]float64, in.n), v: make([]float64, in.m), cost: s.cost, gap: s.gap, scale: s.scale, iterations: s.iterations}
	// The solver may have reordered the joined points: rows and cols know which is which.
	rows, cols := make([][]int32, r.n), make([][]int32, r.m)
	for i, k := range r.rows {
		rows[i] = r.members[0][k]
		for _, e := range rows[i] {
			full.u[e] = s.u[i]
		}
	}
	for j, k := range r.cols {
		cols[j] = r.members[1][k]
		for _, e := range cols[j] {
			full.v[e] = s.v[j]
		}
	}
	a, b := slices.Clone(in.a), slices.Clone(in.b)
	for _, e := range s.plan {
		for left := e.units; left > 0; {
			i, j := rows[e.i][0], cols[e.j][0]
			f := min(left, a[i], b[j])
			full.plan = append(full.plan, flow{i, j, f})
			left -= f
			if a[i] -= f; a[i] == 0 {
				rows[e.i] = rows[e.i][1:]
			}
			if b[j] -= f; b[j] == 0 {
				cols[e.j] = cols[e.j][1:]
			}
		}
	}
	return full
}
