package dist

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
)

// Name is a law known by name.
type Name struct {
	Name        string
	Params      []string // key=default
	Description string
	make        func(p *params) (Distribution, error)
}

// Names returns the laws known by name, in the order to list them.
func Names() []Name {
	return []Name{
		{"G1", nil, "two Gaussians in the plane whose encoder is not the optimal map", func(*params) (Distribution, error) { return G1(), nil }},
		{"G2", nil, "three narrow isotropic Gaussians in the plane, a triangle", func(*params) (Distribution, error) { return G2(), nil }},
		{"G5", nil, "two isotropic Gaussians in the plane whose encoder is the optimal map", func(*params) (Distribution, error) { return G5(), nil }},
		{"gaussian", []string{"d=2", "seed=1"}, "a Gaussian with a random mean and covariance, spectrum .1 to 10", func(p *params) (Distribution, error) {
			d, seed := p.dimension("d", 2), p.integer("seed", 1, 0)
			if p.err != nil {
				return nil, p.err
			}
			return RandomGaussian(d, uint64(seed))
		}},
	}
}

// G1 is the mixture of equal weights, means (1.5, 0) and (-1.5, 0), both covariances [[.5, .4], [.4, .5]].
func G1() *Mixture {
	c, err := Full(mat.NewSymDense(2, []float64{.5, .4, .4, .5}))
	return fixed(c, err, nil, [][]float64{{1.5, 0}, {-1.5, 0}})
}

// G2 has weights .5, .3, .2, means (0, 0), (3, 0), (.5, 1.5) and covariances .05 I.
func G2() *Mixture {
	c, err := Isotropic(2, .05)
	return fixed(c, err, []float64{.5, .3, .2}, [][]float64{{0, 0}, {3, 0}, {.5, 1.5}})
}

// G5 has weights .3 and .7, means (2, 1) and (-2, -1) and covariances .1 I.
func G5() *Mixture {
	c, err := Isotropic(2, .1)
	return fixed(c, err, []float64{.3, .7}, [][]float64{{2, 1}, {-2, -1}})
}

// fixed makes a mixture of numbers written in this package.
func fixed(c *Covariance, err error, w []float64, means [][]float64) *Mixture {
	if err == nil {
		var m *Mixture
		if m, err = NewMixture(w, means, []*Covariance{c}); err == nil {
			return m
		}
	}
	panic(err)
}

// RandomGaussian returns a Gaussian of d dimensions with a standard normal mean and a covariance given by its
// factors: eigenvalues log-uniform over [.1, 10] and up to three random reflections, so that no
// eigen-decomposition is needed at any d.
func RandomGaussian(d int, seed uint64) (*Gaussian, error) {
	numbers := make([]float64, 4*d)
	rng.Normals(numbers, seed, streamNamed, 0)
	values := make([]float64, d)
	rng.Uniforms(values, seed, streamNamed+1, 0)
	for i, u := range values {
		values[i] = math.Pow(10, 2*u-1)
	}
	var vectors [][]float64
	for r := 1; r <= min(3, d-1); r++ {
		vectors = append(vectors, numbers[r*d:(r+1)*d])
	}
	cov, err := Reflected(values, vectors)
	if err != nil {
		return nil, err
	}
	return NewGaussian(numbers[:d], cov)
}

// byName makes the law of a spec name or name:key=value,key=value.
func byName(spec string) (Distribution, error) {
	name, list, _ := strings.Cut(spec, ":")
	for _, n := range Names() {
		if n.Name != name {
			continue
		}
		p, err := parseParams(name, list)
		if err != nil {
			return nil, err
		}
		law, err := n.make(p)
		if p.err != nil {
			err = p.err
		}
		if err == nil {
			err = p.unknown()
		}
		if err != nil {
			return nil, err
		}
		return law, nil
	}
	return nil, fmt.Errorf("dist: no distribution %q: %w", name, ErrParameters)
}

// params holds the key=value pairs behind a name; the first error sticks.
type params struct {
	name   string
	keys   []string
	values map[string]string
	used   map[string]bool
	err    error
}

func parseParams(name, list string) (*params, error) {
	p := &params{name: name, values: map[string]string{}, used: map[string]bool{}}
	if list == "" {
		return p, nil
	}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fmt.Errorf("dist: %s: parameter %q: want key=value: %w", name, pair, ErrParameters)
		}
		if _, twice := p.values[key]; twice {
			return nil, fmt.Errorf("dist: %s: parameter %q is given twice: %w", name, key, ErrParameters)
		}
		p.keys = append(p.keys, key)
		p.values[key] = strings.TrimSpace(value)
	}
	return p, nil
}

func (p *params) fail(key, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("dist: %s: %s=%s: want %s: %w", p.name, key, p.values[key], want, ErrParameters)
	}
}

// unknown reports a key that nothing asked for.
func (p *params) unknown() error {
	for _, k := range p.keys {
		if !p.used[k] {
			return fmt.Errorf("dist: %s: unknown parameter %q: %w", p.name, k, ErrParameters)
		}
	}
	return nil
}

func (p *params) integer(key string, def, least int64) int64 {
	p.used[key] = true
	s, ok := p.values[key]
	if !ok {
		return def
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < least {
		p.fail(key, fmt.Sprintf("an integer of at least %d", least))
		return def
	}
	return v
}

// maxDim bounds the dimensions of a law: beyond it one row of a Jacobian product alone is hundreds of MB.
const maxDim = 1 << 24

func (p *params) dimension(key string, def int64) int {
	v := p.integer(key, def, 1)
	if v > maxDim {
		p.fail(key, fmt.Sprintf("at most %d", maxDim))
		return 1
	}
	return int(v)
}

func (p *params) positive(key string, def float64) float64 {
	p.used[key] = true
	s, ok := p.values[key]
	if !ok {
		return def
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		p.fail(key, "a finite number above 0")
		return def
	}
	return v
}
