package ot

import (
	"context"
	"math"

	"monge/engine"
)

// polish betters the certificate of potentials that will not be changed further: unsettled ones in float64 and
// by the columns' c-transform, settled ones of the given pairing by moving them off their constraints.
func (c *certifier) polish(ctx context.Context) error {
	if !c.settled {
		return c.raiseColumns(ctx)
	}
	if !c.given() {
		return nil
	}
	if err := c.relax(ctx); err != nil {
		return err
	}
	return c.sharpen(ctx)
}

// raiseColumns replaces G by max(G, F^c): it stays feasible and its value cannot fall.
func (c *certifier) raiseColumns(ctx context.Context) error {
	if c.current && c.at == single {
		if err := c.resweep(ctx, double, c.below()); err != nil {
			return err
		}
		c.keepBound()
	}
	v := make([]float64, c.n)
	if err := c.sweepColumns(ctx, c.bestF, nil, nil, v); err != nil {
		return err
	}
	var gain engine.Compensated
	for j := range v {
		if better := v[j] - c.bestOff[j]; better > c.bestG[j] {
			gain.Add(better - c.bestG[j])
			c.bestG[j] = better
		}
	}
	c.lower = min(c.lower+max(0, gain.Value()/float64(c.n)), c.upper)
	return nil
}

// sweepColumns writes a lower bound of the least c_ij - f_i of every column over the rows but for one.
func (c *certifier) sweepColumns(ctx context.Context, f, off []float64, skip []int32, low []float64) error {
	for j := range low {
		low[j] = math.Inf(1)
	}
	c.sweeps++
	return c.minPlus.run(ctx, max(c.at, double), &sweep{side: rowsOfY, g: f, off: off, skip: skip, low: low, arg: make([]int32, c.n)})
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
	w := make([]float64, c.n)
	for range steps {
		if c.slack > 0 {
			return nil
		}
		err := c.do(func(*ImproveState) error {
			if err := c.sweepColumns(ctx, c.f, nil, c.sigma, w); err != nil {
				return err
			}
			for i := range c.f {
				// low may be below f by what counts as settled.
				hi, lo := max(c.low[i], c.f[i]), min(c.pair(i, i)-w[i], c.f[i])
				c.f[i] = c.f[i]/2 + lo/4 + hi/4
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := c.improve(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// uncentred returns the best potentials for the points as given: with D the difference of the shifts,
// |x - y|^2 = c + 2 <x', D> - 2 <y', D> + |D|^2.
func (c *certifier) uncentred() (f, g []float64) {
	x, y := c.minPlus.cloud[rowsOfX], c.minPlus.cloud[rowsOfY]
	delta := &shifted{x: make([]float64, c.d), d: c.d, shift: make([]float64, c.d)}
	for t := range delta.x {
		delta.x[t] = x.shift[t] - y.shift[t]
	}
	square := delta.square(0)
	f, g = make([]float64, c.n), make([]float64, c.n)
	for i := range f {
		f[i] = c.bestF[i] + 2*x.dot(i, delta, 0) + square
		g[i] = c.bestG[i] - 2*y.dot(i, delta, 0)
	}
	return f, g
}
