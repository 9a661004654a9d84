package cpu

import (
	"math"

	"monge/engine"
)

// Axpby implements engine.Engine.
func (e *Engine) Axpby(out engine.Buffer, alpha float64, x engine.Buffer, beta float64, y engine.Buffer) error {
	if err := engine.CheckAxpby(out, alpha, x, y); err != nil {
		return err
	}
	if err := own(out, x, y); err != nil {
		return err
	}
	if out.Dtype() == engine.F32 {
		axpby[float32](e, out, alpha, x, beta, y)
	} else {
		axpby[float64](e, out, alpha, x, beta, y)
	}
	return nil
}

type axpbyTask[T float] struct {
	out, x, y   []T // x or y nil = not read
	alpha, beta float64
}

func axpby[T float](e *Engine, out engine.Buffer, alpha float64, x engine.Buffer, beta float64, y engine.Buffer) {
	p := &kernelsOf[T](e).axpby
	*p = axpbyTask[T]{data[T](out), data[T](x), data[T](y), alpha, beta}
	if alpha == 0 {
		p.x = nil
	}
	if beta == 0 {
		p.y = nil
	}
	n := len(p.out)
	e.run(p, (n+segment-1)/segment, float64(n))
	*p = axpbyTask[T]{}
}

func (p *axpbyTask[T]) do(_ *worker, item int) {
	lo, hi := item*segment, min((item+1)*segment, len(p.out))
	out := p.out[lo:hi]
	switch {
	case p.x == nil && p.y == nil:
		clear(out)
	case p.y == nil:
		scale(out, p.alpha, p.x[lo:hi])
	case p.x == nil:
		scale(out, p.beta, p.y[lo:hi])
	default:
		x, y := p.x[lo:hi], p.y[lo:hi]
		for i := range out {
			a, b := p.alpha*float64(x[i]), p.beta*float64(y[i])
			s := a + b
			if s != s && a == a && b == b {
				s = math.Inf(-1)
			}
			out[i] = T(s)
		}
	}
}

func scale[T float](out []T, c float64, x []T) {
	for i, v := range x {
		out[i] = T(c * float64(v))
	}
}
