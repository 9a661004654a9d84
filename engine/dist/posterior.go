package dist

import "math"

// posterior integrates over p0(y) N(x; alpha y, sigma^2 I) for one row at a time. Each coordinate has its own
// rule: the grid's points where sigma/alpha exceeds gridSpacings of them, else Gauss-Hermite nodes. A density
// that is narrow along one coordinate and wide along another has no sigma at which one rule serves both.
type posterior struct {
	f                *quadField
	d                int
	alpha, logp      float64
	centre, shift    []float64   // x/alpha and the nodes' shift in units of sigma/alpha
	u, lu            [][]float64 // each coordinate's nodes, from the centre in units of sigma/alpha, and ln weights
	y, grad, hess    []float64
	mean, score      []float64 // E[y], E[grad]
	cross, gg, hmean []float64 // Cov(y, grad), Cov(grad, grad), E[Hess], [d, d]
	l, ys, gs        []float64 // ln weight, y and grad at the nodes [q], [q, d]
}

func newPosterior(f *quadField) *posterior {
	d := f.g.d
	v := func(n int) []float64 { return make([]float64, n) }
	return &posterior{f: f, d: d, centre: v(d), shift: v(d), u: make([][]float64, d), lu: make([][]float64, d),
		y: v(d), grad: v(d), hess: v(d * d), mean: v(d), score: v(d), cross: v(d * d), gg: v(d * d), hmean: v(d * d)}
}

// at integrates for the row x; second asks for the second moments.
func (w *posterior) at(x []float64, alpha, sigma float64, second bool) {
	d, rho := w.d, sigma/alpha
	w.alpha = alpha
	for t := range d {
		w.centre[t] = x[t] / alpha
	}
	w.seek(rho)
	for t := range d {
		w.rule(t, rho)
	}
	// The integrand at the nodes' centre: what is bound to be negligible beside it is passed over.
	var norm float64
	for t := range d {
		w.y[t] = w.centre[t] + rho*w.shift[t]
		norm += w.shift[t] * w.shift[t]
	}
	floor := w.f.p.logp(w.y, nil, nil) - norm/2 - postCut - w.f.g.max
	w.l, w.ys, w.gs = w.l[:0], w.ys[:0], w.gs[:0]
	w.nodes(0, 0, rho, floor)
	top := math.Inf(-1)
	for _, l := range w.l {
		top = math.Max(top, l)
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

// postCut is how far, in ln, a node's largest possible contribution may fall below the integrand's value at
// the centre before it counts as 0.
const postCut = 100

// rule writes the nodes of coordinate t.
func (w *posterior) rule(t int, rho float64) {
	u, lu := w.u[t][:0], w.lu[t][:0]
	g := w.f.g
	if h := g.step[t]; rho >= gridSpacings*h {
		unit := math.Log(h / (rho * math.Sqrt(2*math.Pi)))
		for k := range g.n[t] {
			v := (g.lo[t] + float64(k)*h - w.centre[t]) / rho
			u, lu = append(u, v), append(lu, unit-v*v/2)
		}
	} else {
		s := w.shift[t]
		for k, z := range w.f.z { // N(z + s) / N(z) = exp(-z s - s^2 / 2)
			u, lu = append(u, z+s), append(lu, w.f.lw[k]-z*s-s*s/2)
		}
	}
	w.u[t], w.lu[t] = u, lu
}

// nodes appends the nodes of the coordinates from t on, whose ln weight so far is l, and p0 at them.
func (w *posterior) nodes(t int, l, rho, floor float64) {
	if t < w.d {
		for k, u := range w.u[t] {
			w.y[t] = w.centre[t] + rho*u
			w.nodes(t+1, l+w.lu[t][k], rho, floor)
		}
		return
	}
	if l < floor {
		return
	}
	l += w.f.p.logp(w.y, w.grad, nil)
	w.l, w.ys, w.gs = append(w.l, l), append(w.ys, w.y...), append(w.gs, w.grad...)
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
