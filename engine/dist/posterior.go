package dist

import "math"

// posterior integrates over p0(y) N(x; alpha y, sigma^2 I) for one row at a time by Gauss-Hermite nodes.
type posterior struct {
	f                *quadField
	d                int
	alpha, logp      float64
	centre, shift    []float64 // x/alpha and the nodes' shift in units of sigma/alpha
	y, grad, hess    []float64
	l                []float64 // ln weight of each node
	mean, score      []float64 // E[y], E[grad]
	cross, gg, hmean []float64 // Cov(y, grad), Cov(grad, grad), E[Hess], [d, d]
	ys, gs           []float64 // y and grad at the nodes [q, d]
}

func newPosterior(f *quadField) *posterior {
	d, q := f.g.d, len(f.w)
	v := func(n int) []float64 { return make([]float64, n) }
	return &posterior{f: f, d: d, centre: v(d), shift: v(d), y: v(d), grad: v(d), hess: v(d * d), l: v(q),
		mean: v(d), score: v(d), cross: v(d * d), gg: v(d * d), hmean: v(d * d), ys: v(q * d), gs: v(q * d)}
}

// at integrates for the row x; second asks for the second moments.
func (w *posterior) at(x []float64, alpha, sigma float64, second bool) {
	d, rho := w.d, sigma/alpha
	w.alpha = alpha
	for t := range d {
		w.centre[t] = x[t] / alpha
	}
	w.seek(rho)
	top := math.Inf(-1)
	for q := range w.f.w {
		z := w.f.z[q*d : (q+1)*d]
		y := w.ys[q*d : (q+1)*d]
		var dot, norm float64
		for t := range d {
			dot += z[t] * w.shift[t]
			norm += w.shift[t] * w.shift[t]
			y[t] = w.centre[t] + rho*(z[t]+w.shift[t])
		}
		// N(z + shift) / N(z) = exp(-<z, shift> - |shift|^2 / 2)
		w.l[q] = math.Log(w.f.w[q]) - dot - norm/2 + w.f.p.logp(y, w.gs[q*d:(q+1)*d], nil)
		top = math.Max(top, w.l[q])
	}
	clear(w.mean)
	clear(w.score)
	var sum float64
	for q := range w.l {
		w.l[q] = math.Exp(w.l[q] - top)
		sum += w.l[q]
		for t := range d {
			w.mean[t] += w.l[q] * (w.ys[q*d+t] - w.centre[t])
			w.score[t] += w.l[q] * w.gs[q*d+t]
		}
	}
	for t := range d {
		w.mean[t] = w.mean[t]/sum + w.centre[t]
		w.score[t] /= sum
	}
	// p(x) = alpha^-d E_z[p0((x + sigma z)/alpha)]
	w.logp = top + math.Log(sum) - float64(d)*math.Log(alpha) - w.f.g.logZ
	if second {
		w.moments(sum)
	}
}

// seek moves the nodes' centre to near the mode of ln p0(y) - |y - x/alpha|^2 / (2 rho^2) by a fixed
// number of damped Newton steps. The rule is exact about any centre that is close enough, so the
// steps need not converge.
func (w *posterior) seek(rho float64) {
	d := w.d
	clear(w.shift)
	if rho == 0 {
		return
	}
	for range centreSteps {
		for t := range d {
			w.y[t] = w.centre[t] + rho*w.shift[t]
		}
		w.f.p.logp(w.y, w.grad, w.hess)
		// Solve (I - rho^2 Hess, its diagonal kept at least 1) step = rho grad - shift by coordinates.
		for t := range d {
			curve := math.Max(1, 1-rho*rho*w.hess[t*d+t])
			w.shift[t] += (rho*w.grad[t] - w.shift[t]) / curve
		}
	}
}

func (w *posterior) moments(sum float64) {
	d := w.d
	clear(w.cross)
	clear(w.gg)
	clear(w.hmean)
	for q, r := range w.l {
		if r == 0 {
			continue
		}
		r /= sum
		y, g := w.ys[q*d:(q+1)*d], w.gs[q*d:(q+1)*d]
		w.f.p.logp(y, w.grad, w.hess)
		for a := range d {
			for b := range d {
				w.cross[a*d+b] += r * (y[a] - w.mean[a]) * (g[b] - w.score[b])
				w.gg[a*d+b] += r * (g[a] - w.score[a]) * (g[b] - w.score[b])
				w.hmean[a*d+b] += r * w.hess[a*d+b]
			}
		}
	}
}

// emit writes row j of the wanted outputs for v = c1 E[y] + c2 E[grad]/alpha.
func (w *posterior) emit(c1, c2 float64, j, p int, v, t, tv, div, logp []float64) {
	d, a := w.d, w.alpha
	if v != nil {
		for k := range d {
			v[j*d+k] = c1*w.mean[k] + c2*w.score[k]/a
		}
	}
	jac := func(r, c int) float64 {
		m := w.cross[r*d+c]
		if r == c {
			m++
		}
		return c1*m/a + c2*(w.hmean[r*d+c]+w.gg[r*d+c])/(a*a)
	}
	for k := range p {
		at := (j*p + k) * d
		for r := range d {
			var s float64
			for c := range d {
				s += jac(r, c) * t[at+c]
			}
			tv[at+r] = s
		}
	}
	if div != nil {
		div[j] = 0
		for r := range d {
			div[j] += jac(r, r)
		}
	}
	if logp != nil {
		logp[j] = w.logp
	}
}
