package cpu

import (
	"fmt"

	"monge/engine"
)

// CopyRows implements engine.Engine, for all three types. An index past the end is an error that wraps
// engine.ErrShape; nothing is copied then.
func (e *Engine) CopyRows(dst, dstRows, src, srcRows engine.Buffer) error {
	pairs, nd, ns, d, err := engine.CheckCopyRows(dst, dstRows, src, srcRows)
	if err != nil {
		return err
	}
	if err := own(dst, dstRows, src, srcRows); err != nil {
		return err
	}
	to, from := data[int32](dstRows), data[int32](srcRows)
	for i, r := range to {
		if int(r) >= nd {
			return fmt.Errorf("cpu: CopyRows: target row %d of %d, pair %d: %w", r, nd, i, engine.ErrShape)
		}
	}
	for i, r := range from {
		if int(r) >= ns {
			return fmt.Errorf("cpu: CopyRows: source row %d of %d, pair %d: %w", r, ns, i, engine.ErrShape)
		}
	}
	switch dst.Dtype() {
	case engine.F64:
		copyRows(data[float64](dst), data[float64](src), to, from, pairs, d)
	case engine.F32:
		copyRows(data[float32](dst), data[float32](src), to, from, pairs, d)
	case engine.I32:
		copyRows(data[int32](dst), data[int32](src), to, from, pairs, d)
	}
	return nil
}

func copyRows[T number](dst, src []T, to, from []int32, pairs, d int) {
	for i := range pairs {
		t, f := i, i
		if to != nil {
			t = int(to[i])
		}
		if from != nil {
			f = int(from[i])
		}
		if t >= 0 && f >= 0 {
			copy(dst[t*d:(t+1)*d], src[f*d:(f+1)*d])
		}
	}
}

// Copy2D implements engine.Engine, for all three types.
func (e *Engine) Copy2D(dst engine.Buffer, dstOff, dstStride int, src engine.Buffer, srcOff, srcStride, rows, cols int) error {
	if err := engine.CheckCopy2D(dst, dstOff, dstStride, src, srcOff, srcStride, rows, cols); err != nil {
		return err
	}
	if err := own(dst, src); err != nil || rows == 0 || cols == 0 {
		return err
	}
	switch dst.Dtype() {
	case engine.F64:
		copy2D(data[float64](dst)[dstOff:], dstStride, data[float64](src)[srcOff:], srcStride, rows, cols)
	case engine.F32:
		copy2D(data[float32](dst)[dstOff:], dstStride, data[float32](src)[srcOff:], srcStride, rows, cols)
	case engine.I32:
		copy2D(data[int32](dst)[dstOff:], dstStride, data[int32](src)[srcOff:], srcStride, rows, cols)
	}
	return nil
}

func copy2D[T number](dst []T, dstStride int, src []T, srcStride, rows, cols int) {
	for i := range rows {
		copy(dst[i*dstStride:][:cols], src[i*srcStride:][:cols])
	}
}
