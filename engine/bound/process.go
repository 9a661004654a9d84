package bound

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/integrate/quad"
)

// ErrProcess is wrapped by the errors of schedules that are none; their text names the value.
var ErrProcess = errors.New("not a noise schedule")

// Time is a moment of the noising: x_t = Alpha x_0 + Sigma e.
type Time struct {
	Alpha, Sigma float64
	Rate         float64 // beta: of a discrete step, or at the moment t
	Step         int     // 1, 2, .. in discrete time; 0 in continuous time
}

// Process is a variance preserving noising with the nodes of its time integrals.
//
// In continuous time every integral runs over tau, by Gauss-Legendre rules of order panelNodes on panels of equal
// length in r = ln(exp(2 tau) - 1 + r0): a law of local variance v changes on the scale r of 1 where exp(2 tau) is
// near 1 + v, for any v down to r0. In discrete time the nodes are the steps, and integrals the sums of
// beta_i times the integrand.
type Process struct {
	times   []Time
	weights []float64 // g^2 dt
	end     Time
	panels  int
	inner   [][]float64 // [panelNodes][panelNodes]: integrals of the Lagrange polynomials from -1 to each node
	half    []float64   // of each node: g^2 dt/dr times half a panel

	beta0, beta1, horizon float64 // in continuous time
}

const (
	panelNodes  = 8
	panelLength = 1.
	r0          = 1e-8
)

// Linear returns the process of the rate beta(t) = beta0 + (beta1 - beta0) t/T on [0, T], T > 0, both rates
// finite and not negative, not both zero.
func Linear(beta0, beta1, horizon float64) (*Process, error) {
	for _, v := range []struct {
		name  string
		value float64
	}{{"beta0", beta0}, {"beta1", beta1}} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return nil, fmt.Errorf("bound: %s = %v: want a finite number, not negative: %w", v.name, v.value, ErrProcess)
		}
	}
	if !(horizon > 0) || math.IsInf(horizon, 0) {
		return nil, fmt.Errorf("bound: T = %v: want a finite number above 0: %w", horizon, ErrProcess)
	}
	last := horizon * (beta0 + beta1) / 4
	if !(last > 0) || last > 300 {
		return nil, fmt.Errorf("bound: the noise of all times, tau(T) = T (beta0 + beta1)/4 = %v: want above 0 and at most 300: %w", last, ErrProcess)
	}
	p := &Process{end: moment(2 * last), beta0: beta0, beta1: beta1, horizon: horizon}
	lo, hi := math.Log(r0), math.Log(math.Expm1(2*last)+r0)
	p.panels = int(math.Ceil((hi - lo) / panelLength))
	x, w := make([]float64, panelNodes), make([]float64, panelNodes)
	quad.Legendre{}.FixedLocations(x, w, -1, 1)
	p.inner = innerIntegrals(x, w)
	half := (hi - lo) / float64(p.panels) / 2
	for i := range p.panels {
		for k := range x {
			r := lo + half*(float64(2*i+1)+x[k])
			e := math.Exp(r)
			t := moment(math.Log1p(e - r0))
			// beta(t)^2 = beta0^2 + 4 (beta1 - beta0)/T tau, from tau = (beta0 t + (beta1 - beta0) t^2/(2 T))/2.
			t.Rate = math.Sqrt(math.Max(0, beta0*beta0+2*(beta1-beta0)/horizon*math.Log1p(e-r0)))
			p.times = append(p.times, t)
			density := half * e / (1 + e - r0)
			p.half = append(p.half, density)
			p.weights = append(p.weights, density*w[k])
		}
	}
	return p, nil
}

// moment returns the time at which 2 tau = s.
func moment(s float64) Time {
	return Time{Alpha: math.Exp(-s / 2), Sigma: math.Sqrt(-math.Expm1(-s))}
}

// share returns the moment of a share u of [0, T], in continuous time.
func (p *Process) share(u float64) Time {
	t := u * p.horizon
	m := moment(p.beta0*t + (p.beta1-p.beta0)*u*t/2)
	m.Rate = p.beta0 + (p.beta1-p.beta0)*u
	return m
}

// innerIntegrals returns int_-1^x_i l_j for the Lagrange polynomials of Gauss-Legendre nodes, from their expansion
// l_j = w_j sum_k (k + 1/2) P_k(x_j) P_k and int_-1^x P_k = (P_k+1 - P_k-1)/(2k + 1).
func innerIntegrals(x, w []float64) [][]float64 {
	n := len(x)
	values := make([][]float64, n) // P_0 .. P_n at each node
	for i, v := range x {
		p := make([]float64, n+1)
		p[0], p[1] = 1, v
		for k := 1; k < n; k++ {
			p[k+1] = (float64(2*k+1)*v*p[k] - float64(k)*p[k-1]) / float64(k+1)
		}
		values[i] = p
	}
	q := make([][]float64, n)
	for i := range q {
		q[i] = make([]float64, n)
		for j := range n {
			sum := (x[i] + 1) / 2
			for k := 1; k < n; k++ {
				sum += values[j][k] * (values[i][k+1] - values[i][k-1]) / 2
			}
			q[i][j] = w[j] * sum
		}
	}
	return q
}

// Discrete returns the process of steps beta_1, beta_2, .., each in (0, 1): alpha_t^2 = prod (1 - beta_i).
func Discrete(betas []float64) (*Process, error) {
	if len(betas) == 0 {
		return nil, fmt.Errorf("bound: no steps: %w", ErrProcess)
	}
	p := &Process{}
	log := 0.0
	for i, b := range betas {
		if !(b > 0 && b < 1) {
			return nil, fmt.Errorf("bound: betas[%d] = %v: want a number between 0 and 1: %w", i, b, ErrProcess)
		}
		log -= math.Log1p(-b)
		t := moment(log)
		t.Rate, t.Step = b, i+1
		p.times, p.weights = append(p.times, t), append(p.weights, b)
		p.end = t
	}
	return p, nil
}

// Sigmoid returns n rates from least to most along a sigmoid over [-6, 6], the schedule of Kwon, Fan and Lee:
// beta_i = least + (most - least)/(1 + exp(-u_i)), u equally spaced.
func Sigmoid(n int, least, most float64) []float64 {
	betas := ramp(n, -6, 6)
	for i, u := range betas {
		betas[i] = least + (most-least)/(1+math.Exp(-u))
	}
	return betas
}

// ramp returns n numbers from lo to hi at equal distances.
func ramp(n int, lo, hi float64) []float64 {
	if n == 1 {
		return []float64{lo}
	}
	return floats.Span(make([]float64, n), lo, hi)
}

// Times returns the nodes, not to be written to.
func (p *Process) Times() []Time { return p.times }

// End returns the last moment, T.
func (p *Process) End() Time { return p.end }

// Discrete says whether the process has steps.
func (p *Process) Discrete() bool { return p.inner == nil }

// Integral returns int g^2 f dt of the values of f at the nodes.
func (p *Process) Integral(f []float64) float64 {
	var sum float64
	for k, v := range f {
		sum += p.weights[k] * v
	}
	return sum
}

// Cumulate returns int_0^t g^2 f dt up to every node, a discrete step included, and over all times.
func (p *Process) Cumulate(f []float64) (at []float64, whole float64) {
	at = make([]float64, len(f))
	if p.Discrete() {
		for k, v := range f {
			whole += p.weights[k] * v
			at[k] = whole
		}
		return at, whole
	}
	for i := range p.panels {
		lo := i * panelNodes
		for k := range panelNodes {
			sum := whole
			for j, q := range p.inner[k] {
				sum += q * p.half[lo+j] * f[lo+j]
			}
			at[lo+k] = sum
		}
		for j := range panelNodes {
			whole += p.weights[lo+j] * f[lo+j]
		}
	}
	return at, whole
}
