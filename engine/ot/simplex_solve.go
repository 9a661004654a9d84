package ot

import "math"

const (
	maxRounds   = 1000 // rounds of column generation; only rounding could ever use them up
	extraRounds = 64   // rounds that may still improve single pairs when the plan is optimal as a whole
)

// networkSimplex solves an instance of any weights and sizes: an optimal plan over the pairs on short lists,
// then new lists under its potentials, the pairs of least reduced cost among all, until none improves.
func networkSimplex(w *work, in *instance, src pairs, limit int64) (*solution, error) {
	s := newSimplex(w, in, src)
	if err := s.start(in, limit); err != nil {
		return nil, err
	}
	for round, extra := 0, 0; round < maxRounds; round++ {
		s.potentials()
		if err := s.rebuildAll(); err != nil {
			return nil, err
		}
		violated, small := s.violation(in)
		if small {
			extra++
		}
		if !violated || extra > extraRounds {
			break
		}
		if err := s.optimise(); err != nil {
			return nil, err
		}
		s.step(s.done + 2)
	}
	sol := &solution{v: s.v, iterations: s.pivots}
	for k, p := range s.parent {
		if p < 0 || s.flow[k] == 0 {
			continue
		}
		i, j := int32(k), p-int32(s.n)
		if !s.isRow(i) {
			i, j = p, i-int32(s.n)
		}
		sol.plan = append(sol.plan, flow{i, j, s.flow[k]})
	}
	if err := in.polish(w, src, sol); err != nil {
		return nil, err
	}
	return sol, in.loosen(w, src, sol)
}

// violation says whether some pair of the new lists improves, and whether all of them together are rounding
// of the plan's cost: the gap of the dual value that they stand for against gapRounding.
func (s *simplex) violation(in *instance) (any, small bool) {
	var gap, scale float64
	for i := range s.lists {
		l, u := &s.lists[i], s.pot[i]
		v := s.v[l.idx[0]]
		any = any || improves(l.key[0]-u, l.cost[0], u, v)
		gap += float64(in.a[i]) * max(0, u-l.key[0])
		scale += float64(in.a[i]) * (l.cost[0] + math.Abs(u) + math.Abs(v))
	}
	return any, gap <= gapRounding/2*scale
}
