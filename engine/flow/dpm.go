package flow

import (
	"context"
	"math"

	"monge/engine"
)

// dpm is the exponential integrator of order 1, 2 or 3 between Steps equal steps in the path's variable.
//
// With the linear part of the flow solved exactly, the state over b is the integral of one smooth quantity g:
//
//	x/alpha: d(x/alpha) = E[e|x] d(sigma/alpha)    noise prediction, in the half near the data
//	x/sigma: d(x/sigma) = E[x0|x] d(alpha/sigma)   data prediction, in the half near the latent
//
// and g is expanded in the log-SNR, lambda = ln(alpha/sigma): DPM-Solver-1, -2, -3 (singlestep, with
// r = 1/2 and 1/3, 2/3) and DPM-Solver++. Towards the ends lambda is infinite and equal steps of u are ever
// longer in it, so that no order would be reached in the limit. There g is expanded in a variable that is
// regular at the end instead:
//
//	data end:   d(x/alpha) = E[e|x]/(2 sigma/alpha) d(sigma^2/alpha^2)
//	latent end: d(x/sigma) = E[x0|x] d(alpha/sigma)
//
// by the Runge-Kutta method of the same order and stages into which the method goes over for short steps.
// Sources: Lu et al., arXiv 2206.00927 and 2211.01095.
type dpm struct {
	*run
	order int
	hist  array // [N, 1 + order, S]: x/b, tangents/b, ell less that of the linear part; values of g
	z, f  array // [1, N, S]
	lin   staging
	col   staging // [1, N, 1], with the likelihood
}

func newDPM(r *run, order int) (solver, error) {
	p := &dpm{run: r, order: order}
	m, n := &r.mem, r.cap
	p.hist = m.alloc(r.t, n, 1+order, r.s)
	p.z, p.f = m.alloc(r.t, n, 0, r.s), m.alloc(r.t, n, 0, r.s)
	p.lin = m.stage(r.t, n, 0, 1+order)
	if r.ell {
		p.col = m.stage(r.t, n, 0, 1)
	}
	return p, m.err
}

// part is a stretch of the path with variables of its own: d(x/b) = g dq, and g is a polynomial in l.
type part uint8

const (
	nearData        part = iota // b = alpha, q = l = sigma^2/alpha^2, g = -alpha/2 score
	noisePrediction             // b = alpha, q = sigma/alpha, l = ln q, g = E[e|x]
	dataPrediction              // b = sigma, q = alpha/sigma, l = ln q, g = E[x0|x]
	nearLatent                  // b = sigma, q = l = alpha/sigma, g = E[x0|x]
	wholePath                   // b = 1, q = l = u, g = dx/du: one step that touches both ends
)

// steep is the rate d lambda/d theta = 1/(sin theta cos theta) from which on the log-SNR is given up for the
// end's variable: a fixed stretch of angle, so that the order holds in the limit of many steps.
const steep = 4

// part returns the stretch to which the step from u0 to u1 belongs.
func (p *dpm) part(u0, u1 float64) part {
	sin, cos := math.Sincos((p.theta(u0) + p.theta(u1)) / 2)
	a0, s0, _, _ := p.Path.At(u0)
	a1, s1, _, _ := p.Path.At(u1)
	end := p.order > 1 && (sin*cos*steep < 1 || a0*s0*a1*s1 == 0) // order 1 is DDIM, which does not see l
	k := dataPrediction
	switch {
	case sin < cos && end:
		k = nearData
	case sin < cos:
		k = noisePrediction
	case end:
		k = nearLatent
	}
	if p.base(k, u0) == 0 || p.base(k, u1) == 0 {
		return wholePath
	}
	return k
}

// base returns b at u.
func (p *dpm) base(k part, u float64) float64 {
	alpha, sigma, _, _ := p.Path.At(u)
	switch k {
	case nearData, noisePrediction:
		return alpha
	case wholePath:
		return 1
	}
	return sigma
}

// variable returns q at u.
func (p *dpm) variable(k part, u float64) float64 {
	alpha, sigma, _, _ := p.Path.At(u)
	switch k {
	case nearData:
		return sigma * sigma / (alpha * alpha)
	case noisePrediction:
		return sigma / alpha
	case wholePath:
		return u
	}
	return alpha / sigma
}

// between returns the u whose l lies the part r of the way from u0 to u1.
func (p *dpm) between(k part, u0, u1, r float64) float64 {
	if r == 0 {
		return u0
	}
	q0, q1 := p.variable(k, u0), p.variable(k, u1)
	q := q0 + r*(q1-q0)
	switch k {
	case nearData:
		return p.Path.U(math.Atan(math.Sqrt(q)))
	case noisePrediction:
		return p.Path.U(math.Atan(q0 * math.Pow(q1/q0, r)))
	case dataPrediction:
		return p.Path.U(math.Atan2(1, q0*math.Pow(q1/q0, r)))
	case nearLatent:
		return p.Path.U(math.Atan2(1, q))
	}
	return q
}

// weights returns int dq and int (l - l0)/(l1 - l0) dq over the first part r of the step from u0 to u1.
func (p *dpm) weights(k part, u0, u1, r float64) (w0, w1 float64) {
	q0, q1 := p.variable(k, u0), p.variable(k, u1)
	w0 = r * (q1 - q0)
	if k != noisePrediction && k != dataPrediction || p.order == 1 {
		return w0, w0 * r / 2
	}
	h := math.Log(q1 / q0)
	x, e := r*h, math.Expm1(r*h)
	if math.Abs(x) > .02 {
		return q0 * e, q0 * (x*(1+e) - e) / h
	}
	// x e^x - e^x + 1 by its series where it cancels
	return q0 * e, q0 * x * x * (1./2 + x*(1./3+x*(1./8+x*(1./30+x/144)))) / h
}

func (p *dpm) solve(ctx context.Context, n int) error {
	z := p.z.rows(n)
	if err := p.e.Copy2D(z, 0, p.s, p.in.base, 0, p.s, n, p.s); err != nil {
		return err
	}
	volume := 0.0 // of the linear part
	for i := range p.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		u0, u1 := p.node(i), p.node(i+1)
		k := p.part(u0, u1)
		b0, b1 := p.base(k, u0), p.base(k, u1)
		if err := p.scale(z, 1/b0, n); err != nil {
			return err
		}
		if err := p.e.Copy2D(p.hist.base, 0, (1+p.order)*p.s, z, 0, p.s, n, p.s); err != nil {
			return err
		}
		if err := p.step(k, u0, u1, n); err != nil {
			return err
		}
		if err := p.scale(z, b1, n); err != nil {
			return err
		}
		volume += float64(p.d) * math.Log(b1/b0)
	}
	if p.ell {
		if err := p.addVolume(z, volume, n); err != nil {
			return err
		}
	}
	if err := p.e.Copy2D(p.out.base, 0, p.s, z, 0, p.s, n, p.s); err != nil {
		return err
	}
	if err := p.e.Sync(); err != nil {
		return err
	}
	p.finished(n)
	return nil
}

// step leaves x/b at u1 in z.
func (p *dpm) step(k part, u0, u1 float64, n int) error {
	const r1, r2 = 1. / 3, 2. / 3
	at := func(r float64) float64 { return p.between(k, u0, u1, r) }
	whole, slope := p.weights(k, u0, u1, 1)
	switch p.order {
	case 1:
		if err := p.slope(k, 0, u0, n); err != nil {
			return err
		}
		return p.combine(n, whole)
	case 2:
		w, _ := p.weights(k, u0, u1, .5)
		if err := p.slope(k, 0, u0, n); err != nil {
			return err
		}
		if err := p.combine(n, w); err != nil {
			return err
		}
		if err := p.slope(k, 1, at(.5), n); err != nil {
			return err
		}
		return p.combine(n, 0, whole)
	}
	if err := p.slope(k, 0, u0, n); err != nil {
		return err
	}
	w, _ := p.weights(k, u0, u1, r1)
	if err := p.combine(n, w); err != nil {
		return err
	}
	if err := p.slope(k, 1, at(r1), n); err != nil {
		return err
	}
	w, w1 := p.weights(k, u0, u1, r2)
	if err := p.combine(n, w-w1/r1, w1/r1); err != nil {
		return err
	}
	if err := p.slope(k, 2, at(r2), n); err != nil {
		return err
	}
	return p.combine(n, whole-slope/r2, 0, slope/r2)
}

// combine sets z to x/b at the step's start plus the weighted values of g.
func (p *dpm) combine(n int, w ...float64) error {
	for i := range n {
		row := p.lin.row(i)
		clear(row)
		row[0] = 1
		copy(row[1:], w)
	}
	lin, err := p.lin.push(p.e, n)
	if err != nil {
		return err
	}
	return p.e.LinComb(p.z.rows(n), lin, p.hist.rows(n))
}

// slope evaluates value number s of g at u, of z, or of the step's start for s = 0.
func (p *dpm) slope(k part, s int, u float64, n int) error {
	alpha, sigma, c1, c2 := p.Path.At(u)
	switch k {
	case nearData:
		c1, c2 = 0, -alpha/2
	case noisePrediction:
		c1, c2 = 0, -sigma
	case dataPrediction, nearLatent:
		c1, c2 = 1, 0
	}
	for i := range n {
		row := p.coef.row(i)
		row[engine.CoefAlpha], row[engine.CoefSigma] = alpha, sigma
		row[engine.CoefMean], row[engine.CoefScore] = c1, c2
		p.nfe[i]++
	}
	b, z, f := p.base(k, u), p.z.rows(n), p.f.rows(n)
	if err := p.scale(z, b, n); err != nil {
		return err
	}
	if err := p.eval(f, z, n); err != nil {
		return err
	}
	if p.ell { // dell = d ln b + b div g dq
		if err := p.e.Axpby(p.div.rows(n), b, p.div.rows(n), 0, nil); err != nil {
			return err
		}
		if err := p.join(f, nil, nil, p.div.rows(n), n); err != nil {
			return err
		}
	}
	return p.e.Copy2D(p.hist.base, (1+s)*p.s, (1+p.order)*p.s, f, 0, p.s, n, p.s)
}

// scale multiplies the points and tangents of states by c and leaves the integrals.
func (p *dpm) scale(z engine.Buffer, c float64, n int) error {
	if c == 1 {
		return nil
	}
	if !p.ell {
		return p.e.Axpby(z, c, z, 0, nil)
	}
	col := p.col.rows(n)
	if err := p.e.Copy2D(col, 0, 1, z, p.s-1, p.s, n, 1); err != nil {
		return err
	}
	if err := p.e.Axpby(z, c, z, 0, nil); err != nil {
		return err
	}
	return p.join(z, nil, nil, col, n)
}

// addVolume adds c to the integrals of states.
func (p *dpm) addVolume(z engine.Buffer, c float64, n int) error {
	div := p.div.rows(n)
	if err := p.e.Copy2D(div, 0, 1, z, p.s-1, p.s, n, 1); err != nil {
		return err
	}
	for i := range n {
		p.col.host[i] = c
	}
	col, err := p.col.push(p.e, n)
	if err != nil {
		return err
	}
	if err := p.e.Axpby(div, 1, div, 1, col); err != nil {
		return err
	}
	return p.join(z, nil, nil, div, n)
}
