package ot

import (
	"math"
)

// sampledPhase is the last ε, in units of scale, of the auction that starts the simplex.
const sampledPhase = 1. / 64

// start plants the first basis: pairs of low reduced cost under the potential of a sampled problem.
func (s *simplex) start(in *instance, limit int64) error {
	g := s.newGreedy(in)
	if err := s.sampled(in, limit); err != nil {
		return err
	}
	if err := s.rebuildAll(); err != nil {
		return err
	}
	g.shipLists()
	g.corner(count(s.n), count(s.m))
	g.plant()
	s.potentials()
	return s.optimise() // on the lists of the sampled potential: that of the first basis is far from optimal
}

// sampled sets v from the assignment of points that represent the clouds, each drawn about as often as its
// weight says: an auction, not run to the end, and one c-transform of its rows' potentials.
func (s *simplex) sampled(in *instance, limit int64) error {
	n := min(max(in.n, in.m), 2*min(in.n, in.m))
	q := &instance{n: n, m: n, d: in.d, x: gather(in.x, drawn(in.a, n), in.d), y: gather(in.y, drawn(in.b, n), in.d)}
	q.rows, q.cols = make([]int, n), make([]int, n)
	q.a, q.b = make([]int64, n), make([]int64, n)
	src, _, err := newPairs(s.work, q, limit, 2)
	if err != nil {
		return err
	}
	f := newAssigner(s.work, q, src)
	first, err := f.start(q, 0)
	if err != nil {
		return err
	}
	if err := f.phases(first, sampledPhase); err != nil {
		return err
	}
	if err := f.release(math.Inf(1)); err != nil { // sets u
		return err
	}
	v, err := cTransform(s.work, in.y, q.x, in.d, f.u, nil)
	copy(s.v, v)
	return err
}

// drawn returns n nodes by systematic sampling, each as often as its mass says but about mostCopies times at
// most.
func drawn(mass []int64, n int) []int32 {
	w := make([]float64, len(mass))
	var total float64
	for i, a := range mass {
		w[i] = float64(a)
		total += w[i]
	}
	top := total * mostCopies / float64(n)
	total = 0
	for i := range w {
		w[i] = min(w[i], top)
		total += w[i]
	}
	r := make([]int32, 0, n)
	var sum float64
	for i, a := range w {
		sum += a
		for len(r) < n && (float64(len(r))+.5)*total < sum*float64(n) {
			r = append(r, int32(i))
		}
	}
	for len(r) < n { // rounding of the sums
		r = append(r, int32(len(mass)-1))
	}
	return r
}

func count(n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	return p
}
