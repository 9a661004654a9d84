//go:build (cuda || emu) && cgo

package gpu

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"monge/engine"
	"monge/kernels"

	"gorgonia.org/cu"
)

// code holds the kernels that were needed so far.
type code struct {
	modules   map[string]cu.Module
	functions map[kernel]cu.Function
	shared    map[kernel]int64 // bytes of dynamic shared memory that a function may have, where it was told
}

// kernel names a kernel: a file of package kernels, the operation in it, and what it works on.
type kernel struct{ file, op, suffix string }

func (k kernel) String() string { return k.op + "_" + k.suffix }

// typed returns the kernel for floating-point numbers of type t.
func typed(file, op string, t engine.Dtype) kernel { return kernel{file, op, t.String()} }

// words returns the kernel for numbers of the size of t's.
func words(file, op string, t engine.Dtype) kernel {
	if t.Size() == 8 {
		return kernel{file, op, "b64"}
	}
	return kernel{file, op, "b32"}
}

func (c *code) function(k kernel) (cu.Function, error) {
	if f, ok := c.functions[k]; ok {
		return f, nil
	}
	m, ok := c.modules[k.file]
	if !ok {
		image, err := kernels.Image(k.file)
		if err != nil {
			return cu.Function{}, err
		}
		if m, err = cu.LoadData(string(image)); err != nil {
			return cu.Function{}, fmt.Errorf("module %s: %w", k.file, check(err))
		}
		if c.modules == nil {
			c.modules, c.functions = make(map[string]cu.Module), make(map[kernel]cu.Function)
		}
		c.modules[k.file] = m
	}
	f, err := m.Function(k.String())
	if err != nil {
		return f, fmt.Errorf("kernel %v of module %s: %w", k, k.file, check(err))
	}
	c.functions[k] = f
	return f, nil
}

func (c *code) stop() error {
	var errs []error
	for _, m := range c.modules {
		errs = append(errs, check(m.Unload()))
	}
	*c = code{}
	return errors.Join(errs...)
}

// launch queues a kernel with its struct of parameters, which is copied. No blocks are nothing to do.
func launch[P any](e *Engine, k kernel, blocks, threads int64, params *P) error {
	return launchShared(e, k, blocks, threads, 0, params)
}

// launchShared is launch with bytes of dynamic shared memory a block.
func launchShared[P any](e *Engine, k kernel, blocks, threads, shared int64, params *P) error {
	if blocks == 0 {
		return nil
	}
	f, err := e.code.function(k)
	if err != nil {
		return err
	}
	if blocks > math.MaxInt32 {
		return fmt.Errorf("kernel %v: %d blocks: %w", k, blocks, engine.ErrUnsupported)
	}
	if shared > e.code.shared[k] {
		if err := result(C.gpu_allow_shared(C.CUfunction(handle(&f)), C.uint(shared))); err != nil {
			return fmt.Errorf("kernel %v, %d bytes of shared memory: %w", k, shared, err)
		}
		if e.code.shared == nil {
			e.code.shared = make(map[kernel]int64)
		}
		e.code.shared[k] = shared
	}
	p := *params // by itself: what holds params may hold pointers of Go's, which must not pass to C
	err = result(C.gpu_launch(C.CUcontext(handle(&e.ctx)), C.CUfunction(handle(&f)), C.uint(blocks), C.uint(threads), C.uint(shared),
		C.CUstream(handle(&e.stream)), unsafe.Pointer(&p)))
	if err != nil {
		return fmt.Errorf("kernel %v, %d blocks of %d threads: %w", k, blocks, threads, err)
	}
	return nil
}

// handle returns the driver's pointer in one of cu's handles, each a struct of that pointer alone.
func handle[H cu.CUContext | cu.Function | cu.Stream](h *H) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(h))
}

// ceilDiv returns how many parts of size d hold n.
func ceilDiv(n, d int64) int64 { return (n + d - 1) / d }

// few returns the blocks for n items of size d a block of a kernel that takes any number of blocks.
func (e *Engine) few(n, d int64) int64 { return min(ceilDiv(n, d), e.workers) }

// vecs returns the 16 bytes that hold n numbers.
func vecs(t engine.Dtype, n int) int64 { return ceilDiv(int64(n), int64(16/t.Size())) }
