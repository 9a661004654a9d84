//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// Axpby implements engine.Engine.
func (e *Engine) Axpby(out engine.Buffer, alpha float64, x engine.Buffer, beta float64, y engine.Buffer) error {
	if err := engine.CheckAxpby(out, alpha, x, y); err != nil {
		return err
	}
	n := engine.Len(out)
	leave, err := e.enter(operation{"Axpby", "N", [6]int{n}}, reads{x, y}, out)
	if err != nil {
		return err
	}
	defer leave()
	p := C.axpby_params{
		out: addr(out), x: addr(x), y: addr(y),
		n: C.int64_t(n), alpha: C.double(alpha), beta: C.double(beta),
	}
	return e.fail(launch(e, typed("elementwise", "axpby", out.Dtype()), e.few(vecs(out.Dtype(), n), C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}

// Log implements engine.Engine.
func (e *Engine) Log(out, x engine.Buffer) error {
	if err := engine.CheckLog(out, x); err != nil {
		return err
	}
	n := engine.Len(out)
	leave, err := e.enter(operation{"Log", "N", [6]int{n}}, reads{x}, out)
	if err != nil {
		return err
	}
	defer leave()
	p := C.map_params{out: addr(out), x: addr(x), n: C.int64_t(n)}
	return e.fail(launch(e, typed("elementwise", "log", x.Dtype()), e.few(vecs(out.Dtype(), n), C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}
