//go:build (cuda || emu) && cgo

package gpu

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"reflect"

	"monge/engine"
)

// status is a CUresult other than success.
type status int

func (s status) Error() string {
	if text := C.GoString(C.gpu_error_text(C.CUresult(s))); text != "" {
		return fmt.Sprintf("%s (CUDA error %d)", text, int(s))
	}
	return fmt.Sprintf("CUDA error %d", int(s))
}

func (s status) Unwrap() error {
	switch s {
	case C.CUDA_ERROR_OUT_OF_MEMORY:
		return engine.ErrOutOfMemory
	case C.CUDA_ERROR_NO_DEVICE, C.CUDA_ERROR_INVALID_DEVICE:
		return engine.ErrNoDevice
	}
	return nil
}

// check turns an error of cu, whose type is not exported, into a status.
func check(err error) error {
	if err == nil {
		return nil
	}
	if v := reflect.ValueOf(err); v.Kind() == reflect.Int {
		return status(v.Int())
	}
	return err
}

func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return status(r)
}

// refused tells an error of one call, after which the device can go on, from a failure of the device. All
// statuses that are not known to be of the first kind are taken for the second: after a fault of a kernel
// the driver gives the same status for every call on the context.
func refused(err error) bool {
	var s status
	if !errors.As(err, &s) {
		return true
	}
	switch s {
	case C.CUDA_ERROR_INVALID_VALUE, C.CUDA_ERROR_OUT_OF_MEMORY, C.CUDA_ERROR_NO_DEVICE, C.CUDA_ERROR_INVALID_DEVICE,
		C.CUDA_ERROR_INVALID_IMAGE, C.CUDA_ERROR_NO_BINARY_FOR_GPU, C.CUDA_ERROR_INVALID_PTX, C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
		C.CUDA_ERROR_JIT_COMPILER_NOT_FOUND, C.CUDA_ERROR_NOT_FOUND, C.CUDA_ERROR_NOT_SUPPORTED, C.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES:
		return true
	}
	return false
}
