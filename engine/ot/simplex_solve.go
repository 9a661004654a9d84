package ot

// maxRounds bounds the rounds of column generation; only rounding could ever use them up.
const maxRounds = 10000

// networkSimplex solves an instance of any weights and sizes: an optimal plan over the pairs on short lists,
// then new lists under its potentials, the pairs of least reduced cost among all, until none improves.
func networkSimplex(w *work, in *instance, src pairs, limit int64) (*solution, error) {
	s := newSimplex(w, in, src)
	if err := s.start(in, limit); err != nil {
		return nil, err
	}
	for range maxRounds {
		s.potentials()
		centre(s.pot[:s.n], s.v)
		if err := s.rebuildAll(); err != nil {
			return nil, err
		}
		if !s.violated() {
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
	return sol, in.certify(w, src, sol)
}

// violated says whether some pair of the new lists improves.
func (s *simplex) violated() bool {
	for i := range s.lists {
		l := &s.lists[i]
		if improves(l.key[0]-s.pot[i], l.cost[0], s.pot[i], s.v[l.idx[0]]) {
			return true
		}
	}
	return false
}
