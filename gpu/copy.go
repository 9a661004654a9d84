//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// CopyRows implements engine.Engine, for all three types. Pairs with an index past the end are not copied;
// the error, which wraps engine.ErrShape, comes back from the next Read or Sync.
func (e *Engine) CopyRows(dst, dstRows, src, srcRows engine.Buffer) error {
	pairs, nd, ns, d, err := engine.CheckCopyRows(dst, dstRows, src, srcRows)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"CopyRows", "ND", [6]int{pairs, d}}, reads{dstRows, src, srcRows}, dst)
	if err != nil {
		return err
	}
	defer leave()
	p := C.copyrows_params{
		dst: addr(dst), src: addr(src), dst_rows: addr(dstRows), src_rows: addr(srcRows),
		pairs: C.int64_t(pairs), d: C.int64_t(d), nd: C.int64_t(nd), ns: C.int64_t(ns),
		fault: C.uint64_t(e.stage.fault(faultCopyRows)),
	}
	return e.fail(launch(e, words("copy", "copyrows", dst.Dtype()), e.few(int64(pairs)*vecs(dst.Dtype(), d), C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}

// Copy2D implements engine.Engine, for all three types.
func (e *Engine) Copy2D(dst engine.Buffer, dstOff, dstStride int, src engine.Buffer, srcOff, srcStride, rows, cols int) error {
	if err := engine.CheckCopy2D(dst, dstOff, dstStride, src, srcOff, srcStride, rows, cols); err != nil {
		return err
	}
	leave, err := e.enter(operation{"Copy2D", "ND", [6]int{rows, cols}}, reads{src}, dst)
	if err != nil {
		return err
	}
	defer leave()
	p := C.copy2d_params{
		dst: C.uint64_t(dst.(*buffer).at(dstOff)), src: C.uint64_t(src.(*buffer).at(srcOff)),
		dst_stride: C.int64_t(dstStride), src_stride: C.int64_t(srcStride), rows: C.int64_t(rows), cols: C.int64_t(cols),
	}
	return e.fail(launch(e, words("copy", "copy2d", dst.Dtype()), e.few(int64(rows)*vecs(dst.Dtype(), cols), C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}
