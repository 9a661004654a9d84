package ot

import (
	"errors"
	"math"
)

const (
	coarseFrom = 1024 // clouds of this size may start from clusters
	cluster    = 4    // points a cluster
)

// assign matches two uniform clouds of one size.
func assign(w *work, in *instance, src pairs) (*solution, error) {
	s := newAssigner(w, in, src)
	if err := s.solve(in); err != nil {
		return nil, err
	}
	sol := &solution{v: s.v}
	for i, j := range s.col {
		sol.plan = append(sol.plan, flow{int32(i), j, 1})
	}
	for last := math.Inf(1); ; last = sol.gap {
		sol.iterations = s.bids + s.paths
		if err := in.certify(w, src, sol); err != nil {
			return sol, err
		}
		if sol.tight() || sol.gap > last/2 {
			break
		}
		// Paths across the whole cloud leave v with the rounding of their length. With v moved back to
		// small numbers, the few pairs that are not tight are solved again.
		if err := s.again(sol); err != nil {
			return nil, err
		}
	}
	// Where the prices of far points hid the costs of others, the pairs may not be the best.
	for range loosenings {
		if err := in.loosen(w, src, sol); err != nil || !sol.loose() {
			return sol, err
		}
		s.v = sol.v
		if err := s.again(sol); err != nil {
			return nil, err
		}
		sol.v, sol.iterations = s.v, s.bids+s.paths
		if err := in.measure(w, src, sol); err != nil {
			return nil, err
		}
	}
	return sol, in.loosen(w, src, sol)
}

const loosenings = 4

// again solves anew what is not tight under v, and takes over the pairs.
func (s *assigner) again(sol *solution) error {
	if err := s.rebuildAll(); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	for i, j := range s.col {
		sol.plan[i].j = j
	}
	return nil
}

// solve matches all rows at least cost.
func (s *assigner) solve(in *instance) error {
	start, err := s.start(in, s.n/fewShare)
	if err != nil {
		return err
	}
	unit := s.scale()
	eps, placed, err := s.first(start, unit)
	if err != nil {
		return err
	}
	if !placed {
		return errSpread
	}
	if err := s.down(eps, lastPhase, unit); err != nil {
		return err
	}
	return s.finish()
}

// errSpread says that no ε that bids can count with had all rows matched: some points lie too far from the others.
var errSpread = errors.New("points too far apart for an auction")

// finish goes from an approximate matching to an exact one: first by bids without ε, which place nearly all
// rows, then by shortest paths.
func (s *assigner) finish() error {
	if _, err := s.auction(0, 8*s.n); err != nil {
		return err
	}
	if err := s.release(0); err != nil {
		return err
	}
	for i, j := range s.col {
		if j >= 0 {
			continue
		}
		if err := s.augment(int32(i)); err != nil {
			return err
		}
	}
	s.step(10)
	return nil
}

// start sets v and the lists and returns the first ε of the phases, in units of scale. A trial that leaves so
// few rows over, or fewer, keeps its start.
func (s *assigner) start(in *instance, few int) (float64, error) {
	bulk, err := gaussianPotential(s.work, in, s.v)
	if err != nil {
		return 0, err
	}
	if err := s.rebuildAll(); err != nil {
		return 0, err
	}
	if !bulk {
		if err := s.raise(in); err != nil {
			return 0, err
		}
	}
	unit := s.scale()
	if unit == 0 {
		return 1, nil
	}
	clusters, budget := in.d <= treeDim && s.n >= coarseFrom, bidBudget*s.n
	if clusters {
		budget = trialBudget * s.n
	}
	done, err := s.auction(trialStart*unit, budget)
	if err != nil {
		return 0, err
	}
	if done {
		return trialStart / phaseFactor, nil
	}
	if clusters && s.unmatched() <= few { // it fits but for these, which a larger ε places
		return trialStart * phaseFactor, nil
	}
	if clusters { // the clouds are far from affine images of each other
		s.reset()
		if err := s.coarse(in); err != nil || bulk {
			return coarseStart, err
		}
		return coarseStart, s.raise(in)
	}
	return 1, nil
}

// raise raises every v_j to the c-transform of the rows, where some row wants the column. The quadratic
// potential may be far too low at an outlier: nobody would bid for it until all other prices had fallen as far.
func (s *assigner) raise(in *instance) error {
	for i := range s.lists {
		s.u[i] = s.lists[i].key[0]
	}
	v, err := cTransform(s.work, in.y, in.x, in.d, s.u, nil)
	if err != nil {
		return err
	}
	copy(s.v, v)
	return s.rebuildAll()
}

// coarse sets v from the problem of clusters of four neighbours, by one c-transform of its potentials.
func (s *assigner) coarse(in *instance) error {
	q := &instance{n: in.n / cluster, m: in.n / cluster, d: in.d, x: clusters(in.x, in.d), y: clusters(in.y, in.d)}
	q.rows, q.cols = make([]int, q.n), make([]int, q.n)
	q.a, q.b = make([]int64, q.n), make([]int64, q.n)
	f := newAssigner(s.work, q, newTreePairs(q))
	start, err := f.start(q, 0)
	if err != nil {
		return err
	}
	if err := f.phases(start, min(start, 1)); err != nil {
		return err
	}
	s.bids += f.bids
	if err := f.release(math.Inf(1)); err != nil { // sets u
		return err
	}
	t, perm := newTree(q.x, q.d)
	u := taken(f.u, perm)
	t.refit(u)
	err = s.each(s.n, 64, func(lo, hi int, p *scratch) {
		for j := lo; j < hi; j++ {
			t.nearest(in.y[j*in.d:(j+1)*in.d], u, 1, math.Inf(1), p)
			s.v[j] = p.key[0]
		}
	})
	if err != nil {
		return err
	}
	return s.rebuildAll()
}

// clusters returns the means of each four points; what is left over is left out.
func clusters(x []float64, d int) []float64 {
	r := make([]float64, len(x)/d/cluster*d)
	for k := range r {
		i, t := k/d*cluster, k%d
		for e := range cluster {
			r[k] += x[(i+e)*d+t] / cluster
		}
	}
	return r
}
