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
	m.grouped, m.threads, m.shared = "softmax_wgmma", C.WGMMA_THREADS, int64(C.wgmma_shared(m.p.chunks, streaming))
	m.p.slots = 4 * m.p.parts
}

// tryGroups decides what the engine multiplies by warpgroups: scans and then means where theirs give what those by mma.sync
// give, on problems whose products of clouds are exact both ways. without says what does not and why.
func (e *Engine) tryGroups() (scans, means bool, without string) {
	for _, c := range []struct {
		d  int // each of the forms d32, d64 and any
		np precision
	}{{20, full}, {60, full}, {150, full}, {60, fast}, {100, fast}, {150, fast}} {
		if err := e.tryScan(c.d, c.np); err != nil {
			return false, false, fmt.Sprintf("wgmma: %d coordinates, %d products: %v", c.d, c.np, err)
		}
	}
	for _, d := range []int{20, 60, 100} { // d32, d64 and d128
		for _, second := range []bool{false, true} {
			if err := e.tryMeans(d, second); err != nil {
				return true, false, fmt.Sprintf("wgmma in means: %d coordinates: %v", d, err)
			}
		}
	}
	return true, true, ""
}

// tryScan compares log-sum-exps, and with three products maxima. Those are equal; of log-sum-exp, the exponentials and the
// order of their sum may differ: exponentials of either are good to 2^-22 of themselves and sums of 200 keys to some 2^-21.
func (e *Engine) tryScan(d int, np precision) error {
	got, err := e.bothWays(d, np, func(a *engine.Softmax, out func(engine.Dtype, int) engine.Buffer) {
		a.LSE = out(engine.F32, 1)
		if np == full {
			a.Max, a.Arg = out(engine.F32, 1), out(engine.I32, 1)
		}
	})
	if err != nil {
		return err
	}
	err = differ("log-sum-exp", got[0][0], got[1][0], 0x1p-19, 0x1p-19)
	if np == full {
		err = errors.Join(err, differ("maximum", got[0][1], got[1][1], 0, 0), differ("key of the maximum", got[0][2], got[1][2], 0, 0))
	}
	return err
}

// tryMeans compares means and, where asked for, second moments. Weights of either are good to 2^-21 of themselves, and a sum of
// weights times values is cut off at 2^-24 of the sum of their sizes or less each time that it grows, 12 times for 64 keys. A
// product with the rest of a weight or of a value that is missing counts 2^-12.
func (e *Engine) tryMeans(d int, second bool) error {
	got, err := e.bothWays(d, full, func(a *engine.Softmax, out func(engine.Dtype, int) engine.Buffer) {
		a.LSE, a.Mean = out(engine.F32, 1), out(engine.F32, d)
		if second {
			a.Second = out(engine.F32, 1)
		}
	})
	if err != nil {
		return err
	}
	err = errors.Join(differ("log-sum-exp", got[0][0], got[1][0], 0x1p-19, 0x1p-19), differ("mean", got[0][1], got[1][1], 0, 0x1p-18*trialSize))
	if second {
		err = errors.Join(err, differ("second moment", got[0][2], got[1][2], 0x1p-19, 0))
	}
	return err
}

// Of a problem of two tiles of keys and rows in both warpgroups.
const (
	trialRows, trialKeys = 70, 200
	trialSize            = 4097 // of a coordinate, at most
)

// bothWays returns what a call gives by mma.sync and by warpgroups: of each the outputs in the order in which call made them.
//
// Its coordinates are 4,096 a + b with a = ±1 and b in {-1, 0, 1}, which split into fp16 with a rest, and all sums of
// products with the rests are multiples of 2^12 below 2^32: exact in float32 in any order.
func (e *Engine) bothWays(d int, np precision, call func(a *engine.Softmax, out func(t engine.Dtype, width int) engine.Buffer)) (got [2][][]float64, err error) {
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
	q, k := cloud(trialRows, 1), cloud(trialKeys, 2)
	for grouped := range got {
		var outs []engine.Buffer
		a := &engine.Softmax{Q: q, K: k, Scale: 0x1p-26}
		call(a, func(t engine.Dtype, width int) engine.Buffer {
			outs = append(outs, alloc(t, trialRows, width))
			return outs[len(outs)-1]
		})
		if err != nil {
			return got, err
		}
		e.groups, e.groupMeans = grouped == 1, grouped == 1
		err = e.softmax(a, np)
		e.groups, e.groupMeans = false, false
		for _, x := range outs {
			if err != nil {
				return got, err
			}
			_, n, width := x.Shape()
			y := make([]float64, n*width)
			err = e.Read(y, x, 0)
			got[grouped] = append(got[grouped], y)
		}
	}
	return got, err
}

// differ says where an output of the two ways differs by more than it may: relative to its size, and absolute.
func differ(what string, want, got []float64, relative, absolute float64) error {
	for i, x := range want {
		if y := got[i]; !(math.Abs(x-y) <= relative*math.Abs(x)+absolute) {
			return fmt.Errorf("%s %d is %g by mma.sync, %g by wgmma", what, i, x, y)
		}
	}
	return nil
}
