//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"fmt"
	"math"

	"gorgonia.org/cu"
)

// meanDims is the most dimensions for which a pass with means makes its logits anew for every panel of the values' columns.
// From about twice as many on that takes longer than to write weights and to read them again, 16 bytes a pair: an
// estimate from data sheets.
const meanDims = 128

// meansTensor computes LSE, Mean and Second in one pass, without keeping anything of a pair.
func (r *softmax) meansTensor() error {
	values, dv := r.values(), int64(r.s.Dv)
	form := int64(1) // chunks of 32 dimensions of keys and of a panel of values
	for most := int64(meanDims / 32); form < most && (form < ceilDiv(int64(r.s.D), 32) || form < ceilDiv(dv, 32)); {
		form *= 2
	}
	m, err := newMMA(r, full, math.Log2E, form, r.a.C != nil || r.a.Second != nil)
	defer m.release(0)
	if err != nil {
		return err
	}
	p := &m.p
	p.v, p.dv, p.vchunks = addr(values), C.int64_t(dv), C.int64_t(max(1, ceilDiv(dv, 32*form))*form)
	p.panels = p.vchunks / C.int64_t(form)
	m.threads, m.shared = int64(C.mean_threads(p.chunks)), int64(C.mean_shared(p.chunks))
	m.state = 4 * int64(p.parts) * (C.MEAN_STATE + 32*int64(p.vchunks))
	if err := m.splitValues(); err != nil {
		return err
	}
	op := fmt.Sprintf("softmax_mma_mean_d%d", 32*form)
	if r.a.Second != nil {
		op += "_second"
	} else if r.a.C != nil {
		op += "_tilt"
	}
	return m.pass(r.a, "softmax_mma_mean", op, "softmax_means")
}

// splitValues splits the values in panels of as many chunks as the keys have.
func (m *mma) splitValues() (err error) {
	p := &m.p
	n, cols, width := int64(p.vproblems), int64(p.cols), 32*int64(p.vchunks)+1
	for _, x := range []struct {
		to    *C.uint64_t
		what  string
		size  int
		sizes []int64
	}{
		{&p.values, "split values", C.SPLIT_CHUNK, []int64{n, cols, int64(p.vchunks)}},
		{&p.vshift, "shifts of values", 4, []int64{n, cols}},
		{&p.squares, "squares of values", 4, []int64{n, cols}},
		{&p.vodd, "marks of values", 4, []int64{n, cols / C.SPLIT_ROWS}},
		{&p.vextent, "extents of values", 4, []int64{n, width}},
	} {
		if *x.to, err = m.scratch(x.what, x.size, x.sizes...); err != nil {
			return err
		}
	}
	if err := check(cu.MemsetD8Async(cu.DevicePtr(p.vextent), 0, 4*n*width, m.e.stream)); err != nil {
		return err
	}
	split := C.values_params{
		x: p.v, extent: p.vextent, cloud: p.values, shift: p.vshift, squares: p.squares, odd: p.vodd,
		problems: p.vproblems, n: p.m, rows: p.cols, d: p.dv, chunks: p.vchunks, across: p.vchunks / p.panels, xstride: p.m * p.dv,
	}
	if err := launch(m.e, kernel{"split", "split_columns", "f32"}, n*ceilDiv(int64(p.m), C.SPLIT_ROWS), C.SPLIT_THREADS, &split); err != nil {
		return err
	}
	return launch(m.e, kernel{"split", "split_values", "f32"}, n*cols/C.SPLIT_ROWS, C.SPLIT_THREADS, &split)
}
