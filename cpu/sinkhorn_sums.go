package cpu

import (
	"context"
	"fmt"
	"math"

	"monge/cpu/tile"
	"monge/engine"
)

var _ engine.PlanSummer = (*Engine)(nil)

// PlanSums implements engine.PlanSummer. Every product is made once, unless it is kept, and every exponential once, in
// float64: relative to the largest term of its row, which is found first.
func (e *Engine) PlanSums(ctx context.Context, a *engine.PlanSums) error {
	s, err := engine.CheckPlanSums(a)
	if err != nil {
		return err
	}
	if err := own(a.Of.X, a.Of.Y, a.Of.Eps, a.U, a.H, a.P, a.A, a.R, a.Q, a.LSE, a.Score, a.ColSum, a.RowMax, a.ColMax); err != nil {
		return err
	}
	if s.B == 0 {
		return nil
	}
	if a.Of.X.Dtype() == engine.F32 {
		return planSums[float32](ctx, e, a, s)
	}
	return planSums[float64](ctx, e, a, s)
}

func planSums[T float](ctx context.Context, e *Engine, a *engine.PlanSums, s engine.SinkhornDims) error {
	kept, err := keepSinkhorn[T](e, a.Of, s)
	if err != nil {
		return err
	}
	k := newSinkhorn(e, a.Of, s, kept)
	defer context.AfterFunc(ctx, func() { k.stop.Store(true) })()
	p := &sums[T]{sinkhorn: k, op: a, wide: tile.SinkhornOf[float64](e.level, kept.z == nil), exps: a.LSE != nil || a.Score != nil || a.ColSum != nil}
	p.problems = make([]sumsProblem[T], s.B)
	for b := range p.problems {
		p.problems[b] = p.problem(b)
	}
	e.run(p, s.B*k.chunks, float64(s.B)*float64(s.N)*float64(s.M)*float64(s.D+16))
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cpu: PlanSums: %w", err)
	}
	for b := range p.problems {
		p.merge(b)
	}
	return nil
}

// sums is one call of PlanSums; an item is a chunk of a problem's rows.
type sums[T float] struct {
	*sinkhorn[T]
	op       *engine.PlanSums
	wide     *tile.Sinkhorn[float64] // of the exponentials
	exps     bool                    // outputs that need these are wanted
	problems []sumsProblem[T]
}

// sumsProblem is what a call needs of one problem. Columns and rows beyond the problem's have biases of -Inf.
type sumsProblem[T float] struct {
	px, py, z []T
	filled    bool
	scale     float64   // log2(e) 2 / eps
	u, h      []float64 // biases in base 2; halves of h
	near, p   []T       // u, and biases of the maxima
	q         []T
	a, r      []float64
	columns   []float64 // partial sums [chunks, columns]
	peaks     []T       // partial maxima [chunks, columns]

	lse, score, colSum, rowMax, colMax []float64
}

func (k *sums[T]) problem(b int) sumsProblem[T] {
	op, rows, cols := k.op, k.blocks*k.tile.Rows, k.tiles*k.tile.Cols()
	part := func(x engine.Buffer, n int) []float64 {
		if x == nil {
			return nil
		}
		return data[float64](x)[b*n:][:n]
	}
	eps := data[float64](op.Of.Eps)[b*stride(op.Of.Eps):][k.S-1]
	p := sumsProblem[T]{
		scale: 2 * math.Log2E / eps,
		a:     part(op.A, k.N), r: part(op.R, k.N),
		lse: part(op.LSE, k.N), score: part(op.Score, k.N), colSum: part(op.ColSum, k.M), rowMax: part(op.RowMax, k.N), colMax: part(op.ColMax, k.M),
	}
	p.px, p.py, p.z, p.filled = k.kept.problem(b)
	biases := func(x []float64, n int) []T {
		t := aligned[T](n)
		for j := range t {
			t[j] = T(math.Inf(-1))
		}
		for j, v := range x {
			t[j] = T(v)
		}
		return t
	}
	if k.exps {
		p.u, p.h = aligned[float64](cols), aligned[float64](cols)
		for j, v := range part(op.U, k.M) {
			p.u[j] = v * math.Log2E
		}
		p.near = biases(p.u[:k.M], cols)
		for j := k.M; j < cols; j++ {
			p.u[j] = math.Inf(-1)
		}
		for j, v := range part(op.H, k.M) {
			p.h[j] = v / 2
		}
	}
	if op.ColSum != nil {
		p.columns = make([]float64, k.chunks*cols)
	}
	if op.RowMax != nil {
		p.p = biases(part(op.P, k.M), cols)
	}
	if op.ColMax != nil {
		p.q, p.peaks = biases(part(op.Q, k.N), rows), biases(nil, k.chunks*cols)
	}
	return p
}

// merge joins what the chunks of problem b came to.
func (k *sums[T]) merge(b int) {
	p, cols := &k.problems[b], k.tiles*k.tile.Cols()
	if p.z != nil {
		k.kept.filled[b] = true
	}
	for q := range k.chunks {
		if p.colSum != nil {
			if q == 0 {
				copy(p.colSum, p.columns)
			} else {
				k.e.level.AddScaled(p.colSum, p.columns[q*cols:][:k.M], 1)
			}
		}
		for j := range p.colMax {
			v := float64(p.peaks[q*cols+j])
			if q == 0 || v > p.colMax[j] {
				p.colMax[j] = v
			}
		}
	}
}

func (k *sums[T]) do(w *worker, item int) {
	b, q := item/k.chunks, item%k.chunks
	p, cols := &k.problems[b], k.tiles*k.tile.Cols()
	first, last := k.chunk(q)
	size := k.kept.size()
	s := &sumsStrip[T]{sums: k, sumsProblem: p, top: scratch[T](w, k.tile.Rows*k.tile.Lanes)}
	if k.exps {
		rows, lanes := k.tile.Rows, k.wide.Lanes
		s.block = tile.SinkhornBlock[float64]{Ref: w.f64.take(rows), S: w.f64.take(rows), R: w.f64.take(rows * lanes), E: w.f64.take(rows * cols)}
		s.empty = make([]bool, rows)
		s.lanes, s.sum, s.scores, s.c = w.f64.take(rows*lanes), w.f64.take(rows), w.f64.take(rows), w.f64.take(cols)
		for _, x := range [][]float64{s.block.S, s.block.R, s.block.E, s.lanes, s.c} {
			clear(x)
		}
	}
	if p.columns != nil {
		s.columns = p.columns[q*cols:][:cols]
	}
	if p.peaks != nil {
		s.peaks = p.peaks[q*cols:][:cols]
	}
	step, z := last-first, p.z
	if z == nil {
		step, z = together, scratch[T](w, together*size)
	} else {
		z = z[first*size:]
	}
	for lo := first; lo < last && !k.stop.Load(); lo += step {
		hi := min(lo+step, last)
		if !p.filled {
			k.fill(z, p.px, p.py, lo, hi)
		}
		for i := lo; i < hi && !k.stop.Load(); i++ {
			if (i-first)*k.tile.Rows%(foldUnits*tile.SinkhornUnit) == 0 {
				s.fold()
			}
			s.take(i, z[(i-lo)*size:][:size])
		}
	}
	s.fold()
}

// sumsStrip is a chunk of rows under way.
type sumsStrip[T float] struct {
	*sums[T]
	*sumsProblem[T]
	block              tile.SinkhornBlock[float64] // its exponentials are not yet in the columns' sums
	lanes, sum, scores []float64                   // of its rows
	empty              []bool                      // rows without a term
	top                []T
	c                  []float64 // columns' sums of few rows
	columns            []float64 // nil = not wanted
	peaks              []T
}

// take makes the sums of block i, with products z.
func (s *sumsStrip[T]) take(i int, z []T) {
	t, cols := s.tile, s.tile.Cols()
	lo, rows := i*t.Rows, min(t.Rows, s.N-i*t.Rows)
	if s.rowMax != nil {
		s.rowPeaks(z, s.p, 2, func(r int, v T) { s.rowMax[lo+r] = float64(v) }, rows)
	}
	if s.peaks != nil {
		s.each(laneTiles, func(from, to int) {
			t.ColPeaks(z[from*t.Rows*cols:], s.q[lo:], 2, s.peaks[from*cols:to*cols])
		}, func() {})
	}
	if !s.exps {
		return
	}
	w := &s.block
	s.rowPeaks(z, s.near, T(s.scale), func(r int, v T) {
		s.empty[r] = math.IsInf(float64(v), -1)
		if w.Ref[r] = -float64(v); v-v != 0 {
			w.Ref[r] = 0
		}
	}, t.Rows)
	clear(s.sum)
	clear(s.scores)
	s.each(laneTiles, func(from, to int) {
		t.Scores(w, s.lanes, from, z[from*t.Rows*cols:], s.u[from*cols:], s.h[from*cols:], s.scale, s.c[from*cols:to*cols])
	}, func() {
		s.wide.RowSums(s.sum, w.R)
		s.wide.RowSums(s.scores, s.lanes)
	})
	for r := range w.S {
		w.S[r] = 0
		if r >= rows {
			continue
		}
		sum := s.sum[r]
		l, score := math.Inf(-1), 0.0
		if s.empty[r] { // kernels may take 2^-Inf for the least number
			sum = 0
		} else {
			l, score = math.Log(sum)-w.Ref[r]*math.Ln2, 2*s.scores[r]/sum
		}
		if s.lse != nil {
			s.lse[lo+r] = l
		}
		if s.score != nil {
			s.score[lo+r] = score
		}
		if s.columns == nil || sum == 0 {
			continue
		}
		w.S[r] = s.a[lo+r] / sum
		if s.r != nil {
			w.S[r] *= math.Exp(min(0, l-s.r[lo+r]))
		}
	}
}

// rowPeaks calls f with the largest scale z + bias of the first rows of a block.
func (s *sumsStrip[T]) rowPeaks(z, bias []T, scale T, f func(r int, v T), rows int) {
	t := s.tile
	for l := range s.top {
		s.top[l] = T(math.Inf(-1))
	}
	s.each(laneTiles, func(from, to int) {
		size, cols := t.Rows*t.Cols(), t.Cols()
		t.Peaks(z[from*size:to*size], bias[from*cols:], scale, s.top)
	}, func() {})
	for r := range rows {
		top := T(math.Inf(-1))
		for _, v := range s.top[r*t.Lanes:][:t.Lanes] {
			top = max(top, v)
		}
		f(r, top)
	}
}

// fold adds the columns' sums so far to those of the chunk.
func (s *sumsStrip[T]) fold() {
	if s.columns == nil {
		return
	}
	w := &s.block
	for t := 0; t < s.tiles && !s.stop.Load(); t += laneTiles {
		from, to := t*s.tile.Cols(), min(t+laneTiles, s.tiles)*s.tile.Cols()
		s.wide.Columns(w.E[from*s.tile.Rows:], w.S, s.c[from:to])
	}
	clear(w.S)
	s.e.level.AddScaled(s.columns, s.c, 1)
	clear(s.c)
}
