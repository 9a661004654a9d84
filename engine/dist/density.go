package dist

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// maxDensityDim is the largest dimension of a law given by its density: its grid has a power of that
// many points.
const maxDensityDim = 3

// maxPower is the largest power of a coordinate in a density's polynomials.
const maxPower = 64

// Monomial is Coef times the product of y_t^Powers[t].
type Monomial struct {
	Coef   float64
	Powers []int
}

// Term is Weight exp(Poly(y)).
type Term struct {
	Weight float64
	Poly   []Monomial
}

// Density is the law with density proportional to a sum of exp(polynomial) with light tails, d <= 3.
// Its velocity is integrated by positive quadrature to about 1e-13 (the Ornstein-Uhlenbeck semigroup is
// a Gaussian kernel: there is no time step). Data points where the density is below exp(-64) of its maximum,
// 11 standard deviations of a Gaussian, are refused with ErrTail.
type Density struct {
	terms exponentials
	grid  *grid
	draw  *rejection
}

// NewDensity prepares the law: it finds the support and the normalisation. Errors say what is wrong
// with the terms: a weight that is not positive, powers that are negative or of unequal length, tails
// that are not light, d > 3.
func NewDensity(terms []Term) (*Density, error) {
	if len(terms) == 0 {
		return nil, bad("no terms")
	}
	d := -1
	for i, t := range terms {
		if !(t.Weight > 0) || math.IsInf(t.Weight, 0) {
			return nil, bad("terms[%d]: weight %v is not positive and finite", i, t.Weight)
		}
		for j, m := range t.Poly {
			if d < 0 {
				d = len(m.Powers)
			}
			if len(m.Powers) != d || d == 0 {
				return nil, bad("terms[%d].poly[%d]: %d powers, want one a coordinate (%d)", i, j, len(m.Powers), d)
			}
			if math.IsNaN(m.Coef) || math.IsInf(m.Coef, 0) {
				return nil, bad("terms[%d].poly[%d]: coefficient %v is not finite", i, j, m.Coef)
			}
			for _, q := range m.Powers {
				if q < 0 || q > maxPower {
					return nil, bad("terms[%d].poly[%d]: power %d is outside 0..%d", i, j, q, maxPower)
				}
			}
		}
	}
	if d < 0 {
		return nil, bad("no polynomial: the dimension is unknown")
	}
	if d > maxDensityDim {
		return nil, bad("dimension %d, quadrature serves at most %d", d, maxDensityDim)
	}
	s := exponentials{d: d, terms: terms}
	g, err := s.newGrid()
	if err != nil {
		return nil, err
	}
	return &Density{terms: s, grid: g, draw: newRejection(s, g)}, nil
}

// Dim returns d.
func (p *Density) Dim() int { return p.terms.d }

// LogZ returns the logarithm of the integral of the unnormalised density.
func (p *Density) LogZ() float64 { return p.grid.logZ }

// Sample draws by rejection from the density smoothed over the grid's cells.
func (p *Density) Sample(seed uint64, n int) *tensor.Dense {
	d := p.Dim()
	x := make([]float64, n*d)
	for i := range n {
		p.draw.sample(x[i*d:(i+1)*d], rng.NewSource(seed, uint64(i)))
	}
	return engine.Points(x, n, d)
}

// Bind makes the velocity field.
func (p *Density) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	return bindSmooth(e, t, p.terms, p.grid)
}

// exponentials is sum_t w_t exp(poly_t(y)).
type exponentials struct {
	d     int
	terms []Term
}

func (s exponentials) Dim() int { return s.d }

// negligible is how far, in ln, a term's mass may fall below the largest one's before it need not be resolved.
const negligible = 60

// newGrid covers and resolves every term: a term much narrower than the others falls between the points of a
// grid of their sum, and unseen by all of them would not keep it from settling.
func (s exponentials) newGrid() (*grid, error) {
	if len(s.terms) == 1 {
		return newGrid(s)
	}
	grids, top := make([]*grid, len(s.terms)), math.Inf(-1)
	for i := range s.terms {
		var err error
		if grids[i], err = newGrid(exponentials{d: s.d, terms: s.terms[i : i+1]}); err != nil {
			return nil, fmt.Errorf("terms[%d]: %w", i, err)
		}
		top = math.Max(top, grids[i].logZ)
	}
	grids = slices.DeleteFunc(grids, func(g *grid) bool { return g.logZ < top-negligible })
	lo, hi, step := make([]float64, s.d), make([]float64, s.d), make([]float64, s.d)
	for t := range s.d {
		lo[t], hi[t], step[t] = math.Inf(1), math.Inf(-1), math.Inf(1)
		for _, g := range grids {
			lo[t] = math.Min(lo[t], g.lo[t])
			hi[t] = math.Max(hi[t], g.lo[t]+float64(g.n[t]-1)*g.step[t])
			step[t] = math.Min(step[t], g.step[t])
		}
	}
	// A term's grid is the finer of two that agree: where the box of all of them holds too many of its points, the
	// coarser one's spacing serves.
	for _, times := range []float64{1, gridFiner} {
		n, count := make([]int, s.d), 1.0
		for t := range s.d {
			points := math.Ceil((hi[t]-lo[t])/(step[t]*times)) + 1
			n[t] = int(min(points, gridAtoms))
			count *= points
		}
		if count <= gridAtoms {
			return tabulate(s, lo, hi, n), nil
		}
	}
	return nil, tooFine()
}

// logp is the log-sum-exp of the terms; its derivatives are those of a mixture with responsibilities r:
// grad = sum r g_t, Hess = sum r (H_t + g_t g_t^T) - grad grad^T.
func (s exponentials) logp(y, grad, hess []float64) float64 {
	d := s.d
	if len(s.terms) == 1 {
		return engine.Ln(s.terms[0].Weight) + polynomial(s.terms[0].Poly, y, grad, hess)
	}
	l := make([]float64, len(s.terms))
	top := math.Inf(-1)
	for i, t := range s.terms {
		l[i] = engine.Ln(t.Weight) + polynomial(t.Poly, y, nil, nil)
		top = math.Max(top, l[i])
	}
	if math.IsInf(top, -1) { // so far out that every term underflows
		clear(grad)
		clear(hess)
		return top
	}
	var sum float64
	for i := range l {
		l[i] = math.Exp(l[i] - top)
		sum += l[i]
	}
	if grad == nil && hess == nil {
		return top + math.Log(sum)
	}
	g, h, mean := make([]float64, d), make([]float64, d*d), make([]float64, d)
	clear(hess)
	for i, t := range s.terms {
		r := l[i] / sum
		if r == 0 {
			continue
		}
		polynomial(t.Poly, y, g, h)
		for a := range d {
			mean[a] += r * g[a]
			if hess != nil {
				for b := range d {
					hess[a*d+b] += r * (h[a*d+b] + g[a]*g[b])
				}
			}
		}
	}
	if hess != nil {
		for a := range d {
			for b := range d {
				hess[a*d+b] -= mean[a] * mean[b]
			}
		}
	}
	copy(grad, mean)
	return top + math.Log(sum)
}

// polynomial returns the value at y and, where not nil, the gradient [d] and the Hessian [d, d].
func polynomial(p []Monomial, y, grad, hess []float64) (v float64) {
	d := len(y)
	clear(grad)
	clear(hess)
	for _, m := range p {
		v += m.Coef * derivative(m.Powers, y, -1, -1)
		if grad == nil && hess == nil {
			continue
		}
		for a := range d {
			if m.Powers[a] == 0 {
				continue
			}
			if grad != nil {
				grad[a] += m.Coef * derivative(m.Powers, y, a, -1)
			}
			if hess != nil {
				for b := range a + 1 {
					h := m.Coef * derivative(m.Powers, y, a, b)
					hess[a*d+b] += h
					if a != b {
						hess[b*d+a] += h
					}
				}
			}
		}
	}
	return v
}

// derivative returns the monomial's derivative by the coordinates a and b; negative = none.
func derivative(powers []int, y []float64, a, b int) float64 {
	v := 1.0
	for t, q := range powers {
		if t == a {
			v *= float64(q)
			q--
		}
		if t == b {
			v *= float64(q)
			q--
		}
		if q < 0 {
			return 0
		}
		for range q {
			v *= y[t]
		}
	}
	return v
}
