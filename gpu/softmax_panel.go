//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// throughMemory keeps weights of panels of rows in memory, for what goes over them again: means of wide values,
// tangents, column sums.
func (r *softmax) throughMemory(values engine.Buffer) (err error) {
	p, a, m := &r.p, r.a, int64(r.s.M)
	if a.Second != nil {
		problems, _, _ := values.Shape()
		if p.norms, err = r.scratch("norms of values", int64(problems), m); err != nil {
			return err
		}
		if problems > 1 {
			p.nstride = C.int64_t(m)
		}
		if err := r.launch("softmax_panel", "softmax_norms", ceilDiv(int64(problems)*m, C.WARP_ROWS), C.WARP_THREADS); err != nil {
			return err
		}
	}
	if a.ColSum == nil || a.TMean == nil {
		return r.panels(a.Mean != nil, a.TMean != nil, a.ColSum != nil)
	}
	// Column sums need many rows in a panel, and tangents much memory for a row.
	if err := r.panels(a.Mean != nil, false, true); err != nil {
		return err
	}
	return r.panels(false, true, false)
}

// panels goes through the weights panel by panel, for the outputs asked for beside those of rows alone.
func (r *softmax) panels(mean, tangents, columns bool) (err error) {
	p, b, n, m := &r.p, int64(r.s.B), int64(r.s.N), int64(r.s.M)
	np := int64(0)
	if tangents {
		np = int64(r.s.P)
	}
	p.np = C.int64_t(np)
	batch, rows := panel(panelStore, b, n, m*(1+np), columns)
	if p.e, err = r.scratch("softmax weights", batch, rows, m); err != nil {
		return err
	}
	if p.inverse, err = r.bytes("sums of rows", 8, batch, rows); err != nil {
		return err
	}
	if tangents {
		if p.f, err = r.scratch("softmax weights of tangents", batch, rows, np, m); err != nil {
			return err
		}
	}
	if columns {
		if p.parts, err = r.bytes("partial column sums", 8, batch, ceilDiv(rows, C.COLSUM_ROWS), m); err != nil {
			return err
		}
		if p.acc, err = r.bytes("column sums", 8, batch, m); err != nil {
			return err
		}
	}
	return r.each(batch, rows, func() error { return r.panel(mean, tangents, columns) })
}

func (r *softmax) panel(mean, tangents, columns bool) error {
	p, m, dv := &r.p, int64(r.s.M), int64(r.s.Dv)
	batch, rows, np := int64(p.batch), int64(p.rows), int64(p.np)
	var err error
	if r.tensor() {
		err = r.logitsTensor()
	} else {
		err = r.tiles("softmax_logits", rows)
	}
	if err != nil {
		return err
	}
	if err := r.launch("softmax_panel", "softmax_rows", batch*rows, int64(C.row_threads(p.m))); err != nil {
		return err
	}
	if mean {
		if r.tensor() && dv >= leastValues {
			err = r.averageTensor()
		} else {
			err = r.means(p.e, addr(r.a.Mean), 1)
		}
		if err != nil {
			return err
		}
	}
	if tangents && np > 0 && dv > 0 {
		if r.tensor() {
			err = r.tangentsTensor()
		} else {
			err = r.tiles("softmax_tangents", rows*np)
		}
		if err != nil {
			return err
		}
		if err := r.means(p.f, addr(r.a.TMean), np); err != nil {
			return err
		}
	}
	if !columns {
		return nil
	}
	if err := r.launch("softmax_panel", "softmax_colsum", batch*ceilDiv(rows, C.COLSUM_ROWS)*ceilDiv(m, C.ELEMENT_THREADS), C.ELEMENT_THREADS); err != nil {
		return err
	}
	return r.launch("softmax_panel", "softmax_merge", ceilDiv(batch*m, C.ELEMENT_THREADS), C.ELEMENT_THREADS)
}

// tiles launches a kernel on tiles of rows x m.
func (r *softmax) tiles(op string, rows int64) error {
	batch, tile, across := int64(r.p.batch), tileRows(r.t), ceilDiv(int64(r.s.M), C.TILE_COLS)
	if r.e.thin(batch, rows, tile, across) {
		op, tile = op+"_thin", C.TILE_THIN
	}
	return r.launch("softmax_panel", op, batch*ceilDiv(rows, tile)*across, C.TILE_THREADS)
}

// means multiplies a panel's weights, per rows for each row of the queries, with the values.
func (r *softmax) means(weights, out C.uint64_t, per int64) error {
	p, size := &r.p, C.int64_t(r.t.Size())
	n, k := C.int64_t(per), C.int64_t(r.s.M)
	first := (p.b0*p.n + p.i0) * n * p.dv
	return r.e.matMul(r.t, &C.matmul_params{
		out: out + C.uint64_t(first*size), x: weights, y: p.v + C.uint64_t(p.b0*p.vstride*size),
		scale: p.inverse, per: n,
		batch: p.batch, n: p.rows * n, k: k, m: p.dv,
		ostride: p.n * n * p.dv, xstride: p.rows * n * k, ystride: p.vstride,
	})
}
