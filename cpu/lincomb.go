package cpu

import (
	"monge/cpu/tile"
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

func (p *linCombTask[T]) do(w *worker, item int) {
	acc := w.f64.take(strip)
	for i := item * p.rows; i < min((item+1)*p.rows, p.n); i++ {
		for j := 0; j < p.d; j += strip {
			s := acc[:min(strip, p.d-j)]
			tile.Combine(w.level, s, p.coef[i*p.k:(i+1)*p.k], p.x[i*p.k*p.d+j:], p.d)
			convert(p.out[i*p.d+j:][:len(s)], s)
		}
	}
}
