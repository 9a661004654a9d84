//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// Normal implements engine.Engine.
func (e *Engine) Normal(out engine.Buffer, seed, stream, offset uint64) error {
	if err := engine.CheckNormal(out); err != nil {
		return err
	}
	n := engine.Len(out)
	leave, err := e.enter(operation{"Normal", "N", [6]int{n}}, nil, out)
	if err != nil {
		return err
	}
	defer leave()
	if n == 0 {
		return nil
	}
	p := C.normal_params{
		out: addr(out), seed: C.uint64_t(seed), stream: C.uint64_t(stream), offset: C.uint64_t(offset), n: C.int64_t(n),
	}
	return e.fail(launch(e, typed("normal", "normal", out.Dtype()), e.few(int64(n)/2+1, C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}
