package ot

import "math"

// listLen is the count of columns on a row's list.
const listLen = 16

// refitEvery is the count of rebuilt rows after which the bounds of the pairs are refitted to v.
const refitEvery = 1000

// shortlist holds the columns of a row with the least keys c - v at the time it was built, in order. rest
// bounds the keys of all other columns. Where v only falls, keys and rest stay lower bounds of c - v for
// ever, so that work on the list is exact for as long as it stays below rest.
type shortlist struct {
	key, cost []float64
	idx       []int32
	rest      float64
	path      int // the shortest path that rebuilt it last
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
}

func newShortlists(w *work, in *instance, src pairs) shortlists {
	return shortlists{work: w, pairs: src, n: in.n, m: in.m, v: make([]float64, in.m), lists: make([]shortlist, in.n)}
}

// fill writes the k least columns of row i into its list.
func (t *shortlists) fill(i int32, k int, s *scratch) {
	k = min(k, t.m)
	t.nearest(i, t.v, min(k+1, t.m), s)
	l := &t.lists[i]
	l.key, l.cost, l.idx = append(l.key[:0], s.key[:k]...), append(l.cost[:0], s.cost[:k]...), append(l.idx[:0], s.idx[:k]...)
	l.rest = math.Inf(1)
	if k < t.m {
		l.rest = s.key[k]
	}
}

// rebuild makes row i's list anew under today's v.
func (t *shortlists) rebuild(i int32, k int) {
	t.rebuilt++
	if t.stale++; t.stale > refitEvery {
		t.stale = 0
		t.refit(t.v)
	}
	t.fill(i, k, &t.scratch)
}

// rebuildAll makes all lists anew; v may have risen.
func (t *shortlists) rebuildAll() error {
	t.refit(t.v)
	t.stale = 0
	k := min(listLen, t.m)
	if t.lists[0].key == nil {
		f, idx := make([]float64, 2*t.n*k), make([]int32, t.n*k)
		for i := range t.lists {
			l := &t.lists[i]
			l.key, l.cost, l.idx = f[2*i*k:2*i*k:(2*i+1)*k], f[(2*i+1)*k:(2*i+1)*k:(2*i+2)*k], idx[i*k:i*k:(i+1)*k]
		}
	}
	return t.each(t.n, 64, func(lo, hi int, s *scratch) {
		for i := lo; i < hi; i++ {
			t.fill(int32(i), k, s)
		}
	})
}

// best finds row i's column of least c - v and the two least values. With slack ≥ 0 the column may miss the
// least by slack; the second value is then at least as low as the true one is.
func (t *shortlists) best(i int32, slack float64) (j int32, w1, w2 float64) {
	for tries := 0; ; tries++ {
		l := &t.lists[i]
		w1, w2 = math.Inf(1), math.Inf(1)
		rest := l.rest
		for p, key := range l.key {
			if key >= w2 {
				return j, w1, w2
			}
			w := l.cost[p] - t.v[l.idx[p]]
			if w < w1 {
				w2, w1, j = w1, w, l.idx[p]
			} else if w < w2 {
				w2 = w
			}
		}
		// The columns off the list are no better than rest: a smaller bid is still right.
		switch {
		case rest >= w2:
			return j, w1, w2
		case rest > w1-slack || tries > 0 && rest >= w1:
			return j, w1, max(w1, rest)
		}
		t.rebuild(i, listLen<<tries)
	}
}
