//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// groupCapability is the compute capability, times ten, that has the instructions of softmax_wgmma.cu. No other has them.
const groupCapability = 90

// group has softmax_wgmma.cu scan in place of softmax_mma.cu or softmax_mma_max.cu. A part has four states a row in all forms.
func (m *mma) group() {
	streaming := C.int(0)
	if m.form == "any" {
		streaming = 1
	}
	m.grouped, m.threads, m.shared = true, C.WGMMA_THREADS, int64(C.wgmma_shared(m.p.chunks, streaming))
	m.p.slots = 4 * m.p.parts
}

// tryGroups decides whether the engine multiplies by warpgroups: where their scans give what those by mma.sync give, on
// problems whose products are exact both ways. It returns why they do not, "" where they do.
func (e *Engine) tryGroups() (reason string) {
	for _, c := range []struct {
		d  int // each of the forms d32, d64 and any
		np precision
	}{{20, full}, {60, full}, {150, full}, {60, fast}, {100, fast}, {150, fast}} {
		if err := e.tryGroup(c.d, c.np); err != nil {
			return fmt.Sprintf("%d coordinates, %d products: %v", c.d, c.np, err)
		}
	}
	return ""
}

// tryGroup compares the scans on a problem of two tiles of keys and rows in both warpgroups.
//
// Its coordinates are 4,096 a + b with a = ±1 and b in {-1, 0, 1}, which split into fp16 with a rest, and all sums of
// products with the rests are multiples of 2^12 below 2^32: exact in float32 in any order. So the maxima are equal; of
// log-sum-exp, the exponentials and the order of their sum may differ.
func (e *Engine) tryGroup(d int, np precision) (err error) {
	const n, m, scale = 70, 200, 1. / (1 << 26)
	var held []engine.Buffer
	defer func() {
		for _, x := range held {
			x.Free()
		}
	}()
	alloc := func(t engine.Dtype, rows, width int) engine.Buffer {
		x, fault := e.Alloc(t, 1, rows, width)
		if fault != nil {
			err = errors.Join(err, fault)
			return nil
		}
		held = append(held, x)
		return x
	}
	cloud := func(rows int, seed uint32) engine.Buffer {
		x := make([]float64, rows*d)
		for i := range x {
			seed = seed*1664525 + 1013904223 // Numerical Recipes' generator; the upper bits are used
			x[i] = 4096*(1-2*float64(seed>>31)) + float64(seed>>8%3) - 1
		}
		buf := alloc(engine.F32, rows, d)
		if buf != nil {
			err = errors.Join(err, e.Write(buf, 0, x))
		}
		return buf
	}
	q, k := cloud(n, 1), cloud(m, 2)
	var got [2][3][]float64 // by mma.sync and by warpgroups: log-sum-exp, maximum, its key
	for grouped := range got {
		out := [3]engine.Buffer{alloc(engine.F32, n, 1), alloc(engine.F32, n, 1), alloc(engine.I32, n, 1)}
		if err != nil {
			return err
		}
		a := &engine.Softmax{Q: q, K: k, Scale: scale, LSE: out[0]}
		if np == full {
			a.Max, a.Arg = out[1], out[2]
		}
		e.groups = grouped == 1
		err = e.softmax(a, np)
		e.groups = false
		for i, x := range out {
			if err != nil {
				return err
			}
			got[grouped][i] = make([]float64, n)
			if i == 0 || np == full {
				err = e.Read(got[grouped][i], x, 0)
			}
		}
	}
	if err != nil {
		return err
	}
	return sameScans(got[0], got[1])
}

// sameScans says where the results of two scans differ by more than the exponentials of log-sum-exp may.
func sameScans(want, got [3][]float64) error {
	for i := range want[0] {
		// Exponentials of either are good to 2^-22 of themselves and sums of 200 keys to some 2^-21.
		if x, y := want[0][i], got[0][i]; !(math.Abs(x-y) <= 0x1p-19*max(1, math.Abs(x))) {
			return fmt.Errorf("row %d has the log-sum-exp %g by mma.sync, %g by wgmma", i, x, y)
		}
		if x, y := want[1][i], got[1][i]; x != y {
			return fmt.Errorf("row %d has the maximum %g by mma.sync, %g by wgmma", i, x, y)
		}
		if x, y := want[2][i], got[2][i]; x != y {
			return fmt.Errorf("row %d has its maximum at key %g by mma.sync, %g by wgmma", i, x, y)
		}
	}
	return nil
}
