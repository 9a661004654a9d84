package dist

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
)

// OneSided is implemented by laws with a closed-form bound on how fast their noised score can expand.
type OneSided interface {
	Distribution
	// OneSided returns L(alpha, sigma) with <score(x) - score(y), x - y> <= L |x - y|^2 for all x, y, score the
	// score of alpha x0 + sigma e; that is, L is at least the largest eigenvalue of Hess log p anywhere. It is
	// nil where no such bound is known: for mixtures of unequal covariances.
	OneSided() func(alpha, sigma float64) float64
}

// OneSided is -1/(alpha^2 max l + sigma^2), the largest eigenvalue of Hess log p itself.
func (g *Gaussian) OneSided() func(alpha, sigma float64) float64 { return g.mix.OneSided() }

// OneSided bounds, for components of one covariance C with P = (alpha^2 C + sigma^2 I)^-1,
//
//	Hess log p = -P + alpha^2 P Cov(m | x) P
//
// by the smaller of two bounds. A variance is at most a quarter of the squared range (Popoviciu), so with D the
// largest distance of two of P^1/2 m_k, and E that of two of P m_k,
//
//	L = (alpha^2 D^2/4 - 1) times the largest eigenvalue of P, the least where the bracket is negative,
//	L = alpha^2 E^2/4 - the least eigenvalue of P.
//
// With C = h^2 I, v = alpha^2 h^2 + sigma^2 and the means' diameter D both are -1/v + alpha^2 D^2/(4 v^2), reached
// half-way between two components of equal weight.
func (m *Mixture) OneSided() func(alpha, sigma float64) float64 {
	if len(m.covs) > 1 {
		return nil
	}
	c := m.covs[0]
	if len(c.values) == 1 {
		return isotropicOneSided(c.values[0], squaredDiameter(m.means, len(m.w), m.d))
	}
	least, most := slices.Min(c.values), slices.Max(c.values)
	return func(alpha, sigma float64) float64 {
		v := func(l float64) float64 { return alpha*alpha*l + sigma*sigma }
		y := make([]float64, len(m.means))
		spread := func(power float64) float64 {
			for k := range m.w {
				c.Apply(y[k*m.d:(k+1)*m.d], m.means[k*m.d:(k+1)*m.d], func(l float64) float64 { return math.Pow(v(l), -power) })
			}
			return alpha * alpha * squaredDiameter(y, len(m.w), m.d) / 4
		}
		bracket := spread(.5) - 1
		first := bracket / v(least)
		if bracket < 0 {
			first = bracket / v(most)
		}
		return min(first, spread(1)-1/v(most))
	}
}

// OneSided is that of the mixture of the points.
func (p *Points) OneSided() func(alpha, sigma float64) float64 {
	return isotropicOneSided(p.h*p.h, squaredDiameter(p.y, p.n, p.d))
}

func isotropicOneSided(h2, diameter2 float64) func(alpha, sigma float64) float64 {
	return func(alpha, sigma float64) float64 {
		v := alpha*alpha*h2 + sigma*sigma
		return (alpha*alpha*diameter2/4/v - 1) / v
	}
}

// OneSided is the largest of the factors' bounds: the Hessian is block diagonal.
func (p *product) OneSided() func(alpha, sigma float64) float64 {
	bounds := make([]func(alpha, sigma float64) float64, len(p.factors))
	for i, f := range p.factors {
		if bounds[i] = oneSided(f); bounds[i] == nil {
			return nil
		}
	}
	return func(alpha, sigma float64) float64 {
		most := math.Inf(-1)
		for _, f := range bounds {
			most = max(most, f(alpha, sigma))
		}
		return most
	}
}

// OneSided is that of one copy.
func (c *copies) OneSided() func(alpha, sigma float64) float64 { return oneSided(c.of) }

// OneSided is that of the law before its rotation.
func (l *rotation) OneSided() func(alpha, sigma float64) float64 { return oneSided(l.of) }

func oneSided(law Distribution) func(alpha, sigma float64) float64 {
	if o, ok := law.(OneSided); ok {
		return o.OneSided()
	}
	return nil
}

// diameterRows is the largest count of rows whose diameter is found over all pairs.
const diameterRows = 4096

// squaredDiameter returns the largest squared distance of two of n rows of d numbers; of more than diameterRows
// rows the square of twice the largest distance from their mean, which is not below it.
func squaredDiameter(y []float64, n, d int) float64 {
	row := func(i int) []float64 { return y[i*d : (i+1)*d] }
	var most float64
	if n <= diameterRows {
		for i := range n {
			for j := range i {
				most = max(most, squaredDistance(row(i), row(j)))
			}
		}
		return most
	}
	mean := make([]float64, d)
	for i := range n {
		blas64.Axpy(1/float64(n), blas64.Vector{N: d, Data: row(i), Inc: 1}, blas64.Vector{N: d, Data: mean, Inc: 1})
	}
	for i := range n {
		most = max(most, squaredDistance(row(i), mean))
	}
	return 4 * most
}

func squaredDistance(x, y []float64) float64 {
	var s float64
	for i, v := range x {
		s += (v - y[i]) * (v - y[i])
	}
	return s
}
