package ot

import "math"

// dijkstra is the state of a search for a shortest augmenting path.
type dijkstra struct {
	dist, base []float64 // label of each column, of each row reached
	pred       []int32   // column -> row before it
	done       []bool
	cols, rows []int32 // reached
	heap       []label
	paths      int
}

// label is a heap entry: a column, or -1 - row: columns off the row's list may come from here on.
type label struct {
	dist float64
	node int32
}

func (q *dijkstra) init(n int) {
	q.dist, q.base, q.pred, q.done = make([]float64, n), make([]float64, n), make([]int32, n), make([]bool, n)
	for j := range q.dist {
		q.dist[j] = math.Inf(1)
	}
}

// augment matches row r along a shortest path of reduced costs c - u - v to an unmatched column, and moves
// u and v so that all reduced costs stay at least 0, and 0 on the matches.
func (s *assigner) augment(r int32) error {
	s.paths++
	s.heap, s.cols, s.rows = s.heap[:0], s.cols[:0], s.rows[:0]
	free := math.Inf(1) // label of the nearest unmatched column seen
	_, s.u[r], _ = s.best(r, 0)
	s.visit(r, 0, &free)
	var sink int32
	for pops := 1; ; pops++ {
		if pops%16 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		e := s.pop()
		if e.node < 0 {
			s.extend(-1-e.node, &free)
			continue
		}
		j := e.node
		if s.done[j] || e.dist > s.dist[j] {
			continue
		}
		if s.row[j] < 0 {
			sink = j
			break
		}
		s.done[j] = true
		s.visit(s.row[j], e.dist, &free)
	}
	mu := s.dist[sink]
	for _, j := range s.cols {
		if s.done[j] {
			s.v[j] -= mu - s.dist[j]
		}
		s.dist[j], s.done[j] = math.Inf(1), false
	}
	for _, i := range s.rows {
		s.u[i] += mu - s.base[i]
	}
	for j := sink; ; {
		i := s.pred[j]
		next := s.col[i]
		s.row[j], s.col[i] = i, j
		if i == r {
			return nil
		}
		j = next
	}
}

func (s *assigner) visit(i int32, dist float64, free *float64) {
	s.base[i] = dist
	s.rows = append(s.rows, i)
	s.reach(i, dist, free)
}

// longList is the length from which a path takes all columns of a row at once.
const longList = 64

// extend labels columns off row i's list. A list that was rebuilt under this v gets longer; when it is long, the
// path goes far, and all columns will be needed.
func (s *assigner) extend(i int32, free *float64) {
	l := &s.lists[i]
	k := len(l.key)
	if l.path == s.paths {
		k *= 2
	}
	if k <= longList {
		s.rebuild(i, k)
		l.path = s.paths
		s.reach(i, s.base[i], free)
		return
	}
	dist := s.base[i]
	h := dist - s.u[i]
	for j, c := range s.all(i, &s.scratch) {
		s.label(i, int32(j), max(dist, h+c-s.v[j]), free)
	}
}

// reach labels the columns on row i's list; the row comes back when a column off its list could be next.
func (s *assigner) reach(i int32, dist float64, free *float64) {
	l := &s.lists[i]
	h := dist - s.u[i]
	for p, key := range l.key {
		if h+key >= *free {
			return
		}
		j := l.idx[p]
		s.label(i, j, max(dist, h+l.cost[p]-s.v[j]), free) // rounding must not put a label below those settled
	}
	if h+l.rest < *free {
		s.push(label{max(dist, h+l.rest), -1 - i})
	}
}

// label lowers the label of column j to w, by way of row i.
func (s *assigner) label(i, j int32, w float64, free *float64) {
	if w >= s.dist[j] || w >= *free {
		return
	}
	if math.IsInf(s.dist[j], 1) {
		s.cols = append(s.cols, j)
	}
	s.dist[j], s.pred[j] = w, i
	s.push(label{w, j})
	if s.row[j] < 0 {
		*free = w
	}
}

// push and pop keep the labels in a heap of four children a node.
func (q *dijkstra) push(e label) {
	q.heap = append(q.heap, e)
	h, t := q.heap, len(q.heap)-1
	for t > 0 {
		p := (t - 1) >> 2
		if h[p].dist <= e.dist {
			break
		}
		h[t] = h[p]
		t = p
	}
	h[t] = e
}

func (q *dijkstra) pop() label {
	top, last := q.heap[0], q.heap[len(q.heap)-1]
	q.heap = q.heap[:len(q.heap)-1]
	h := q.heap
	if len(h) == 0 {
		return top
	}
	t := 0
	for {
		c := 4*t + 1
		if c >= len(h) {
			break
		}
		least := c
		for e := c + 1; e < min(c+4, len(h)); e++ {
			if h[e].dist < h[least].dist {
				least = e
			}
		}
		if h[least].dist >= last.dist {
			break
		}
		h[t] = h[least]
		t = least
	}
	h[t] = last
	return top
}
