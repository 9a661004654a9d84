//go:build (cuda || emu) && cgo

package gpu

// The headers of the toolkit that `make toolkit` brings come before those of an installed one. compat lets
// cu compile with CUDA 13's. The linker finds the empty libcuda.so of this folder first.

// #cgo CFLAGS: -I${SRCDIR}/compat -I${SRCDIR}/../build/toolkit/include -I/usr/local/cuda/include
// #cgo LDFLAGS: -Wl,--as-needed -L${SRCDIR} -ldl
// #include "driver.h"
import "C"

import (
	"fmt"

	"monge/engine"
)

// loadDriver opens the driver; calling it again is cheap.
func loadDriver() error {
	var why *C.char
	switch s := C.gpu_driver_load(&why); s {
	case 0:
		return nil
	case C.GPU_NO_DRIVER:
		return fmt.Errorf("gpu: no driver: %s: %w", C.GoString(why), engine.ErrNoDevice)
	case C.GPU_NO_FUNCTION:
		return fmt.Errorf("gpu: the driver has no function %s: %w", C.GoString(why), engine.ErrNoDevice)
	default:
		return fmt.Errorf("gpu: the driver does not start: %w: %w", status(s), engine.ErrNoDevice)
	}
}
