//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"math"
	"strings"

	"monge/engine"

	"gorgonia.org/cu"
)

// precision is how many fp16 products of the tensor cores stand for one of float32.
type precision int64

const (
	full precision = 3 // float32's accuracy
	fast precision = 1 // TF32's, at three times the rate: for iterations that a full one follows
)

// streamingChunks is the fewest chunks of the kernels' form any.
const streamingChunks = 3

// mma goes over split keys with split queries. What belongs to the queries is set for every scan.
type mma struct {
	e       *Engine
	p       C.softmax_mma_params
	np      precision
	factor  float64 // of the biases and scales
	form    string  // of the kernels
	threads int64
	shared  int64  // bytes a block
	grouped string // the family of warpgroups that scans instead of the one for all cards, or ""
	state   int64  // bytes of partial states a row
	held    []cu.DevicePtr
	splits  []*splitCloud
}

// newMMA has the keys of a call split and prepares their biases, with those of a rank-one bias where tilt. Of rows of all
// problems that are alike it makes one problem, unless problems may end. A chunk of the rows is as wide as chunks at least.
func newMMA(r *softmax, np precision, factor float64, chunks int64, tilt bool) (*mma, error) {
	a, s := r.a, r.s
	m := &mma{e: r.e, np: np, factor: factor}
	dims := int64(C.SPLIT_CHUNK) / 4
	if np == fast {
		dims *= 2
	}
	kb, ub, wb := problems(a.K), problems(a.U), problems(a.W)
	keys := int64(s.M)
	m.p = C.softmax_mma_params{
		q: addr(a.Q), k: addr(a.K), s: addr(a.S), u: addr(a.U), c: addr(a.C), w: addr(a.W), skip: addr(a.Skip), ended: addr(r.ended),
		batch: C.int64_t(s.B), total: C.int64_t(s.N), m: C.int64_t(keys), d: C.int64_t(s.D),
		chunks: C.int64_t(max(chunks, ceilDiv(int64(s.D), dims))), cols: C.int64_t(ceilDiv(keys, C.MMA_TILE) * C.MMA_TILE),
		kproblems: C.int64_t(kb), uproblems: C.int64_t(ub), wproblems: C.int64_t(wb), bproblems: C.int64_t(max(kb, ub, wb)),
		part_keys: C.mma_part_keys(C.int64_t(keys)), base: C.double(a.Scale),
	}
	p := &m.p
	p.vproblems, p.panels = 1, 1
	if r.averages() {
		p.vproblems = C.int64_t(problems(r.values()))
	}
	if p.bproblems == 1 && p.vproblems == 1 && r.ended == nil {
		p.batch, p.total = 1, p.batch*p.total
	}
	if p.base == 0 {
		p.base = 1
	}
	p.parts = C.int64_t(ceilDiv(keys, int64(p.part_keys)))
	p.slots = 4 * p.parts
	streaming := C.int(0)
	switch m.threads = C.MMA_THREADS; {
	case p.chunks == 1:
		m.form = "d32"
	case p.chunks == 2:
		m.form = "d64"
	default:
		m.threads, m.form, streaming = C.MMA_ANY_THREADS, "any", 1
		p.slots *= C.MMA_ANY_WARPS
	}
	m.shared = int64(C.mma_shared(p.chunks, streaming))
	if err := m.splitKeys(); err != nil {
		return m, err
	}
	return m, m.prepareBiases(tilt)
}

// problems returns the problems of a parameter; 1 = shared, or not there.
func problems(x engine.Buffer) int64 {
	if x == nil {
		return 1
	}
	b, _, _ := x.Shape()
	return int64(b)
}

func (m *mma) scratch(what string, size int, sizes ...int64) (C.uint64_t, error) {
	x, err := m.e.get(what, int64(size), sizes...)
	m.held = append(m.held, x)
	return C.uint64_t(x), err
}

// free gives everything back; the clouds stay for whoever has the same keys or values next.
func (m *mma) free() {
	for _, c := range m.splits {
		m.e.keep(c)
	}
	m.splits = nil
	m.release(0)
}

// release gives back the scratch from number n on.
func (m *mma) release(n int) {
	for _, x := range m.held[n:] {
		m.e.put(x)
	}
	m.held = m.held[:n]
}

func (m *mma) launch(file, op string, blocks, threads int64, p *C.split_params) error {
	return launch(m.e, kernel{file, op, "f32"}, blocks, threads, p)
}

func (m *mma) prepareBiases(tilt bool) (err error) {
	p := &m.p
	if p.bias == 0 {
		if p.bias, err = m.scratch("biases", 4, int64(p.bproblems), 2, int64(p.cols)); err != nil {
			return err
		}
	}
	bias := C.bias_params{
		out: p.bias, x: p.u, ratio: p.ratio, problems: p.bproblems, n: p.m, rows: p.cols, stride: 2 * p.cols,
		factor: C.double(m.factor), beyond: C.double(math.Inf(-1)),
	}
	if p.uproblems > 1 {
		bias.xstride = p.m
	}
	if p.kproblems > 1 {
		bias.rstride = p.cols
	}
	blocks := m.e.few(int64(p.bproblems*p.cols), C.ELEMENT_THREADS)
	if err := launch(m.e, kernel{"split", "split_bias", "f32"}, blocks, C.ELEMENT_THREADS, &bias); err != nil || !tilt {
		return err
	}
	bias.out, bias.x, bias.ratio, bias.xstride, bias.beyond = p.bias+C.uint64_t(4*p.cols), p.w, 0, 0, 0
	if p.wproblems > 1 {
		bias.xstride = p.m
	}
	return launch(m.e, kernel{"split", "split_bias", "f32"}, blocks, C.ELEMENT_THREADS, &bias)
}

// panel returns the parameters for rows [i0, i0 + rows) of problems [b0, b0 + batch), as the call counts them.
func (m *mma) panel(a *engine.Softmax, b0, batch, i0, rows int64) C.softmax_mma_params {
	at := m.p
	_, n, _ := a.Q.Shape()
	first := C.uint64_t(4 * (b0*int64(n) + i0))
	for _, x := range []struct {
		to    *C.uint64_t
		width C.int64_t
	}{{&at.q, at.d}, {&at.s, 1}, {&at.c, 1}, {&at.skip, 1}} {
		if *x.to != 0 {
			*x.to += first * C.uint64_t(x.width)
		}
	}
	at.batch, at.n = C.int64_t(batch), C.int64_t(rows)
	if int(at.total) != n { // one problem
		at.batch, at.n = 1, C.int64_t(batch*rows)
		return at
	}
	if at.ended != 0 {
		at.ended += C.uint64_t(8 * b0)
	}
	for _, x := range []struct {
		to       *C.uint64_t
		problems C.int64_t
		bytes    C.int64_t
	}{
		{&at.k, at.kproblems, 4 * at.m * at.d}, {&at.keys, at.kproblems, C.SPLIT_CHUNK * at.cols * at.chunks},
		{&at.ratio, at.kproblems, 4 * at.cols}, {&at.odd, at.kproblems, 4 * at.cols / C.SPLIT_ROWS}, {&at.extent, at.kproblems, 8},
		{&at.v, at.vproblems, 4 * at.m * at.dv}, {&at.values, at.vproblems, C.SPLIT_CHUNK * at.cols * at.vchunks}, {&at.vshift, at.vproblems, 4 * at.cols},
		{&at.vodd, at.vproblems, 4 * at.cols / C.SPLIT_ROWS}, {&at.vextent, at.vproblems, 4 * (32*at.vchunks + 1)}, {&at.squares, at.vproblems, 4 * at.cols},
		{&at.bias, at.bproblems, 8 * at.cols}, {&at.u, at.uproblems, 4 * at.m}, {&at.w, at.wproblems, 4 * at.m},
	} {
		if x.problems > 1 {
			*x.to += C.uint64_t(C.int64_t(b0) * x.bytes)
		}
	}
	return at
}

// scan splits the queries of a panel and goes over its keys.
func (m *mma) scan(at *C.softmax_mma_params, file, op string) error {
	if err := m.splitQueries(at); err != nil {
		return err
	}
	// Blocks enough for every multiprocessor, as far as there are parts to share out.
	at.groups = C.int64_t(max(1, min(int64(at.parts), ceilDiv(m.e.workers/4, m.tiles(at)))))
	return m.over(at, file, op)
}

// tiles returns the tiles of rows of a panel whose queries are split.
func (m *mma) tiles(at *C.softmax_mma_params) int64 {
	return int64(at.batch) * int64(at.rows) / C.MMA_TILE * int64(at.panels)
}

func (m *mma) splitQueries(at *C.softmax_mma_params) (err error) {
	at.rows = C.int64_t(ceilDiv(int64(at.n), C.MMA_TILE) * C.MMA_TILE)
	batch := int64(at.batch)
	if at.queries, err = m.scratch("split queries", C.SPLIT_CHUNK, batch, int64(at.rows), int64(at.chunks)); err != nil {
		return err
	}
	if at.scale, err = m.scratch("scales of queries", 4, batch, int64(at.rows)); err != nil {
		return err
	}
	q := C.split_params{
		x: at.q, extent: at.extent, cloud: at.queries, s: at.s, scale: at.scale, problems: at.batch, n: at.n, rows: at.rows, d: at.d, chunks: at.chunks,
		xstride: at.total * at.d, sstride: at.total, products: C.int64_t(m.np), base: at.base, factor: C.double(m.factor),
	}
	if at.kproblems > 1 {
		q.estride = 2
	}
	return m.launch("split", "split_queries", batch*int64(at.rows)/C.SPLIT_ROWS, C.SPLIT_THREADS, &q)
}

// over launches a kernel that goes over the keys of a panel.
func (m *mma) over(at *C.softmax_mma_params, file, op string) error {
	if m.grouped != "" {
		file, op = m.grouped, strings.Replace(op, "_mma_", "_wgmma_", 1)
	}
	return launchShared(m.e, kernel{file, op, "f32"}, m.tiles(at)*int64(at.groups), m.threads, m.shared, at)
}
