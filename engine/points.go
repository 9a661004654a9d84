package engine

import (
	"fmt"

	"gorgonia.org/tensor"
)

// hoster is the engine of tensors that lie where the host cannot read.
type hoster interface {
	Host(*tensor.Dense) (*tensor.Dense, error)
}

// Matrix returns the numbers of a tensor of shape [N, D] in row-major order, without copying where t is dense
// float64 on the host already. A tensor in a device's memory is copied by its engine (gpu.Tensors). Other ranks
// and types than float64 and float32 wrap ErrShape and ErrDtype.
func Matrix(t *tensor.Dense) (data []float64, n, d int, err error) {
	if t == nil {
		return nil, 0, 0, fmt.Errorf("engine: no points: %w", ErrShape)
	}
	s := t.Shape()
	if len(s) != 2 {
		return nil, 0, 0, fmt.Errorf("engine: points of shape %v, want [N, D]: %w", s, ErrShape)
	}
	n, d = s[0], s[1]
	if !t.IsNativelyAccessible() {
		h, ok := t.Engine().(hoster)
		if !ok {
			return nil, 0, 0, fmt.Errorf("engine: points in memory that the host cannot read, of an engine (%T) that does not copy them: %w", t.Engine(), ErrUnsupported)
		}
		if t, err = h.Host(t); err != nil {
			return nil, 0, 0, fmt.Errorf("engine: points: %w", err)
		}
	}
	if t.RequiresIterator() || t.DataOrder().IsColMajor() || !t.DataOrder().IsContiguous() {
		return gather(t, n, d)
	}
	switch v := t.Data().(type) {
	case []float64:
		return v, n, d, nil
	case []float32:
		data = make([]float64, len(v))
		for i, x := range v {
			data[i] = float64(x)
		}
		return data, n, d, nil
	case float64: // a 1 x 1 tensor
		return []float64{v}, n, d, nil
	case float32:
		return []float64{float64(v)}, n, d, nil
	}
	return nil, 0, 0, fmt.Errorf("engine: points of type %v, want float64 or float32: %w", t.Dtype(), ErrDtype)
}

// gather reads a view or a column-major tensor number by number: package tensor's own ways to lay such
// tensors out anew lose elements of some views.
func gather(t *tensor.Dense, n, d int) (data []float64, _, _ int, err error) {
	data = make([]float64, 0, n*d)
	for i := range n {
		for j := range d {
			v, err := t.At(i, j)
			if err != nil {
				return nil, 0, 0, fmt.Errorf("engine: points: %w", err)
			}
			switch v := v.(type) {
			case float64:
				data = append(data, v)
			case float32:
				data = append(data, float64(v))
			default:
				return nil, 0, 0, fmt.Errorf("engine: points of type %v, want float64 or float32: %w", t.Dtype(), ErrDtype)
			}
		}
	}
	return data, n, d, nil
}

// Points wraps row-major numbers as a host tensor [N, D]; it keeps data, it does not copy. It panics
// where len(data) is not n d.
func Points(data []float64, n, d int) *tensor.Dense {
	if len(data) != n*d {
		panic(fmt.Sprintf("engine: %d numbers for %d x %d points", len(data), n, d))
	}
	return tensor.New(tensor.WithShape(n, d), tensor.WithBacking(data))
}
