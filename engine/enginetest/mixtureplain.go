package enginetest

import (
	"math"

	"monge/engine"
)

// mixtureHost holds the parameters of engine.MixtureParams and the inputs of engine.Mixture.
type mixtureHost struct {
	logw, mean, variance, basis, reflect *array
	coef, x, t                           *array
}

// mixtureModel is the parameters in the type in which the plain formulas are evaluated.
type mixtureModel[T float] struct {
	h                               *mixtureHost
	k, d                            int
	logw, mean, vars, basis, mirror []T
}

func model[T float](h *mixtureHost) *mixtureModel[T] {
	return &mixtureModel[T]{
		h: h, k: h.mean.n, d: h.mean.d, logw: convert[T](h.logw), mean: convert[T](h.mean),
		vars: convert[T](h.variance), basis: convert[T](h.basis), mirror: convert[T](h.reflect),
	}
}

// variance returns eigenvalue j of component k.
func (m *mixtureModel[T]) variance(k, j int) T {
	v := m.h.variance
	if v.n == 1 {
		k = 0
	}
	if v.d == 1 {
		j = 0
	}
	return m.vars[k*v.d+j]
}

// rotate returns Q_k x, or Q_k^T x with inverse.
func (m *mixtureModel[T]) rotate(k int, x []T, inverse bool) []T {
	y := make([]T, m.d)
	switch {
	case m.basis != nil:
		if m.h.basis.b == 1 {
			k = 0
		}
		q := m.basis[k*m.d*m.d:]
		for i := range m.d {
			for j := range m.d {
				if inverse {
					y[j] += T(q[i*m.d+j] * x[i])
				} else {
					y[i] += T(q[i*m.d+j] * x[j])
				}
			}
		}
	case m.mirror != nil:
		copy(y, x)
		n := m.h.reflect.n
		for r := range n {
			if !inverse {
				r = n - 1 - r // Q x = H_1 (H_2 (... H_R x))
			}
			v := m.mirror[r*m.d:][:m.d]
			f := 2 * dot(v, y)
			for i, a := range v {
				y[i] -= T(f * a)
			}
		}
	default:
		copy(y, x)
	}
	return y
}

// component is one component's part at one row.
type component[T float] struct {
	z    T   // log w_k plus the log density
	w    []T // Q^T y
	den  []T // D_k
	g, u []T
	tr   T // tr A_k
}

// at evaluates component k at x.
func (m *mixtureModel[T]) at(k int, coef, x []T) component[T] {
	alpha, sigma, c1, c2 := coef[0], coef[1], coef[2], coef[3]
	c := component[T]{den: make([]T, m.d)}
	y := make([]T, m.d)
	for j := range y {
		y[j] = x[j] - T(alpha*m.mean[k*m.d+j])
	}
	c.w = m.rotate(k, y, true)
	pw, cw := make([]T, m.d), make([]T, m.d)
	var logdet, quad T
	for j := range m.d {
		l := m.variance(k, j)
		c.den[j] = T(T(alpha*alpha)*l) + T(sigma*sigma)
		logdet += ln(T(2 * math.Pi * c.den[j]))
		pw[j] = c.w[j] / c.den[j]
		cw[j] = l / c.den[j] * c.w[j]
		quad += T(c.w[j] * pw[j])
		c.tr += (T(T(c1*alpha)*l) - c2) / c.den[j]
	}
	c.z = m.logw[k] - logdet/2 - quad/2
	c.g, c.u = m.rotate(k, pw, false), m.rotate(k, cw, false)
	for j := range c.g {
		c.g[j] = -c.g[j]
		c.u[j] = T(c1*(m.mean[k*m.d+j]+T(alpha*c.u[j]))) + T(c2*c.g[j])
	}
	return c
}

// jacobian returns A_k t.
func (m *mixtureModel[T]) jacobian(k int, coef []T, c component[T], t []T) []T {
	w := m.rotate(k, t, true)
	for j := range w {
		w[j] *= (T(T(coef[2]*coef[0])*m.variance(k, j)) - coef[3]) / c.den[j]
	}
	return m.rotate(k, w, false)
}

// mixtureRow holds all that belongs to one row.
type mixtureRow[T float] struct {
	comp    []component[T]
	r, logr []T
	logp    T
	g, v    []T
	tv      [][]T
	div     T
}

// row evaluates engine.Mixture as its doc comment reads.
func (m *mixtureModel[T]) row(coef, x []T, tangents [][]T) *mixtureRow[T] {
	o := &mixtureRow[T]{
		comp: make([]component[T], m.k), r: make([]T, m.k), logr: make([]T, m.k),
		g: make([]T, m.d), v: make([]T, m.d),
	}
	most := T(math.Inf(-1))
	for k := range o.comp {
		o.comp[k] = m.at(k, coef, x)
		most = max(most, o.comp[k].z)
	}
	var sum T
	for k, c := range o.comp {
		o.r[k] = exp(c.z - most)
		sum += o.r[k]
	}
	o.logp = most + ln(sum)
	for k, c := range o.comp {
		o.r[k] /= sum
		o.logr[k] = c.z - o.logp
		for j := range m.d {
			o.g[j] += T(o.r[k] * c.g[j])
			o.v[j] += T(o.r[k] * c.u[j])
		}
	}
	diff := make([]T, m.d)
	for k, c := range o.comp {
		for j := range diff {
			diff[j] = c.g[j] - o.g[j]
		}
		o.div += o.r[k] * (c.tr + dot(c.u, diff))
	}
	for _, t := range tangents {
		tv := make([]T, m.d)
		for k, c := range o.comp {
			for j := range diff {
				diff[j] = c.g[j] - o.g[j]
			}
			at, inner := m.jacobian(k, coef, c, t), dot(diff, t)
			for j := range tv {
				tv[j] += T(o.r[k] * (at[j] + T(c.u[j]*inner)))
			}
		}
		o.tv = append(o.tv, tv)
	}
	return o
}

// mixtureOut holds every output of engine.Mixture.
type mixtureOut[T float] struct {
	v, tv, div, logp, logr []T
}

func mixturePlain[T float](h *mixtureHost) (*mixtureOut[T], []*mixtureRow[T]) {
	m, o := model[T](h), &mixtureOut[T]{}
	coef, x, t := convert[T](h.coef), convert[T](h.x), convert[T](h.t)
	var rows []*mixtureRow[T]
	for i := range h.x.n {
		r := m.row(coef[i*engine.CoefCount:][:engine.CoefCount], x[i*m.d:][:m.d], tangentsOf(t, h.t, i))
		rows = append(rows, r)
		o.v = append(o.v, r.v...)
		for _, tv := range r.tv {
			o.tv = append(o.tv, tv...)
		}
		o.div, o.logp, o.logr = append(o.div, r.div), append(o.logp, r.logp), append(o.logr, r.logr...)
	}
	return o, rows
}

// tangentsOf returns row i's tangents, of t in shape a.
func tangentsOf[T float](t []T, a *array, i int) [][]T {
	var list [][]T
	if a != nil {
		for p := range a.n {
			list = append(list, t[(i*a.n+p)*a.d:][:a.d])
		}
	}
	return list
}
