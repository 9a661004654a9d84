//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"monge/engine"

	"gorgonia.org/cu"
)

// Softmax implements engine.Engine.
func (e *Engine) Softmax(a *engine.Softmax) error { return e.softmax(a, full) }

// softmax is Softmax with the dot products that the tensor cores form at the given precision. LSE alone can be fast.
func (e *Engine) softmax(a *engine.Softmax, np precision) error {
	s, err := engine.CheckSoftmax(a)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"Softmax", "BNMDVP", [6]int{s.B, s.N, s.M, s.D, s.Dv, s.P}},
		reads{a.Q, a.K, a.V, a.S, a.U, a.C, a.W, a.Skip, a.T, a.A}, a.LSE, a.Mean, a.Second, a.TMean, a.ColSum, a.Max, a.Arg)
	if err != nil {
		return err
	}
	defer leave()
	r := softmax{e: e, a: a, s: s, t: a.Q.Dtype()}
	defer r.free()
	return e.fail(r.run(np))
}

// softmax is one call of Softmax.
type softmax struct {
	e *Engine
	a *engine.Softmax
	s engine.SoftmaxDims
	t engine.Dtype
	p C.softmax_params
	// ended may hold an I32 [B, 2] whose second number says which problems' results nobody wants: an outer
	// loop that has queued more than it needed.
	ended engine.Buffer
	held  []cu.DevicePtr // scratch
	keys  *mma           // split keys, where the tensor cores multiply panels
	split *mma           // and split values
}

func (r *softmax) free() {
	for _, m := range []*mma{r.keys, r.split} {
		if m != nil {
			m.free()
		}
	}
	for _, x := range r.held {
		r.e.put(x)
	}
}

// scratch takes memory for DTYPE numbers.
func (r *softmax) scratch(what string, sizes ...int64) (C.uint64_t, error) {
	return r.bytes(what, r.t.Size(), sizes...)
}

func (r *softmax) bytes(what string, size int, sizes ...int64) (C.uint64_t, error) {
	x, err := r.e.get(what, int64(size), sizes...)
	r.held = append(r.held, x)
	return C.uint64_t(x), err
}

func (r *softmax) launch(file, op string, blocks, threads int64) error {
	return launch(r.e, typed(file, op, r.t), blocks, threads, &r.p)
}

func (r *softmax) run(np precision) error {
	a, s := r.a, r.s
	if s.B == 0 {
		return nil
	}
	if s.N == 0 {
		if x, ok := a.ColSum.(*buffer); ok && engine.Len(x) > 0 {
			return check(cu.MemsetD8Async(x.ptr, 0, int64(engine.Len(x)*x.t.Size()), r.e.stream))
		}
		return nil
	}
	if r.tensor() && r.fusedTensor() {
		return r.scanTensor(np)
	}
	values := r.values()
	r.p = C.softmax_params{
		q: addr(a.Q), k: addr(a.K), v: addr(values), s: addr(a.S), u: addr(a.U), c: addr(a.C), w: addr(a.W),
		skip: addr(a.Skip), t: addr(a.T), a: addr(a.A),
		lse: addr(a.LSE), mean: addr(a.Mean), second: addr(a.Second), max: addr(a.Max), arg: addr(a.Arg), colsum: addr(a.ColSum),
		n: C.int64_t(s.N), m: C.int64_t(s.M), d: C.int64_t(s.D), dv: C.int64_t(s.Dv),
		kstride: stride(a.K), vstride: stride(values), ustride: stride(a.U), wstride: stride(a.W),
		batch: C.int64_t(s.B), rows: C.int64_t(s.N), scale: C.double(a.Scale), ended: addr(r.ended),
	}
	if r.p.scale == 0 {
		r.p.scale = 1
	}
	wide := 0 // numbers that a fused pass has in registers for a query
	if a.Mean != nil || a.Second != nil {
		wide = max(s.D, s.Dv)
	}
	if a.ColSum == nil && a.TMean == nil && wide <= smallDims {
		return r.fused(wide)
	}
	return r.throughMemory(values)
}

func (r *softmax) values() engine.Buffer {
	if r.a.V == nil {
		return r.a.K
	}
	return r.a.V
}

// each calls f for panels of batch problems, or of rows of one problem, in their order.
func (r *softmax) each(batch, rows int64, f func() error) error {
	p, b, n := &r.p, int64(r.s.B), int64(r.s.N)
	for b0 := int64(0); b0 < b; b0 += batch {
		for i0 := int64(0); i0 < n; i0 += rows {
			p.b0, p.batch = C.int64_t(b0), C.int64_t(min(batch, b-b0))
			p.i0, p.rows = C.int64_t(i0), C.int64_t(min(rows, n-i0))
			if err := f(); err != nil {
				return err
			}
		}
	}
	return nil
}

// panelStore is how many numbers of scratch of a kind a panel of rows has at most, as long as that is enough for
// the fewest rows.
const panelStore = 1 << 23

// panel returns how many problems or, of one problem, how many rows that need width numbers each make a panel of store
// numbers: with columns whole parts of column sums.
func panel(store, b, n, width int64, columns bool) (batch, rows int64) {
	if width == 0 || n <= store/width {
		return min(b, max(1, store/max(1, n*width))), n
	}
	rows = max(1, store/width)
	switch {
	case columns:
		rows = max(C.COLSUM_ROWS, rows/C.COLSUM_ROWS*C.COLSUM_ROWS)
	case rows > C.TILE_ROWS_F32:
		rows = rows / C.TILE_ROWS_F32 * C.TILE_ROWS_F32
	}
	return 1, min(n, rows)
}
