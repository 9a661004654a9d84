package cpu

import (
	"math"

	"monge/cpu/tile"
)

// sinkhornStrip is a run of blocks of rows that one goroutine takes through a pass.
type sinkhornStrip[T float] struct {
	*sinkhornProblem[T]
	blocks  []tile.SinkhornBlock[T] // of a group
	pending int                     // blocks whose exponentials are not yet in the columns' sums
	c       []T                     // sums of columns, of few rows
	spare   []T                     // takes sums that are of no use
	parts   []float64               // sums of columns
	scratch []T                     // products of a block that are not kept
}

func newStrip[T float](p *sinkhornProblem[T], w *worker, parts []float64) *sinkhornStrip[T] {
	k, cols := p.tile, len(p.u)
	s := &sinkhornStrip[T]{sinkhornProblem: p, blocks: make([]tile.SinkhornBlock[T], p.group), parts: parts}
	for b := range s.blocks {
		s.blocks[b] = tile.SinkhornBlock[T]{S: scratch[T](w, k.Rows), R: scratch[T](w, k.Rows*k.Lanes), E: scratch[T](w, k.Rows*cols)}
		clear(s.blocks[b].R)
		clear(s.blocks[b].S)
	}
	s.c, s.spare = scratch[T](w, cols), scratch[T](w, cols)
	clear(s.c)
	clear(s.parts)
	if p.z == nil {
		s.scratch = scratch[T](w, k.Rows*cols)
	}
	return s
}

// run sums the rows of blocks [first, last), and their columns.
func (s *sinkhornStrip[T]) run(first, last int) {
	const fold = foldUnits * tile.SinkhornUnit
	rows := s.tile.Rows
	if s.z != nil && !s.filled {
		s.sinkhorn.fill(s.z[first*s.kept.size():], s.px, s.py, first, last)
	}
	for i, n := first, 0; i < last && !s.stop.Load(); i += n {
		n = min(s.group, last-i)
		if (i-first)*rows%fold == 0 {
			s.fold()
		}
		if n < s.group || s.fresh { // the blocks' order is the columns' sums'
			s.flush()
		}
		s.references(i, n)
		if s.fresh {
			for b := range n {
				s.redo(i+b, b, true)
			}
			s.pending = n
			continue
		}
		s.sweep(i, n)
		s.pending = n
		for b := range n {
			if !s.weights(i+b, b) {
				s.redo(i+b, b, false)
			}
		}
	}
	s.fold()
}

// references sets those of n blocks from block i on from the potentials, and clears their sums.
func (s *sinkhornStrip[T]) references(i, n int) {
	lo, hi := i*s.tile.Rows, (i+n)*s.tile.Rows
	clear(s.sums[lo:hi])
	for r := lo; r < hi; r++ {
		v := T(s.f[min(r, s.N-1)] * s.inverse)
		if s.fresh || v-v != 0 {
			v = 0
		}
		s.ref[r] = v
	}
	for b := range n {
		s.blocks[b].Ref = s.ref[lo+b*s.tile.Rows:][:s.tile.Rows]
	}
}

// each calls f for the columns' tiles in parts whose rows are summed in the points' type, and in as many as a call takes.
func (k *sinkhorn[T]) each(call int, f func(from, to int), end func()) {
	for t0 := 0; t0 < k.tiles; t0 += laneTiles {
		t1 := min(t0+laneTiles, k.tiles)
		for j := t0; j < t1 && !k.stop.Load(); j += call {
			f(j, min(j+call, t1))
		}
		end()
	}
}

// sweep takes n blocks from block i on over all columns.
func (s *sinkhornStrip[T]) sweep(i, n int) {
	k, cols := s.tile, s.tile.Cols()
	c := s.c
	if s.pending == 0 { // E holds anything
		c = s.spare
	}
	sum := func() {
		for b := range n {
			k.RowSums(s.sums[(i+b)*k.Rows:][:k.Rows], s.blocks[b].R)
		}
	}
	if s.z != nil {
		z := s.products(i)
		s.each(laneTiles, func(from, to int) {
			k.Cached(&s.blocks[0], from, z[from*k.Rows*cols:], s.u[from*cols:], s.scale, c[from*cols:to*cols])
		}, sum)
		return
	}
	d := s.kept.d
	if d > tile.Deep {
		size := k.Rows * cols
		s.each(s.call, func(from, to int) {
			z := s.scratch[:(to-from)*size]
			for b := range n {
				k.Dots(z, s.px[(i+b)*k.Rows*d:], s.py[from*cols*d:], d)
				k.Cached(&s.blocks[b], from, z, s.u[from*cols:], s.scale, c[from*cols:to*cols])
			}
		}, sum)
		return
	}
	s.each(s.call, func(from, to int) {
		for b := range n {
			k.Stream(&s.blocks[b], from, s.px[(i+b)*k.Rows*d:], s.py[from*cols*d:], s.u[from*cols:], d, s.scale, c[from*cols:to*cols])
		}
	}, sum)
}

// together is how many blocks' products are made for every reading of the columns' points.
const together = 6

// fill makes the products of blocks [first, last); z begins with the first.
func (k *sinkhorn[T]) fill(z, px, py []T, first, last int) {
	t, d := k.tile, k.kept.d
	size := t.Rows * t.Cols()
	for i := first; i < last; i += together {
		k.each(k.call, func(from, to int) {
			for b := i; b < min(i+together, last); b++ {
				t.Dots(z[(b-first)*k.kept.size():][from*size:to*size], px[b*t.Rows*d:], py[from*t.Cols()*d:], d)
			}
		}, func() {})
	}
}

// products returns those of block i, which it makes where they are not kept.
func (s *sinkhornStrip[T]) products(i int) []T {
	if s.z != nil {
		return s.z[i*s.kept.size():][:s.kept.size()]
	}
	k, d := s.tile, s.kept.d
	size := k.Rows * k.Cols()
	s.each(s.call, func(from, to int) { k.Dots(s.scratch[from*size:to*size], s.px[i*k.Rows*d:], s.py[from*k.Cols()*d:], d) }, func() {})
	return s.scratch
}

// Sums within these bounds have lost nothing to underflow, and cannot have overflown.
const (
	leastSum = 0x1p-20
	mostSum  = 0x1p62
)

// weights sets a_i / r_i of block i, the b-th of the group, and says whether all sums are in range.
func (s *sinkhornStrip[T]) weights(i, b int) bool {
	good := true
	out := s.blocks[b].S
	lo := i * s.tile.Rows
	for r, a := range s.w[lo : lo+len(out)] {
		sum := s.sums[lo+r]
		if !(sum >= leastSum && sum <= mostSum) {
			good = false
		}
		out[r] = T(float64(a) / sum)
	}
	return good
}

// redo takes the rows of a block whose sums are out of range, or all of them, relative to their largest terms.
func (s *sinkhornStrip[T]) redo(i, b int, all bool) {
	k, cols := s.tile, s.tile.Cols()
	z := s.products(i)
	w := &s.blocks[b]
	for l := range w.R {
		w.R[l] = T(math.Inf(-1))
	}
	for t := 0; t < s.tiles && !s.stop.Load(); t += laneTiles {
		t1 := min(t+laneTiles, s.tiles)
		k.Peaks(z[t*k.Rows*cols:t1*k.Rows*cols], s.u[t*cols:], s.scale, w.R)
	}
	sums := s.sums[i*k.Rows:][:k.Rows]
	empty := make([]bool, k.Rows)
	for r, sum := range sums {
		if !all && sum >= leastSum && sum <= mostSum {
			continue
		}
		top := T(math.Inf(-1))
		for _, v := range w.R[r*k.Lanes:][:k.Lanes] {
			top = max(top, v)
		}
		empty[r] = math.IsInf(float64(top), -1)
		if w.Ref[r] = -top; top-top != 0 {
			w.Ref[r] = 0
		}
	}
	clear(w.R)
	clear(sums)
	s.each(laneTiles, func(from, to int) {
		k.Cached(w, from, z[from*k.Rows*cols:], s.u[from*cols:], s.scale, s.spare[from*cols:to*cols])
	}, func() { k.RowSums(sums, w.R) })
	s.weights(i, b)
	for r, none := range empty {
		if none {
			sums[r], w.S[r] = 0, 0
		}
	}
}

// flush adds the last group's exponentials to the columns' sums.
func (s *sinkhornStrip[T]) flush() {
	for b := range s.pending {
		for t := 0; t < s.tiles && !s.stop.Load(); t += laneTiles {
			from, to := t*s.tile.Cols(), min(t+laneTiles, s.tiles)*s.tile.Cols()
			s.tile.Columns(s.blocks[b].E[from*s.tile.Rows:], s.blocks[b].S, s.c[from:to])
		}
	}
	s.pending = 0
}

// fold adds the columns' sums so far to those in float64.
func (s *sinkhornStrip[T]) fold() {
	s.flush()
	tile.Affine(s.e.level, s.parts, s.c, s.parts, 1, 0)
	clear(s.c)
}
