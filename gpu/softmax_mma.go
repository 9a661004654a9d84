//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"math"

	"monge/engine"

	"gorgonia.org/cu"
)

// precision is how many fp16 products of the tensor cores stand for one of float32.
type precision int64

const (
	full precision = 3 // float32's accuracy
	fast precision = 1 // TF32's, at three times the rate: for iterations that a full one follows
)

// leastDims is the fewest dimensions for which the tensor cores pay: with fewer, padding to chunks of 32 and the
// splitting cost more than the products.
const leastDims = 16

// mmaStore bounds the bytes of scratch that a panel of rows takes.
const mmaStore = 1 << 28

// mmaSums and mmaMaxima are what softmax_mma.cu and softmax_mma_max.cu compute.
type mmaKind int

const (
	mmaSums mmaKind = iota
	mmaMaxima
)

// tensor says whether a call goes to the tensor cores. It depends on nothing that changes a row's company.
func (r *softmax) tensor() bool {
	a := r.a
	return r.t == engine.F32 && r.s.D >= leastDims && r.s.M > 0 && a.Mean == nil && a.Second == nil && a.TMean == nil && a.ColSum == nil
}

// mma is what one pass over the keys needs: split keys and biases, and a panel of split queries.
type mma struct {
	r       *softmax
	p       C.softmax_mma_params
	split   C.split_params
	held    []cu.DevicePtr
	np      precision
	kind    mmaKind
	shared  int64 // bytes a block
	threads int64
	form    string
}

func (m *mma) scratch(what string, size int, sizes ...int64) (C.uint64_t, error) {
	x, err := m.r.e.get(what, int64(size), sizes...)
	m.held = append(m.held, x)
	return C.uint64_t(x), err
}

// release gives back the scratch from number n on.
func (m *mma) release(n int) {
	for _, x := range m.held[n:] {
		m.r.e.put(x)
	}
	m.held = m.held[:n]
}

// scanTensor computes LSE, Max and Arg.
func (r *softmax) scanTensor(np precision) error {
	if r.a.LSE != nil {
		if err := r.pass(mmaSums, np); err != nil {
			return err
		}
	}
	if r.a.Max != nil || r.a.Arg != nil {
		return r.pass(mmaMaxima, full)
	}
	return nil
}

// pass goes over all keys for all rows.
func (r *softmax) pass(kind mmaKind, np precision) error {
	a, s := r.a, r.s
	m := &mma{r: r, np: np, kind: kind}
	defer m.release(0)
	b, n := int64(s.B), int64(s.N)
	kb, ub, wb := problems(a.K), problems(a.U), problems(a.W)
	if max(kb, ub, wb) == 1 && r.ended == nil { // rows of all problems are alike
		b, n = 1, b*n
	}
	dims := int64(C.SPLIT_CHUNK) / 4
	if np == fast {
		dims *= 2
	}
	keys, size := int64(s.M), C.int64_t(r.t.Size())
	m.p = C.softmax_mma_params{
		q: addr(a.Q), k: addr(a.K), s: addr(a.S), u: addr(a.U), c: addr(a.C), w: addr(a.W), skip: addr(a.Skip),
		total: C.int64_t(n), m: C.int64_t(keys), d: C.int64_t(s.D), chunks: C.int64_t(ceilDiv(int64(s.D), dims)),
		cols:      C.int64_t(ceilDiv(keys, C.MMA_TILE) * C.MMA_TILE),
		kproblems: C.int64_t(kb), uproblems: C.int64_t(ub), wproblems: C.int64_t(wb), bproblems: C.int64_t(max(kb, ub, wb)),
		part_keys: C.mma_part_keys(C.int64_t(keys)), base: C.double(a.Scale),
	}
	p := &m.p
	if p.base == 0 {
		p.base = 1
	}
	p.parts = C.int64_t(ceilDiv(keys, int64(p.part_keys)))
	p.slots = 4 * p.parts
	m.threads, m.form = C.MMA_THREADS, "d64"
	switch {
	case p.chunks > 2:
		m.threads, m.form, p.slots = C.MMA_ANY_THREADS, "any", p.slots*C.MMA_ANY_WARPS
	case kind == mmaMaxima:
		p.chunks = 2
	case p.chunks == 1:
		m.form = "d32"
	}
	any := C.int(0)
	if m.form == "any" {
		any = 1
	}
	m.shared = int64(C.mma_shared(p.chunks, any))
	if err := m.keys(); err != nil {
		return err
	}
	row := int64(p.slots)*8 + int64(p.chunks)*C.SPLIT_CHUNK
	batch, rows := b, n
	if n <= mmaStore/row {
		batch = min(b, max(1, mmaStore/row/(n+C.MMA_TILE)))
	} else {
		batch, rows = 1, max(C.MMA_TILE, mmaStore/row/C.MMA_TILE*C.MMA_TILE)
	}
	for b0 := int64(0); b0 < b; b0 += batch {
		for i0 := int64(0); i0 < n; i0 += rows {
			first := C.int64_t(b0*n + i0)
			at := m.p
			for _, x := range []struct {
				to    *C.uint64_t
				buf   engine.Buffer
				width C.int64_t
			}{{&at.q, a.Q, p.d}, {&at.s, a.S, 1}, {&at.c, a.C, 1}, {&at.skip, a.Skip, 1}, {&at.lse, a.LSE, 1}, {&at.max, a.Max, 1}, {&at.arg, a.Arg, 1}} {
				if x.buf != nil {
					*x.to = addr(x.buf) + C.uint64_t(first*x.width*size)
				}
			}
			if r.ended != nil {
				at.ended = addr(r.ended) + C.uint64_t(b0*2*4)
			}
			at.batch, at.n = C.int64_t(min(batch, b-b0)), C.int64_t(min(rows, n-i0))
			at.rows = C.int64_t(ceilDiv(int64(at.n), C.MMA_TILE) * C.MMA_TILE)
			if err := m.panel(at, b0); err != nil {
				return err
			}
		}
	}
	return nil
}

// problems returns the problems of a parameter; 1 = shared, or not there.
func problems(x engine.Buffer) int64 {
	if x == nil {
		return 1
	}
	b, _, _ := x.Shape()
	return int64(b)
}

// keys splits the keys and prepares their biases.
func (m *mma) keys() (err error) {
	e, p := m.r.e, &m.p
	n, cols := int64(p.kproblems), int64(p.cols)
	if p.keys, err = m.scratch("split keys", C.SPLIT_CHUNK, n, cols, int64(p.chunks)); err != nil {
		return err
	}
	if p.ratio, err = m.scratch("ratios of keys", 4, n, cols); err != nil {
		return err
	}
	if p.odd, err = m.scratch("marks of keys", 4, n, cols/C.SPLIT_ROWS); err != nil {
		return err
	}
	if p.extent, err = m.scratch("extents of keys", 8, n); err != nil {
		return err
	}
	if p.bias, err = m.scratch("biases", 4, int64(p.bproblems), 2, cols); err != nil {
		return err
	}
	if err := check(cu.MemsetD8Async(cu.DevicePtr(p.extent), 0, 8*n, e.stream)); err != nil {
		return err
	}
	m.split = C.split_params{
		x: p.k, extent: p.extent, cloud: p.keys, ratio: p.ratio, odd: p.odd,
		problems: p.kproblems, n: p.m, rows: p.cols, d: p.d, chunks: p.chunks, xstride: p.m * p.d, products: C.int64_t(m.np),
	}
	if err := launch(e, kernel{"split", "split_extent", "f32"}, n*ceilDiv(int64(p.m), C.SPLIT_ROWS), C.SPLIT_THREADS, &m.split); err != nil {
		return err
	}
	if err := launch(e, kernel{"split", "split_keys", "f32"}, n*cols/C.SPLIT_ROWS, C.SPLIT_THREADS, &m.split); err != nil {
		return err
	}
	bias := C.bias_params{
		out: p.bias, x: p.u, ratio: p.ratio, problems: p.bproblems, n: p.m, rows: p.cols, stride: 2 * p.cols,
		factor: m.factor(), beyond: C.double(math.Inf(-1)),
	}
	if p.uproblems > 1 {
		bias.xstride = p.m
	}
	if p.kproblems > 1 {
		bias.rstride = p.cols
	}
	count := int64(p.bproblems) * cols
	if err := launch(e, kernel{"split", "split_bias", "f32"}, e.few(count, C.ELEMENT_THREADS), C.ELEMENT_THREADS, &bias); err != nil || p.w == 0 && m.kind == mmaSums {
		return err
	}
	bias.out, bias.x, bias.ratio, bias.xstride, bias.beyond = p.bias+C.uint64_t(4*p.cols), p.w, 0, 0, 0
	if p.wproblems > 1 {
		bias.xstride = p.m
	}
	return launch(e, kernel{"split", "split_bias", "f32"}, e.few(count, C.ELEMENT_THREADS), C.ELEMENT_THREADS, &bias)
}

// factor turns natural units into those of the kernels.
func (m *mma) factor() C.double {
	if m.kind == mmaSums {
		return math.Log2E
	}
	return 1
}

// panel splits the queries of at, goes over the keys from problem b0 on, and merges.
func (m *mma) panel(at C.softmax_mma_params, b0 int64) (err error) {
	e, n := m.r.e, len(m.held)
	defer m.release(n)
	batch, tiles := int64(at.batch), int64(at.rows)/C.MMA_TILE
	if at.queries, err = m.scratch("split queries", C.SPLIT_CHUNK, batch, int64(at.rows), int64(at.chunks)); err != nil {
		return err
	}
	if at.scale, err = m.scratch("scales of queries", 4, batch, int64(at.rows)); err != nil {
		return err
	}
	if at.part, err = m.scratch("partial states", 8, batch, int64(at.n), int64(at.slots)); err != nil {
		return err
	}
	// Parameters of problem b0 on.
	skip := func(x *C.uint64_t, problems *C.int64_t, bytes C.int64_t) {
		if *problems > 1 {
			*x += C.uint64_t(C.int64_t(b0) * bytes)
		}
	}
	skip(&at.k, &at.kproblems, 4*at.m*at.d)
	skip(&at.keys, &at.kproblems, C.SPLIT_CHUNK*at.cols*at.chunks)
	skip(&at.ratio, &at.kproblems, 4*at.cols)
	skip(&at.odd, &at.kproblems, 4*at.cols/C.SPLIT_ROWS)
	skip(&at.extent, &at.kproblems, 8)
	skip(&at.bias, &at.bproblems, 8*at.cols)
	skip(&at.u, &at.uproblems, 4*at.m)
	skip(&at.w, &at.wproblems, 4*at.m)

	q := C.split_params{
		x: at.q, extent: at.extent, cloud: at.queries, s: at.s, scale: at.scale, problems: at.batch, n: at.n, rows: at.rows, d: at.d, chunks: at.chunks,
		xstride: at.total * at.d, sstride: at.total, products: C.int64_t(m.np), base: at.base, factor: m.factor(),
	}
	if at.kproblems > 1 {
		q.estride = 2
	}
	if err := launch(e, kernel{"split", "split_queries", "f32"}, batch*int64(at.rows)/C.SPLIT_ROWS, C.SPLIT_THREADS, &q); err != nil {
		return err
	}
	// Blocks enough for every multiprocessor, as far as there are parts to share out.
	at.groups = C.int64_t(max(1, min(int64(at.parts), ceilDiv(e.workers/4, batch*tiles))))
	file, op, merge := "softmax_mma", "softmax_mma_x3_"+m.form, "softmax_mma_merge"
	if m.np == fast {
		op = "softmax_mma_x1_" + m.form
	}
	switch {
	case m.kind == mmaMaxima:
		file, op, merge = "softmax_mma_max", "softmax_mma_max_"+m.form, "softmax_mma_maxmerge"
	case at.w != 0:
		op += "_tilt"
	}
	if err := launchShared(e, kernel{file, op, "f32"}, batch*tiles*int64(at.groups), m.threads, m.shared, &at); err != nil {
		return err
	}
	return launch(e, kernel{file, merge, "f32"}, ceilDiv(batch*int64(at.n), C.WARP_ROWS), C.WARP_THREADS, &at)
}
