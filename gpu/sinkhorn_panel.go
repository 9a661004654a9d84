//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// panelDepth is the number of coordinates above which it takes less time to write and read the exponential of
// a pair than to multiply its points again: 16 bytes at 1.5 to 3.3 TB/s, and 2 d operations of float64 at 10 to
// 34 TFLOP/s, so from 50 to 80 on. An estimate from data sheets.
const panelDepth = 96

// sinkhornPanels is the panel form of a call's passes.
type sinkhornPanels struct {
	*sinkhorn
	p           C.sinkhorn_panel_params
	batch, rows int64 // of a panel
	first       *buffer
	started     *buffer // I32 [B, 2], made by sinkhorn_begin: what need not look for that
}

func (k *sinkhorn) panels() (*sinkhornPanels, error) {
	s := &sinkhornPanels{sinkhorn: k}
	n, m := int64(k.N), int64(k.M)
	s.batch, s.rows = panel(int64(k.B), n, m, true)
	var ref, columns *buffer
	for _, x := range []struct {
		to   **buffer
		what string
		t    engine.Dtype
		n    int
	}{
		{&ref, "sums of rows before", k.t, k.N},
		{&s.first, "first sums of rows", k.t, k.N},
		{&columns, "sums of columns of the plan", engine.F64, k.M},
		{&s.started, "problems under way", engine.I32, 2},
	} {
		if err := k.scratch(x.to, x.what, x.t, x.n); err != nil {
			return nil, err
		}
	}
	k.p.ref, k.p.started = addr(ref), addr(s.started)
	s.p = C.sinkhorn_panel_params{x: addr(k.a.X), y: addr(k.a.Y), first: addr(s.first), columns: addr(columns), d: C.int64_t(k.D)}
	for _, x := range []struct {
		to    *C.uint64_t
		what  string
		size  int
		sizes []int64
	}{
		{&s.p.e, "exponentials of a panel", k.t.Size(), []int64{s.batch, s.rows, m}},
		{&s.p.parts, "partial sums of rows", 8, []int64{s.batch, s.rows, ceilDiv(m, C.TILE_COLS)}},
		{&s.p.weights, "weights of a panel's rows", 8, []int64{s.batch, s.rows}},
		{&s.p.sums, "partial sums of columns", 8, []int64{s.batch, ceilDiv(s.rows, C.COLSUM_ROWS), m}},
	} {
		ptr, err := k.e.get(x.what, int64(x.size), x.sizes...)
		k.held = append(k.held, ptr)
		if err != nil {
			return nil, err
		}
		*x.to = C.uint64_t(ptr)
	}
	return s, nil
}

func (s *sinkhornPanels) launch(op string, blocks, threads int64) error {
	s.p.loop = s.sinkhorn.p
	return launch(s.e, typed("sinkhorn_panel", "sinkhorn_panel"+op, s.t), blocks, threads, &s.p)
}

// begin queues what a problem's first pass takes for the sums of the one before.
func (s *sinkhornPanels) begin() error {
	return s.half(&engine.Softmax{Q: s.a.X, K: s.a.Y, S: s.s, U: s.u, LSE: s.first}, s.started)
}

// pass queues one pass.
func (s *sinkhornPanels) pass() error {
	n, m := int64(s.N), int64(s.M)
	for b0 := int64(0); b0 < int64(s.B); b0 += s.batch {
		for i0 := int64(0); i0 < n; i0 += s.rows {
			batch, rows := min(s.batch, int64(s.B)-b0), min(s.rows, n-i0)
			s.p.b0, s.p.batch, s.p.i0, s.p.rows = C.int64_t(b0), C.int64_t(batch), C.int64_t(i0), C.int64_t(rows)
			if err := s.spend(batch * rows * m * int64(s.D+64)); err != nil {
				return err
			}
			for _, l := range []struct {
				op              string
				blocks, threads int64
			}{
				{"", batch * ceilDiv(rows, tileRows(s.t)) * ceilDiv(m, C.TILE_COLS), C.TILE_THREADS},
				{"_rows", ceilDiv(batch*rows, C.WARP_ROWS), C.WARP_THREADS},
				{"_columns", batch * ceilDiv(rows, C.COLSUM_ROWS) * ceilDiv(m, C.ELEMENT_THREADS), C.ELEMENT_THREADS},
				{"_merge", ceilDiv(batch*m, C.ELEMENT_THREADS), C.ELEMENT_THREADS},
			} {
				if err := s.launch(l.op, l.blocks, l.threads); err != nil {
					return err
				}
			}
		}
	}
	if err := s.sinkhorn.launch("rows"); err != nil {
		return err
	}
	s.p.b0, s.p.batch = 0, C.int64_t(s.B)
	if err := s.launch("_log", int64(s.B)*ceilDiv(m, C.ELEMENT_THREADS), C.ELEMENT_THREADS); err != nil {
		return err
	}
	return s.sinkhorn.launch("columns")
}
