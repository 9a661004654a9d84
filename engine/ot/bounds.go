package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
)

// Gelbrich returns a lower bound of W2^2 between the clouds: the squared Bures-Wasserstein distance of
// their first two moments, with 1/n. See [Gaussian].
func Gelbrich(ctx context.Context, c Clouds) (float64, error) {
	r, err := Gaussian(ctx, c)
	if err != nil {
		return 0, err
	}
	return r.Cost, nil
}

// Marginal is [MarginalAlong] the coordinate axes, of the points as they are: without a centred copy of the clouds.
// It is exact for products.
func Marginal(ctx context.Context, c Clouds) (float64, error) {
	p, err := c.check()
	if err != nil {
		return 0, err
	}
	axes, err := p.alongAxes(ctx, p.d, 0, [2]func([]float64, int){Axes(p.d).projector(p.x), Axes(p.d).projector(p.y)})
	if err != nil {
		return 0, err
	}
	var s engine.Compensated
	for _, v := range axes {
		s.Add(v)
	}
	return s.Value(), nil
}

// MarginalAlong returns a lower bound of W2^2 between the clouds: the sum over the frame's directions of the
// one-dimensional W2^2 of the marginals, since |x - y|^2 is the sum of squares along them; and, where they are
// fewer than d, for what is orthogonal to them
//
//	|mx - my|^2 + (sqrt(tr A) - sqrt(tr B))^2
//
// of the means and covariances there, which is at most Gelbrich's bound. It is exact for maps that act on each
// direction alone. threads = 0 is GOMAXPROCS; the result does not depend on it. Time O(k (n d + n log n)) for k
// directions, O(n d log n) for the axes.
func MarginalAlong(ctx context.Context, c Clouds, f Frame, threads int) (float64, error) {
	p, err := c.check()
	if err != nil {
		return 0, err
	}
	if f.d != p.d {
		return 0, fmt.Errorf("ot: marginals along directions in %d dimensions of clouds in %d: %w", f.d, p.d, engine.ErrShape)
	}
	// The means' distance is projected by itself, so that offsets of the clouds cost no digits.
	x, y := momentsOf(p.x, p.a, p.d), momentsOf(p.y, p.b, p.d)
	shift := separation(x, y)
	along := make([]float64, 1)
	offset := f.projector(shift)
	project := [2]func([]float64, int){f.projector(x.centred), f.projector(y.centred)}
	costs, err := p.alongAxes(ctx, f.count(), threads, project)
	if err != nil {
		return 0, err
	}
	var sum engine.Compensated
	for k, v := range costs {
		offset(along, k)
		sum.Add(v)
		sum.Add(along[0] * along[0])
	}
	if f.count() < p.d {
		rest, err := p.complement(ctx, f, threads, project, x, y, shift)
		if err != nil {
			return 0, err
		}
		sum.Add(rest)
	}
	return max(0, sum.Value()/(1+f.excess)), nil
}

// complement bounds W2^2 of what is orthogonal to the frame from the moments there.
func (p *problem) complement(ctx context.Context, f Frame, threads int, project [2]func([]float64, int), x, y moments, shift []float64) (float64, error) {
	k := f.count()
	traces := [2][]float64{make([]float64, k), make([]float64, k)}
	for side, weights := range [2][]float64{p.a, p.b} {
		err := eachPanel(ctx, k, 1, threads, func(lo, hi int) {
			v := make([]float64, len(weights))
			for k := lo; k < hi; k++ {
				project[side](v, k)
				for i, w := range weights {
					traces[side][k] += w * v[i] * v[i]
				}
			}
		})
		if err != nil {
			return 0, err
		}
	}
	means := dot(shift, shift)
	offset, along := f.projector(shift), make([]float64, 1)
	a, b := x.square, y.square
	for k := range k {
		offset(along, k)
		means -= along[0] * along[0]
		a, b = a-traces[0][k], b-traces[1][k]
	}
	// Differences of sums of about n d terms, and the directions' own rounding, leave this much open.
	open := 64 * float64(p.d) * engine.F64.Eps()
	means -= (f.excess + open) * dot(shift, shift)
	da, db := (f.excess+open)*x.square, (f.excess+open)*y.square
	root := func(v float64) float64 { return math.Sqrt(max(0, v)) }
	apart := max(0, root(a-da)-root(b+db), root(b-db)-root(a+da))
	return max(0, means) + apart*apart, nil
}

// alongAxes returns the one-dimensional W2^2 of count projections of the clouds, which project writes for the
// points of x and of y.
func (p *problem) alongAxes(ctx context.Context, count, threads int, project [2]func(dst []float64, k int)) ([]float64, error) {
	costs := make([]float64, count)
	const block = 8 // projections that share a goroutine's scratch memory; axes that share a cache line
	err := eachPanel(ctx, count, block, threads, func(lo, hi int) {
		x, y := make([]float64, p.n), make([]float64, p.m)
		var rows, cols []int
		for k := lo; k < hi && ctx.Err() == nil; k++ {
			project[rowsOfX](x, k)
			project[rowsOfY](y, k)
			costs[k], rows, cols = lineCost(x, p.a, y, p.b, p.uniform, rows, cols)
		}
	})
	return costs, err
}
