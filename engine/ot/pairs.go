package ot

import "math"

// pairs serves the costs c_ij = |x_i - y_j|² of an instance. A cost has the same bits whichever method
// gives it: coordinates are summed in order.
type pairs interface {
	cost(i, j int32) float64
	// nearest writes into s the k ≤ m columns of least c_ij - v_j below limit, in increasing order, and keys
	// of +Inf where there are fewer. It may be called from several goroutines with a scratch each, v being at
	// most what it was at the last refit.
	nearest(i int32, v []float64, k int, limit float64, s *scratch)
	// all returns the costs of row i, which may lie in s.
	all(i int32, s *scratch) []float64
	// refit prepares nearest for v, which may have moved in any direction.
	refit(v []float64)
}

// scratch is one goroutine's memory of nearest and its answer: columns idx with their costs and
// keys c - v.
type scratch struct {
	key, cost []float64
	idx       []int32
	limit     float64 // of keys
	row       []float64

	strip  []scratch // of the rows that pass over the points together
	points []float64
	limits []float64
}

// begin makes room for k columns of keys below limit, and empties them.
func (s *scratch) begin(k int, limit float64) {
	s.limit = limit
	if cap(s.key) < k {
		s.key, s.cost, s.idx = make([]float64, 2*k), make([]float64, 2*k), make([]int32, 2*k)
	}
	s.key, s.cost, s.idx = s.key[:k], s.cost[:k], s.idx[:k]
	for t := range s.key {
		s.key[t] = math.Inf(1)
	}
}

// insert puts a column of key w below the last into its place and returns what the next has to be below.
func (s *scratch) insert(w, c float64, j int32) float64 {
	t := len(s.key) - 1
	for ; t > 0 && s.key[t-1] > w; t-- {
		s.key[t], s.cost[t], s.idx[t] = s.key[t-1], s.cost[t-1], s.idx[t-1]
	}
	s.key[t], s.cost[t], s.idx[t] = w, c, j
	return s.last()
}

// last is what a key has to be below to be among the least.
func (s *scratch) last() float64 {
	if w := s.key[len(s.key)-1]; w < s.limit {
		return w
	}
	return s.limit
}

// scan finds the k least c - v below limit of one row of costs.
func (s *scratch) scan(c, v []float64, k int, limit float64) {
	s.begin(k, limit)
	s.more(c, v, 0)
}

// more goes on with costs c of columns from first on, v being theirs.
func (s *scratch) more(c, v []float64, first int) {
	last := s.last()
	for j := 0; j < len(c); {
		j += firstBelow(c[j:], v[j:len(c)], last)
		for end := min(j+8, len(c)); j < end; j++ {
			if w := c[j] - v[j]; w < last {
				last = s.insert(w, c[j], int32(first+j))
			}
		}
	}
}

// stored keeps all costs in memory, in rows of ld.
type stored struct {
	n, m, ld int
	c        []float64
}

func newStored(w *work, in *instance) (*stored, error) {
	p := newPanels(in.y, in.d)
	s := &stored{n: in.n, m: in.m, ld: p.width(), c: make([]float64, in.n*p.width())}
	err := w.each(in.n, stripRows, func(lo, hi int, _ *scratch) {
		p.distances(in.x[lo*in.d:hi*in.d], s.c[lo*s.ld:hi*s.ld])
	})
	return s, err
}

func (s *stored) cost(i, j int32) float64 { return s.c[int(i)*s.ld+int(j)] }

func (s *stored) nearest(i int32, v []float64, k int, limit float64, q *scratch) {
	q.scan(s.all(i, q), v, k, limit)
}

func (s *stored) all(i int32, _ *scratch) []float64 { return s.c[int(i)*s.ld:][:s.m] }

func (s *stored) refit([]float64) {}

// streamed keeps points only: rows of costs are computed block by block and leave a list of k columns.
type streamed struct {
	d, m, k int
	x, y    []float64
	p       *panels
}

func newStreamed(in *instance, k int) *streamed {
	return &streamed{d: in.d, m: in.m, k: k, x: in.x, y: in.y, p: newPanels(in.y, in.d)}
}

func (s *streamed) cost(i, j int32) float64 {
	d := s.d
	return squaredDistance(s.x[int(i)*d:][:d], s.y[int(j)*d:][:d])
}

func (s *streamed) nearest(i int32, v []float64, k int, limit float64, q *scratch) {
	q.scan(s.all(i, q), v, k, limit)
}

// nearestRows is nearest for several rows, with the answers in q.strip: they pass over the points together.
func (s *streamed) nearestRows(rows []int32, v []float64, k int, limits []float64, q *scratch) {
	if len(q.strip) < len(rows) {
		q.strip = make([]scratch, max(len(rows), stripRows))
	}
	q.points = q.points[:0]
	for e, i := range rows {
		q.strip[e].begin(k, limits[e])
		q.points = append(q.points, s.x[int(i)*s.d:int(i+1)*s.d]...)
	}
	s.p.eachBlock(q.points, q, func(e, lo int, c []float64) { q.strip[e].more(c, v[lo:], lo) })
}

func (s *streamed) all(i int32, q *scratch) []float64 {
	if len(q.row) < s.p.width() {
		q.row = make([]float64, s.p.width())
	}
	s.p.distances(s.x[int(i)*s.d:int(i+1)*s.d], q.row[:s.p.width()])
	return q.row[:s.m]
}

func (s *streamed) refit([]float64) {}
