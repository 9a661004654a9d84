//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"math"

	"monge/engine"
)

// leastDims is the fewest dimensions for which the tensor cores pay: with fewer, padding to chunks of 32 and the
// splitting cost more than the products.
const leastDims = 16

// mmaStore bounds the bytes of scratch that a panel of rows takes.
const mmaStore = 1 << 28

// tensor says whether the products of a call are the tensor cores'. It depends on nothing that changes a row's company.
func (r *softmax) tensor() bool {
	return r.t == engine.F32 && !r.e.scalar && r.s.M > 0 && (r.s.D >= leastDims || r.fusedTensor() && (r.a.Mean != nil || r.a.Second != nil) && r.s.Dv > smallDims)
}

// fusedTensor says whether one pass of the tensor cores has all outputs.
func (r *softmax) fusedTensor() bool {
	a := r.a
	return a.TMean == nil && a.ColSum == nil && (a.Mean == nil && a.Second == nil || r.s.D <= meanDims)
}

// averages says whether values are used in one pass.
func (r *softmax) averages() bool { return (r.a.Mean != nil || r.a.Second != nil) && r.fusedTensor() }

// scanTensor computes LSE, Max and Arg without keeping anything of a pair.
func (r *softmax) scanTensor(np precision) error {
	tilt := ""
	if r.a.C != nil {
		tilt = "_tilt"
	}
	if r.averages() {
		if err := r.meansTensor(); err != nil {
			return err
		}
	} else if r.a.LSE != nil {
		if err := r.sums(np, tilt); err != nil {
			return err
		}
	}
	if r.a.Max == nil && r.a.Arg == nil {
		return nil
	}
	m, err := newMMA(r, full, 1, 2, true)
	defer m.free()
	if err != nil {
		return err
	}
	if r.e.groups {
		m.group()
	}
	return m.pass(r.a, "softmax_mma_max", "softmax_mma_max_"+m.form, "softmax_maxima")
}

// sums computes LSE.
func (r *softmax) sums(np precision, tilt string) error {
	products := "x3_"
	if np == fast {
		products = "x1_"
	}
	m, err := newMMA(r, np, math.Log2E, 1, r.a.C != nil)
	defer m.free()
	if err != nil {
		return err
	}
	if r.e.groups {
		m.group()
	}
	return m.pass(r.a, "softmax_mma", "softmax_mma_"+products+m.form+tilt, "softmax_states")
}

// pass goes over all keys for all rows, panel by panel, and merges the states of parts.
func (m *mma) pass(a *engine.Softmax, file, scan, merge string) error {
	b, n, _ := a.Q.Shape()
	if m.p.values == 0 {
		m.state = 8 * int64(m.p.slots)
	}
	row := m.state + int64(m.p.chunks)*C.SPLIT_CHUNK
	batch, rows := int64(b), int64(n)
	if rows <= mmaStore/row {
		batch = min(batch, max(1, mmaStore/row/(rows+C.MMA_TILE)))
	} else {
		batch, rows = 1, max(C.MMA_TILE, mmaStore/row/C.MMA_TILE*C.MMA_TILE)
	}
	part := func(b0, i0 int64) (err error) {
		held := len(m.held)
		defer m.release(held)
		at := m.panel(a, b0, min(batch, int64(b)-b0), i0, min(rows, int64(n)-i0))
		for to, x := range map[*C.uint64_t]engine.Buffer{&at.lse: a.LSE, &at.max: a.Max, &at.arg: a.Arg, &at.mean: a.Mean, &at.second: a.Second} {
			if x != nil {
				_, _, width := x.Shape()
				*to = addr(x) + C.uint64_t(4*(b0*int64(n)+i0)*int64(width))
			}
		}
		if at.part, err = m.scratch("partial states", 1, int64(at.batch), int64(at.n), m.state); err != nil {
			return err
		}
		at.sums = at.part + C.uint64_t(4*C.MEAN_STATE)*C.uint64_t(at.batch*at.n*at.parts)
		if err := m.scan(&at, file, scan); err != nil {
			return err
		}
		return launch(m.e, kernel{file, merge, "f32"}, ceilDiv(int64(at.batch*at.n), C.WARP_ROWS), C.WARP_THREADS, &at)
	}
	for b0 := int64(0); b0 < int64(b); b0 += batch {
		for i0 := int64(0); i0 < int64(n); i0 += rows {
			if err := part(b0, i0); err != nil {
				return err
			}
		}
	}
	return nil
}

// logitsTensor writes the logits of the panel.
func (r *softmax) logitsTensor() error {
	m, err := r.products()
	if err != nil {
		return err
	}
	defer m.release(len(m.held))
	p := &r.p
	at := m.panel(r.a, int64(p.b0), int64(p.batch), int64(p.i0), int64(p.rows))
	at.e = p.e
	if err := m.scan(&at, "softmax_mma_panel", "softmax_mma_logits_"+m.form); err != nil {
		return err
	}
	return launch(m.e, kernel{"softmax_mma_panel", "softmax_odd", "f32"}, ceilDiv(int64(at.batch*at.n), C.WARP_ROWS), C.WARP_THREADS, &at)
}

// tangentsTensor writes the weights times products with tangents of the panel.
func (r *softmax) tangentsTensor() error {
	m, err := r.products()
	if err != nil {
		return err
	}
	defer m.release(len(m.held))
	p := &r.p
	at := m.panel(r.a, int64(p.b0), int64(p.batch), int64(p.i0), int64(p.rows))
	at.q = p.t + C.uint64_t(4*(p.b0*p.n+p.i0)*p.np*p.d)
	at.s, at.c, at.skip, at.base = 0, 0, 0, 1
	at.np, at.n, at.total = p.np, at.n*p.np, at.total*p.np
	at.e, at.f = p.e, p.f
	return m.scan(&at, "softmax_mma_panel", "softmax_mma_tangents_"+m.form)
}

// products returns the split keys of the call, made at the first panel.
func (r *softmax) products() (m *mma, err error) {
	if r.keys == nil {
		if r.keys, err = newMMA(r, full, 1, 2, true); err != nil {
			return nil, err
		}
	}
	return r.keys, nil
}
