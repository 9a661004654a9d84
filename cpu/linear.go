package cpu

import (
	"math"

	"monge/engine"
)

const (
	strip   = 256     // numbers of a row that are summed at a time, in cache
	segment = 1 << 14 // numbers of an elementwise item
)

// LinComb implements engine.Engine.
func (e *Engine) LinComb(out, coef, x engine.Buffer) error {
	n, k, d, err := engine.CheckLinComb(out, coef, x)
	if err != nil {
		return err
	}
	if err := own(out, coef, x); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		linComb[float32](e, out, coef, x, n, k, d)
	} else {
		linComb[float64](e, out, coef, x, n, k, d)
	}
	return nil
}

// linCombTask combines a run of rows an item.
type linCombTask[T float] struct {
	out, coef, x  []T
	n, k, d, rows int
}

func linComb[T float](e *Engine, out, coef, x engine.Buffer, n, k, d int) {
	p := &kernelsOf[T](e).linComb
	*p = linCombTask[T]{data[T](out), data[T](coef), data[T](x), n, k, d, rowsOf(k * d)}
	e.run(p, (n+p.rows-1)/p.rows, float64(n)*float64(k*d))
	*p = linCombTask[T]{}
}

// rowsOf returns how many rows of the given work make an item.
func rowsOf(work int) int { return max(1, segment/max(1, work)) }

func (p *linCombTask[T]) do(_ *worker, item int) {
	var acc [strip]float64
	for i := item * p.rows; i < min((item+1)*p.rows, p.n); i++ {
		for j := 0; j < p.d; j += strip {
			s := acc[:min(strip, p.d-j)]
			combine(s, p.coef[i*p.k:(i+1)*p.k], p.x[i*p.k*p.d+j:], p.d)
			convert(p.out[i*p.d+j:][:len(s)], s)
		}
	}
}

// combine sets acc_j = sum_k coef_k x[k stride + j]; terms of coefficient 0 are not read.
func combine[T float](acc []float64, coef, x []T, stride int) {
	clear(acc)
	for k, ck := range coef {
		if ck == 0 {
			continue
		}
		c := float64(ck)
		for j, v := range x[k*stride:][:len(acc)] {
			acc[j] += c * float64(v)
		}
	}
}

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

// Log implements engine.Engine.
func (e *Engine) Log(out, x engine.Buffer) error {
	if err := engine.CheckLog(out, x); err != nil {
		return err
	}
	if err := own(out, x); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		logs[float32](e, out, x)
	} else {
		logs[float64](e, out, x)
	}
	return nil
}

type logTask[T float] struct{ out, x []T }

func logs[T float](e *Engine, out, x engine.Buffer) {
	p := &kernelsOf[T](e).log
	*p = logTask[T]{data[T](out), data[T](x)}
	n := len(p.out)
	e.run(p, (n+segment-1)/segment, 10*float64(n))
	*p = logTask[T]{}
}

func (p *logTask[T]) do(_ *worker, item int) {
	for i := item * segment; i < min((item+1)*segment, len(p.out)); i++ {
		p.out[i] = T(math.Log(float64(p.x[i])))
	}
}

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
