//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"monge/engine"

	"gorgonia.org/cu"
)

// panelStore is how many weights r_ij, and products of them with tangents, are kept at a time, as long as
// that is enough for the fewest rows.
const panelStore = 1 << 23

// Softmax implements engine.Engine.
func (e *Engine) Softmax(a *engine.Softmax) error {
	s, err := engine.CheckSoftmax(a)
	if err != nil {
		return err
	}
	if err := e.own(a.Q, a.K, a.V, a.S, a.U, a.C, a.W, a.Skip, a.T, a.A, a.LSE, a.Mean, a.Second, a.TMean, a.ColSum, a.Max, a.Arg); err != nil {
		return err
	}
	leave, err := e.enter(operation{"Softmax", "BNMDVP", [6]int{s.B, s.N, s.M, s.D, s.Dv, s.P}})
	if err != nil {
		return err
	}
	defer leave()
	r := softmax{e: e, a: a, s: s, t: a.Q.Dtype()}
	defer r.free()
	return e.fail(r.run())
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
}

func (r *softmax) free() {
	for _, x := range r.held {
		r.e.put(x)
	}
}

func (r *softmax) scratch(what string, size int, sizes ...int64) (C.uint64_t, error) {
	x, err := r.e.get(what, int64(size), sizes...)
	r.held = append(r.held, x)
	return C.uint64_t(x), err
}

func (r *softmax) launch(op string, blocks, threads int64) error {
	return launch(r.e, typed("softmax", "softmax_"+op, r.t), blocks, threads, &r.p)
}

func (r *softmax) run() (err error) {
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
	values := a.V
	if values == nil {
		values = a.K
	}
	r.p = C.softmax_params{
		q: addr(a.Q), k: addr(a.K), v: addr(values), s: addr(a.S), u: addr(a.U), c: addr(a.C), w: addr(a.W),
		skip: addr(a.Skip), t: addr(a.T), a: addr(a.A),
		lse: addr(a.LSE), second: addr(a.Second), max: addr(a.Max), arg: addr(a.Arg), colsum: addr(a.ColSum),
		n: C.int64_t(s.N), m: C.int64_t(s.M), d: C.int64_t(s.D), dv: C.int64_t(s.Dv),
		kstride: stride(a.K), vstride: stride(values), ustride: stride(a.U), wstride: stride(a.W),
		batch: C.int64_t(s.B), rows: C.int64_t(s.N), scale: C.double(a.Scale), ended: addr(r.ended),
	}
	p := &r.p
	if p.scale == 0 {
		p.scale = 1
	}
	if p.state, err = r.scratch("sums of rows", 8, int64(s.B), int64(s.N), 2); err != nil {
		return err
	}
	if err := r.launch("scan", int64(s.B)*ceilDiv(int64(s.N), C.SCAN_ROWS), C.SCAN_THREADS); err != nil {
		return err
	}
	if a.Second != nil {
		problems, _, _ := values.Shape()
		if p.norms, err = r.scratch("norms of values", 8, int64(problems), int64(s.M)); err != nil {
			return err
		}
		if problems > 1 {
			p.nstride = C.int64_t(s.M)
		}
		if err := r.launch("norms", ceilDiv(int64(problems)*int64(s.M), C.WARP_ROWS), C.WARP_THREADS); err != nil {
			return err
		}
	}
	// Column sums have their own panels beside tangents: their partition must not depend on them.
	switch main := a.Mean != nil || a.Second != nil; {
	case a.ColSum == nil && (main || a.TMean != nil):
		return r.panels(main, a.TMean != nil, false)
	case a.ColSum != nil && a.TMean != nil:
		if err := r.panels(main, false, true); err != nil {
			return err
		}
		return r.panels(false, true, false)
	case a.ColSum != nil:
		return r.panels(main, false, true)
	}
	return nil
}

// panels goes through the weights panel by panel, for the outputs asked for.
func (r *softmax) panels(main, tangents, columns bool) (err error) {
	p, b, n, m := &r.p, int64(r.s.B), int64(r.s.N), int64(r.s.M)
	np := int64(0)
	if tangents {
		np = int64(r.s.P)
	}
	p.np = C.int64_t(np)
	batch, rows := panel(b, n, m*(1+np), columns)
	if p.e, err = r.scratch("softmax weights", r.t.Size(), batch, rows, m); err != nil {
		return err
	}
	if tangents {
		if p.f, err = r.scratch("softmax weights of tangents", r.t.Size(), batch, rows, np, m); err != nil {
			return err
		}
	}
	if columns {
		if p.parts, err = r.scratch("partial column sums", 8, batch, ceilDiv(rows, C.COLSUM_ROWS), m); err != nil {
			return err
		}
		if p.acc, err = r.scratch("column sums", 8, batch, m); err != nil {
			return err
		}
	}
	for b0 := int64(0); b0 < b; b0 += batch {
		for i0 := int64(0); i0 < n; i0 += rows {
			p.b0, p.batch = C.int64_t(b0), C.int64_t(min(batch, b-b0))
			p.i0, p.rows = C.int64_t(i0), C.int64_t(min(rows, n-i0))
			if err := r.panel(main, tangents, columns); err != nil {
				return err
			}
		}
	}
	return nil
}

// panel returns how many problems or, of one problem, how many rows of the given width of weights make a
// panel. With columns that depends on the sizes of a problem alone, and cuts at whole parts of column sums.
func panel(b, n, width int64, columns bool) (batch, rows int64) {
	if width == 0 || n <= panelStore/width {
		return min(b, max(1, panelStore/max(1, n*width))), n
	}
	rows = max(1, panelStore/width)
	switch {
	case columns:
		rows = max(C.COLSUM_ROWS, rows/C.COLSUM_ROWS*C.COLSUM_ROWS)
	case rows > C.SCAN_ROWS:
		rows = rows / C.SCAN_ROWS * C.SCAN_ROWS
	}
	return 1, min(n, rows)
}

func (r *softmax) panel(main, tangents, columns bool) error {
	p, m, dv := &r.p, int64(r.s.M), int64(r.s.Dv)
	batch, rows, np := int64(p.batch), int64(p.rows), int64(p.np)
	if err := r.launch("weights", scanTiles(batch, rows, m), C.SCAN_THREADS); err != nil {
		return err
	}
	if main && r.a.Mean != nil {
		if err := r.means(p.e, addr(r.a.Mean), 1); err != nil {
			return err
		}
	}
	if main && r.a.Second != nil {
		if err := r.launch("second", ceilDiv(batch*rows, C.WARP_ROWS), C.WARP_THREADS); err != nil {
			return err
		}
	}
	if tangents && np > 0 && dv > 0 {
		if err := r.launch("tangents", scanTiles(batch, rows*np, m), C.SCAN_THREADS); err != nil {
			return err
		}
		if err := r.means(p.f, addr(r.a.TMean), np); err != nil {
			return err
		}
	}
	if !columns {
		return nil
	}
	if err := r.launch("colsum", batch*ceilDiv(rows, C.COLSUM_ROWS)*ceilDiv(m, C.ELEMENT_THREADS), C.ELEMENT_THREADS); err != nil {
		return err
	}
	return r.launch("merge", ceilDiv(batch*m, C.ELEMENT_THREADS), C.ELEMENT_THREADS)
}

// means multiplies a panel's weights, per rows for each row of the queries, with the values.
func (r *softmax) means(weights, out C.uint64_t, per int64) error {
	p, size := &r.p, C.int64_t(r.t.Size())
	n, k := C.int64_t(per), C.int64_t(r.s.M)
	first := (p.b0*p.n + p.i0) * n * p.dv
	return r.e.matMul(r.t, &C.matmul_params{
		out: out + C.uint64_t(first*size), x: weights, y: p.v + C.uint64_t(p.b0*p.vstride*size),
		batch: p.batch, n: p.rows * n, k: k, m: p.dv,
		ostride: p.n * n * p.dv, xstride: p.rows * n * k, ystride: p.vstride,
	})
}

func scanTiles(batch, n, m int64) int64 {
	return batch * ceilDiv(n, C.SCAN_ROWS) * ceilDiv(m, C.SCAN_COLS)
}
