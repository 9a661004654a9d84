//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// Reduce implements engine.Engine. Sums are compensated. MaxAbs is NaN where an element is.
func (e *Engine) Reduce(out engine.Buffer, op engine.ReduceOp, x, y engine.Buffer) error {
	b, n, err := engine.CheckReduce(out, op, x, y)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"Reduce", "BN", [6]int{b, n}}, reads{x, y}, out)
	if err != nil {
		return err
	}
	defer leave()
	chunks := ceilDiv(int64(n), C.REDUCE_CHUNK)
	parts, err := e.get("partial sums", 8, int64(b), chunks, 2)
	if err != nil {
		return e.fail(err)
	}
	defer e.put(parts)
	p := C.reduce_params{
		out: addr(out), x: addr(x), y: addr(y), parts: C.uint64_t(parts),
		batch: C.int64_t(b), n: C.int64_t(n), op: C.int64_t(op),
	}
	if err := launch(e, typed("reduce", "reduce_parts", x.Dtype()), int64(b)*chunks, C.ELEMENT_THREADS, &p); err != nil {
		return e.fail(err)
	}
	return e.fail(launch(e, typed("reduce", "reduce_merge", x.Dtype()), int64(b), C.ELEMENT_THREADS, &p))
}
