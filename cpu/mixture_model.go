package cpu

import (
	"math"

	"monge/cpu/tile"
	"monge/engine"
)

// model is a mixture made ready for a call. Where all components share their axes it works in these:
// x' = Q^T x and m'_k = Q^T m_k.
type model[T float] struct {
	engine.MixtureDims
	logW    []float64 // [K]
	lam     []float64 // eigenvalues [VarK, D]
	mean    []T       // [K, D]
	basis   []T       // [BasisK, D, D]
	reflect []float64 // [R, D]
	own     bool      // every component has its own axes
	axes    []float64 // m'_k [K, D], where the axes are shared
}

// ready reads the parameters; buffers of an earlier call are used again.
func (m *model[T]) ready(w *worker, p *engine.MixtureParams, s engine.MixtureDims) {
	m.MixtureDims = s
	m.mean, m.basis = data[T](p.Mean), data[T](p.Basis)
	m.reflect = resize(m.reflect, s.R*s.D)
	convert(m.reflect, data[T](p.Reflect))
	m.own = s.BasisK > 1
	m.logW = resize(m.logW, s.K)
	convert(m.logW, data[T](p.LogW))
	m.lam = resize(m.lam, s.VarK*s.D)
	v := data[T](p.Var)
	for k := range s.VarK {
		for j := range s.D {
			m.lam[k*s.D+j] = float64(v[k*s.VarD+j%s.VarD])
		}
	}
	if !m.own {
		m.axes = resize(m.axes, s.K*s.D)
		m.toAxes(w, s.K, m.mean, m.axes)
	}
}

// release forgets the caller's arrays.
func (m *model[T]) release() { m.mean, m.basis = nil, nil }

func resize(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n)
	}
	return x[:n]
}

// toAxes turns n rows into the shared axes: out = x Q.
func (m *model[T]) toAxes(w *worker, n int, x []T, out []float64) {
	x, out = x[:n*m.D], out[:n*m.D]
	switch {
	case m.basis != nil:
		if o, ok := any(out).([]T); ok {
			gemm(w, false, false, n, m.D, m.D, x, m.D, m.basis, m.D, o, m.D)
			return
		}
		o := scratch[T](w, len(out))
		gemm(w, false, false, n, m.D, m.D, x, m.D, m.basis, m.D, o, m.D)
		convert(out, o)
	default:
		convert(out, x)
		for i := range n {
			for r := range m.R {
				householder(w.level, m.reflect[r*m.D:(r+1)*m.D], out[i*m.D:(i+1)*m.D])
			}
		}
	}
}

// fromAxes turns n rows back: out = x Q^T. x is lost.
func (m *model[T]) fromAxes(w *worker, n int, x []float64, out []T) {
	x, out = x[:n*m.D], out[:n*m.D]
	switch {
	case m.basis != nil:
		in, ok := any(x).([]T)
		if !ok {
			in = scratch[T](w, len(x))
			convert(in, x)
		}
		gemm(w, true, false, n, m.D, m.D, in, m.D, m.basis, m.D, out, m.D)
	default:
		for i := range n {
			for r := m.R - 1; r >= 0; r-- {
				householder(w.level, m.reflect[r*m.D:(r+1)*m.D], x[i*m.D:(i+1)*m.D])
			}
		}
		convert(out, x)
	}
}

// householder applies I - 2 v v^T to x.
func householder(l tile.Level, v, x []float64) { l.AddScaled(x, v, -2*l.Dot(v, x)) }

const ln2Pi = 1.83787706640934548356 // ln(2 pi)

// table holds what depends on a row's time alone: 1/D_kj [VarK, D], sum_j ln(2 pi D_kj) [VarK], and the
// eigenvalues of A_k, (c1 alpha l - c2)/D.
type table struct {
	alpha, sigma, c1, c2 float64
	inv, logDet, a       []float64
}

func (m *model[T]) newTable(w *worker) table {
	nan := math.NaN()
	return table{alpha: nan, sigma: nan, c1: nan, c2: nan, inv: w.f64.take(m.VarK * m.D), logDet: w.f64.take(m.VarK)}
}

// at fills the table for a time; consecutive rows often have the same.
func (m *model[T]) at(w *worker, t *table, alpha, sigma float64) {
	if t.alpha == alpha && t.sigma == sigma {
		return
	}
	t.alpha, t.sigma, t.c1 = alpha, sigma, math.NaN()
	w.level.Variances(t.inv, m.lam, t.logDet, alpha*alpha, sigma*sigma)
	for k := range t.logDet {
		t.logDet[k] += float64(m.D) * ln2Pi
	}
}

// coefficients fills a for c1 and c2, after at.
func (m *model[T]) coefficients(w *worker, t *table, c1, c2 float64) {
	if t.c1 == c1 && t.c2 == c2 {
		return
	}
	if t.c1, t.c2 = c1, c2; t.a == nil {
		t.a = w.f64.take(m.VarK * m.D)
	}
	w.level.Ratios(t.a, m.lam, t.inv, c1*t.alpha, c2)
}

// of returns component k's part of a table of [VarK, D].
func (m *model[T]) of(x []float64, k int) []float64 {
	if m.VarK == 1 {
		k = 0
	}
	return x[k*m.D : (k+1)*m.D]
}

func (m *model[T]) logDet(t *table, k int) float64 {
	if m.VarK == 1 {
		k = 0
	}
	return t.logDet[k]
}
