package dist

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// Points is the law of data points smoothed by Gaussian noise, sum_j w_j N(y_j, h^2 I). Its score is attention
// over the points: a softmax over j of
//
//	z_j = log w_j + (a <x, y_j> - a^2 |y_j|^2 / 2) / (a^2 h^2 + s^2)
//
// at (alpha, sigma) = (a, s), O(N d) an evaluation. It is immutable.
type Points struct {
	n, d   int
	y      []float64 // [n, d]
	w      []float64 // normalised, zeros allowed
	h      float64
	centre []float64 // sum_j w_j y_j
	reach  float64   // largest |y_j - centre|
}

// NewPoints returns the law of the rows of y [N, d], which it keeps, with weights (nil = equal; any scale) and
// bandwidth h > 0, a standard deviation.
func NewPoints(y *tensor.Dense, weights []float64, h float64) (*Points, error) {
	data, n, d, err := engine.Matrix(y)
	if err != nil {
		return nil, fmt.Errorf("dist: %w", err)
	}
	if n == 0 || d == 0 {
		return nil, bad("%d points of %d coordinates", n, d)
	}
	if !(h > 0) || math.IsInf(h, 0) {
		return nil, bad("bandwidth %v: want a finite number above 0", h)
	}
	if v := h * h; v < 0x1p-1022 || math.IsInf(v, 0) {
		return nil, bad("bandwidth %v: its square is beyond the range of float64", h)
	}
	return newPoints(data, weights, n, d, h)
}

// newPoints also takes h = 0: atoms, whose field is defined at sigma > 0.
func newPoints(data, weights []float64, n, d int, h float64) (p *Points, err error) {
	for i, v := range data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, bad("point [%d,%d] = %v: want a finite number", i/d, i%d, v)
		}
	}
	p = &Points{n: n, d: d, y: data, h: h, centre: make([]float64, d)}
	if p.w, err = normalise(weights, n); err != nil {
		return nil, err
	}
	for i, w := range p.w {
		for j, v := range p.row(i) {
			p.centre[j] += w * v
		}
	}
	for i := range n {
		r := 0.0
		for j, v := range p.row(i) {
			r += (v - p.centre[j]) * (v - p.centre[j])
		}
		p.reach = max(p.reach, math.Sqrt(r))
	}
	return p, nil
}

func (p *Points) row(i int) []float64 { return p.y[i*p.d : (i+1)*p.d] }

// Dim returns d.
func (p *Points) Dim() int { return p.d }

// Rows returns the points [N, d], not to be written to.
func (p *Points) Rows() *tensor.Dense { return engine.Points(p.y, p.n, p.d) }

// Weights returns the normalised weights, not to be written to.
func (p *Points) Weights() []float64 { return p.w }

// Bandwidth returns h.
func (p *Points) Bandwidth() float64 { return p.h }

// Sample draws the row of point i from the uniform number i and its noise from normal numbers i d to
// i d + d - 1.
func (p *Points) Sample(seed uint64, n int) *tensor.Dense {
	x := make([]float64, n*p.d)
	rng.Normals(x, seed, streamNormal, 0)
	c := newChoice(p.w)
	for lo := 0; lo < n; lo += drawBlock {
		for i, k := range c.rows(seed, lo, min(n, lo+drawBlock)) {
			row := x[(lo+i)*p.d : (lo+i+1)*p.d]
			for j, v := range p.row(k) {
				row[j] = v + p.h*row[j]
			}
		}
	}
	return engine.Points(x, n, p.d)
}

// maxReach bounds |y|/h for the softmax over dot products, whose logits lose eps (|y|/h)^2 to rounding:
// 1e-10 here. Beyond it the differences x - a y are formed one by one, as mixtures do.
const maxReach = 1e3

// far says that the points are beyond maxReach.
func (p *Points) far() bool { return p.reach > maxReach*p.h }

// Bind makes the softmax over dot products, or the mixture of N components where the points lie more than
// 1000 h from their mean.
func (p *Points) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	if p.far() {
		m, err := p.mixture()
		if err != nil {
			return nil, err
		}
		f, err := m.bind(e, t)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	f, err := p.bind(e, t, p.centre)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// mixture returns the same law as a mixture of its points.
func (p *Points) mixture() (*Mixture, error) {
	c, err := Isotropic(p.d, p.h*p.h)
	if err != nil {
		return nil, err
	}
	means := make([][]float64, p.n)
	for i := range means {
		means[i] = p.row(i)
	}
	return NewMixture(p.w, means, []*Covariance{c})
}

// minPoints is the count of components from which matrix products pay.
const minPoints = 32

// points returns the same law as smoothed points, or nil where the components differ, are few, or too far
// from each other for dot products.
func (m *Mixture) points() *Points {
	v, ok := m.isotropic()
	if !ok || len(m.w) < minPoints {
		return nil
	}
	p, err := NewPoints(engine.Points(m.means, len(m.w), m.d), m.w, math.Sqrt(v))
	if err != nil || p.reach > maxReach*p.h {
		return nil
	}
	return p
}
