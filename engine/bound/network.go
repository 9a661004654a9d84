package bound

import (
	"fmt"
	"io"
	"math"

	"monge/engine/arrayio"
	"monge/engine/rng"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Network is a multilayer perceptron that predicts the noise of a discrete process's steps:
//
//	h_0 = x,   h_l = softplus(gamma_l(t) * (W_l h_{l-1} + b_l)),   e(x, t) = W_L h_{L-1} + b_L,
//
// gamma_l(t) a vector for each hidden layer and step, and s_theta = -e/sigma_t. It is the network of Kwon, Fan and Lee
// for hidden widths of 64, 64, 64, and any other.
type Network struct {
	steps  int
	layers []layer

	scratch []pass // kept between calls
}

// layer maps in to out numbers. Its parameters lie in one array, so that an optimiser sees one vector.
type layer struct {
	in, out int
	w       []float64 // [out, in]
	b       []float64 // [out]
	gamma   []float64 // [steps, out]; nil in the last layer
}

var _ Model = stepModel{}

// NewNetwork returns a network of d coordinates with hidden layers of the given widths for a process of steps steps,
// its weights Xavier-normal, biases 0 and gammas uniform in (0, 1), drawn from the seed.
func NewNetwork(d int, hidden []int, steps int, seed uint64) (*Network, error) {
	if d < 1 || steps < 1 {
		return nil, fmt.Errorf("bound: a network of %d coordinates and %d steps: %w", d, steps, ErrUnsupported)
	}
	for i, w := range hidden {
		if w < 1 || w > 1<<16 {
			return nil, fmt.Errorf("bound: hidden[%d] = %d: want an integer from 1 to %d: %w", i, w, 1<<16, ErrUnsupported)
		}
	}
	widths := append(append([]int{d}, hidden...), d)
	n := &Network{steps: steps}
	for l := 1; l < len(widths); l++ {
		n.layers = append(n.layers, layer{in: widths[l-1], out: widths[l]})
	}
	n.use(make([]float64, n.count()))
	source := rng.NewSource(seed, streamWeights)
	for l := range n.layers {
		a := &n.layers[l]
		scale := math.Sqrt(2 / float64(a.in+a.out))
		for i := range a.w {
			a.w[i] = scale * source.Normal()
		}
		for i := range a.gamma {
			a.gamma[i] = source.Float64()
		}
	}
	return n, nil
}

// count returns the count of parameters.
func (n *Network) count() int {
	c := 0
	for l, a := range n.layers {
		c += a.out * (a.in + 1)
		if l < len(n.layers)-1 {
			c += n.steps * a.out
		}
	}
	return c
}

// use makes p the network's parameters.
func (n *Network) use(p []float64) {
	take := func(k int) []float64 {
		part := p[:k:k]
		p = p[k:]
		return part
	}
	for l := range n.layers {
		a := &n.layers[l]
		a.w, a.b, a.gamma = take(a.in*a.out), take(a.out), nil
		if l < len(n.layers)-1 {
			a.gamma = take(n.steps * a.out)
		}
	}
}

// clone returns a copy of the network and its parameters, in the order of use.
func (n *Network) clone() (*Network, []float64) {
	var p []float64
	for _, a := range n.layers {
		p = append(append(append(p, a.w...), a.b...), a.gamma...)
	}
	c := &Network{steps: n.steps, layers: append([]layer(nil), n.layers...)}
	c.use(p)
	return c, p
}

// Dim returns d.
func (n *Network) Dim() int { return n.layers[0].in }

// Steps returns the count of steps.
func (n *Network) Steps() int { return n.steps }

// pass is what one layer remembers of a batch: its input, pre-activation z = W h + b, and the slope of its output by
// z, gamma softplus'(gamma z), 1 in the last layer.
type pass struct {
	in, z, out, slope []float64
}

// forward evaluates e for rows x [rows, d] at steps t [rows], counted from 1, and remembers what backward needs. The
// result is valid until the next call.
func (n *Network) forward(x []float64, t []int) []float64 {
	rows := len(t)
	if n.scratch == nil {
		n.scratch = make([]pass, len(n.layers))
	}
	for l := range n.layers {
		a, p := &n.layers[l], &n.scratch[l]
		p.in = x
		p.z, p.out, p.slope = fit(p.z, rows*a.out), fit(p.out, rows*a.out), fit(p.slope, rows*a.out)
		for i := range rows {
			copy(p.z[i*a.out:(i+1)*a.out], a.b)
		}
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, matrix(x, rows, a.in), matrix(a.w, a.out, a.in), 1, matrix(p.z, rows, a.out))
		for i := range rows {
			for k := range a.out {
				j := i*a.out + k
				if a.gamma == nil {
					p.out[j], p.slope[j] = p.z[j], 1
					continue
				}
				g := a.gamma[(t[i]-1)*a.out+k]
				v, slope := softplus(g * p.z[j])
				p.out[j], p.slope[j] = v, g*slope
			}
		}
		x = p.out
	}
	return x
}

// softplus returns ln(1 + exp v) and its derivative 1/(1 + exp -v), without overflow.
func softplus(v float64) (value, slope float64) {
	if v > 0 {
		e := math.Exp(-v)
		return v + math.Log1p(e), 1 / (1 + e)
	}
	e := math.Exp(v)
	return math.Log1p(e), e / (1 + e)
}

// backward takes the derivatives g [rows, d] of a sum by the last forward's results and returns those by its rows x;
// where grad is not nil, those by the parameters are added to it.
func (n *Network) backward(g []float64, t []int, grad *Network) []float64 {
	rows := len(t)
	for l := len(n.layers) - 1; l >= 0; l-- {
		a, p := &n.layers[l], &n.scratch[l]
		dz := make([]float64, rows*a.out)
		for j := range dz {
			dz[j] = g[j] * p.slope[j]
		}
		if grad != nil {
			into := &grad.layers[l]
			for i := range rows {
				for k := range a.out {
					j := i*a.out + k
					into.b[k] += dz[j]
					if a.gamma != nil { // d out/d gamma = softplus' z = slope z/gamma, without the division
						at := (t[i]-1)*a.out + k
						_, slope := softplus(a.gamma[at] * p.z[j])
						into.gamma[at] += g[j] * slope * p.z[j]
					}
				}
			}
			blas64.Gemm(blas.Trans, blas.NoTrans, 1, matrix(dz, rows, a.out), matrix(p.in, rows, a.in), 1, matrix(into.w, a.out, a.in))
		}
		g = make([]float64, rows*a.in)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, matrix(dz, rows, a.out), matrix(a.w, a.out, a.in), 0, matrix(g, rows, a.in))
	}
	return g
}

// tangent returns the derivatives of the last forward's results along directions v [rows, d] of its rows.
func (n *Network) tangent(v []float64, rows int) []float64 {
	for l := range n.layers {
		a, p := &n.layers[l], &n.scratch[l]
		out := make([]float64, rows*a.out)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, matrix(v, rows, a.in), matrix(a.w, a.out, a.in), 0, matrix(out, rows, a.out))
		for j := range out {
			out[j] *= p.slope[j]
		}
		v = out
	}
	return v
}

func matrix(x []float64, rows, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: x}
}

func fit(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n)
	}
	return x[:n]
}

// Model returns the network as the scores of a process.
func (n *Network) Model(p *Process) (Model, error) {
	if !p.Discrete() || len(p.times) != n.steps {
		return nil, fmt.Errorf("bound: a network of %d steps for a process of %d: %w", n.steps, len(p.times), ErrUnsupported)
	}
	return stepModel{n}, nil
}

// stepModel is a Network as a Model.
type stepModel struct{ *Network }

// at repeats a step for every row.
func (m stepModel) at(x []float64, t Time) []int {
	steps := make([]int, len(x)/m.Dim())
	for i := range steps {
		steps[i] = t.Step
	}
	return steps
}

// Scores implements Model.
func (m stepModel) Scores(s, x []float64, t Time) error {
	for i, e := range m.forward(x, m.at(x, t)) {
		s[i] = -e / t.Sigma
	}
	return nil
}

// Symmetric implements Model by one derivative forwards and one backwards.
func (m stepModel) Symmetric(y, x, v []float64, t Time) error {
	steps := m.at(x, t)
	m.forward(x, steps)
	ahead, back := m.tangent(v, len(steps)), m.backward(v, steps, nil)
	for i := range y {
		y[i] = -(ahead[i] + back[i]) / (2 * t.Sigma)
	}
	return nil
}

// Weights returns the parameters by name: layers.L.weight [out, in], .bias [out], .embed [steps, out].
func (n *Network) Weights() arrayio.Weights {
	w := arrayio.Weights{}
	for l, a := range n.layers {
		name := fmt.Sprintf("layers.%d.", l)
		w[name+"weight"] = arrayio.Weight{Shape: []int{a.out, a.in}, Data: a.w}
		w[name+"bias"] = arrayio.Weight{Shape: []int{a.out}, Data: a.b}
		if a.gamma != nil {
			w[name+"embed"] = arrayio.Weight{Shape: []int{n.steps, a.out}, Data: a.gamma}
		}
	}
	return w
}

// Save writes the weights as a .safetensors file.
func (n *Network) Save(w io.Writer) error { return arrayio.WriteSafetensors(w, n.Weights()) }

// FromWeights makes the network of d coordinates and steps steps whose parameters have the names and shapes of
// Weights. Errors name the array and its shape or value.
func FromWeights(w arrayio.Weights, d, steps int) (*Network, error) {
	n := &Network{steps: steps}
	width := d
	for l := 0; ; l++ {
		name := fmt.Sprintf("layers.%d.weight", l)
		a, ok := w[name]
		if !ok {
			break
		}
		if len(a.Shape) != 2 || a.Shape[1] != width || a.Shape[0] < 1 {
			return nil, fmt.Errorf("bound: weights: %s has shape %v, want [n, %d]: %w", name, a.Shape, width, ErrUnsupported)
		}
		n.layers = append(n.layers, layer{in: width, out: a.Shape[0]})
		width = a.Shape[0]
	}
	if len(n.layers) == 0 {
		return nil, fmt.Errorf("bound: weights: no array layers.0.weight: %w", ErrUnsupported)
	}
	if width != d {
		return nil, fmt.Errorf("bound: weights: layers.%d.weight has %d rows, want %d: %w", len(n.layers)-1, width, d, ErrUnsupported)
	}
	n.use(make([]float64, n.count()))
	names := n.Weights()
	for name, into := range names {
		a, ok := w[name]
		if !ok {
			return nil, fmt.Errorf("bound: weights: no array %s: %w", name, ErrUnsupported)
		}
		if fmt.Sprint(a.Shape) != fmt.Sprint(into.Shape) {
			return nil, fmt.Errorf("bound: weights: %s has shape %v, want %v: %w", name, a.Shape, into.Shape, ErrUnsupported)
		}
		for i, v := range a.Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("bound: weights: %s: number %d is %v: %w", name, i, v, ErrUnsupported)
			}
		}
		copy(into.Data, a.Data)
	}
	for name := range w {
		if _, ok := names[name]; !ok {
			return nil, fmt.Errorf("bound: weights: unknown array %s: %w", name, ErrUnsupported)
		}
	}
	return n, nil
}
