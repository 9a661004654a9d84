package ot

import "math"

// listLen is the count of columns on a row's list.
const listLen = 16

// streamedLen is the same where the costs of a row have to be computed anew to extend its list.
const streamedLen = 64

// refitEvery is the least count of rebuilt rows after which the bounds of the pairs are refitted to v; in larger
// clouds it is a quarter of the rows.
const refitEvery = 1000

// shortlist holds the columns of a row with the least keys c - v at the time it was built, in order. rest
// bounds the keys of all other columns. Where v only falls, keys and rest stay lower bounds of c - v for
// ever, so that work on the list is exact for as long as it stays below rest.
type shortlist struct {
	key, cost []float64
	idx       []int32
	rest      float64
	fresh     bool // was rebuilt since it was last asked
	path      int  // the shortest path that rebuilt it last
}

// shortlists are the lists of all rows under the potentials v.
type shortlists struct {
	*work
	pairs
	n, m    int
	v       []float64
	lists   []shortlist
	scratch scratch
	stale   int // rows rebuilt since the last refit
	rebuilt int
	k       int // length of a list that is not on a path
}

func newShortlists(w *work, in *instance, src pairs) shortlists {
	k := listLen
	if s, ok := src.(*streamed); ok {
		k = s.k
	}
	return shortlists{work: w, pairs: src, n: in.n, m: in.m, k: k, v: make([]float64, in.m), lists: make([]shortlist, in.n)}
}

// fill writes the k least columns of row i into its list.
func (t *shortlists) fill(i int32, k int, s *scratch) {
	k = min(k, t.m)
	t.nearest(i, t.v, min(k+1, t.m), t.limit(i, k), s)
	t.complete(i, k, s)
	t.take(i, k, s)
}

// complete looks again without a limit where fewer than k columns were found below it: between clouds of very
// different sizes the rounding of a bound may exceed the distance of the limit from the keys that it was made of.
func (t *shortlists) complete(i int32, k int, s *scratch) {
	if k > 0 && math.IsInf(s.key[k-1], 1) {
		t.nearest(i, t.v, min(k+1, t.m), math.Inf(1), s)
	}
}

// fillRows is fill for several rows, which pass over the points together where their costs are not stored.
func (t *shortlists) fillRows(rows []int32, k int, s *scratch) {
	src, ok := t.pairs.(*streamed)
	if !ok {
		for _, i := range rows {
			t.fill(i, k, s)
		}
		return
	}
	k = min(k, t.m)
	s.limits = s.limits[:0]
	for _, i := range rows {
		s.limits = append(s.limits, t.limit(i, k))
	}
	src.nearestRows(rows, t.v, min(k+1, t.m), s.limits, s)
	for e, i := range rows {
		t.complete(i, k, &s.strip[e])
		t.take(i, k, &s.strip[e])
	}
}

// take makes the first k columns of s the list of row i.
func (t *shortlists) take(i int32, k int, s *scratch) {
	l := &t.lists[i]
	l.key, l.cost, l.idx = append(l.key[:0], s.key[:k]...), append(l.cost[:0], s.cost[:k]...), append(l.idx[:0], s.idx[:k]...)
	l.rest = math.Inf(1)
	if k < t.m {
		l.rest = min(s.key[k], s.limit)
	}
}

// limit is a number below which row i has at least k keys, and that bounds the others: the next after the largest
// key that its old list has today. +Inf where that list is shorter.
func (t *shortlists) limit(i int32, k int) float64 {
	l := &t.lists[i]
	if k > len(l.key) {
		return math.Inf(1)
	}
	top := math.Inf(-1)
	for p, c := range l.cost {
		if w := c - t.v[l.idx[p]]; w > top {
			top = w
		}
	}
	return math.Nextafter(top, math.Inf(1))
}

// rebuild makes row i's list anew under today's v.
func (t *shortlists) rebuild(i int32, k int) {
	t.age(1)
	t.fill(i, k, &t.scratch)
}

// age counts rebuilt rows.
func (t *shortlists) age(rows int) {
	t.rebuilt += rows
	if t.stale += rows; t.stale > max(refitEvery, t.n/4) {
		t.stale = 0
		t.refit(t.v)
	}
}

// rebuildRows makes the lists of some rows anew, all under the same v.
func (t *shortlists) rebuildRows(rows []int32) error {
	t.age(len(rows))
	return t.each(len(rows), 4, func(lo, hi int, s *scratch) {
		t.fillRows(rows[lo:hi], t.k, s)
		for _, i := range rows[lo:hi] {
			t.lists[i].fresh = true
		}
	})
}

// rebuildAll makes all lists anew; v may have risen.
func (t *shortlists) rebuildAll() error {
	t.refit(t.v)
	t.stale = 0
	k := min(t.k, t.m)
	if t.lists[0].key == nil {
		f, idx := make([]float64, 2*t.n*k), make([]int32, t.n*k)
		for i := range t.lists {
			l := &t.lists[i]
			l.key, l.cost, l.idx = f[2*i*k:2*i*k:(2*i+1)*k], f[(2*i+1)*k:(2*i+1)*k:(2*i+2)*k], idx[i*k:i*k:(i+1)*k]
		}
	}
	rows := count(t.n)
	return t.each(t.n, stripRows, func(lo, hi int, s *scratch) { t.fillRows(rows[lo:hi], k, s) })
}

// best finds row i's column of least c - v and the two least values. With slack ≥ 0 the column may miss the
// least by slack; the second value is then at least as low as the true one is.
func (t *shortlists) best(i int32, slack float64) (j int32, w1, w2 float64) {
	for tries := 0; ; tries++ {
		if j, w1, w2, ok := t.listed(i, slack); ok {
			return j, w1, w2
		}
		t.rebuild(i, t.k<<tries)
		t.lists[i].fresh = true
	}
}

// listed is best as far as row i's list knows it; ok = false says that the list has to be made anew.
func (t *shortlists) listed(i int32, slack float64) (j int32, w1, w2 float64, ok bool) {
	l := &t.lists[i]
	w1, w2 = math.Inf(1), math.Inf(1)
	for p, key := range l.key {
		if key >= w2 {
			return j, w1, w2, true
		}
		w := l.cost[p] - t.v[l.idx[p]]
		if w < w1 {
			w2, w1, j = w1, w, l.idx[p]
		} else if w < w2 {
			w2 = w
		}
	}
	fresh := l.fresh
	l.fresh = false
	// The columns off the list are no better than rest: a smaller bid is still right.
	switch {
	case l.rest >= w2:
		return j, w1, w2, true
	case l.rest > w1-slack || fresh && l.rest >= w1:
		return j, w1, max(w1, l.rest), true
	}
	return j, w1, w2, false
}
