//go:build (cuda || emu) && cgo

package gpu

import (
	"fmt"

	"monge/engine"

	"gorgonia.org/tensor"
)

// Add implements tensor.Adder: a + b.
func (t *Tensors) Add(a, b tensor.Tensor, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	return t.pairwise("Add", a, b, opts, func(out, x, y *buffer) error { return t.e.Axpby(out, 1, x, 1, y) })
}

// Sub implements tensor.Suber: a - b.
func (t *Tensors) Sub(a, b tensor.Tensor, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	return t.pairwise("Sub", a, b, opts, func(out, x, y *buffer) error { return t.e.Axpby(out, 1, x, -1, y) })
}

// Mul implements tensor.Muler: a b by element, as dot products of rows of one number.
func (t *Tensors) Mul(a, b tensor.Tensor, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	return t.pairwise("Mul", a, b, opts, func(out, x, y *buffer) error {
		n := engine.Len(x)
		target := out.View(0, 1, n, 1)
		if out.ptr != x.ptr && out.ptr != y.ptr {
			return t.e.RowDot(target, x.View(0, 1, n, 1), y.View(0, 1, n, 1))
		}
		z, err := t.e.Alloc(x.t, 1, n, 1) // RowDot's output is none of its inputs
		if err != nil {
			return err
		}
		defer z.Free()
		if err := t.e.RowDot(z, x.View(0, 1, n, 1), y.View(0, 1, n, 1)); err != nil {
			return err
		}
		return t.e.Copy2D(target, 0, n, z, 0, n, 1, n)
	})
}

// AddScalar implements tensor.Adder.
func (t *Tensors) AddScalar(a tensor.Tensor, b any, _ bool, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	return t.shifted("AddScalar", a, b, 1, 1, opts)
}

// SubScalar implements tensor.Suber: a - b, or b - a where the tensor is not on the left.
func (t *Tensors) SubScalar(a tensor.Tensor, b any, left bool, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	if left {
		return t.shifted("SubScalar", a, b, 1, -1, opts)
	}
	return t.shifted("SubScalar", a, b, -1, 1, opts)
}

// MulScalar implements tensor.Muler.
func (t *Tensors) MulScalar(a tensor.Tensor, b any, _ bool, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	s, err := t.number(b)
	if err != nil {
		return nil, err
	}
	return t.unary("MulScalar", a, opts, func(out, x *buffer) error { return t.e.Axpby(out, s, x, 0, nil) })
}

// shifted is alpha a + beta b for a number b.
func (t *Tensors) shifted(name string, a tensor.Tensor, b any, alpha, beta float64, opts []tensor.FuncOpt) (tensor.Tensor, error) {
	s, err := t.number(b)
	if err != nil {
		return nil, err
	}
	return t.unary(name, a, opts, func(out, x *buffer) error {
		y, err := t.e.Alloc(x.t, x.b, x.n, x.d)
		if err != nil {
			return err
		}
		defer y.Free()
		if err := t.fill(y.(*buffer), s); err != nil {
			return err
		}
		return t.e.Axpby(out, alpha, x, beta, y)
	})
}

// number reads a scalar operand: a number, or a scalar tensor of the host or of this engine.
func (t *Tensors) number(b any) (float64, error) {
	switch v := b.(type) {
	case float64:
		return v, nil
	case float32:
		return float64(v), nil
	case *tensor.Dense:
		if v.Engine() == tensor.Engine(t) {
			host, err := t.Host(v)
			if err != nil {
				return 0, err
			}
			v = host
		}
		if v.Shape().TotalSize() == 1 && v.IsNativelyAccessible() {
			switch x := v.Data().(type) {
			case []float64:
				return x[0], nil
			case []float32:
				return float64(x[0]), nil
			}
			return t.number(v.ScalarValue())
		}
	}
	return 0, fmt.Errorf("gpu: scalar operand of type %T: %w", b, engine.ErrDtype)
}

func (t *Tensors) pairwise(name string, a, b tensor.Tensor, opts []tensor.FuncOpt, op func(out, x, y *buffer) error) (tensor.Tensor, error) {
	y, transposed, err := t.view(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, name)
	}
	if transposed {
		return nil, fmt.Errorf("gpu: %s of a transposed tensor: %w", name, engine.ErrUnsupported)
	}
	if !a.Shape().Eq(b.Shape()) {
		return nil, fmt.Errorf("gpu: %s of shapes %v and %v: %w", name, a.Shape(), b.Shape(), engine.ErrShape)
	}
	return t.unary(name, a, opts, func(out, x *buffer) error { return op(out, x, y) })
}

// unary runs op from a into the tensor that the options ask for: a new one, a's own memory (UseUnsafe), another
// (WithReuse), or added to what another holds (WithIncr).
func (t *Tensors) unary(name string, a tensor.Tensor, opts []tensor.FuncOpt, op func(out, x *buffer) error) (tensor.Tensor, error) {
	x, transposed, err := t.view(a)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, name)
	}
	if transposed {
		return nil, fmt.Errorf("gpu: %s of a transposed tensor: %w", name, engine.ErrUnsupported)
	}
	if x.t == engine.I32 {
		return nil, fmt.Errorf("gpu: %s of %v: %w", name, x.t, engine.ErrDtype)
	}
	o := tensor.ParseFuncOpts(opts...)
	out, incr := o.IncrReuse()
	if out == nil && !o.Safe() {
		out = a
	}
	made := out == nil || incr // the result goes into memory of its own first
	target := out
	if made {
		if target, err = t.New(x.t, a.Shape()...); err != nil {
			return nil, err
		}
	}
	z, transposed, err := t.view(target)
	if err == nil && (transposed || engine.Len(z) != engine.Len(x) || z.t != x.t) {
		err = fmt.Errorf("gpu: %s of shape %v and type %v into %v and %v: %w", name, a.Shape(), x.t, target.Shape(), z.t, engine.ErrShape)
	}
	if err == nil {
		z.b, z.n, z.d = x.b, x.n, x.d
		err = op(z, x)
	}
	if err == nil && incr {
		var sum *buffer
		if sum, _, err = t.view(out); err == nil {
			err = t.e.Axpby(sum, 1, sum, 1, z)
		}
	}
	if made && (err != nil || incr) {
		t.Release(target.(*tensor.Dense))
	}
	if err != nil {
		return nil, err
	}
	if incr {
		return out, nil
	}
	return target, nil
}

// MatMul implements tensor.MatMuler. b may be the transpose of a matrix.
func (t *Tensors) MatMul(a, b, out tensor.Tensor) error {
	x, tx, err := t.view(a)
	if err != nil {
		return err
	}
	y, ty, err := t.view(b)
	if err != nil {
		return err
	}
	z, tz, err := t.view(out)
	if err != nil {
		return err
	}
	if tx || tz {
		return fmt.Errorf("gpu: MatMul of a transposed left factor, or into a transposed tensor: %w", engine.ErrUnsupported)
	}
	return t.e.MatMul(z, x, y, ty)
}
