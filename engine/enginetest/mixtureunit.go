package enginetest

import "math"

// A rotation Q y is exact to eps |y| in norm, not by coordinate: its unit in every coordinate is |y|, for
// a product of R reflections (1 + 2 R) |y|. Without a rotation units are kept by coordinate.

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// rotations returns the factor of |y| in the unit of a rotation; 0 where Q = I.
func (h *mixtureHost) rotations() float64 {
	switch {
	case h.basis != nil:
		return 1
	case h.reflect != nil:
		return 1 + 2*float64(h.reflect.n)
	}
	return 0
}

// stretch returns the unit of Q diag(f) Q^T y where y has the unit size.
func (h *mixtureHost) stretch(size []float64, f func(j int) float64) []float64 {
	out := make([]float64, len(size))
	rot := h.rotations()
	var largest float64
	for j := range out {
		largest = max(largest, math.Abs(f(j)))
		out[j] = math.Abs(f(j)) * size[j]
	}
	if rot > 0 {
		all := rot * largest * norm(size)
		for j := range out {
			out[j] = all
		}
	}
	return out
}

// componentUnit holds the units of a component's z, g and u.
type componentUnit struct {
	z    float64
	g, u []float64
}

// unit bounds one component, with the unit y of x - alpha m.
func (m *mixtureModel[T]) unit(k int, coef, y []float64, c component[float64], eps float64) componentUnit {
	h := m.h
	o := componentUnit{z: math.Abs(h.logw.x[k])}
	variance := func(j int) float64 { return float64(m.variance(k, j)) }
	pw := make([]float64, m.d)
	var smallest float64 = math.Inf(1)
	for j, den := range c.den {
		pw[j] = math.Abs(c.w[j]) / den
		smallest = min(smallest, den)
		o.z += math.Abs(math.Log(2*math.Pi*den))/2 + 2 + c.w[j]*c.w[j]/den/2
		if h.rotations() == 0 {
			// The square in w^2/D, with the term of second order: w itself may be all rounding.
			o.z += (pw[j]*y[j] + eps*y[j]*y[j]/den)
		}
	}
	if rot := h.rotations(); rot > 0 {
		o.z += rot*norm(pw)*norm(y) + eps*rot*rot*dot(y, y)/smallest
	}
	o.g = h.stretch(y, func(j int) float64 { return 1 / c.den[j] })
	o.u = h.stretch(y, func(j int) float64 { return variance(j) / c.den[j] })
	for j := range o.u {
		o.u[j] = math.Abs(coef[2])*(math.Abs(h.mean.row(0, k)[j])+math.Abs(coef[0])*o.u[j]) + math.Abs(coef[3])*o.g[j]
	}
	return o
}

// offsetUnit returns the unit of x - alpha m_k.
func (h *mixtureHost) offsetUnit(k int, alpha float64, x []float64) []float64 {
	y := make([]float64, len(x))
	for j, m := range h.mean.row(0, k) {
		y[j] = math.Abs(x[j]) + math.Abs(alpha*m)
	}
	return y
}

// units bounds engine.Mixture's outputs for the rows of the reference.
func (h *mixtureHost) units(rows []*mixtureRow[float64], eps float64) *mixtureOut[float64] {
	m, o := model[float64](h), &mixtureOut[float64]{}
	for i, r := range rows {
		coef, x := h.coef.row(0, i), h.x.row(0, i)
		units := make([]componentUnit, m.k)
		logp := math.Abs(r.logp) + 1
		for k, c := range r.comp {
			units[k] = m.unit(k, coef, h.offsetUnit(k, coef[0], x), c, eps)
			if r.r[k] > 0 {
				logp += r.r[k] * units[k].z
			}
		}
		o.logp = append(o.logp, logp)
		v, g := make([]float64, m.d), make([]float64, m.d)
		for k, c := range r.comp {
			o.logr = append(o.logr, math.Abs(r.logr[k])+units[k].z+logp)
			rel := r.relative(k, units[k].z, logp)
			for j := range v {
				v[j] += r.r[k]*units[k].u[j] + rel*math.Abs(c.u[j])
				g[j] += r.r[k]*units[k].g[j] + rel*math.Abs(c.g[j])
			}
		}
		o.v = append(o.v, v...)
		o.div = append(o.div, m.divUnit(coef, r, units, logp, g))
		for _, t := range tangentsOf(h.txs(), h.t, i) {
			o.tv = append(o.tv, m.tangentUnit(coef, r, units, logp, g, t)...)
		}
	}
	return o
}

func (h *mixtureHost) txs() []float64 {
	if h.t == nil {
		return nil
	}
	return h.t.x
}

// relative returns the unit of r_k.
func (r *mixtureRow[T]) relative(k int, z, logp float64) float64 {
	if r.r[k] == 0 {
		return 0
	}
	return float64(r.r[k]) * (z + logp + 2)
}

// divUnit bounds sum r_k (tr A_k + <u_k, g_k - g>); gm is the unit of g.
func (m *mixtureModel[T]) divUnit(coef []float64, r *mixtureRow[float64], units []componentUnit, logp float64, gm []float64) float64 {
	var s float64
	for k, c := range r.comp {
		rel := r.relative(k, units[k].z, logp)
		for j, den := range c.den {
			s += (r.r[k] + rel) * (math.Abs(coef[2]*coef[0])*float64(m.variance(k, j)) + math.Abs(coef[3])) / den
			s += (r.r[k]*units[k].u[j] + rel*math.Abs(c.u[j])) * math.Abs(c.g[j]-r.g[j])
			s += r.r[k] * math.Abs(c.u[j]) * (units[k].g[j] + gm[j])
		}
	}
	return s
}

// tangentUnit bounds sum r_k (A_k t + u_k <g_k - g, t>).
func (m *mixtureModel[T]) tangentUnit(coef []float64, r *mixtureRow[float64], units []componentUnit, logp float64, gm, t []float64) []float64 {
	out := make([]float64, m.d)
	size := make([]float64, m.d)
	for j, x := range t {
		size[j] = math.Abs(x)
	}
	for k, c := range r.comp {
		rel := r.relative(k, units[k].z, logp)
		a := m.h.stretch(size, func(j int) float64 {
			return (math.Abs(coef[2]*coef[0])*float64(m.variance(k, j)) + math.Abs(coef[3])) / c.den[j]
		})
		var inner, innerUnit float64
		for j, x := range size {
			inner += math.Abs(c.g[j]-r.g[j]) * x
			innerUnit += (units[k].g[j] + gm[j]) * x
		}
		for j := range out {
			out[j] += (r.r[k] + rel) * a[j]
			out[j] += (r.r[k]*units[k].u[j]+rel*math.Abs(c.u[j]))*inner + r.r[k]*math.Abs(c.u[j])*innerUnit
		}
	}
	return out
}
