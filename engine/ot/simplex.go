package ot

import "math"

// simplex is the network simplex method for the transport problem. Nodes 0 .. n-1 are rows, n .. n+m-1
// columns. A basis is a spanning tree of pairs; every node but the root keeps the flow and the cost of the
// pair that joins it to its parent.
//
// The tree is strongly feasible (Cunningham, Mathematical Programming 11, 1976): where a pair has flow 0,
// its row is the child, so that every node could send mass to the root. Every pivot keeps it so, and the
// method cannot cycle.
type simplex struct {
	shortlists
	pot  []float64 // u_i of rows, then v_j of columns
	root int32

	parent, first, next, prev []int32 // the tree: children of a node form a list
	size                      []int32 // nodes below and including
	flow                      []int64
	price                     []float64 // cost of the pair to the parent

	at, pivots int
}

func newSimplex(w *work, in *instance, src pairs) *simplex {
	k := in.n + in.m
	s := &simplex{shortlists: newShortlists(w, in, src), pot: make([]float64, k),
		parent: make([]int32, k), first: make([]int32, k), next: make([]int32, k), prev: make([]int32, k),
		size: make([]int32, k), flow: make([]int64, k), price: make([]float64, k)}
	s.v = s.pot[in.n:]
	return s
}

func (s *simplex) isRow(k int32) bool { return int(k) < s.n }

// link makes k a child of p; unlink takes it from its parent.
func (s *simplex) link(k, p int32) {
	s.parent[k], s.prev[k], s.next[k] = p, -1, s.first[p]
	if f := s.first[p]; f >= 0 {
		s.prev[f] = k
	}
	s.first[p] = k
}

func (s *simplex) unlink(k int32) {
	if s.prev[k] >= 0 {
		s.next[s.prev[k]] = s.next[k]
	} else {
		s.first[s.parent[k]] = s.next[k]
	}
	if s.next[k] >= 0 {
		s.prev[s.next[k]] = s.prev[k]
	}
}

// after returns the node that follows k in the preorder of the tree below top, or -1.
func (s *simplex) after(k, top int32) int32 {
	if s.first[k] >= 0 {
		return s.first[k]
	}
	for k != top {
		if s.next[k] >= 0 {
			return s.next[k]
		}
		k = s.parent[k]
	}
	return -1
}

// potentials computes u and v from the tree, so that c = u + v on its pairs, with v about 0 at its median:
// not by moving them there, which would leave the rounding of larger numbers.
func (s *simplex) potentials() {
	middle := 0.
	for range 2 {
		s.pot[s.root] -= middle
		for k := s.after(s.root, s.root); k >= 0; k = s.after(k, s.root) {
			s.pot[k] = s.price[k] - s.pot[s.parent[k]]
		}
		middle = median(s.v)
	}
}

// pivotTolerance is the least violation, relative to c + |u| + |v|, that is more than rounding.
const pivotTolerance = 0x1p-48

// improves says whether the reduced cost r of a pair with cost c is negative beyond rounding.
func improves(r, c, u, v float64) bool {
	return r < -pivotTolerance*(c+math.Abs(u)+math.Abs(v))
}

// entering searches the lists from where the last search ended, block by block, for the pair of least
// reduced cost in the first block that has a negative one.
func (s *simplex) entering(block int) (i, j int32, c float64, ok bool) {
	for left := s.n; left > 0 && !ok; {
		least := 0.
		for range min(block, left) {
			row := s.at
			if s.at++; s.at == s.n {
				s.at = 0
			}
			left--
			l, u := &s.lists[row], s.pot[row]
			for p, cost := range l.cost {
				v := s.v[l.idx[p]]
				if r := cost - u - v; r < least && improves(r, cost, u, v) {
					least, i, j, c, ok = r, int32(row), l.idx[p], cost, true
				}
			}
		}
	}
	return
}

// optimise pivots until the lists hold no pair that improves.
func (s *simplex) optimise() error {
	block := max(8, int(math.Sqrt(float64(s.n)/listLen)))
	for {
		i, j, c, ok := s.entering(block)
		if !ok {
			return nil
		}
		s.pivot(i, int32(s.n)+j, c)
		if s.pivots++; s.pivots%64 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
	}
}

// pivot brings the pair of row i and column node j with cost c < u + v into the basis. Mass moves along
// i -> j and back through the tree, until a pair that loses mass is empty; that pair leaves.
func (s *simplex) pivot(i, j int32, c float64) {
	join := s.join(i, j)
	// Of the pairs that block, the last on the cycle leaves, counted from the join in the direction of the
	// mass: down to i, over to j, up to the join. That keeps the tree strongly feasible.
	theta, out, end, other := int64(math.MaxInt64), int32(-1), i, j
	for k := i; k != join; k = s.parent[k] {
		if s.isRow(k) && s.flow[k] < theta {
			theta, out = s.flow[k], k
		}
	}
	for k := j; k != join; k = s.parent[k] {
		if !s.isRow(k) && s.flow[k] <= theta {
			theta, out, end, other = s.flow[k], k, j, i
		}
	}
	if theta > 0 {
		s.push(i, join, -theta)
		s.push(j, join, theta)
	}
	moved := s.size[out]
	for k := s.parent[out]; k != join; k = s.parent[k] {
		s.size[k] -= moved
	}
	s.hang(end, out, other, c, theta)
	for k := other; k != join; k = s.parent[k] {
		s.size[k] += moved
	}
	s.shift(end, c-s.pot[i]-s.pot[j])
}

// join returns the lowest common ancestor.
func (s *simplex) join(i, j int32) int32 {
	for i != j {
		if s.size[i] < s.size[j] {
			i = s.parent[i]
		} else {
			j = s.parent[j]
		}
	}
	return i
}

// push adds f to the flow of the pairs whose child is a row, from k up to top, and takes it from the others.
func (s *simplex) push(k, top int32, f int64) {
	for ; k != top; k = s.parent[k] {
		if s.isRow(k) {
			s.flow[k] += f
		} else {
			s.flow[k] -= f
		}
	}
}

// hang cuts the tree above out, makes end the root of what was below it, and joins it to other by a pair of
// the given cost and flow.
func (s *simplex) hang(end, out, other int32, cost float64, flow int64) {
	moved := s.size[out]
	below := int32(0) // nodes that hung below k before, on the path from end
	for k, up := end, other; ; {
		p, pc, pf, ps := s.parent[k], s.price[k], s.flow[k], s.size[k]
		s.unlink(k)
		s.link(k, up)
		s.price[k], s.flow[k], s.size[k] = cost, flow, moved-below
		if k == out {
			return
		}
		cost, flow, below = pc, pf, ps
		k, up = p, k
	}
}

// shift makes the pair above end tight: it moves the potentials below by its reduced cost r.
func (s *simplex) shift(end int32, r float64) {
	row := s.isRow(end)
	for k := end; k >= 0; k = s.after(k, end) {
		if s.isRow(k) == row {
			s.pot[k] += r
		} else {
			s.pot[k] -= r
		}
	}
}
