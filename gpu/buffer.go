//go:build (cuda || emu) && cgo

package gpu

// #include <stdint.h>
import "C"

import (
	"fmt"

	"monge/engine"

	"gorgonia.org/cu"
)

// buffer is an array in the device's memory or a view of one.
type buffer struct {
	e       *Engine // nil once freed
	view    bool
	ptr     cu.DevicePtr
	t       engine.Dtype
	b, n, d int
}

func (x *buffer) Dtype() engine.Dtype  { return x.t }
func (x *buffer) Shape() (b, n, d int) { return x.b, x.n, x.d }

func (x *buffer) View(off, b, n, d int) engine.Buffer {
	if off < 0 || b < 0 || n < 0 || d < 0 || off+b*n*d > x.b*x.n*x.d {
		panic(fmt.Sprintf("gpu: view [%d, %d, %d] from number %d of %d", b, n, d, off, x.b*x.n*x.d))
	}
	return &buffer{e: x.e, view: true, ptr: x.at(off), t: x.t, b: b, n: n, d: d}
}

// at returns where number off lies.
func (x *buffer) at(off int) cu.DevicePtr { return x.ptr + cu.DevicePtr(off*x.t.Size()) }

func (x *buffer) Free() {
	if x.view || x.e == nil {
		return
	}
	e := x.e
	x.e = nil
	if e.closed || x.ptr == 0 {
		return
	}
	leave, err := e.current()
	if err == nil {
		defer leave()
		err = e.put(x.ptr)
	}
	e.op = operation{name: "Free"}
	e.fail(err) // the failure of a device comes back from the next call
}

// arrays names what memory is for.
var arrays = [...]string{engine.F64: "f64 array", engine.F32: "f32 array", engine.I32: "i32 array"}

// Alloc implements engine.Engine.
func (e *Engine) Alloc(t engine.Dtype, b, n, d int) (engine.Buffer, error) {
	if b < 0 || n < 0 || d < 0 {
		return nil, fmt.Errorf("gpu: allocation of shape [%d, %d, %d]: %w", b, n, d, engine.ErrShape)
	}
	if t != engine.F64 && t != engine.F32 && t != engine.I32 {
		return nil, fmt.Errorf("gpu: allocation of %v: %w", t, engine.ErrDtype)
	}
	leave, err := e.enter(operation{"Alloc", "BND", [6]int{b, n, d}}, nil)
	if err != nil {
		return nil, err
	}
	defer leave()
	x := &buffer{e: e, t: t, b: b, n: n, d: d}
	if x.ptr, err = e.get(arrays[t], int64(t.Size()), int64(b), int64(n), int64(d)); err != nil {
		return nil, e.fail(err)
	}
	bytes := int64(b*n*d) * int64(t.Size())
	if bytes > 0 {
		if err := cu.MemsetD8Async(x.ptr, 0, bytes, e.stream); err != nil {
			e.put(x.ptr)
			return nil, e.fail(check(err))
		}
	}
	return x, nil
}

// addr returns the address of x as a struct of parameters holds it, 0 for a buffer left out.
func addr(x engine.Buffer) C.uint64_t {
	if x == nil {
		return 0
	}
	return C.uint64_t(x.(*buffer).ptr)
}
