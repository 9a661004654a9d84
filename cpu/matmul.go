package cpu

import (
	"monge/engine"
)

// MatMul implements engine.Engine.
func (e *Engine) MatMul(out, x, y engine.Buffer, transY bool) error {
	s, err := engine.CheckMatMul(out, x, y, transY)
	if err != nil {
		return err
	}
	if err := own(out, x, y); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		matMul[float32](e, out, x, y, transY, s)
	} else {
		matMul[float64](e, out, x, y, transY, s)
	}
	return nil
}

// matMulTask multiplies a panel of rows an item.
type matMulTask[T float] struct {
	engine.MatMulDims
	out, x, y []T
	trans     bool
	rows      int // rows of a panel
	panels    int // panels a problem
}

func matMul[T float](e *Engine, out, x, y engine.Buffer, trans bool, s engine.MatMulDims) {
	p := &kernelsOf[T](e).matMul
	rows := e.share(panelRows, s.B*s.N)
	*p = matMulTask[T]{s, data[T](out), data[T](x), data[T](y), trans, rows, (s.N + rows - 1) / rows}
	e.run(p, s.B*p.panels, float64(s.B)*float64(s.N)*float64(s.M)*float64(s.K)/4)
	*p = matMulTask[T]{}
}

func (p *matMulTask[T]) do(w *worker, item int) {
	b, i := item/p.panels, item%p.panels*p.rows
	y := p.y
	if p.YB > 1 {
		y = y[b*p.K*p.M:]
	}
	ld := p.M
	if p.trans {
		ld = p.K
	}
	row := b*p.N + i
	gemm(w, p.trans, false, min(p.rows, p.N-i), p.M, p.K, p.x[row*p.K:], p.K, y, ld, p.out[row*p.M:], p.M)
}
