package cpu

import (
	"math"

	"monge/cpu/tile"
	"monge/engine"
)

// mixtureStore bounds the numbers that a panel of rows of a mixture keeps, as long as it has a row.
const mixtureStore = 1 << 20

// Mixture implements engine.Engine.
func (e *Engine) Mixture(a *engine.Mixture) error {
	s, err := engine.CheckMixture(a)
	if err != nil {
		return err
	}
	if err := own(a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect, a.Coef, a.X, a.T, a.V, a.TV, a.Div, a.LogP, a.LogR); err != nil {
		return err
	}
	if a.X.Dtype() == engine.F32 {
		mixture[float32](e, a, s)
	} else {
		mixture[float64](e, a, s)
	}
	return nil
}

// mixturePanel is the most rows of a panel: whole tiles of products on every level.
const mixturePanel = 60

// mixtureTask evaluates a panel of rows an item.
type mixtureTask[T float] struct {
	model[T]
	coef, x, t             []T
	v, tv, div, logP, logR []T
	rows                   int // rows of a panel
}

func mixture[T float](e *Engine, a *engine.Mixture, s engine.MixtureDims) {
	if s.N == 0 {
		return
	}
	p := &kernelsOf[T](e).mixture
	p.coef, p.x, p.t = data[T](a.Coef), data[T](a.X), data[T](a.T)
	p.v, p.tv, p.div = data[T](a.V), data[T](a.TV), data[T](a.Div)
	p.logP, p.logR = data[T](a.LogP), data[T](a.LogR)
	w := e.worker(0)
	w.reset()
	p.ready(w, a.P, s)
	p.rows = e.share(p.panel(), s.N)
	e.run(p, (s.N+p.rows-1)/p.rows, p.work())
	p.release()
	*p = mixtureTask[T]{model: p.model}
}

// panel returns the rows of a panel, a number that depends on the sizes of a row alone.
func (m *model[T]) panel() int {
	row := m.D * (2 + m.P)
	if m.own {
		row += 4 * m.K * m.D
	}
	return min(mixturePanel, max(1, mixtureStore/max(1, row)))
}

// work estimates the operations of a call.
func (m *model[T]) work() float64 {
	row := float64(m.K*m.D) * float64(8+4*m.P)
	if m.own {
		row *= float64(m.D) / 4
	} else if m.basis != nil {
		row += float64(m.D * m.D)
	}
	return row * float64(m.N)
}

func (p *mixtureTask[T]) do(w *worker, item int) {
	row := item * p.rows
	n := min(p.rows, p.N-row)
	if p.own {
		p.ownPanel(w, row, n)
	} else {
		p.axesPanel(w, row, n)
	}
}

// timeOf returns a row's coefficients.
func timeOf[T float](coef []T, i int) (alpha, sigma, c1, c2 float64) {
	c := coef[i*engine.CoefCount : (i+1)*engine.CoefCount]
	return float64(c[engine.CoefAlpha]), float64(c[engine.CoefSigma]), float64(c[engine.CoefMean]), float64(c[engine.CoefScore])
}

// law turns a row's log weights z into responsibilities and writes the row's law.
func (p *mixtureTask[T]) law(w *worker, i int, z []float64) {
	if p.logR != nil {
		out := p.logR[i*p.K : (i+1)*p.K]
		l := lse(z)
		for k, v := range z {
			out[k] = T(v - l)
		}
	}
	m := w.level.Max(z, math.Inf(-1))
	sum := w.level.Exp(z, z, m)
	inv := 1 / sum
	for k := range z {
		z[k] *= inv
	}
	if p.logP != nil {
		p.logP[i] = T(m + math.Log(sum))
	}
}

// lse returns ln sum e^z.
func lse(z []float64) float64 {
	m := tile.Plain.Max(z, math.Inf(-1))
	if math.IsInf(m, -1) {
		return m
	}
	var sum float64
	for _, v := range z {
		sum += tile.Exp1(v - m)
	}
	return m + math.Log(sum)
}

// axesPanel evaluates n rows from row on in the components' shared axes.
func (p *mixtureTask[T]) axesPanel(w *worker, row, n int) {
	D := p.D
	x := w.f64.take(n * D)
	p.toAxes(w, n, p.x[row*D:], x)
	t, r := p.newTable(w), w.f64.take(p.K)
	moves := p.v != nil || p.tv != nil || p.div != nil
	v := w.f64.take(n * D)
	g, du, dg := w.f64.take(D), w.f64.take(D), w.f64.take(D)
	var tan, tv []float64
	if p.tv != nil {
		tan, tv = w.f64.take(p.P*D), w.f64.take(p.P*D)
	}
	for i := range n {
		alpha, sigma, c1, c2 := timeOf(p.coef, row+i)
		xi, vi := x[i*D:(i+1)*D], v[i*D:(i+1)*D]
		p.at(w, &t, alpha, sigma)
		p.axesLogits(&t, xi, r)
		p.law(w, row+i, r)
		if !moves {
			continue
		}
		p.coefficients(w, &t, c1, c2)
		p.axesVelocity(&t, xi, r, vi, g)
		if p.div == nil && p.tv == nil {
			continue
		}
		if p.tv != nil {
			p.toAxes(w, p.P, p.t[(row+i)*p.P*D:], tan)
			clear(tv)
		}
		var div float64
		for k, rk := range r {
			if rk == 0 {
				continue
			}
			// Centred on v, which adds nothing to the sum (sum r_k (g_k - g) = 0), u_k keeps its digits far from 0.
			inv, a, m := p.of(t.inv, k), p.of(t.a, k), p.axes[k*D:(k+1)*D]
			var part float64
			for j, xj := range xi {
				y := xj - alpha*m[j]
				du[j] = c1*m[j] + a[j]*y - vi[j]
				dg[j] = -y*inv[j] - g[j]
				part += a[j] + du[j]*dg[j]
			}
			div += rk * part
			for q := range len(tan) / max(1, D) {
				tq, out := tan[q*D:(q+1)*D], tv[q*D:(q+1)*D]
				var dot float64
				for j, tj := range tq {
					dot += dg[j] * tj
				}
				for j, tj := range tq {
					out[j] += rk * (a[j]*tj + du[j]*dot)
				}
			}
		}
		if p.div != nil {
			p.div[row+i] = T(div)
		}
		if p.tv != nil {
			p.fromAxes(w, p.P, tv, p.tv[(row+i)*p.P*D:])
		}
	}
	if p.v != nil {
		p.fromAxes(w, n, v, p.v[row*D:])
	}
}

// axesLogits sets z_k = ln w_k + ln N(x; alpha m_k, D_k) in the shared axes.
func (m *model[T]) axesLogits(t *table, x, z []float64) {
	for k := range z {
		q := quadratic(x, m.axes[k*m.D:(k+1)*m.D], m.of(t.inv, k), t.alpha)
		z[k] = m.logW[k] - 0.5*(m.logDet(t, k)+q)
	}
}

// quadratic returns sum_j (x_j - alpha m_j)^2 inv_j.
func quadratic(x, m, inv []float64, alpha float64) float64 {
	m, inv = m[:len(x)], inv[:len(x)]
	var s0, s1, s2, s3 float64
	j := 0
	for ; j+4 <= len(x); j += 4 {
		y0, y1, y2, y3 := x[j]-alpha*m[j], x[j+1]-alpha*m[j+1], x[j+2]-alpha*m[j+2], x[j+3]-alpha*m[j+3]
		s0 += y0 * y0 * inv[j]
		s1 += y1 * y1 * inv[j+1]
		s2 += y2 * y2 * inv[j+2]
		s3 += y3 * y3 * inv[j+3]
	}
	for ; j < len(x); j++ {
		y := x[j] - alpha*m[j]
		s0 += y * y * inv[j]
	}
	return (s0 + s1) + (s2 + s3)
}

// axesVelocity sets v = sum r_k u_k and g = sum r_k g_k in the shared axes.
func (m *model[T]) axesVelocity(t *table, x, r, v, g []float64) {
	clear(v)
	clear(g)
	for k, rk := range r {
		if rk == 0 {
			continue
		}
		inv, a, mk := m.of(t.inv, k), m.of(t.a, k), m.axes[k*m.D:(k+1)*m.D]
		for j, xj := range x {
			y := xj - t.alpha*mk[j]
			v[j] += rk * (t.c1*mk[j] + a[j]*y)
			g[j] -= rk * (y * inv[j])
		}
	}
}
