package bound

import (
	"context"
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/rng"
)

// TrainSettings train a Network on samples of a law. The zero value is the default of each field; the names are those
// of the table [model.train].
type TrainSettings struct {
	Hidden  []int   `toml:"hidden"`       // widths; nil = 64, 64, 64
	Rows    int     `toml:"rows"`         // samples that the epochs go through; 0 = 8192
	Epochs  int     `toml:"epochs"`       // 0 = 100
	Batch   int     `toml:"batch"`        // rows of a step; 0 = 128
	Rate    float64 `toml:"rate"`         // of AdamW; 0 = 1e-3
	Decay   float64 `toml:"weight_decay"` // of AdamW; 0 = 0.01, negative = none
	Clip    float64 `toml:"clip"`         // largest norm of a step's gradient; 0 = 1, negative = none
	Average float64 `toml:"ema"`          // of the exponential moving average of the weights, below 1; 0 = none
	Ascend  int     `toml:"ascend"`       // first epochs, in which the loss is maximised
	Seed    uint64  `toml:"seed"`         // 0 = 1
	Save    string  `toml:"save"`         // a .safetensors file for the weights; "" = none
	Every   int     `toml:"every"`        // epochs between two calls of the callback; 0 = 1

	// Keep is called between steps, with a function that copies the training's state; one that is given it as Resume, with
	// the same law and settings, goes on from there and ends with the same bits. nil = none.
	Keep   func(state func() *TrainState) `toml:"-"`
	Resume *TrainState                    `toml:"-"`
}

// TrainState is a training after some of its steps: all that the following ones depend on.
type TrainState struct {
	Epoch, Done            int   // the epoch under way, counted from 1, and its rows that are done
	Order                  []int // of the rows in it
	Source                 rng.Source
	Params                 []float64
	First, Second, Average []float64 // moments of the gradient; averaged parameters
	Count                  int       // of steps
}

// check fills the defaults in; its errors name the key.
func (s *TrainSettings) check() error {
	if s.Hidden == nil {
		s.Hidden = []int{64, 64, 64}
	}
	for _, c := range []struct {
		key     string
		v       *int
		missing int
	}{{"rows", &s.Rows, 8192}, {"epochs", &s.Epochs, 100}, {"batch", &s.Batch, 128}, {"every", &s.Every, 1}} {
		if *c.v == 0 {
			*c.v = c.missing
		}
		if *c.v < 1 || *c.v > 1<<24 {
			return fmt.Errorf("bound: train.%s = %d: want an integer from 1 to %d: %w", c.key, *c.v, 1<<24, ErrUnsupported)
		}
	}
	if s.Ascend < 0 {
		return fmt.Errorf("bound: train.ascend = %d: want an integer, not negative: %w", s.Ascend, ErrUnsupported)
	}
	for _, c := range []struct {
		key     string
		v       *float64
		missing float64
	}{{"rate", &s.Rate, 1e-3}, {"weight_decay", &s.Decay, .01}, {"clip", &s.Clip, 1}} {
		if *c.v == 0 {
			*c.v = c.missing
		}
		if math.IsNaN(*c.v) || math.IsInf(*c.v, 0) {
			return fmt.Errorf("bound: train.%s = %v: want a finite number: %w", c.key, *c.v, ErrUnsupported)
		}
	}
	if s.Rate < 0 {
		return fmt.Errorf("bound: train.rate = %v: want a number above 0: %w", s.Rate, ErrUnsupported)
	}
	if !(s.Average >= 0 && s.Average < 1) {
		return fmt.Errorf("bound: train.ema = %v: want a number from 0, below 1: %w", s.Average, ErrUnsupported)
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	return nil
}

// Train fits a network to the noise of a discrete process on samples of a law. A step takes a batch of rows, a step of
// the process and noise e for each, and minimises the mean over the rows of
//
//	beta_t/sigma_t^2 mean over the coordinates of (e - e_theta(alpha_t x_0 + sigma_t e, t))^2,
//
// by AdamW on the gradient clipped to a norm of Clip. The network after an epoch, averaged where Average is set, goes
// to the callback, which may be nil. The same settings give the same bits. An interrupt is an error.
// Source: Kwon, Fan and Lee, arXiv 2212.06359; AdamW: Loshchilov and Hutter, arXiv 1711.05101.
func Train(ctx context.Context, p *Process, law dist.Distribution, s TrainSettings, callback func(epoch, epochs int, n *Network) error) (*Network, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if !p.Discrete() {
		return nil, fmt.Errorf("bound: a network is trained on the steps of a discrete process: %w", ErrUnsupported)
	}
	data, _, d, err := engine.Matrix(law.Sample(s.Seed, s.Rows))
	if err != nil {
		return nil, err
	}
	n, err := NewNetwork(d, s.Hidden, len(p.times), s.Seed)
	if err != nil {
		return nil, err
	}
	f := &fitting{p: p, s: s, d: d, data: data, source: rng.NewSource(s.Seed, streamTrain)}
	f.n, f.params = n.clone()
	f.grad, f.grads = n.clone()
	f.first, f.second = make([]float64, len(f.params)), make([]float64, len(f.params))
	result := f.n
	if s.Average > 0 {
		result, f.average = n.clone()
	}
	begin, order, done, err := f.resume(s.Resume)
	if err != nil {
		return nil, err
	}
	for epoch := begin; epoch <= s.Epochs; epoch++ {
		if order == nil {
			order = f.source.Perm(s.Rows)
		}
		for lo := done; lo < s.Rows; lo += s.Batch {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("bound: training: %w", err)
			}
			if s.Keep != nil {
				s.Keep(func() *TrainState { return f.state(epoch, lo, order) })
			}
			if err := f.step(order[lo:min(s.Rows, lo+s.Batch)], epoch <= s.Ascend); err != nil {
				return nil, err
			}
		}
		order, done = nil, 0
		if callback != nil && (epoch%s.Every == 0 || epoch == s.Epochs) {
			if err := callback(epoch, s.Epochs, result); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// fitting is a training's state.
type fitting struct {
	p                      *Process
	s                      TrainSettings
	n, grad                *Network
	d                      int
	data                   []float64
	source                 *rng.Source
	params, grads          []float64
	first, second, average []float64
	count                  int
	x, e                   []float64
	t                      []int
}

// state copies the training's state.
func (f *fitting) state(epoch, done int, order []int) *TrainState {
	return &TrainState{
		Epoch: epoch, Done: done, Order: slices.Clone(order), Source: *f.source, Params: slices.Clone(f.params),
		First: slices.Clone(f.first), Second: slices.Clone(f.second), Average: slices.Clone(f.average), Count: f.count,
	}
}

// resume sets a training's state, and returns where it goes on: the epoch, its rows and how many of them are done. Without
// one that is the start.
func (f *fitting) resume(s *TrainState) (epoch int, order []int, done int, err error) {
	if s == nil {
		return 1, nil, 0, nil
	}
	if len(s.Params) != len(f.params) || len(s.First) != len(f.first) || len(s.Second) != len(f.second) || len(s.Average) != len(f.average) ||
		len(s.Order) != f.s.Rows || s.Epoch < 1 || s.Done < 0 || s.Done%f.s.Batch != 0 {
		return 0, nil, 0, fmt.Errorf("bound: training: a state of %d parameters and %d rows, for %d and %d: %w", len(s.Params), len(s.Order), len(f.params), f.s.Rows, engine.ErrShape)
	}
	copy(f.params, s.Params)
	copy(f.first, s.First)
	copy(f.second, s.Second)
	copy(f.average, s.Average)
	source := s.Source
	f.source, f.count = &source, s.Count
	return s.Epoch, slices.Clone(s.Order), s.Done, nil
}

// step makes one step of AdamW on a batch of rows.
func (f *fitting) step(rows []int, ascend bool) error {
	f.x, f.e = fit(f.x, len(rows)*f.d), fit(f.e, len(rows)*f.d)
	f.t = f.t[:0]
	for i, row := range rows {
		step := 1 + f.source.Intn(f.n.steps)
		f.t = append(f.t, step)
		t := f.p.times[step-1]
		for k := range f.d {
			e := f.source.Normal()
			f.e[i*f.d+k] = e
			f.x[i*f.d+k] = t.Alpha*f.data[row*f.d+k] + t.Sigma*e
		}
	}
	out := f.n.forward(f.x, f.t)
	g := make([]float64, len(out))
	for i := range rows {
		t := f.p.times[f.t[i]-1]
		c := 2 * t.Rate / (t.Sigma * t.Sigma) / float64(f.d*len(rows))
		for k := i * f.d; k < (i+1)*f.d; k++ {
			g[k] = c * (out[k] - f.e[k])
		}
	}
	clear(f.grads)
	f.n.backward(g, f.t, f.grad)
	size := norm(f.grads)
	if math.IsNaN(size) || math.IsInf(size, 0) {
		return fmt.Errorf("bound: training: the gradient of step %d is %v: %w", f.count+1, size, engine.ErrDiverged)
	}
	scale := 1.
	if f.s.Clip > 0 && size > f.s.Clip {
		scale = f.s.Clip / size
	}
	if ascend {
		scale = -scale
	}
	f.adamW(scale)
	return nil
}

// adamW moves the parameters along the gradient times scale.
func (f *fitting) adamW(scale float64) {
	const b1, b2, eps = .9, .999, 1e-8
	f.count++
	c1, c2 := 1-math.Pow(b1, float64(f.count)), 1-math.Pow(b2, float64(f.count))
	for i, g := range f.grads {
		g *= scale
		f.first[i] = b1*f.first[i] + (1-b1)*g
		f.second[i] = b2*f.second[i] + (1-b2)*g*g
		if f.s.Decay > 0 {
			f.params[i] -= f.s.Rate * f.s.Decay * f.params[i]
		}
		f.params[i] -= f.s.Rate * (f.first[i] / c1) / (math.Sqrt(f.second[i]/c2) + eps)
	}
	for i, a := range f.average {
		f.average[i] = f.s.Average*a + (1-f.s.Average)*f.params[i]
	}
}
