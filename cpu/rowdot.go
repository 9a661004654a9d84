package cpu

import (
	"monge/engine"
)

// RowDot implements engine.Engine.
func (e *Engine) RowDot(out, x, y engine.Buffer) error {
	rows, d, err := engine.CheckRowDot(out, x, y)
	if err != nil {
		return err
	}
	if err := own(out, x, y); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		rowDot[float32](e, out, x, y, rows, d)
	} else {
		rowDot[float64](e, out, x, y, rows, d)
	}
	return nil
}

type rowDotTask[T float] struct {
	out, x, y     []T
	n, d, perItem int
}

func rowDot[T float](e *Engine, out, x, y engine.Buffer, rows, d int) {
	p := &kernelsOf[T](e).rowDot
	*p = rowDotTask[T]{data[T](out), data[T](x), data[T](y), rows, d, rowsOf(d)}
	e.run(p, (rows+p.perItem-1)/p.perItem, float64(rows)*float64(d))
	*p = rowDotTask[T]{}
}

func (p *rowDotTask[T]) do(_ *worker, item int) {
	for i := item * p.perItem; i < min((item+1)*p.perItem, p.n); i++ {
		x, y := p.x[i*p.d:(i+1)*p.d], p.y[i*p.d:(i+1)*p.d]
		var total float64
		for j := 0; j < p.d; j += strip {
			var sum float64
			for l := j; l < min(j+strip, p.d); l++ {
				sum += float64(x[l]) * float64(y[l])
			}
			total += sum
		}
		p.out[i] = T(total)
	}
}
