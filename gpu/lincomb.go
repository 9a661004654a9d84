//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// LinComb implements engine.Engine.
func (e *Engine) LinComb(out, coef, x engine.Buffer) error {
	n, k, d, err := engine.CheckLinComb(out, coef, x)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"LinComb", "NKD", [6]int{n, k, d}}, reads{coef, x}, out)
	if err != nil {
		return err
	}
	defer leave()
	p := C.lincomb_params{
		out: addr(out), coef: addr(coef), x: addr(x),
		n: C.int64_t(n), k: C.int64_t(k), d: C.int64_t(d),
	}
	return e.fail(launch(e, typed("lincomb", "lincomb", x.Dtype()), e.few(int64(n)*vecs(x.Dtype(), d), C.ELEMENT_THREADS), C.ELEMENT_THREADS, &p))
}
