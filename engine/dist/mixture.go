package dist

import (
	"math"
	"slices"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// Streams of the random numbers that laws draw, apart from those of everything else under one seed.
const (
	streamNormal  = 0x6469_7374_0001 + iota // point i of d coordinates takes numbers i d to i d + d - 1
	streamUniform                           // the component of point i is chosen by number i
	streamFactor                            // seeds of the factors of a product
	streamNamed                             // parameters of named random laws, and the next two streams too
)

// Mixture is the law sum_k w_k N(m_k, C_k). Its score, posterior mean and their Jacobians are those of
// [engine.Mixture]. It is immutable.
type Mixture struct {
	d     int
	w     []float64     // normalised, all > 0
	means []float64     // [K, d]
	covs  []*Covariance // K, or one for all
}

// NewMixture returns the mixture of K components with weights (nil = equal; any scale; zero drops the
// component), means [K][d] and covs of length K, or 1 to share one.
func NewMixture(weights []float64, means [][]float64, covs []*Covariance) (*Mixture, error) {
	k := len(means)
	if k == 0 {
		return nil, bad("a mixture of no components")
	}
	w, err := normalise(weights, k)
	if err != nil {
		return nil, err
	}
	if len(covs) != 1 && len(covs) != k {
		return nil, bad("%d covariances for %d components", len(covs), k)
	}
	m := &Mixture{d: covs[0].d}
	for i, mean := range means {
		if len(mean) != m.d {
			return nil, bad("means[%d] has %d coordinates, want %d", i, len(mean), m.d)
		}
		for j, v := range mean {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, bad("means[%d][%d] = %v: want a finite number", i, j, v)
			}
		}
		c := covs[min(i, len(covs)-1)]
		if c.d != m.d {
			return nil, bad("covariance %d has size %d, want %d", i, c.d, m.d)
		}
		if w[i] == 0 {
			continue
		}
		m.w = append(m.w, w[i])
		m.means = append(m.means, mean...)
		m.covs = append(m.covs, c)
	}
	if !slices.ContainsFunc(m.covs, func(c *Covariance) bool { return !c.equal(m.covs[0]) }) {
		m.covs = m.covs[:1]
	}
	return m, nil
}

// normalise returns weights divided by their sum, 1/n each for nil.
func normalise(weights []float64, n int) ([]float64, error) {
	if weights == nil {
		return engine.EqualWeights(n), nil
	}
	if len(weights) != n {
		return nil, bad("%d weights for %d components", len(weights), n)
	}
	w, err := engine.Normalize(weights)
	if err != nil {
		return nil, bad("%v", err)
	}
	return w, nil
}

// Dim returns d.
func (m *Mixture) Dim() int { return m.d }

// Components returns K, without those of weight zero.
func (m *Mixture) Components() int { return len(m.w) }

// Component returns the weight, mean and covariance of component k; the mean is not to be written to.
func (m *Mixture) Component(k int) (weight float64, mean []float64, cov *Covariance) {
	return m.w[k], m.means[k*m.d : (k+1)*m.d], m.cov(k)
}

func (m *Mixture) cov(k int) *Covariance { return m.covs[min(k, len(m.covs)-1)] }

// Sample draws the component of point i from the uniform number i and the point around it from normal
// numbers i d to i d + d - 1.
func (m *Mixture) Sample(seed uint64, n int) *tensor.Dense {
	x := make([]float64, n*m.d)
	rng.Normals(x, seed, streamNormal, 0)
	c := newChoice(m.w)
	var z []float64
	for lo := 0; lo < n; lo += drawBlock {
		chosen := c.rows(seed, lo, min(n, lo+drawBlock))
		order := make([]int, len(chosen))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return chosen[a] - chosen[b] })
		for len(order) > 0 {
			k := chosen[order[0]]
			count := 1
			for count < len(order) && chosen[order[count]] == k {
				count++
			}
			z = z[:0]
			for _, i := range order[:count] {
				z = append(z, x[(lo+i)*m.d:(lo+i+1)*m.d]...)
			}
			z = m.cov(k).colour(z, count)
			for r, i := range order[:count] {
				for t, mean := range m.means[k*m.d : (k+1)*m.d] {
					x[(lo+i)*m.d+t] = mean + z[r*m.d+t]
				}
			}
			order = order[count:]
		}
	}
	return engine.Points(x, n, m.d)
}

// drawBlock is how many rows are drawn at a time: the memory beside the result does not grow with n.
const drawBlock = 1 << 14

// choice draws components of a mixture.
type choice struct {
	edges []float64 // cumulated weights
}

func newChoice(w []float64) *choice {
	c := &choice{edges: make([]float64, len(w))}
	sum := 0.0
	for k, v := range w {
		sum += v
		c.edges[k] = sum
	}
	return c
}

// rows returns the components of the points lo to hi - 1.
func (c *choice) rows(seed uint64, lo, hi int) []int {
	chosen := make([]int, hi-lo)
	last := len(c.edges) - 1
	if last == 0 {
		return chosen
	}
	u := make([]float64, hi-lo)
	rng.Uniforms(u, seed, streamUniform, uint64(lo))
	for i, v := range u {
		k, _ := slices.BinarySearchFunc(c.edges, v*c.edges[last], func(edge, v float64) int {
			if edge <= v {
				return -1
			}
			return 1
		})
		chosen[i] = min(k, last)
	}
	return chosen
}

// isotropic returns the variance that all components share in all directions, or false.
func (m *Mixture) isotropic() (v float64, ok bool) {
	c := m.covs[0]
	return c.values[0], len(m.covs) == 1 && len(c.values) == 1 && c.plain()
}
