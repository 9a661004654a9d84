package dist

import (
	"reflect"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// product is the law of independent blocks of coordinates, one a factor, in order.
type product struct {
	factors []Distribution
	d       int
}

// gaussianProduct is a product whose factors are all Gaussian.
type gaussianProduct struct{ *product }

// NewProduct returns the law of independent factors side by side: coordinates 0 to d_1 - 1 from the first,
// and so on. Consecutive equal factors become copies of one, and Gaussians along the axes become one
// Gaussian. It implements GaussianLaw where all factors do.
func NewProduct(factors ...Distribution) (Distribution, error) {
	if len(factors) == 0 {
		return nil, bad("a product of no factors")
	}
	if g, err := joinDiagonal(factors); g != nil || err != nil {
		return g, err
	}
	p := &product{}
	gaussian := true
	for i := 0; i < len(factors); {
		law, m := factors[i], 1
		for i+m < len(factors) && reflect.DeepEqual(law, factors[i+m]) {
			m++
		}
		i += m
		law, err := NewCopies(law, m)
		if err != nil {
			return nil, err
		}
		if p.d += law.Dim(); p.d > maxDim {
			return nil, bad("a product of more than %d coordinates", maxDim)
		}
		p.factors = append(p.factors, law)
		_, ok := law.(GaussianLaw)
		gaussian = gaussian && ok
	}
	if len(p.factors) == 1 {
		return p.factors[0], nil
	}
	if gaussian {
		return gaussianProduct{p}, nil
	}
	return p, nil
}

// joinDiagonal returns the product of Gaussians along the axes as one Gaussian, or nil.
func joinDiagonal(factors []Distribution) (Distribution, error) {
	var mean, vars []float64
	for _, law := range factors {
		g, ok := law.(*Gaussian)
		if !ok || !g.cov.plain() || len(mean)+g.Dim() > maxDim {
			return nil, nil
		}
		mean = append(mean, g.mean...)
		vars = append(vars, g.cov.Eigenvalues()...)
	}
	cov, err := Diagonal(vars)
	if err != nil {
		return nil, err
	}
	return NewGaussian(mean, cov)
}

// Dim returns the sum of the factors' dimensions.
func (p *product) Dim() int { return p.d }

// Sample draws factor f under a seed of its own, made from seed and f.
func (p *product) Sample(seed uint64, n int) *tensor.Dense {
	x := make([]float64, n*p.d)
	off := 0
	for f, law := range p.factors {
		own := rng.Words(seed, streamFactor, uint64(f))[0]
		y, _, d, err := engine.Matrix(law.Sample(own, n))
		if err != nil {
			panic(err) // laws return float64 matrices
		}
		for i := range n {
			copy(x[i*p.d+off:], y[i*d:(i+1)*d])
		}
		off += d
	}
	return engine.Points(x, n, p.d)
}

// Spectrum joins the factors' means and eigenvalues.
func (g gaussianProduct) Spectrum() (mean, eigenvalues []float64) {
	for _, law := range g.factors {
		m, l := law.(GaussianLaw).Spectrum()
		mean, eigenvalues = append(mean, m...), append(eigenvalues, l...)
	}
	return mean, eigenvalues
}

// Apply is the factors', each on its block.
func (g gaussianProduct) Apply(dst, x []float64, f func(l float64) float64) {
	lo := 0
	for _, law := range g.factors {
		hi := lo + law.Dim()
		law.(GaussianLaw).Apply(dst[lo:hi], x[lo:hi], f)
		lo = hi
	}
}

// Bind binds every factor. The field is a Jumper where all of theirs are.
func (p *product) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	f, _, err := p.bind(e, t, asItIs)
	return f, err
}

func (p *product) bind(e engine.Engine, t engine.Dtype, bind binder) (Field, []float64, error) {
	var mean []float64
	var parts []Field
	for _, law := range p.factors {
		part, m, err := bind(law, e, t)
		if err != nil {
			for _, f := range parts {
				f.Free()
			}
			return nil, nil, err
		}
		if m == nil {
			m = make([]float64, law.Dim())
		}
		mean = append(mean, m...)
		parts = append(parts, part)
	}
	return newProductField(newQueue(e, t), parts), mean, nil
}
