//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"monge/engine"

	"gorgonia.org/tensor"
)

// tensors is a test's tensors: their engine, and copies from and to the host that end the test where they fail.
type tensors struct {
	*Tensors
	t *testing.T
}

func (x tensors) up(data any, shape ...int) *tensor.Dense {
	x.t.Helper()
	d, err := x.Device(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)))
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

func (x tensors) holds(what string, v any, err error, want ...float64) {
	x.t.Helper()
	if err != nil {
		x.t.Errorf("%s: %v", what, err)
		return
	}
	host, err := x.Host(v.(*tensor.Dense))
	if err != nil {
		x.t.Errorf("%s: %v", what, err)
		return
	}
	var got []float64
	switch data := host.Data().(type) {
	case []float64:
		got = data
	case []float32:
		for _, f := range data {
			got = append(got, float64(f))
		}
	case []int32:
		for _, i := range data {
			got = append(got, float64(i))
		}
	}
	if !slices.Equal(got, want) {
		x.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTensors(t *testing.T) {
	e := open(t, Options{})
	x := tensors{e.Tensors(), t}
	a := x.up([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
	b := x.up([]float64{10, 20, 30, 40, 50, 60}, 2, 3)
	if a.IsNativelyAccessible() || a.Engine() != tensor.Engine(e.Tensors()) {
		t.Error("the tensor is on the host")
	}
	x.holds("Device and Host", a, nil, 1, 2, 3, 4, 5, 6)
	zeros, err := x.New(engine.F32, 2, 2)
	x.holds("New", zeros, err, 0, 0, 0, 0)
	x.holds("int32", x.up([]int32{-7, math.MaxInt32}, 2), nil, -7, math.MaxInt32)
	x.holds("tensor.New", tensor.New(tensor.WithShape(3), tensor.Of(tensor.Float32), tensor.WithEngine(e.Tensors())), nil, 0, 0, 0)

	clone := a.Clone().(*tensor.Dense)
	rows, err := a.Slice(tensor.S(1, 2))
	x.holds("Slice of a row", rows, err, 4, 5, 6)
	flat := a.Clone().(*tensor.Dense)
	if err := flat.Reshape(3, 2); err != nil {
		t.Error(err)
	}
	product, err := tensor.MatMul(a, flat)
	x.holds("MatMul", product, err, 22, 28, 49, 64)
	turned := a.Clone().(*tensor.Dense)
	if err := turned.T(); err != nil {
		t.Error(err)
	}
	product, err = tensor.MatMul(a, turned)
	x.holds("MatMul by a transpose", product, err, 14, 32, 32, 77)
	x.holds("Host of a transpose", turned, nil, 1, 4, 2, 5, 3, 6)

	sum, err := tensor.Add(a, b)
	x.holds("Add", sum, err, 11, 22, 33, 44, 55, 66)
	difference, err := tensor.Sub(a, b)
	x.holds("Sub", difference, err, -9, -18, -27, -36, -45, -54)
	squares, err := tensor.Mul(a, a)
	x.holds("Mul", squares, err, 1, 4, 9, 16, 25, 36)
	more, err := tensor.Add(a, 1.5)
	x.holds("Add of a number", more, err, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5)
	less, err := tensor.Sub(a, 1.)
	x.holds("Sub of a number", less, err, 0, 1, 2, 3, 4, 5)
	from, err := tensor.Sub(10., a)
	x.holds("Sub from a number", from, err, 9, 8, 7, 6, 5, 4)
	twice, err := tensor.Mul(2., a)
	x.holds("Mul with a number", twice, err, 2, 4, 6, 8, 10, 12)
	x.holds("the operands", a, nil, 1, 2, 3, 4, 5, 6)

	got, err := tensor.Add(a, b, tensor.WithReuse(sum))
	if got != tensor.Tensor(sum) {
		t.Error("WithReuse makes another tensor")
	}
	x.holds("WithReuse", got, err, 11, 22, 33, 44, 55, 66)
	got, err = tensor.Mul(a, b, tensor.WithIncr(sum))
	x.holds("WithIncr", got, err, 21, 62, 123, 204, 305, 426)
	got, err = tensor.Mul(clone, clone, tensor.UseUnsafe())
	if got != tensor.Tensor(clone) {
		t.Error("UseUnsafe makes another tensor")
	}
	x.holds("UseUnsafe", clone, err, 1, 4, 9, 16, 25, 36)
	x.holds("a is not its clone", a, nil, 1, 2, 3, 4, 5, 6)

	// The points of everything above the engines are read through engine.Matrix.
	data, n, d, err := engine.Matrix(a)
	if err != nil || n != 2 || d != 3 || !slices.Equal(data, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("engine.Matrix: %v [%d, %d], error %v", data, n, d, err)
	}
	buf, err := x.Buffer(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Axpby(buf, 2, buf, 0, nil); err != nil {
		t.Error(err)
	}
	x.holds("Buffer", b, nil, 20, 40, 60, 80, 100, 120)
	if err := x.Memset(b, 3.5); err != nil {
		t.Error(err)
	}
	x.holds("Memset", b, nil, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5)
	x.Memclr(b)
	x.holds("Memclr", b, nil, 0, 0, 0, 0, 0, 0)
	host := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{1, math.Pi, -0., math.Inf(1), 5, 6}))
	if err := x.Memcpy(b, host); err != nil {
		t.Error(err)
	}
	x.holds("Memcpy from the host", b, nil, 1, math.Pi, 0, math.Inf(1), 5, 6)
	back := tensor.New(tensor.WithShape(2, 3), tensor.Of(tensor.Float64))
	if err := x.Memcpy(back, b); err != nil || !slices.Equal(back.Data().([]float64), host.Data().([]float64)) {
		t.Errorf("Memcpy to the host: %v, error %v", back.Data(), err)
	}
}

// What these tensors cannot do is an error with a reason, not a crash.
func TestTensorsRefuse(t *testing.T) {
	e, other := open(t, Options{}), open(t, Options{})
	x, y := tensors{e.Tensors(), t}, tensors{other.Tensors(), t}
	a := x.up([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
	column, err := a.Slice(nil, tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	turned := a.Clone().(*tensor.Dense)
	if err := turned.T(); err != nil {
		t.Fatal(err)
	}
	small := x.up([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	host := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking(make([]float64, 6)))
	words := x.up([]int32{1, 2}, 2)
	second := func(_ any, err error) error { return err }
	for name, c := range map[string]struct{ err, is error }{
		"columns":               {second(x.Host(column.(*tensor.Dense))), engine.ErrUnsupported},
		"columns added":         {second(tensor.Add(column, column)), engine.ErrUnsupported},
		"transposes added":      {second(tensor.Add(turned, turned)), engine.ErrUnsupported},
		"transpose's buffer":    {second(x.Buffer(turned)), engine.ErrUnsupported},
		"left transpose":        {second(tensor.MatMul(turned, a)), engine.ErrUnsupported},
		"host's buffer":         {second(x.Buffer(host)), engine.ErrUnsupported},
		"another engine's":      {second(x.Add(a, y.up(make([]float64, 6), 2, 3))), engine.ErrUnsupported},
		"host operand":          {second(x.Add(a, host)), engine.ErrUnsupported},
		"two types":             {second(x.Add(a, small)), nil},
		"two shapes":            {second(x.Add(a, x.up(make([]float64, 6), 3, 2))), engine.ErrShape},
		"a word":                {second(x.MulScalar(words, 2., true)), engine.ErrDtype},
		"a text":                {second(x.AddScalar(a, "1", true)), engine.ErrDtype},
		"reuse of another size": {second(x.Add(a, a, tensor.WithReuse(x.up([]float64{1}, 1)))), engine.ErrShape},
		"four axes":             {second(x.New(engine.F64, 1, 1, 1, 1)), engine.ErrShape},
		"an empty axis":         {second(x.New(engine.F64, 2, 0)), engine.ErrShape},
		"a type":                {second(x.New(engine.Dtype(9), 2)), engine.ErrDtype},
		"a host's type":         {second(x.Device(tensor.New(tensor.WithShape(2), tensor.WithBacking([]bool{true, false})))), engine.ErrDtype},
		"too large":             {second(x.New(engine.F64, 1<<20, 1<<20)), engine.ErrOutOfMemory},
		"Accessible":            {second(x.Accessible(a)), engine.ErrUnsupported},
		"Memcpy of the host's":  {x.Memcpy(host, host), engine.ErrUnsupported},
		"Memset of the host's":  {x.Memset(host, 1.), engine.ErrUnsupported},
		"Memset to a text":      {x.Memset(a, "1"), engine.ErrDtype},
		"At":                    {second(a.At(0, 0)), nil},
		"Sum":                   {second(a.Sum()), nil},
		"Release of the host's": {x.Release(host), engine.ErrUnsupported},
		"Release of a view":     {x.Release(column.(*tensor.Dense)), engine.ErrUnsupported},
	} {
		if c.err == nil || c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%s: error %v", name, c.err)
		}
	}

	used := e.pool.used
	if err := x.Release(a); err != nil {
		t.Error(err)
	}
	if e.pool.used != used-48 {
		t.Errorf("Release of 48 bytes frees %d", used-e.pool.used)
	}
	if err := x.Release(a); err == nil || !strings.Contains(err.Error(), "released") {
		t.Errorf("Release again: %v", err)
	}
	if _, err := x.Host(a); !errors.Is(err, engine.ErrUnsupported) {
		t.Errorf("a released tensor: %v", err)
	}
}
