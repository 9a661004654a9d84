//go:build (cuda || emu) && cgo

package gpu

import (
	"fmt"
	"unsafe"

	"monge/engine"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"
)

// Tensors holds tensors of package tensor in the device's memory; it is their tensor.Engine. New and Device make
// one, Host copies one back, Buffer gives it to operations of the engine, and Release frees it: package tensor
// never does, so that whatever is not released lives as long as the engine.
//
// Of package tensor these work there, on float64 and float32, in row-major order: Clone, Reshape, ShallowClone,
// slices of rows, T of a matrix as the right factor of MatMul, MatMul, and Add, Sub and Mul of tensors of one
// shape and with numbers, with the options WithReuse, WithIncr and UseUnsafe. Operations queue like the engine's
// own, and a result is a tensor of its own. What package tensor asks of this engine and it cannot do is an error.
//
// Package tensor does not ask in all cases. The numbers lie where the host cannot read, and these touch them and
// end the program: tensor.Copy from or to a host tensor, Zero, Eq, Format (%v) and Gob encoding; use Host and
// Device. Materialize of a view that is not rows gives zeros. A view does not keep the tensor that it is of alive.
type Tensors struct {
	e    *Engine
	live map[uintptr]*buffer // by address, in words of 4 bytes
}

var _ interface {
	tensor.Engine
	tensor.NonStdEngine
	tensor.Adder
	tensor.Suber
	tensor.Muler
	tensor.MatMuler
} = (*Tensors)(nil)

// Tensors returns the engine for tensors in this device's memory, one for all of them.
func (e *Engine) Tensors() *Tensors {
	if e.tensors == nil {
		e.tensors = &Tensors{e: e, live: make(map[uintptr]*buffer)}
	}
	return e.tensors
}

// memory is a piece of device memory.
type memory struct{ at, bytes uintptr }

func (m memory) Uintptr() uintptr { return m.at }
func (m memory) MemSize() uintptr { return m.bytes }

// New returns a tensor of zeros: of F64, F32 or I32, of at most three axes, none empty.
func (t *Tensors) New(dt engine.Dtype, shape ...int) (*tensor.Dense, error) {
	numbers := 1
	for _, n := range shape {
		if n <= 0 {
			return nil, fmt.Errorf("gpu: tensor of shape %v: %w", shape, engine.ErrShape)
		}
		numbers *= n
	}
	if len(shape) > 3 {
		return nil, fmt.Errorf("gpu: tensor of shape %v, want three axes at most: %w", shape, engine.ErrShape)
	}
	of, ok := map[engine.Dtype]tensor.Dtype{engine.F64: tensor.Float64, engine.F32: tensor.Float32, engine.I32: tensor.Int32}[dt]
	if !ok {
		return nil, fmt.Errorf("gpu: tensor of %v: %w", dt, engine.ErrDtype)
	}
	m, err := t.Alloc(int64(numbers) * int64(dt.Size()))
	if err != nil {
		return nil, err
	}
	return tensor.New(tensor.Of(of), tensor.WithShape(shape...), tensor.WithEngine(t), tensor.FromMemory(m.Uintptr(), m.MemSize())), nil
}

// Device copies a host tensor, dense and in row-major order, to the device.
func (t *Tensors) Device(x *tensor.Dense) (*tensor.Dense, error) {
	if !x.IsNativelyAccessible() || x.RequiresIterator() || !x.DataOrder().IsRowMajor() || !x.DataOrder().IsContiguous() {
		return nil, fmt.Errorf("gpu: tensor of shape %v: want a dense host tensor in row-major order: %w", x.Shape(), engine.ErrUnsupported)
	}
	var numbers []float64
	var dt engine.Dtype
	widen := func(n int, at func(int) float64) {
		numbers = make([]float64, n)
		for i := range numbers {
			numbers[i] = at(i)
		}
	}
	switch v := x.Data().(type) {
	case []float64:
		numbers = v
	case []float32:
		dt = engine.F32
		widen(len(v), func(i int) float64 { return float64(v[i]) })
	case []int32:
		dt = engine.I32
		widen(len(v), func(i int) float64 { return float64(v[i]) })
	default:
		return nil, fmt.Errorf("gpu: tensor of %v: %w", x.Dtype(), engine.ErrDtype)
	}
	out, err := t.New(dt, x.Shape()...)
	if err != nil {
		return nil, err
	}
	b, err := t.Buffer(out)
	if err == nil {
		err = t.e.Write(b, 0, numbers)
	}
	if err != nil {
		t.Release(out)
		return nil, err
	}
	return out, nil
}

// Host copies a tensor of this engine to the host: dense, of the same type and shape.
func (t *Tensors) Host(x *tensor.Dense) (*tensor.Dense, error) {
	v, transposed, err := t.view(x)
	if err != nil {
		return nil, err
	}
	numbers := make([]float64, engine.Len(v))
	if err := t.e.Read(numbers, v, 0); err != nil {
		return nil, err
	}
	if transposed {
		turned := make([]float64, len(numbers))
		for i := range v.n {
			for j := range v.d {
				turned[j*v.n+i] = numbers[i*v.d+j]
			}
		}
		numbers = turned
	}
	var backing any = numbers
	switch v.t {
	case engine.F32:
		narrow := make([]float32, len(numbers))
		convert(narrow, numbers)
		backing = narrow
	case engine.I32:
		narrow := make([]int32, len(numbers))
		convert(narrow, numbers)
		backing = narrow
	}
	return tensor.New(tensor.WithShape(x.Shape().Clone()...), tensor.WithBacking(backing)), nil
}

// Buffer returns x's numbers as a buffer of the engine, valid until x is released: [1, 1, 1] of a scalar,
// [1, N, 1] of a vector, [1, N, D] of a matrix, [B, N, D].
func (t *Tensors) Buffer(x *tensor.Dense) (engine.Buffer, error) {
	v, transposed, err := t.view(x)
	if err != nil {
		return nil, err
	}
	if transposed {
		return nil, fmt.Errorf("gpu: a transposed tensor has no buffer: %w", engine.ErrUnsupported)
	}
	return v, nil
}

// Release frees the memory of x, with that of every view of it. Work that is queued may still use it.
func (t *Tensors) Release(x *tensor.Dense) error {
	if x.Engine() != tensor.Engine(t) {
		return errForeign()
	}
	return t.Free(x, int64(x.MemSize()))
}

func errForeign() error {
	return fmt.Errorf("gpu: a tensor that is not in this engine's memory: %w", engine.ErrUnsupported)
}

// view finds x's memory. Of a transposed matrix it is the matrix that lies there.
func (t *Tensors) view(x tensor.Tensor) (v *buffer, transposed bool, err error) {
	d, ok := x.(*tensor.Dense)
	if !ok || d.Engine() != tensor.Engine(t) {
		return nil, false, errForeign()
	}
	v, err = t.find(d)
	if err != nil {
		return nil, false, err
	}
	switch d.Dtype() {
	case tensor.Float64:
		v.t = engine.F64
	case tensor.Float32:
		v.t = engine.F32
	case tensor.Int32:
		v.t = engine.I32
	default:
		return nil, false, fmt.Errorf("gpu: tensor of %v: %w", d.Dtype(), engine.ErrDtype)
	}
	shape, strides := d.Shape(), d.Strides()
	v.b, v.n, v.d = 1, 1, 1
	dense, next := true, 1
	for i := len(shape) - 1; i >= 0; i-- {
		dense = dense && (shape[i] == 1 || strides[i] == next)
		next *= shape[i]
	}
	switch len(shape) {
	case 0:
	case 1:
		v.n = shape[0]
	case 2:
		v.n, v.d = shape[0], shape[1]
		if !dense && strides[0] == 1 && strides[1] == shape[0] {
			v.n, v.d = shape[1], shape[0]
			return v, true, nil
		}
	case 3:
		v.b, v.n, v.d = shape[0], shape[1], shape[2]
	default:
		dense = false
	}
	if !dense || engine.Len(v)*v.t.Size() > int(d.MemSize()) {
		return nil, false, fmt.Errorf("gpu: tensor of shape %v and strides %v: want dense rows of at most three axes: %w", shape, strides, engine.ErrUnsupported)
	}
	return v, false, nil
}

// find returns a piece of device memory as words.
func (t *Tensors) find(m tensor.Memory) (*buffer, error) {
	at, bytes := m.Uintptr(), m.MemSize()
	for begin, b := range t.live {
		if whole := uintptr(4 * engine.Len(b)); at >= begin && at-begin <= whole && bytes <= whole-(at-begin) {
			return &buffer{e: t.e, view: true, ptr: cu.DevicePtr(at), t: engine.I32, b: 1, n: int(bytes / 4), d: 1}, nil
		}
	}
	return nil, errForeign()
}

// AllocAccessible implements tensor.Engine: the host cannot read what Alloc returns.
func (t *Tensors) AllocAccessible() bool { return false }

// NonStdAlloc implements tensor.NonStdEngine.
func (t *Tensors) NonStdAlloc() {}

// WorksWith implements tensor.Engine.
func (t *Tensors) WorksWith(order tensor.DataOrder) bool {
	return order.IsRowMajor() && order.IsContiguous()
}

// Alloc implements tensor.Engine: memory of zeros.
func (t *Tensors) Alloc(bytes int64) (tensor.Memory, error) {
	if bytes <= 0 {
		return nil, fmt.Errorf("gpu: a tensor of %d bytes: %w", bytes, engine.ErrShape)
	}
	b, err := t.e.Alloc(engine.I32, 1, int((bytes+3)/4), 1)
	if err != nil {
		return nil, err
	}
	at := uintptr(b.(*buffer).ptr)
	t.live[at] = b.(*buffer)
	return memory{at, uintptr(bytes)}, nil
}

// Free implements tensor.Engine. m is memory that Alloc returned.
func (t *Tensors) Free(m tensor.Memory, _ int64) error {
	b, ok := t.live[m.Uintptr()]
	if !ok {
		return fmt.Errorf("gpu: no tensor begins here, or it was released: %w", engine.ErrUnsupported)
	}
	delete(t.live, m.Uintptr())
	b.Free()
	return nil
}

// Memset implements tensor.Engine, for a float64, float32 or int32.
func (t *Tensors) Memset(m tensor.Memory, value any) error {
	b, err := t.find(m)
	if err != nil {
		return err
	}
	var x float64
	switch v := value.(type) {
	case float64:
		b.t, x = engine.F64, v
	case float32:
		b.t, x = engine.F32, float64(v)
	case int32:
		x = float64(v)
	default:
		return fmt.Errorf("gpu: memory set to a %T: %w", value, engine.ErrDtype)
	}
	b.n = int(m.MemSize()) / b.t.Size()
	return t.fill(b, x)
}

// fill sets all numbers of b: one is written, and copied to all rows.
func (t *Tensors) fill(b *buffer, x float64) error {
	one, err := t.e.Alloc(b.t, 1, 1, 1)
	if err != nil {
		return err
	}
	defer one.Free()
	if err := t.e.Write(one, 0, []float64{x}); err != nil {
		return err
	}
	rows, err := t.e.Alloc(engine.I32, 1, engine.Len(b), 1)
	if err != nil {
		return err
	}
	defer rows.Free()
	return t.e.CopyRows(b.View(0, 1, engine.Len(b), 1), nil, one, rows)
}

// Memclr implements tensor.Engine. It panics where m is not in this engine's memory.
func (t *Tensors) Memclr(m tensor.Memory) {
	b, err := t.find(m)
	if err != nil {
		panic(err)
	}
	b.t = engine.F32 // the zero of every type
	if err := t.e.Axpby(b, 0, b, 0, nil); err != nil {
		panic(err)
	}
}

// Memcpy implements tensor.Engine: between two places on the device, or from or to the host.
func (t *Tensors) Memcpy(dst, src tensor.Memory) error {
	bytes := min(dst.MemSize(), src.MemSize())
	to, errTo := t.find(memory{dst.Uintptr(), bytes})
	from, errFrom := t.find(memory{src.Uintptr(), bytes})
	if bytes%4 != 0 {
		return fmt.Errorf("gpu: copy of %d bytes, want a multiple of 4: %w", bytes, engine.ErrUnsupported)
	}
	n := int(bytes / 4)
	switch {
	case errTo == nil && errFrom == nil:
		return t.e.Copy2D(to, 0, n, from, 0, n, 1, n)
	case errTo == nil: // every int32 is a float64, in which the engine takes numbers
		words := make([]float64, n)
		convert(words, unsafe.Slice((*int32)(pointer(src)), n))
		return t.e.Write(to, 0, words)
	case errFrom == nil:
		words := make([]float64, n)
		if err := t.e.Read(words, from, 0); err != nil {
			return err
		}
		convert(unsafe.Slice((*int32)(pointer(dst)), n), words)
		return nil
	}
	return errForeign()
}

// pointer returns where host memory lies. Its owner is among the caller's arguments, and so lives.
func pointer(m tensor.Memory) unsafe.Pointer {
	at := m.Uintptr()
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

// Accessible implements tensor.Engine: it is always an error, since nothing would keep a copy alive. Use Host.
func (t *Tensors) Accessible(tensor.Memory) (tensor.Memory, error) {
	return nil, fmt.Errorf("gpu: the host cannot read device memory: copy it by Host: %w", engine.ErrUnsupported)
}
