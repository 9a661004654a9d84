package bound

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/rng"

	"gonum.org/v1/gonum/stat"
	"gorgonia.org/tensor"
)

// placeRows is the count of samples at which, and between which, L_s is estimated at each time.
const placeRows = 256

// curves finds b, L_s and the two losses.
func (b *estimate) curves() error {
	lipschitz, err := b.lipschitz()
	if err != nil {
		return err
	}
	times := b.p.times
	fisher := make([]float64, len(times))
	c := &b.r.Curves
	c.Error, c.Lipschitz = make([]float64, len(times)), make([]float64, len(times))
	var x0, e, x, exact, model, loss []float64
	if b.line == nil || b.r.Method != Analytic {
		if x0, _, _, err = engine.Matrix(b.law.Sample(b.s.Seed, b.s.Samples)); err != nil {
			return err
		}
		e, x = make([]float64, len(x0)), make([]float64, len(x0))
		rng.Normals(e, b.s.Seed, streamNoise, 0)
		exact, model, loss = make([]float64, len(x0)), make([]float64, len(x0)), make([]float64, b.s.Samples)
	}
	for k, t := range times {
		if err := b.ctx.Err(); err != nil {
			return fmt.Errorf("bound: %w", err)
		}
		for i := range x {
			x[i] = t.Alpha*x0[i] + t.Sigma*e[i]
		}
		if b.line != nil {
			fisher[k] = b.line.Fisher(t)
			c.Error[k] = b.s.Delta * b.s.Delta * fisher[k]
		} else {
			if err := b.exact.Scores(exact, x, t); err != nil {
				return err
			}
			if err := b.model.Scores(model, x, t); err != nil {
				return err
			}
			for i := range b.s.Samples {
				var wrong, size float64
				for j := i * b.d; j < (i+1)*b.d; j++ {
					wrong += (model[j] - exact[j]) * (model[j] - exact[j])
					size += exact[j] * exact[j]
				}
				c.Error[k] += wrong / float64(b.s.Samples)
				fisher[k] += size / float64(b.s.Samples)
				loss[i] += b.p.weights[k] / 2 * wrong
			}
		}
		if c.Lipschitz[k], err = lipschitz(x, t); err != nil {
			return err
		}
		if math.IsNaN(c.Error[k]) || math.IsNaN(c.Lipschitz[k]) {
			return fmt.Errorf("bound: scores at alpha = %v: error %v, Lipschitz constant %v: %w", t.Alpha, c.Error[k], c.Lipschitz[k], engine.ErrDiverged)
		}
		if b.s.Progress != nil {
			b.s.Progress(k+1, len(times))
		}
	}
	b.r.Lipschitz = math.Inf(-1)
	for _, l := range c.Lipschitz {
		b.r.Lipschitz = max(b.r.Lipschitz, l)
	}
	if b.line == nil && b.s.Samples > 1 {
		b.r.JSMError = stat.StdErr(stat.StdDev(loss, nil), float64(b.s.Samples))
	}
	if b.p.Discrete() {
		// E |s_theta - grad log p(x_t | x_0)|^2 = b + d/sigma^2 - E |grad log p_t|^2
		noised := make([]float64, len(times))
		for k, t := range times {
			noised[k] = c.Error[k] + max(0, float64(b.d)/(t.Sigma*t.Sigma)-fisher[k])
		}
		b.r.JDSM = b.p.Integral(noised) / 2
	} else { // the noise's own score, of size d/sigma^2, is not integrable at t = 0
		b.r.JDSM = math.Inf(1)
	}
	return nil
}

// lipschitz returns L_s at a time with samples x of p_t.
func (b *estimate) lipschitz() (func(x []float64, t Time) (float64, error), error) {
	b.r.Method = b.s.Lipschitz
	switch b.s.Lipschitz {
	case Analytic:
		law, ok := b.law.(dist.OneSided)
		if b.s.Model != nil || !ok || law.OneSided() == nil {
			return nil, fmt.Errorf("bound: analytic Lipschitz constants are known for Gaussians, smoothed points and mixtures of one covariance with an exact or scaled score, not here: choose pairs or power: %w", ErrUnsupported)
		}
		b.r.Rigorous = !b.p.Discrete()
		l := law.OneSided()
		return func(_ []float64, t Time) (float64, error) { return (1 + b.s.Delta) * l(t.Alpha, t.Sigma), nil }, nil
	case AllPairs:
		places, err := b.places()
		if err != nil {
			return nil, err
		}
		return func(x []float64, t Time) (float64, error) {
			rows := places(x, t)
			most, err := b.pairs(rows, t)
			if err != nil || b.s.Spacing == 0 {
				return most, err
			}
			l, err := Grid(b.model, t, -1, 1, b.s.Spacing)
			return max(most, l), err
		}, nil
	case ByPower:
		places, err := b.places()
		if err != nil {
			return nil, err
		}
		var q *power
		return func(x []float64, t Time) (float64, error) {
			rows := places(x, t)
			if q == nil {
				q = newPower(b.model, len(rows)/b.d, b.s.Seed)
			}
			slope, err := q.largest(b.ctx, rows, t)
			if err != nil {
				return 0, err
			}
			chord, err := b.pairs(rows, t)
			return max(slope, chord), err
		}, nil
	}
	return nil, fmt.Errorf("bound: Lipschitz constants by %q: want %s, %s or %s: %w", b.s.Lipschitz, Analytic, AllPairs, ByPower, ErrUnsupported)
}

// places returns the rows at which L_s is estimated at a time: samples x of p_t, and in discrete time as many of the
// model's own trajectories, since the theorem compares scores at the two.
func (b *estimate) places() (func(x []float64, t Time) []float64, error) {
	n := min(b.s.Samples, placeRows)
	if !b.p.Discrete() {
		return func(x []float64, _ Time) []float64 { return x[:n*b.d] }, nil
	}
	x, err := b.latents(b.law.Sample(b.s.Seed+4, n))
	if err != nil {
		return nil, err
	}
	states := map[int][]float64{}
	err = b.p.Ancestral(b.ctx, b.model, x, 0, b.s.Seed, func(t Time, x []float64) { states[t.Step] = slices.Clone(x) })
	if err != nil {
		return nil, err
	}
	return func(x []float64, t Time) []float64 { return append(slices.Clone(x[:n*b.d]), states[t.Step]...) }, nil
}

// pairs is Pairs of the model's scores at the rows x.
func (b *estimate) pairs(x []float64, t Time) (float64, error) {
	s := make([]float64, len(x))
	if err := b.model.Scores(s, x, t); err != nil {
		return 0, err
	}
	return Pairs(s, x, b.d), nil
}

// latents draws rows of q_T; from p_T it noises the rows of data.
func (b *estimate) latents(data *tensor.Dense) ([]float64, error) {
	x0, _, _, err := engine.Matrix(data)
	if err != nil {
		return nil, err
	}
	x := make([]float64, len(x0))
	rng.Normals(x, b.s.Seed, streamLatent, 0)
	if b.s.Marginal {
		for i := range x {
			x[i] = b.p.end.Alpha*x0[i] + b.p.end.Sigma*x[i]
		}
	}
	return x, nil
}

// bounds fills in what follows from the curves, and what is exact.
func (b *estimate) bounds() error {
	normal := !b.s.Marginal
	coupled := math.NaN()
	var err error
	if b.line != nil {
		if normal {
			b.r.Curves.Start = b.line.Start(b.p.end)
		}
		b.r.SDEW2, b.r.ODEW2 = b.line.SDE(b.p, normal), b.line.ODE(b.p, normal)
		if !b.p.Discrete() {
			coupled = b.line.Coupled(b.p)
		}
	} else if b.r.Curves.Start, coupled, err = b.trajectories(normal); err != nil {
		return err
	}
	b.r.JSM, b.r.SDE, b.r.ODE = b.p.Bounds(b.r.Curves)
	b.r.Posterior = coupled + b.r.ODE.Offset
	return nil
}

// trajectories follows samples along the flow. The encoder from T on couples p_T with N(0, I), so the root of its
// mean squared displacement bounds W2(p_T, N(0, I)); the model's ODE, run back from the same x_T, gives the
// Alekseev-Groebner integral.
func (b *estimate) trajectories(normal bool) (start, coupled float64, err error) {
	coupled = math.NaN()
	if !normal && b.p.Discrete() {
		return 0, coupled, nil
	}
	n := min(b.s.Samples, 1024)
	x0 := b.law.Sample(b.s.Seed, n)
	tau := -math.Log(b.p.end.Alpha)
	at, err := flow.Encode(b.ctx, b.e, b.s.Dtype, b.law, x0, &flow.Settings{Tau: tau})
	if err != nil {
		return 0, 0, err
	}
	xT, _, _, err := engine.Matrix(at.X)
	if err != nil {
		return 0, 0, err
	}
	if normal {
		z, err := flow.Encode(b.ctx, b.e, b.s.Dtype, b.law, x0, nil)
		if err != nil {
			return 0, 0, err
		}
		if start, err = rootMeanSquare(at.X, z.X); err != nil {
			return 0, 0, err
		}
	}
	if !b.p.Discrete() {
		y := append([]float64(nil), xT...)
		if err := b.p.Flow(b.ctx, b.model, y, b.s.Steps); err != nil {
			return 0, 0, err
		}
		coupled, err = rootMeanSquare(x0, engine.Points(y, n, b.d))
	}
	return start, coupled, err
}

// clouds measures distances between clouds of the data and of the model's samples.
func (b *estimate) clouds() (err error) {
	n := b.s.Clouds
	if n < 0 {
		return nil
	}
	b.r.N = n
	data, other := b.law.Sample(b.s.Seed+1, n), b.law.Sample(b.s.Seed+2, n)
	x, err := b.latents(b.law.Sample(b.s.Seed+3, n))
	if err != nil {
		return err
	}
	if b.p.Discrete() {
		err = b.p.Ancestral(b.ctx, b.model, x, 0, b.s.Seed, nil)
	} else {
		err = b.p.Flow(b.ctx, b.model, x, b.s.Steps)
	}
	if err != nil {
		return err
	}
	if b.r.Clouds, err = Measure(b.ctx, b.e, ot.Clouds{X: data, Y: engine.Points(x, n, b.d)}, b.s.Seed); err != nil {
		return err
	}
	b.r.Bias, err = Measure(b.ctx, b.e, ot.Clouds{X: data, Y: other}, b.s.Seed)
	return err
}
