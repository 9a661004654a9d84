package study

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gorgonia.org/tensor"
)

// imagesCase is E15: the encoder of real images, smoothed, and the exact assignment of the images to their
// latents. The pairing is optimal, as it is for any map in this dimension; the Jacobian's asymmetry says that
// the map is not.
func imagesCase(t *trial) error {
	digits := dist.Digits()
	law, err := dist.NewPoints(digits, nil, dist.DigitsBandwidth)
	if err != nil {
		return err
	}
	rows := of(t, 500, digits.Shape()[0])
	c, err := t.images("digits", law, firstRows(digits, rows))
	if err != nil {
		return err
	}
	// Means over 128 points: of other runs, to within a fifth of the points' spread.
	t.row("digits asym", .009, c.Jacobian.Mean, .003, "mean of %d points, largest %.3g", c.Jacobian.Points, c.Jacobian.Max)
	if err := t.done(1, 2); err != nil {
		return err
	}
	if t.s.Images == nil {
		t.result.note("no --images FILE: the part on larger images is left out")
		return nil
	}
	pixels, err := scaledPixels(t.s.Images)
	if err != nil {
		return err
	}
	h := .3 * medianNeighbour(pixels)
	if law, err = dist.NewPoints(pixels, nil, h); err != nil {
		return err
	}
	name := fmt.Sprintf("images d=%d", pixels.Shape()[1])
	c, err = t.images(name, law, firstRows(pixels, of(t, 200, 1000)))
	if err != nil {
		return err
	}
	t.result.note(fmt.Sprintf("%s: %d images, bandwidth %.4g, asym %.4g (largest %.4g)", name, pixels.Shape()[0], h, c.Jacobian.Mean, c.Jacobian.Max))
	return nil
}

// images compares the encoder of smoothed images at some of them with optimal transport.
func (t *trial) images(name string, law *dist.Points, x *tensor.Dense) (*Comparison, error) {
	c, err := Compare(t.ctx, t.e, CompareSettings{Law: law, Points: x, Seed: t.s.Seed, Dtype: t.s.Dtype,
		JacobianPoints: of(t, 32, DefaultJacobianPoints), Flow: flow.Settings{Rtol: 1e-7, Atol: 1e-7}})
	if err != nil {
		return nil, err
	}
	o := c.Transport
	t.zero(name+" eps_rel", o.RelativeUpper, t.within(1e-9, 10), "n = %d, moved %g, slack margin %.3g, asym %.3g", o.N, o.MovedFraction, o.SlackMargin, c.Jacobian.Mean)
	// The optimum lies between every lower bound and the encoder's cost; rounding alone may pass it.
	best := slices.Max([]float64{c.Bounds.Gelbrich, c.Bounds.Marginal, c.Bounds.Principal, c.Bounds.Sliced})
	t.zero(name+" lower bounds above the cost", math.Max(0, best/o.Cost-1), 1e-9,
		"cost %.6g, Gelbrich %.6g, marginal %.6g, principal %.6g, sliced %.6g", o.Cost, c.Bounds.Gelbrich, c.Bounds.Marginal, c.Bounds.Principal, c.Bounds.Sliced)
	return c, nil
}

// firstRows returns the first n rows of x, or all of them.
func firstRows(x *tensor.Dense, n int) *tensor.Dense {
	v, all, d := numbers(x), x.Shape()[0], x.Shape()[1]
	n = min(n, all)
	return engine.Points(v[:n*d], n, d)
}

// scaledPixels maps the smallest and the largest number of x to -1 and 1.
func scaledPixels(x *tensor.Dense) (*tensor.Dense, error) {
	v, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, err
	}
	lo, hi := slices.Min(v), slices.Max(v)
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return nil, fmt.Errorf("study: images of pixels from %v to %v", lo, hi)
	}
	out := make([]float64, len(v))
	for i, p := range v {
		out[i] = 2*(p-lo)/(hi-lo) - 1
	}
	return engine.Points(out, n, d), nil
}

// medianNeighbour returns the median distance of a row from its nearest other one, over the first rows that
// bound the work.
func medianNeighbour(x *tensor.Dense) float64 {
	const most = 500
	v, n, d := numbers(x), x.Shape()[0], x.Shape()[1]
	var near []float64
	for i := range min(n, most) {
		best := math.Inf(1)
		for j := range n {
			if j != i {
				best = math.Min(best, square(v[i*d:(i+1)*d], v[j*d:(j+1)*d]))
			}
		}
		near = append(near, math.Sqrt(best))
	}
	slices.Sort(near)
	return near[len(near)/2]
}
