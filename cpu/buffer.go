package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"monge/engine"
)

// buffer is an array of the engine or a view of one.
type buffer[T number] struct {
	heap    *heap // nil for a view
	data    []T
	b, n, d int
}

func (x *buffer[T]) Dtype() engine.Dtype {
	var zero T
	switch any(zero).(type) {
	case float64:
		return engine.F64
	case float32:
		return engine.F32
	}
	return engine.I32
}

func (x *buffer[T]) Shape() (b, n, d int) { return x.b, x.n, x.d }

func (x *buffer[T]) View(off, b, n, d int) engine.Buffer {
	if off < 0 || b < 0 || n < 0 || d < 0 || off+b*n*d > len(x.data) {
		panic(fmt.Sprintf("cpu: view [%d, %d, %d] from number %d of %d", b, n, d, off, len(x.data)))
	}
	end := off + b*n*d
	return &buffer[T]{data: x.data[off:end:end], b: b, n: n, d: d}
}

func (x *buffer[T]) Free() {
	if x.heap == nil {
		return
	}
	giveBack(x.heap, x.data)
	x.heap, x.data = nil, nil
}

// data returns the numbers of x, nil for a buffer left out.
func data[T number](x engine.Buffer) []T {
	if x == nil {
		return nil
	}
	return x.(*buffer[T]).data
}

// own checks that the buffers are this package's.
func own(xs ...engine.Buffer) error {
	for _, x := range xs {
		switch x.(type) {
		case nil, *buffer[float64], *buffer[float32], *buffer[int32]:
		default:
			return fmt.Errorf("cpu: a buffer of another engine (%T): %w", x, engine.ErrUnsupported)
		}
	}
	return nil
}

// Alloc implements engine.Engine.
func (e *Engine) Alloc(t engine.Dtype, b, n, d int) (engine.Buffer, error) {
	if b < 0 || n < 0 || d < 0 {
		return nil, fmt.Errorf("cpu: allocation of shape [%d, %d, %d]: %w", b, n, d, engine.ErrShape)
	}
	if size := float64(b) * float64(n) * float64(d) * float64(t.Size()); size > math.MaxInt/2 {
		return nil, &engine.MemoryError{What: fmt.Sprintf("%v array [%d, %d, %d]", t, b, n, d), Asked: math.MaxInt64, Free: e.heap.free()}
	}
	var x engine.Buffer
	var err error
	switch t {
	case engine.F64:
		x, err = alloc[float64](e.heap, b, n, d)
	case engine.F32:
		x, err = alloc[float32](e.heap, b, n, d)
	case engine.I32:
		x, err = alloc[int32](e.heap, b, n, d)
	default:
		return nil, fmt.Errorf("cpu: allocation of %v: %w", t, engine.ErrDtype)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

func alloc[T number](h *heap, b, n, d int) (*buffer[T], error) {
	data, ok := get[T](h, b*n*d)
	if !ok {
		var x buffer[T]
		return nil, &engine.MemoryError{
			What:  fmt.Sprintf("%v array [%d, %d, %d]", x.Dtype(), b, n, d),
			Asked: int64(b*n*d) * int64(unsafe.Sizeof(*new(T))), Free: h.free(),
		}
	}
	return &buffer[T]{heap: h, data: data, b: b, n: n, d: d}, nil
}

// Write implements engine.Engine. An I32 buffer takes each number's integer part.
func (e *Engine) Write(dst engine.Buffer, off int, src []float64) error {
	if err := engine.CheckRange("Write", dst, off, len(src)); err != nil {
		return err
	}
	switch x := dst.(type) {
	case *buffer[float64]:
		copy(x.data[off:], src)
	case *buffer[float32]:
		convert(x.data[off:off+len(src)], src)
	case *buffer[int32]:
		convert(x.data[off:off+len(src)], src)
	default:
		return own(dst)
	}
	return nil
}

// Read implements engine.Engine.
func (e *Engine) Read(dst []float64, src engine.Buffer, off int) error {
	if err := engine.CheckRange("Read", src, off, len(dst)); err != nil {
		return err
	}
	switch x := src.(type) {
	case *buffer[float64]:
		copy(dst, x.data[off:])
	case *buffer[float32]:
		convert(dst, x.data[off:])
	case *buffer[int32]:
		convert(dst, x.data[off:])
	default:
		return own(src)
	}
	return nil
}

// convert copies len(dst) numbers of src.
func convert[D, S number](dst []D, src []S) {
	for i := range dst {
		dst[i] = D(src[i])
	}
}
