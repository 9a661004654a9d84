package ot

import "context"

// polish betters the certificate of potentials that will not be changed further: unsettled ones by the
// columns' c-transform, settled ones of the given pairing by moving them off their constraints, and those
// whose bound is worse for the engine's rounding alone by a pass on the host.
func (c *certifier) polish(ctx context.Context) error {
	if !c.settled {
		return c.raiseColumns(ctx)
	}
	if c.minPlus.device != nil && c.upper-c.lower > 0.1*certifiedGap*c.upper {
		c.minPlus.free()
		c.minPlus.device = nil
		if err := c.improve(ctx, 1); err != nil {
			return err
		}
	}
	for i, j := range c.sigma {
		if int(j) != i {
			return nil
		}
	}
	return c.relax(ctx)
}

// raiseColumns replaces G by max(G, F^c): it stays feasible and its value cannot fall.
func (c *certifier) raiseColumns(ctx context.Context) error {
	v, rounding := make([]float64, c.n), make([]float64, c.n)
	if err := c.minPlus.columns(ctx, c.bestF, nil, v, make([]int32, c.n), rounding); err != nil {
		return err
	}
	c.passes++
	var gain accumulator
	for j := range v {
		if better := v[j] - rounding[j]; better > c.bestG[j] {
			gain.add(better - c.bestG[j])
			c.bestG[j] = better
		}
	}
	c.lower = min(c.lower+gain.sum()/float64(c.n), c.upper)
	return nil
}

// relax moves settled potentials of the given pairing off the constraints that they touch. Shortest paths
// and vertices of the dual polytope touch some by nature, which says nothing about ties. With
//
//	hi_i = min_j != i of (c_ij - c_jj + f_j),   lo_i = max_k != i of (f_k - c_ki + c_ii),
//
// (lo + hi) / 2 is feasible where f is, and the slack of (i, k) is then at least half of what i is above lo_i
// and k below hi_k. The mean of that and f keeps half of every slack besides, so that neighbours do not
// swap their room back and forth. It stops at the first slack that is positive; true ties never come loose.
func (c *certifier) relax(ctx context.Context) error {
	const budget = 5e9 // coordinates of pairs; a pair costs as much as eight besides
	steps := min(relaxations, int(budget/(2*float64(c.n)*float64(c.n)*float64(c.d+8))))
	arg, rounding, w := make([]int32, c.n), make([]float64, c.n), make([]float64, c.n)
	for range steps {
		if c.slack > 0 {
			return nil
		}
		if err := c.minPlus.columns(ctx, c.f, c.sigma, w, arg, rounding); err != nil {
			return err
		}
		c.passes++
		for i := range c.f {
			// v may be below f by what counts as settled.
			hi, lo := max(c.v[i], c.f[i]), min(c.pair(i, i)-w[i], c.f[i])
			c.f[i] = c.f[i]/2 + lo/4 + hi/4
		}
		if err := c.improve(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// uncentred returns the best potentials for the points as given: with D the distance of the means,
// |x - y|^2 = c + 2 <x', D> - 2 <y', D> + |D|^2.
func (c *certifier) uncentred() (f, g []float64) {
	d := c.d
	delta := separation(c.mx, c.my)
	square := dot(delta, delta)
	f, g = make([]float64, c.n), make([]float64, c.n)
	for i := range f {
		f[i] = c.bestF[i] + 2*dot(c.mx.centred[i*d:i*d+d], delta) + square
		g[i] = c.bestG[i] - 2*dot(c.my.centred[i*d:i*d+d], delta)
	}
	return f, g
}
