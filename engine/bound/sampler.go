package bound

import (
	"context"
	"fmt"
	"math"

	"monge/engine/flow"
	"monge/engine/rng"
)

// Streams of the random numbers of this package.
const (
	streamNoise    = 0x626f_756e_0001 + iota // e of x_t = alpha x_0 + sigma e
	streamLatent                             // draws of q_T
	streamAncestor                           // noise of samplers, the number of the step times the rows further on
	streamPower                              // first directions of power iterations
	streamTrain                              // batches, steps and noise of training
	streamWeights                            // first weights of networks
)

// Ancestral runs the reverse stochastic equation from rows x [n, d] of q_T, in place: in discrete time
//
//	x_{t-1} = (x_t + beta_t s_theta)/sqrt(1 - beta_t) + sqrt(beta_t) e,
//
// without noise in the last step (Ho, Jain and Abbeel, arXiv 2006.11239), and in continuous time the same steps
// between steps times that are equally spaced in r. visit, where not nil, sees the rows at every time, before its step.
func (p *Process) Ancestral(ctx context.Context, m Model, x []float64, steps int, seed uint64, visit func(t Time, x []float64)) error {
	times := p.times
	if !p.Discrete() {
		times = p.stations(steps)
	}
	d := m.Dim()
	s, e := make([]float64, len(x)), make([]float64, len(x))
	for k := len(times) - 1; k >= 0; k-- {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("bound: sampling: %w", err)
		}
		t := times[k]
		if visit != nil {
			visit(t, x)
		}
		beta := t.Rate
		if !p.Discrete() { // 1 - beta = (alpha_t/alpha_{t-1})^2
			before := 1.
			if k > 0 {
				before = times[k-1].Alpha
			}
			beta = 1 - t.Alpha*t.Alpha/before/before
		}
		if err := m.Scores(s, x, t); err != nil {
			return err
		}
		noise := math.Sqrt(beta)
		if k == 0 {
			noise = 0
		} else {
			rng.Normals(e, seed, streamAncestor, uint64(k)*uint64(len(x)/d)*uint64(d))
		}
		for i := range x {
			x[i] = (x[i]+beta*s[i])/math.Sqrt(1-beta) + noise*e[i]
		}
	}
	return nil
}

// stations returns times equally spaced in r, the last one the end.
func (p *Process) stations(n int) []Time {
	times := make([]Time, n)
	for k := range times {
		times[k] = p.at(float64(k+1) / float64(n))
	}
	return times
}

// at returns the continuous time at a share u of the interval of r.
func (p *Process) at(u float64) Time {
	lo, hi := p.span()
	return moment(math.Log1p(max(0, math.Exp(lo+u*(hi-lo))-r0)))
}

func (p *Process) span() (lo, hi float64) {
	// exp(2 tau) - 1 = sigma^2/alpha^2
	ratio := p.end.Sigma / p.end.Alpha
	return math.Log(r0), math.Log(ratio*ratio + r0)
}

// Flow runs the model's probability-flow ODE from rows x [n, d] of q_T back to the data, in place. Discrete time takes
// DDIM's steps; continuous time takes steps of the classical Runge-Kutta method in r, where the drift's slope is at
// most of the order of 1:
//
//	dx/dr = -(dtau/dr) (x + s_theta),   dtau/dr = exp(r)/2 exp(-2 tau).
func (p *Process) Flow(ctx context.Context, m Model, x []float64, steps int) error {
	if p.Discrete() {
		return p.ddim(ctx, m, x)
	}
	lo, hi := p.span()
	return back(ctx, "rk4", x, 1, 0, steps, func(dst, x []float64, u float64) error {
		t := p.at(u)
		if err := m.Scores(dst, x, t); err != nil {
			return err
		}
		c := (hi - lo) * math.Exp(lo+u*(hi-lo)) / 2 * t.Alpha * t.Alpha
		for i := range dst {
			dst[i] = -c * (x[i] + dst[i])
		}
		return nil
	})
}

// back integrates dx/du = slope from u1 down to u0 in equal steps of an explicit Runge-Kutta method, in place.
func back(ctx context.Context, method string, x []float64, u1, u0 float64, steps int, slope func(dst, x []float64, u float64) error) error {
	a, b, c := flow.Tableau(method)
	k := make([][]float64, len(b))
	for i := range k {
		k[i] = make([]float64, len(x))
	}
	y := make([]float64, len(x))
	h := (u0 - u1) / float64(steps)
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("bound: flow: %w", err)
		}
		for s := range b {
			copy(y, x)
			for j, w := range a[s] {
				for n := range y {
					y[n] += h * w * k[j][n]
				}
			}
			// The last stage of the last step lies at u0 itself, whatever the roundings.
			u := u0 + (u1-u0)*(float64(steps-i)-c[s])/float64(steps)
			if err := slope(k[s], y, u); err != nil {
				return err
			}
		}
		for j, w := range b {
			for n := range x {
				x[n] += h * w * k[j][n]
			}
		}
	}
	return nil
}

// ddim takes x_{t-1} = alpha_{t-1} (x_t + sigma_t^2 s)/alpha_t - sigma_{t-1} sigma_t s.
func (p *Process) ddim(ctx context.Context, m Model, x []float64) error {
	s := make([]float64, len(x))
	for k := len(p.times) - 1; k >= 0; k-- {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("bound: flow: %w", err)
		}
		t, before := p.times[k], data()
		if k > 0 {
			before = p.times[k-1]
		}
		if err := m.Scores(s, x, t); err != nil {
			return err
		}
		for i := range x {
			x[i] = before.Alpha*(x[i]+t.Sigma*t.Sigma*s[i])/t.Alpha - before.Sigma*t.Sigma*s[i]
		}
	}
	return nil
}
