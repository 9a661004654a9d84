package ot

import (
	"cmp"
	"slices"
)

// supply is mass that is left at a node: units and a multiple of an infinitesimal. Every node gives one
// infinitesimal to the root, so that no proper part of the nodes balances, and the basis that the greedy
// rule makes is strongly feasible.
type supply struct{ units, tiny int64 }

func (a supply) less(b supply) bool {
	return a.units < b.units || a.units == b.units && a.tiny < b.tiny
}

func (a supply) minus(b supply) supply { return supply{a.units - b.units, a.tiny - b.tiny} }

// greedy ships as much as possible over one pair after another; each strikes out a row or a column, and the
// pairs form a spanning tree.
type greedy struct {
	*simplex
	left  []supply
	pairs []flow
}

func (s *simplex) newGreedy(in *instance) *greedy {
	s.root = int32(s.n + s.m - 1)
	g := &greedy{simplex: s, left: make([]supply, s.n+s.m)}
	for i, a := range in.a {
		g.left[i] = supply{a, 1}
	}
	for j, b := range in.b {
		g.left[s.n+j] = supply{b, -1}
	}
	g.left[s.root].tiny = int64(s.n + s.m - 1)
	return g
}

// ship uses the pair (i, j) where neither is struck out, and strikes out the one that is empty.
func (g *greedy) ship(i, j int32) {
	a, b := &g.left[i], &g.left[int32(g.n)+j]
	var none supply
	switch {
	case *a == none || *b == none:
	case a.less(*b):
		g.pairs = append(g.pairs, flow{i, j, a.units})
		*b, *a = b.minus(*a), none
	default:
		g.pairs = append(g.pairs, flow{i, j, b.units})
		*a, *b = a.minus(*b), none
	}
}

// shipLists ships over the pairs on the lists in the order of their reduced costs.
func (g *greedy) shipLists() {
	type candidate struct {
		r    float64
		i, j int32
	}
	all := make([]candidate, 0, g.n*listLen)
	for i := range g.lists {
		l := &g.lists[i]
		for p, key := range l.key {
			all = append(all, candidate{key - l.key[0], int32(i), l.idx[p]})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.r, b.r) })
	for _, e := range all {
		g.ship(e.i, e.j)
	}
}

// corner ships what is left by the north-west corner rule over rows and columns in the given orders.
func (g *greedy) corner(rows, cols []int32) {
	var none supply
	for i, j := 0, 0; i < len(rows) && j < len(cols); {
		switch {
		case g.left[rows[i]] == none:
			i++
		case g.left[int32(g.n)+cols[j]] == none:
			j++
		default:
			g.ship(rows[i], cols[j])
		}
	}
}

// plant makes the pairs the tree of the simplex.
func (g *greedy) plant() {
	s := g.simplex
	k := s.n + s.m
	head, link := slices.Repeat([]int32{-1}, k), make([]int32, 2*len(g.pairs))
	for e, p := range g.pairs {
		i, j := p.i, int32(s.n)+p.j
		link[2*e], link[2*e+1] = head[i], head[j]
		head[i], head[j] = int32(2*e), int32(2*e+1)
	}
	for q := range s.parent {
		s.parent[q], s.first[q], s.size[q] = -1, -1, 1
	}
	order := make([]int32, 1, k)
	order[0] = s.root
	for q := 0; q < len(order); q++ {
		from := order[q]
		for e := head[from]; e >= 0; e = link[e] {
			p := g.pairs[e/2]
			to := p.i
			if to == from {
				to = int32(s.n) + p.j
			}
			if to == s.parent[from] {
				continue
			}
			s.link(to, from)
			s.flow[to], s.price[to] = p.units, s.cost(p.i, p.j)
			order = append(order, to)
		}
	}
	for q := len(order) - 1; q > 0; q-- {
		s.size[s.parent[order[q]]] += s.size[order[q]]
	}
}
