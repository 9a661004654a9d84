package bound

import (
	"context"
	"math"
	"slices"

	"monge/engine/dist"
)

// Gaussian holds what is exact for data N(c, C) and the linear model of scores
//
//	s_theta = (1 + delta) grad log p_t = -(1 + delta) (alpha^2 C + sigma^2 I)^-1 (x - alpha c):
//
// every sampler maps Gaussians to Gaussians, and acts on each eigenvector of C alone. About alpha c, which both the
// data and every sampler follow, a coordinate of variance lambda has v = alpha^2 lambda + sigma^2 at time t.
type Gaussian struct {
	law    dist.GaussianLaw
	delta  float64
	values []float64 // distinct eigenvalues
	counts []float64
	mean   []float64
}

// NewGaussian returns the linear model of relative error delta > -1 on the law.
func NewGaussian(law dist.GaussianLaw, delta float64) *Gaussian {
	mean, l := law.Spectrum()
	g := &Gaussian{law: law, delta: delta, mean: mean}
	l = slices.Sorted(slices.Values(l))
	for i, v := range l {
		if i == 0 || v != l[i-1] {
			g.values, g.counts = append(g.values, v), append(g.counts, 0)
		}
		g.counts[len(g.counts)-1]++
	}
	return g
}

// sum returns sum f(lambda) over all eigenvalues.
func (g *Gaussian) sum(f func(l float64) float64) float64 {
	var s float64
	for k, l := range g.values {
		s += g.counts[k] * f(l)
	}
	return s
}

// shift returns |f(C) c|.
func (g *Gaussian) shift(f func(l float64) float64) float64 {
	y := make([]float64, len(g.mean))
	g.law.Apply(y, g.mean, f)
	return norm(y)
}

func norm(x []float64) float64 {
	var s float64
	for _, v := range x {
		s = math.Hypot(s, v)
	}
	return s
}

func (t Time) variance(l float64) float64 { return t.Alpha*t.Alpha*l + t.Sigma*t.Sigma }

// Fisher returns E |grad log p_t|^2 = sum 1/v.
func (g *Gaussian) Fisher(t Time) float64 {
	return g.sum(func(l float64) float64 { return 1 / t.variance(l) })
}

// Start returns W2(p_T, N(0, I)).
func (g *Gaussian) Start(t Time) float64 {
	spread := g.sum(func(l float64) float64 {
		// sqrt(v) - 1 = (v - 1)/(sqrt(v) + 1), v - 1 = alpha^2 (lambda - 1).
		e := t.Alpha * t.Alpha * (l - 1) / (math.Sqrt(t.variance(l)) + 1)
		return e * e
	})
	return math.Hypot(math.Sqrt(spread), t.Alpha*norm(g.mean))
}

// sampler is what a linear sampler from T to 0 does to one coordinate: y_0 = factor y_T + N(0, noise).
type sampler func(l float64) (factor, noise float64)

// data is the moment 0.
func data() Time { return Time{Alpha: 1} }

// distance returns W2(p_t, q_t) of a sampler from the moment end down to t, started from N(0, I) or from p itself.
func (g *Gaussian) distance(end, t Time, fromNormal bool, s sampler) float64 {
	spread := g.sum(func(l float64) float64 {
		factor, noise := s(l)
		v := end.variance(l)
		if fromNormal {
			v = 1
		}
		e := math.Sqrt(factor*factor*v+noise) - math.Sqrt(t.variance(l))
		return e * e
	})
	var shift float64
	if fromNormal { // whose mean lies alpha c away from p_T's
		shift = end.Alpha * g.shift(func(l float64) float64 { factor, _ := s(l); return factor })
	}
	return math.Hypot(math.Sqrt(spread), shift)
}

// SDE returns W2(p_0, q_0) of the reverse stochastic equation in continuous time, of ancestral sampling in discrete
// time: x_{t-1} = (x_t + beta_t s_theta)/sqrt(1 - beta_t) + sqrt(beta_t) e, without noise in the last step.
func (g *Gaussian) SDE(p *Process, fromNormal bool) float64 {
	if p.Discrete() {
		return g.distance(p.end, data(), fromNormal, func(l float64) (factor, noise float64) {
			factor = 1
			for k := len(p.times) - 1; k >= 0; k-- {
				t := p.times[k]
				a := (1 - t.Rate*(1+g.delta)/t.variance(l)) / math.Sqrt(1-t.Rate)
				factor *= a
				noise *= a * a
				if k > 0 {
					noise += t.Rate
				}
			}
			return factor, noise
		})
	}
	// In the variable tau the variance V obeys -dV/dtau = 2 (1 - 2 (1 + delta)/v) V + 2, and
	// int_0^tau 1/v = tau + ln(v/lambda)/2 gives its propagator from tau to 0.
	return g.distance(p.end, data(), fromNormal, func(l float64) (factor, noise float64) {
		propagator := func(t Time) float64 {
			return math.Exp(2*math.Log(t.Alpha)*(1+2*g.delta) + 2*(1+g.delta)*math.Log(l/t.variance(l)))
		}
		each := make([]float64, len(p.times))
		for k, t := range p.times {
			each[k] = propagator(t)
		}
		return math.Sqrt(propagator(p.end)), p.Integral(each)
	})
}

// ODE returns W2(p_0, q_0) of the probability-flow ODE in continuous time, of DDIM without noise in discrete time:
// x_{t-1} = alpha_{t-1} (x_t + sigma_t^2 s_theta)/alpha_t - sigma_{t-1} sigma_t s_theta.
func (g *Gaussian) ODE(p *Process, fromNormal bool) float64 {
	return g.distance(p.end, data(), fromNormal, g.ode(p))
}

func (g *Gaussian) ode(p *Process) sampler {
	if p.Discrete() {
		return func(l float64) (factor, noise float64) {
			factor = 1
			before := data()
			for _, t := range p.times {
				s := (1 + g.delta) / t.variance(l)
				factor *= before.Alpha*(1-t.Sigma*t.Sigma*s)/t.Alpha + before.Sigma*t.Sigma*s
				before = t
			}
			return factor, 0
		}
	}
	return func(l float64) (factor, noise float64) {
		return math.Exp(math.Log(p.end.Alpha)*g.delta + (1+g.delta)/2*math.Log(l/p.end.variance(l))), 0
	}
}

// Truncated returns W2(p_0, p_t), the error of ending at a share u of [0, T] instead of at the data.
func (g *Gaussian) Truncated(p *Process, u float64) float64 {
	t := p.share(u)
	spread := g.sum(func(l float64) float64 { e := math.Sqrt(t.variance(l)) - math.Sqrt(l); return e * e })
	return math.Hypot(math.Sqrt(spread), (1-t.Alpha)*norm(g.mean))
}

// Scheme returns W2(p_t, q_t), t the share u of [0, T], of the probability-flow ODE in continuous time solved backwards in
// equal steps of t by a Runge-Kutta method of package flow: a step multiplies each coordinate by a polynomial of its
// rates, so that nothing is sampled. From p_T or N(0, I).
func (g *Gaussian) Scheme(p *Process, method string, steps int, u float64, fromNormal bool) float64 {
	return g.distance(p.end, p.share(u), fromNormal, func(l float64) (factor, noise float64) {
		y := []float64{1}
		// y' = -T beta/2 (1 - (1 + delta)/v) y in the share of [0, T]; a background context never ends.
		err := back(context.Background(), method, y, 1, u, steps, func(dst, y []float64, u float64) error {
			t := p.share(u)
			dst[0] = -p.horizon * t.Rate / 2 * (1 - (1+g.delta)/t.variance(l)) * y[0]
			return nil
		})
		if err != nil {
			panic(err)
		}
		return y[0], 0
	})
}

// Coupled returns sqrt(E |x_0 - y_0|^2) where the flow and the model's ODE run back from the same x_T of p_T: the
// Alekseev-Groebner integral | int Phi_{t->0} (g^2/2) (grad log p_t - s_theta)(x_t) dt | in L2, which is that
// difference.
func (g *Gaussian) Coupled(p *Process) float64 {
	s := g.ode(p)
	return math.Sqrt(g.sum(func(l float64) float64 {
		factor, _ := s(l)
		e := factor*math.Sqrt(p.end.variance(l)) - math.Sqrt(l)
		return e * e
	}))
}
