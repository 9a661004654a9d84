package cpu

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"monge/cpu/tile"
	"monge/engine"
)

var _ engine.SinkhornLoop = (*Engine)(nil)

// Sizes of Sinkhorn's passes. They depend on the problem's sizes alone, as the order of sums does.
const (
	foldUnits   = 5       // units of rows whose columns are summed in the points' type
	sinkhornMin = 1 << 18 // pairs below which a problem's rows are not shared out
	mostChunks  = 64      // parts that a problem's rows are shared out in
	laneTiles   = 128     // tiles of columns whose rows are summed in the points' type
	againRows   = 32      // columns done again by one item
)

// Sinkhorn implements engine.SinkhornLoop. A pass computes the product, unless it is kept, and the exponential of every
// pair once,
//
//	e_ij = exp(2 <x_i, y_j> / eps + g_j / eps + ln b_j - m_i),   r_i = sum_j e_ij,   c_j = sum_i a_i e_ij / r_i,
//
// with the reference m_i = -f_i / eps of the iteration before; a row whose sum then leaves the middle of its type's
// range is done again relative to its largest term. From the sums follow l_i = m_i + ln r_i and g_j += eps ln(b_j / c_j).
// Columns whose sum is near underflow are done again by their own log-sum-exp.
//
// Logits have the accuracy of the points' type; sums are float64 over parts of at most 240 rows and 4096 columns.
func (e *Engine) Sinkhorn(ctx context.Context, a *engine.Sinkhorn) error {
	s, err := engine.CheckSinkhorn(a)
	if err != nil {
		return err
	}
	if err := own(a.X, a.Y, a.LogA, a.LogB, a.Eps, a.F, a.G, a.State, a.Trace); err != nil {
		return err
	}
	if s.B == 0 || a.Passes == 0 {
		return nil
	}
	if a.X.Dtype() == engine.F32 {
		return runSinkhorn[float32](ctx, e, a, s)
	}
	return runSinkhorn[float64](ctx, e, a, s)
}

// sinkhorn is one call of Sinkhorn.
type sinkhorn[T float] struct {
	engine.SinkhornDims
	e      *Engine
	op     *engine.Sinkhorn
	kept   *sinkhornKept[T]
	tile   *tile.Sinkhorn[T]
	blocks int // of rows
	tiles  int // of columns
	chunks int // parts of the rows
	group  int // blocks that share a pass over the columns' points
	call   int // tiles of columns in a call of a kernel that makes products
	stop   atomic.Bool
}

func runSinkhorn[T float](ctx context.Context, e *Engine, a *engine.Sinkhorn, s engine.SinkhornDims) error {
	kept, err := keepSinkhorn[T](e, a, s)
	if err != nil {
		return err
	}
	k := newSinkhorn(e, a, s, kept)
	defer context.AfterFunc(ctx, func() { k.stop.Store(true) })()
	pairs := float64(s.N) * float64(s.M) * float64(s.D+16)
	if k.chunks == 1 || s.B >= 2*e.threads {
		e.run(k, s.B, pairs*float64(s.B*a.Passes))
	} else {
		for b := range s.B {
			p := k.problem(b, supply[T]{aligned[T], aligned[float64]})
			p.run = e.run
			for range a.Passes {
				if k.stop.Load() || p.ended() {
					break
				}
				p.begin()
				e.run(p, k.chunks, pairs)
				p.finish()
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cpu: Sinkhorn: %w", err)
	}
	return nil
}

func newSinkhorn[T float](e *Engine, a *engine.Sinkhorn, s engine.SinkhornDims, kept *sinkhornKept[T]) *sinkhorn[T] {
	k := &sinkhorn[T]{SinkhornDims: s, e: e, op: a, kept: kept, tile: kept.tile, blocks: kept.blocks, tiles: kept.tiles}
	k.partition()
	return k
}

// chunk returns the blocks [first, last) of chunk q.
func (k *sinkhorn[T]) chunk(q int) (first, last int) {
	units := (k.N + tile.SinkhornUnit - 1) / tile.SinkhornUnit
	per := tile.SinkhornUnit / k.tile.Rows
	return min(q*units/k.chunks*per, k.blocks), min((q+1)*units/k.chunks*per, k.blocks)
}

// partition cuts the rows into chunks, for threads and for sums, and the work of a chunk into calls.
func (k *sinkhorn[T]) partition() {
	units := (k.N + tile.SinkhornUnit - 1) / tile.SinkhornUnit
	k.chunks = 1
	if k.N*k.M >= sinkhornMin {
		k.chunks = min((units+foldUnits-1)/foldUnits, mostChunks)
		if k.chunks > 4 {
			k.chunks = (k.chunks + 3) / 4 * 4
		}
		k.chunks = min(k.chunks, units)
	}
	// Points of the columns that fit no second cache are read once for four blocks, where a block's exponentials do not
	// fit it either: those that do are worth more there. Points of a call fit the first, or, of many coordinates, the
	// second.
	const cache1, cache2, block = 1 << 14, 1 << 19, 3 << 18
	size := int(unsafe.Sizeof(T(0)))
	k.group = 1
	if k.kept.z == nil && k.M*k.D*size > cache2 && k.tile.Rows*k.M*size > block {
		k.group = 4
	}
	k.call = max(1, cache1/(k.tile.Cols()*max(1, k.D)*size))
	if k.D > tile.Deep {
		k.call = max(1, cache2/(k.tile.Cols()*k.D*size))
	}
}

// supply hands out numbers of any value, which stay as long as the problem is under way.
type supply[T float] struct {
	typed func(n int) []T
	wide  func(n int) []float64
}

// do makes all passes of problem b.
func (k *sinkhorn[T]) do(w *worker, b int) {
	p := k.problem(b, supply[T]{func(n int) []T { return scratch[T](w, n) }, w.f64.take})
	p.run = func(t task, items int, _ float64) {
		for i := range items {
			used := w.mark()
			t.do(w, i)
			w.release(used)
		}
	}
	for range k.op.Passes {
		if k.stop.Load() || p.ended() {
			return
		}
		p.begin()
		p.run(p, k.chunks, 0)
		p.finish()
	}
}

// sinkhornProblem is one problem of a call.
type sinkhornProblem[T float] struct {
	*sinkhorn[T]
	run         func(t task, items int, work float64)
	at          int // the problem's number
	x, y        []T // points
	a, b        []float64
	logA, logB  []float64
	allEps      []float64
	f, g, trace []float64
	state       []int32
	px, py, z   []T       // packed points and products
	w           []T       // weights of rows, 0 beyond them
	u           []T       // biases of columns, -Inf beyond them
	ref         []T       // less the references of rows
	sums        []float64 // of rows, relative to them
	parts       []float64 // sums of columns [chunks, columns]
	columns     []float64
	logs        []float64 // of them
	count       int       // iterations made
	eps         float64
	inverse     float64 // log2(e) / eps
	scale       T
	fresh       bool // no reference is known
	filled      bool // z is there
	again       []int
	biasOfRows  []T
}

// problem returns problem b with its memory.
func (k *sinkhorn[T]) problem(b int, m supply[T]) *sinkhornProblem[T] {
	op, rows, cols := k.op, k.blocks*k.tile.Rows, k.tiles*k.tile.Cols()
	part := func(x engine.Buffer, n int) []float64 { return data[float64](x)[b*stride(x):][:n] }
	p := &sinkhornProblem[T]{
		sinkhorn: k, at: b,
		x: data[T](op.X)[b*k.N*k.D:][:k.N*k.D], y: data[T](op.Y)[b*k.M*k.D:][:k.M*k.D],
		logA: part(op.LogA, k.N), logB: part(op.LogB, k.M), allEps: part(op.Eps, k.S),
		f: part(op.F, k.N), g: part(op.G, k.M), trace: part(op.Trace, k.K), state: data[int32](op.State)[2*b:][:2],
		a: m.wide(k.N), b: m.wide(k.M), w: m.typed(rows), u: m.typed(cols), ref: m.typed(rows),
		sums: m.wide(rows), parts: m.wide(k.chunks * cols), logs: m.wide(k.M),
	}
	p.px, p.py, p.z, p.filled = k.kept.problem(b)
	for i, l := range p.logA {
		p.a[i] = math.Exp(l)
		p.w[i] = T(p.a[i])
	}
	clear(p.w[k.N:])
	for j, l := range p.logB {
		p.b[j] = math.Exp(l)
	}
	return p
}

func (p *sinkhornProblem[T]) ended() bool { return p.state[1] != 0 }

// begin sets what a pass needs of the whole problem: the biases of the columns, in base 2.
func (p *sinkhornProblem[T]) begin() {
	p.count = int(p.state[0])
	p.eps = p.allEps[min(p.count, p.S-1)]
	p.inverse = math.Log2E / p.eps
	p.scale = T(2 * p.inverse)
	p.fresh = p.count == 0
	for j, g := range p.g {
		p.u[j] = T(g*p.inverse + p.logB[j]*math.Log2E)
	}
	for j := p.M; j < len(p.u); j++ {
		p.u[j] = T(math.Inf(-1))
	}
}

// do makes chunk q of a pass.
func (p *sinkhornProblem[T]) do(w *worker, q int) {
	cols := len(p.u)
	s := newStrip(p, w, p.parts[q*cols:][:cols])
	s.run(p.chunk(q))
}
