//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// RowDot implements engine.Engine.
func (e *Engine) RowDot(out, x, y engine.Buffer) error {
	rows, d, err := engine.CheckRowDot(out, x, y)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"RowDot", "ND", [6]int{rows, d}}, reads{x, y}, out)
	if err != nil {
		return err
	}
	defer leave()
	p := C.rowdot_params{out: addr(out), x: addr(x), y: addr(y), n: C.int64_t(rows), d: C.int64_t(d)}
	return e.fail(launch(e, typed("rowdot", "rowdot", x.Dtype()), ceilDiv(int64(rows), C.WARP_ROWS), C.WARP_THREADS, &p))
}
