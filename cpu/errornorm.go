package cpu

import (
	"math"

	"monge/cpu/tile"
	"monge/engine"
)

// ErrorNorm implements engine.Engine. A coordinate whose error is 0 counts 0 whatever it is divided by.
func (e *Engine) ErrorNorm(out, coef, x engine.Buffer, group int, atol, rtol float64) error {
	n, ne, k, d, err := engine.CheckErrorNorm(out, coef, x, group, atol, rtol)
	if err != nil {
		return err
	}
	if err := own(out, coef, x); err != nil {
		return err
	}
	if group == 0 {
		group = max(1, d)
	}
	if x.Dtype() == engine.F32 {
		errorNorm[float32](e, out, coef, x, n, ne, k, d, group, atol, rtol)
	} else {
		errorNorm[float64](e, out, coef, x, n, ne, k, d, group, atol, rtol)
	}
	return nil
}

// errorNormTask measures a run of rows an item.
type errorNormTask[T float] struct {
	out, coef, x []T
	n, e, k, d   int
	group, rows  int
	atol, rtol   float64
}

func errorNorm[T float](e *Engine, out, coef, x engine.Buffer, n, ne, k, d, group int, atol, rtol float64) {
	p := &kernelsOf[T](e).norm
	*p = errorNormTask[T]{data[T](out), data[T](coef), data[T](x), n, ne, k, d, group, rowsOf(ne * k * d), atol, rtol}
	e.run(p, (n+p.rows-1)/p.rows, float64(n)*float64(ne*k*d))
	*p = errorNormTask[T]{}
}

func (p *errorNormTask[T]) do(w *worker, item int) {
	acc := w.f64.take(strip)
	for i := item * p.rows; i < min((item+1)*p.rows, p.n); i++ {
		for l := range p.e {
			p.out[i*p.e+l] = T(p.norm(w, acc, p.coef[(i*p.e+l)*p.k:][:p.k], p.x[i*p.k*p.d:(i+1)*p.k*p.d]))
		}
	}
}

// norm returns one weighted norm of a row's vectors x [K, D].
func (p *errorNormTask[T]) norm(w *worker, acc []float64, coef, x []T) float64 {
	var worst float64
	for g := 0; g < p.d; g += p.group {
		end := min(g+p.group, p.d)
		var total float64
		for j := g; j < end; j += strip {
			s := acc[:min(strip, end-j)]
			tile.Combine(w.level, s, coef, x[j:], p.d)
			if p.atol != 0 || p.rtol != 0 {
				total += tile.Errors(w.level, s, x[j:], p.atol, p.rtol)
			} else {
				total += w.level.Dot(s, s)
			}
		}
		if v := math.Sqrt(total / float64(end-g)); v > worst || v != v {
			worst = v
		}
	}
	return worst
}
