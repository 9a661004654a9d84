package ot

import (
	"context"
	"fmt"
	"math"
	"slices"

	"monge/engine"
)

// quadratic starts from the quadratic function with gradient y_i at x_i, f = |x|^2 - 2 u with u = <x, y> / 2: the
// potential itself where the map is linear and symmetric.
func (c *certifier) quadratic(ctx context.Context) error {
	c.note = "shortest-path passes from a quadratic guess"
	x, y := c.minPlus.cloud[rowsOfX], c.minPlus.cloud[rowsOfY]
	return c.each(ctx, func(i int) { c.f[i] = c.minPlus.squares[rowsOfX][i] - x.dot(i, y, i) })
}

// line starts from the given pairing and the encoder's line integrals.
func (c *certifier) line(ctx context.Context) error {
	return c.do(func(*ImproveState) error { return c.integrals(ctx) })
}

// integrals sets the potentials that the line integrals are.
func (c *certifier) integrals(ctx context.Context) error {
	u, err := c.settings.Line(ctx)
	if err != nil {
		return fmt.Errorf("ot: certify: line integrals: %w", err)
	}
	if len(u) != c.n {
		return fmt.Errorf("ot: certify: %d line integrals for %d rows: %w", len(u), c.n, engine.ErrShape)
	}
	for i, v := range u {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("ot: certify: line integral of row %d is %v: %w", i, v, ErrNotFinite)
		}
	}
	c.lined, c.settled = true, false
	if c.note != "" {
		c.note += "; then "
	}
	c.note += "shortest-path passes from line integrals"
	for i := range c.sigma {
		c.sigma[i] = int32(i)
	}
	c.paired = c.cost
	// The integrals belong to the given points; the constant part of the encoder is taken out.
	x := c.minPlus.cloud[rowsOfX]
	still := &shifted{x: c.minPlus.cloud[rowsOfY].shift, d: c.d, shift: make([]float64, c.d)}
	return c.each(ctx, func(i int) {
		c.f[i] = c.minPlus.squares[rowsOfX][i] - 2*(u[i]-u[0]-(x.dot(i, still, 0)-x.dot(0, still, 0)))
	})
}

// lineForSlack looks for a positive slack among the line integrals' potentials, and returns to the settled ones
// where they have none.
func (c *certifier) lineForSlack(ctx context.Context) error {
	if err := c.line(ctx); err != nil {
		return err
	}
	if err := c.improve(ctx, tryPasses); err != nil {
		return err
	}
	if c.settled && c.slack > 0 {
		return nil
	}
	copy(c.f, c.bestF)
	for i := range c.sigma {
		c.sigma[i] = int32(i)
	}
	c.paired = c.cost
	return c.improve(ctx, tryPasses)
}

// given says whether the pairing is the given one.
func (c *certifier) given() bool {
	if c.replayed != nil {
		return c.replayed.Given
	}
	for i, j := range c.sigma {
		if int(j) != i {
			return false
		}
	}
	return true
}

// exact takes potentials and pairing from the exact solver.
func (c *certifier) exact(ctx context.Context) error {
	return c.do(func(*ImproveState) error { return c.solveExactly(ctx) })
}

func (c *certifier) solveExactly(ctx context.Context) error {
	var clouds [2][]float64
	for side, p := range c.minPlus.cloud {
		clouds[side] = make([]float64, c.n*c.d)
		if err := c.each(ctx, func(i int) { p.part(clouds[side][i*c.d:(i+1)*c.d], i, 0) }); err != nil {
			return err
		}
	}
	r, err := exact(ctx, Clouds{X: engine.Points(clouds[0], c.n, c.d), Y: engine.Points(clouds[1], c.n, c.d)},
		&ExactSettings{Threads: c.settings.Threads, MaxMemory: c.settings.MaxMemory}, false)
	if err != nil {
		return err
	}
	c.note = "exact solver: " + r.Note
	copy(c.f, r.F)
	sigma := slices.Repeat([]int32{-1}, c.n)
	taken := make([]bool, c.n)
	use := func(i, j int) {
		if sigma[i] < 0 && !taken[j] {
			sigma[i], taken[j] = int32(j), true
		}
	}
	for i, j := range r.Assignment {
		use(i, int(j))
	}
	for _, e := range r.Plan {
		use(e.I, e.J)
	}
	// A plan of equal weights is a permutation where the solver ended at a vertex; otherwise its potentials
	// serve the pairing so far.
	if !slices.Contains(sigma, -1) {
		copy(c.sigma, sigma)
	}
	c.preferGiven()
	c.settled = false
	return c.keepPairing(ctx)
}
