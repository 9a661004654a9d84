//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// ErrorNorm implements engine.Engine. A coordinate whose error is 0 counts 0 whatever it is divided by.
func (e *Engine) ErrorNorm(out, coef, x engine.Buffer, group int, atol, rtol float64) error {
	n, ne, k, d, err := engine.CheckErrorNorm(out, coef, x, group, atol, rtol)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"ErrorNorm", "NEKD", [6]int{n, ne, k, d}}, reads{coef, x}, out)
	if err != nil {
		return err
	}
	defer leave()
	if group == 0 {
		group = max(1, d)
	}
	p := C.errornorm_params{
		out: addr(out), coef: addr(coef), x: addr(x),
		n: C.int64_t(n), e: C.int64_t(ne), k: C.int64_t(k), d: C.int64_t(d),
		group: C.int64_t(group), atol: C.double(atol), rtol: C.double(rtol),
	}
	return e.fail(launch(e, typed("errornorm", "errornorm", x.Dtype()), ceilDiv(int64(n)*int64(ne), C.WARP_ROWS), C.WARP_THREADS, &p))
}
