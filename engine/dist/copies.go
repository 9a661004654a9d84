package dist

import (
	"slices"

	"monge/engine"

	"gorgonia.org/tensor"
)

// copies is the law of m independent consecutive blocks, each with the law of.
type copies struct {
	of Distribution
	m  int
}

// gaussianCopies is copies of a Gaussian law.
type gaussianCopies struct{ *copies }

// NewCopies returns the law of m >= 1 independent copies of a law side by side. It implements GaussianLaw
// where the law does.
func NewCopies(of Distribution, m int) (Distribution, error) {
	if m < 1 || m > maxDim/of.Dim() {
		return nil, bad("%d copies of %d coordinates: want 1 to %d", m, of.Dim(), maxDim/of.Dim())
	}
	if m == 1 {
		return of, nil
	}
	if g, ok := of.(*Gaussian); ok && g.cov.plain() {
		all := make([]Distribution, m)
		for i := range all {
			all[i] = g
		}
		return joinDiagonal(all)
	}
	c := &copies{of: of, m: m}
	if inner, ok := of.(*copies); ok {
		c = &copies{of: inner.of, m: m * inner.m}
	}
	if _, ok := of.(GaussianLaw); ok {
		return gaussianCopies{c}, nil
	}
	return c, nil
}

// Dim returns m times the dimension of one copy.
func (c *copies) Dim() int { return c.m * c.of.Dim() }

// Sample puts points i m to i m + m - 1 of the law side by side.
func (c *copies) Sample(seed uint64, n int) *tensor.Dense {
	x, _, _, err := engine.Matrix(c.of.Sample(seed, n*c.m))
	if err != nil {
		panic(err) // laws return float64 matrices
	}
	return engine.Points(x, n, c.Dim())
}

// Spectrum repeats the law's own m times.
func (g gaussianCopies) Spectrum() (mean, eigenvalues []float64) {
	m, l := g.of.(GaussianLaw).Spectrum()
	for range g.m {
		mean, eigenvalues = append(mean, m...), append(eigenvalues, l...)
	}
	return mean, eigenvalues
}

// Apply is that of one copy on every block.
func (g gaussianCopies) Apply(dst, x []float64, f func(l float64) float64) {
	d := g.of.Dim()
	for lo := 0; lo < len(x); lo += d {
		g.of.(GaussianLaw).Apply(dst[lo:lo+d], x[lo:lo+d], f)
	}
}

// Bind binds the law once. The field is a Jumper where the law's is.
func (c *copies) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	f, _, err := c.bind(e, t, asItIs)
	return f, err
}

func (c *copies) bind(e engine.Engine, t engine.Dtype, bind binder) (Field, []float64, error) {
	of, mean, err := bind(c.of, e, t)
	if err != nil {
		return nil, nil, err
	}
	return newCopiesField(newQueue(e, t), of, c.m), slices.Repeat(mean, c.m), nil
}
