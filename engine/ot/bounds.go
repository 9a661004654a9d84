package ot

import "context"

// Gelbrich returns a lower bound of W2^2 between the clouds: the squared Bures-Wasserstein distance of
// their first two moments, with 1/n. See [Gaussian].
func Gelbrich(c Clouds) (float64, error) {
	r, err := Gaussian(c)
	if err != nil {
		return 0, err
	}
	return r.Cost, nil
}

// Marginal returns a lower bound of W2^2 between the clouds: the sum over the coordinate axes of the
// one-dimensional W2^2 of the marginals. It is exact for products.
func Marginal(c Clouds) (float64, error) {
	p, err := c.check()
	if err != nil {
		return 0, err
	}
	axes, err := p.alongAxes(context.Background(), p.d, 0, func(dst, x []float64, t, d int) {
		for i := range dst {
			dst[i] = x[i*d+t]
		}
	})
	if err != nil {
		return 0, err
	}
	var s accumulator
	for _, v := range axes {
		s.add(v)
	}
	return s.sum(), nil
}

// alongAxes returns the one-dimensional W2^2 of count projections of the clouds: project writes
// projection k of the points x [n, d] into dst [n].
func (p *problem) alongAxes(ctx context.Context, count, threads int, project func(dst, x []float64, k, d int)) ([]float64, error) {
	costs := make([]float64, count)
	const block = 4 // projections that share a goroutine's scratch memory
	err := eachPanel(ctx, count, block, threads, func(lo, hi int) {
		x, y := make([]float64, p.n), make([]float64, p.m)
		var rows, cols []int
		for k := lo; k < hi && ctx.Err() == nil; k++ {
			project(x, p.x, k, p.d)
			project(y, p.y, k, p.d)
			costs[k], rows, cols = lineCost(x, p.a, y, p.b, p.uniform, rows, cols)
		}
	})
	return costs, err
}
