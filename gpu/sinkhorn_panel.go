//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"math"

	"monge/engine"
)

// From so many coordinates on it takes less time to write and read the exponential of a pair than to multiply its points
// again. Estimates from data sheets:
const (
	// In float64 16 bytes at 1.5 to 3.3 TB/s and 2 d operations at 10 to 34 TFLOP/s: 50 to 80 coordinates.
	panelDepth = 97
	// In float32 8 bytes, and by the tensor cores 2 d operations of fp16 for each of the products that stand for one. Of those
	// by mma.sync, at two thirds of the card's rate but on compute capability 8.0: 312 TFLOP/s and 2.0 TB/s of an A100, 660 and
	// 4.8 of an H200, 660 and 3.35 of an H100 give 610, 550 and 790 coordinates times products; fewer, as far as the writing
	// hides behind the products.
	panelProducts = 768
	// By warpgroups, at the full rate: 825 on an H200, 1,180 on an H100.
	panelGroupProducts = 1152
)

// wide tells whether the passes go through panels. It depends on the sizes of a problem and the device alone.
func (k *sinkhorn) wide() bool {
	least := panelDepth
	if k.t == engine.F32 {
		if least = panelProducts; k.e.groups {
			least = panelGroupProducts
		}
		least /= int(k.products())
	}
	// Without the tensor cores float32 is what they are held to, by two reductions.
	return k.D >= least && !k.small() && (k.t == engine.F64 || !k.e.scalar)
}

// panelBytes bounds the exponentials of a panel: those of a thousand rows of 50,000 columns in float32, so that launches take
// little time beside their work.
const panelBytes = 1 << 28

// sinkhornPanels is the panel form of a call's passes.
type sinkhornPanels struct {
	*sinkhorn
	p           C.sinkhorn_panel_params
	batch, rows int64 // of a panel
	points      engine.Softmax
	mma         *mma    // in float32
	redone      *buffer // columns' half by a reduction
	idle        *buffer // I32 [B, 2], as State: problems whose columns that leaves out
}

func (k *sinkhorn) panels() (*sinkhornPanels, error) {
	s := &sinkhornPanels{sinkhorn: k}
	if err := s.prepare(); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

func (s *sinkhornPanels) free() {
	if s.mma != nil {
		s.mma.free()
	}
}

func (s *sinkhornPanels) prepare() error {
	k := s.sinkhorn
	n, m := int64(k.N), int64(k.M)
	var ref, columns *buffer
	for _, x := range []struct {
		to   **buffer
		what string
		t    engine.Dtype
		n    int
	}{
		{&ref, "sums of rows before", k.t, k.N},
		{&columns, "sums of columns of the plan", engine.F64, k.M},
		{&s.redone, "columns done again", k.t, k.M},
		{&s.idle, "problems without such columns", engine.I32, 2},
	} {
		if err := k.scratch(x.to, x.what, x.t, x.n); err != nil {
			return err
		}
	}
	k.p.ref, k.p.idle = addr(ref), addr(s.idle)
	s.p = C.sinkhorn_panel_params{
		x: addr(k.a.X), y: addr(k.a.Y), columns: addr(columns), redone: addr(s.redone), d: C.int64_t(k.D),
		bias: addr(k.u), bstride: C.int64_t(m), pitch: C.int64_t(m), slots: C.int64_t(ceilDiv(m, C.TILE_COLS)),
	}
	if k.t == engine.F32 {
		if err := s.split(); err != nil {
			return err
		}
	}
	size := int64(k.t.Size())
	s.batch, s.rows = panel(k.e.panelBytes/size, int64(k.B), n, int64(s.p.pitch), true)
	for _, x := range []struct {
		to    *C.uint64_t
		what  string
		size  int64
		sizes []int64
	}{
		{&s.p.e, "exponentials of a panel", size, []int64{s.batch, s.rows, int64(s.p.pitch)}},
		{&s.p.parts, "partial sums of rows", 2 * size, []int64{s.batch, s.rows, int64(s.p.slots)}},
		{&s.p.retry, "rows done again", size, []int64{s.batch, s.rows}},
		{&s.p.weights, "weights of a panel's rows", 8, []int64{s.batch, s.rows}},
		{&s.p.sums, "partial sums of columns", 8, []int64{s.batch, ceilDiv(s.rows, C.COLSUM_ROWS), m}},
	} {
		ptr, err := k.e.get(x.what, x.size, x.sizes...)
		k.held = append(k.held, ptr)
		if err != nil {
			return err
		}
		*x.to = C.uint64_t(ptr)
	}
	return nil
}

// split prepares the products of the tensor cores.
func (s *sinkhornPanels) split() (err error) {
	k := s.sinkhorn
	s.points = engine.Softmax{Q: k.a.X, K: k.a.Y, S: k.s, U: k.u}
	r := softmax{e: k.e, a: &s.points, s: engine.SoftmaxDims{B: k.B, N: k.N, M: k.M, D: k.D}, t: k.t, ended: k.a.State}
	if s.mma, err = newMMA(&r, k.products(), math.Log2E, streamingChunks, false); err != nil {
		return err
	}
	p := &s.mma.p
	p.part_keys = C.SINKHORN_PART
	p.parts = C.int64_t(ceilDiv(int64(k.M), C.SINKHORN_PART))
	p.slots = 4 * C.MMA_ANY_WARPS * p.parts
	if k.e.groups {
		s.mma.group()
		s.mma.grouped = "sinkhorn_wgmma"
	}
	p.groups = p.parts // a block each
	s.p.bias, s.p.bstride, s.p.pitch, s.p.slots, s.p.extent = p.bias, 2*p.cols, p.cols, p.slots, p.extent
	return nil
}

func (s *sinkhornPanels) launch(op string, blocks, threads int64) error {
	s.p.loop = s.sinkhorn.p
	return launch(s.e, typed("sinkhorn_panel", "sinkhorn_panel"+op, s.t), blocks, threads, &s.p)
}

// pass queues one pass.
func (s *sinkhornPanels) pass() error {
	n, m := int64(s.N), int64(s.M)
	if s.mma != nil {
		if err := s.mma.prepareBiases(false); err != nil {
			return err
		}
	}
	for b0 := int64(0); b0 < int64(s.B); b0 += s.batch {
		for i0 := int64(0); i0 < n; i0 += s.rows {
			batch, rows := min(s.batch, int64(s.B)-b0), min(s.rows, n-i0)
			s.p.b0, s.p.batch, s.p.i0, s.p.rows = C.int64_t(b0), C.int64_t(batch), C.int64_t(i0), C.int64_t(rows)
			if err := s.spend(batch * rows * m * int64(s.D+64)); err != nil {
				return err
			}
			if err := s.exponentials(); err != nil {
				return err
			}
			if err := s.launch("_columns", batch*ceilDiv(rows, C.COLSUM_ROWS)*ceilDiv(m, C.ELEMENT_THREADS), C.ELEMENT_THREADS); err != nil {
				return err
			}
			if err := s.launch("_merge", ceilDiv(batch*m, C.ELEMENT_THREADS), C.ELEMENT_THREADS); err != nil {
				return err
			}
		}
	}
	if err := s.sinkhorn.launch("rows"); err != nil {
		return err
	}
	s.p.b0, s.p.batch = 0, C.int64_t(s.B)
	columns := ceilDiv(int64(s.B)*m, C.ELEMENT_THREADS)
	if err := s.launch("_log", columns, C.ELEMENT_THREADS); err != nil {
		return err
	}
	if err := s.half(&engine.Softmax{Q: s.a.Y, K: s.a.X, S: s.scale, U: s.v, LSE: s.redone}, s.idle); err != nil {
		return err
	}
	if err := s.launch("_take", columns, C.ELEMENT_THREADS); err != nil {
		return err
	}
	return s.sinkhorn.launch("columns")
}

// exponentials queues those of a panel, and again those of rows out of range.
func (s *sinkhornPanels) exponentials() error {
	p := &s.p
	batch, rows := int64(p.batch), int64(p.rows)
	products := func() error {
		return s.launch("", batch*ceilDiv(rows, tileRows(s.t))*ceilDiv(int64(s.M), C.TILE_COLS), C.TILE_THREADS)
	}
	if s.mma != nil {
		held := len(s.mma.held)
		defer s.mma.release(held)
		at := s.mma.panel(&s.points, int64(p.b0), batch, int64(p.i0), rows)
		at.e, at.part = p.e, p.parts
		if err := s.mma.splitQueries(&at); err != nil {
			return err
		}
		op := "sinkhorn_mma_x3"
		if s.mma.np == fast {
			op = "sinkhorn_mma_x1"
		}
		products = func() error {
			at.ref, at.again = s.sinkhorn.p.ref+C.uint64_t(4*(p.b0*C.int64_t(s.N)+p.i0)), p.again
			if p.again != 0 {
				at.ref = p.retry
			}
			return s.mma.over(&at, "sinkhorn_mma", op)
		}
	}
	for p.again = 0; p.again < 2; p.again++ {
		if err := products(); err != nil {
			return err
		}
		if err := s.launch("_rows", ceilDiv(batch*rows, C.WARP_ROWS), C.WARP_THREADS); err != nil {
			return err
		}
	}
	return nil
}
