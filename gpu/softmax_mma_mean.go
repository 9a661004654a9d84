//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"fmt"
	"math"
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
	defer m.free()
	if err != nil {
		return err
	}
	p := &m.p
	p.v, p.dv, p.vchunks = addr(values), C.int64_t(dv), C.int64_t(max(1, ceilDiv(dv, 32*form))*form)
	p.panels = p.vchunks / C.int64_t(form)
	m.threads, m.shared = int64(C.mean_threads(p.chunks)), int64(C.mean_shared(p.chunks))
	if r.e.groupMeans {
		m.grouped, m.threads, m.shared = "softmax_wgmma_mean", C.WGMMA_THREADS, int64(C.wgmma_mean_shared(p.chunks))
	}
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
