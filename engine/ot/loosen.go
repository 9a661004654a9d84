package ot

import (
	"cmp"
	"math"
	"slices"
)

const (
	looseGap    = 1e-11 // of the plan's cost: a larger uncertainty has the potentials made anew
	loosePasses = 16
)

// uncertainty is the plan's gap with the rounding that it was computed with: potentials far larger than the costs
// of the plan hide them.
func (s *solution) uncertainty() float64 { return math.Abs(s.gap) + 0x1p-52*s.scale }

func (s *solution) loose() bool { return s.uncertainty() > looseGap*s.cost }

// loosen makes the potentials of an optimal plan anew where their size hides its cost: those of an auction have the
// size of the distances between points, and the rounding of that may exceed the distances that the plan moves
// them. The plan's entries fix the potentials of each connected component K of its graph up to a constant t_K. From
// t = 0, where entries that cost little have small potentials,
//
//	t_K <- min over i in K, all j of t_K and c_ij - v_j + t_L(j) - u_i
//
// (Bellman and Ford) lowers them no further than other components need, and settles at feasible potentials: the
// plan is optimal, so that there are no negative cycles. Each pass is feasible with the c-transform of its v, and the
// least uncertain one is kept.
func (in *instance) loosen(w *work, src pairs, s *solution) error {
	if !s.loose() {
		return nil
	}
	k := in.components(s.plan)
	next := &solution{plan: s.plan, v: make([]float64, in.m)}
	t := make([]float64, k.count)
	for range loosePasses {
		for j := range next.v {
			next.v[j] = k.v[j] - t[k.col[j]]
		}
		if err := in.measure(w, src, next); err != nil {
			return err
		}
		if next.uncertainty() < s.uncertainty() {
			better := *next
			better.v = slices.Clone(next.v)
			s.take(&better)
		}
		settled := true
		least := slices.Clone(t)
		for i, u := range next.u {
			if to := u - k.u[i]; to < least[k.row[i]] {
				least[k.row[i]], settled = to, false
			}
		}
		if settled || !s.loose() {
			return nil
		}
		t = least
	}
	return nil
}

// components are the connected components of a plan's graph: that of each row and column, and potentials with u + v = c
// on the plan and 0 at the heaviest node of each.
type components struct {
	count    int
	row, col []int32
	u, v     []float64
}

func (in *instance) components(plan []flow) *components {
	k := &components{row: slices.Repeat([]int32{-1}, in.n), col: slices.Repeat([]int32{-1}, in.m), u: make([]float64, in.n), v: make([]float64, in.m)}
	rows, cols := incident(plan, in.n, func(e flow) int32 { return e.i }), incident(plan, in.m, func(e flow) int32 { return e.j })
	mass := slices.Concat(in.a, in.b)
	order := count(len(mass)) // rows, then columns
	slices.SortStableFunc(order, func(p, q int32) int { return cmp.Compare(mass[q], mass[p]) })
	n := int32(in.n)
	var queue []int32
	for _, root := range order {
		if root < n && k.row[root] >= 0 || root >= n && k.col[root-n] >= 0 {
			continue
		}
		id := int32(k.count)
		k.count++
		if root < n {
			k.row[root] = id
		} else {
			k.col[root-n] = id
		}
		for queue = append(queue[:0], root); len(queue) > 0; {
			p := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			if p < n {
				for _, e := range rows.of(p) {
					if j := plan[e].j; k.col[j] < 0 {
						k.col[j], k.v[j] = id, in.pair(plan[e])-k.u[p]
						queue = append(queue, n+j)
					}
				}
				continue
			}
			for _, e := range cols.of(p - n) {
				if i := plan[e].i; k.row[i] < 0 {
					k.row[i], k.u[i] = id, in.pair(plan[e])-k.v[p-n]
					queue = append(queue, i)
				}
			}
		}
	}
	return k
}

// incidence lists the entries of a plan at each node of one side.
type incidence struct{ first, entries []int32 }

func (q *incidence) of(node int32) []int32 { return q.entries[q.first[node]:q.first[node+1]] }

func incident(plan []flow, nodes int, node func(flow) int32) *incidence {
	q := &incidence{first: make([]int32, nodes+1), entries: make([]int32, len(plan))}
	for _, e := range plan {
		q.first[node(e)+1]++
	}
	for k := range nodes {
		q.first[k+1] += q.first[k]
	}
	at := slices.Clone(q.first)
	for e, f := range plan {
		k := node(f)
		q.entries[at[k]] = int32(e)
		at[k]++
	}
	return q
}
