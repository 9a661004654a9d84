package dist

import (
	"monge/engine"

	"gorgonia.org/tensor"
)

// Gaussian is the law N(c, C). Its encoder is closed form, C_tau^1/2 C^-1/2 (x - c) + alpha c, and is the
// optimal transport map to N(0, I) in the limit. It is immutable.
type Gaussian struct {
	mean []float64
	cov  *Covariance
	mix  *Mixture // the same law
}

// NewGaussian returns N(mean, cov).
func NewGaussian(mean []float64, cov *Covariance) (*Gaussian, error) {
	mix, err := NewMixture(nil, [][]float64{mean}, []*Covariance{cov})
	if err != nil {
		return nil, err
	}
	return &Gaussian{mean: mix.means, cov: cov, mix: mix}, nil
}

// Dim returns d.
func (g *Gaussian) Dim() int { return g.mix.d }

// Mean returns c, not to be written to.
func (g *Gaussian) Mean() []float64 { return g.mean }

// Covariance returns C.
func (g *Gaussian) Covariance() *Covariance { return g.cov }

// Spectrum returns c and the eigenvalues of C.
func (g *Gaussian) Spectrum() (mean, eigenvalues []float64) { return g.mean, g.cov.Eigenvalues() }

// Apply is the covariance's.
func (g *Gaussian) Apply(dst, x []float64, f func(l float64) float64) { g.cov.Apply(dst, x, f) }

// Sample draws point i from normal numbers i d to i d + d - 1.
func (g *Gaussian) Sample(seed uint64, n int) *tensor.Dense { return g.mix.Sample(seed, n) }

// Bind makes the field of one component.
func (g *Gaussian) Bind(e engine.Engine, t engine.Dtype) (Field, error) { return g.mix.Bind(e, t) }
