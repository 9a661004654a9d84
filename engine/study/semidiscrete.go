package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// cellsCase is E14: the decoder's basins of atoms against the optimal power cells. They are the same for two
// atoms and for atoms on a line; for an asymmetric triangle they differ on 2.05 % of the mass and the decoder
// costs 1.65e-3 more, in the triangle's plane and wherever the plane lies.
func cellsCase(t *trial) error {
	triangle, weights := []float64{0, 0, 3, 0, .5, 1.5}, []float64{.5, .3, .2}
	n := of(t, 40000, 400000)
	for _, d := range of(t, []int{2, 16}, []int{2, 64, 3072}) {
		points := n
		if d > 2 {
			points = min(n, 40000, 40000000/d)
		}
		c, err := Basins(t.ctx, t.e, embedded(triangle, 2, d), weights, &BasinSettings{N: points, Seed: t.s.Seed, Dtype: t.s.Dtype})
		if err != nil {
			return err
		}
		name := func(what string) string { return fmt.Sprintf("triangle d=%d %s", d, what) }
		// Across the plane every latent coordinate costs its variance.
		t.row(name("optimal cost"), 2.418040+float64(d-2), c.OptimalCost, 8e-3, "exact; the reference is a mean over 4e5 points, standard error 4e-3")
		// The reference's own error is that of 4e5 points.
		t.row(name("mass moved"), .0205, c.Moved, 4*c.MovedError+9e-4, "of %d points", points)
		t.row(name("excess over the plane's cost"), 1.65e-3, c.Excess/2.418040, 4*c.ExcessError/2.418040+2e-4)
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	same := []struct {
		name    string
		y       []float64
		d, into int
		w       []float64
	}{
		{"two atoms", []float64{-.7, 1.1}, 1, 3, []float64{.7, .3}},
		{"line", []float64{-2, 0, .4, 1.5, 4}, 1, 2, []float64{.1, .3, .2, .25, .15}},
		{"two atoms", []float64{-.7, 1.1}, 1, of(t, 64, 3072), []float64{.7, .3}},
	}
	for _, s := range same {
		c, err := Basins(t.ctx, t.e, embedded(s.y, s.d, s.into), s.w, &BasinSettings{N: min(n/10, 20000000/s.into), Seed: t.s.Seed, Dtype: t.s.Dtype})
		if err != nil {
			return err
		}
		// The smoothing of a thousandth of the extent and the flow's tolerance leave a point or two of 4000.
		t.zero(fmt.Sprintf("%s d=%d mass moved", s.name, s.into), c.Moved, t.within(1e-3, 100), "of %d points", c.N)
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	for i, k := range of(t, []int{10, 50}, []int{10, 100, 1000}) {
		if err := t.manyAtoms(k); err != nil {
			return err
		}
		if err := t.done(i+1, 3); err != nil {
			return err
		}
	}
	return nil
}

// manyAtoms takes k random atoms in the plane: the optimal cells have exactly the atoms' masses, the decoder's
// basins have them but for sampling, and cost more.
func (t *trial) manyAtoms(k int) error {
	y := make([]float64, 2*k)
	rng.Normals(y, 1+t.s.Seed, lineStream, 0)
	c, err := Basins(t.ctx, t.e, engine.Points(y, k, 2), nil, &BasinSettings{N: of(t, 20000, 200000), Seed: t.s.Seed, Dtype: t.s.Dtype})
	if err != nil {
		return err
	}
	// Newton's method stops at 1e-10.
	t.zero(fmt.Sprintf("%d atoms, error of the cells' masses", k), c.Cells.MassError, 1e-9)
	var chi2 float64
	for j, b := range c.Cells.Weights {
		e := c.FlowMasses[j] - b
		chi2 += e * e / b * float64(c.N)
	}
	f := float64(k - 1)
	t.row(fmt.Sprintf("%d atoms, chi-squared of the basins' masses", k), f, chi2, 5*math.Sqrt(2*f), "%d degrees of freedom; five standard deviations", k-1)
	t.row(fmt.Sprintf("%d atoms, basins that cost more", k), 1, indicator(c.Excess > 3*c.ExcessError), 0, "%.3g of the mass moved, relative excess %.3g +- %.2g", c.Moved, c.Excess/c.OptimalCost, c.ExcessError/c.OptimalCost)
	return nil
}

// embedded turns points [n, from] into a random subspace of d coordinates.
func embedded(y []float64, from, d int) *tensor.Dense {
	n := len(y) / from
	x := make([]float64, n*d)
	for i := range n {
		copy(x[i*d:], y[i*from:(i+1)*from])
		if d > from {
			reflections(d, 3).apply(x[i*d : (i+1)*d])
		}
	}
	return engine.Points(x, n, d)
}
