package ot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"monge/engine"

	"gorgonia.org/tensor"
)

// CertifySettings are the settings of [Certify]. nil and the zero value are the defaults.
type CertifySettings struct {
	// Potentials names where they come from: "exact" the exact solver, "dual" the shortest-path passes
	// from a quadratic guess, "line" those passes from Line. "" tries passes first. Where two of them do not
	// settle it goes on to the exact solver, if there are at most 8192 points, or any number in up to four
	// dimensions. Otherwise it makes passes from Line, or further ones where there is none or passes are cheap, and asks
	// the exact solver where these do not settle, up to n^2 (D + 8) = 4e11: some minutes. Line is also
	// asked for potentials that prove the pairing optimal with a positive slack margin, where those found have none.
	Potentials string
	// Line returns the encoder's line integrals u_i = int_0^1 <E(c + t (x_i - c)), x_i - c> dt, up to a
	// constant: where E is the gradient of a convex function, u is that function, and the potentials
	// settle at once. It is called once, if at all; its errors are Certify's. nil = not known.
	Line func(context.Context) ([]float64, error)
	// MaxPasses bounds the passes over all pairs; 0 = 100, and fewer where the bracket has all but stopped
	// closing.
	MaxPasses int
	// Engine runs the passes; nil = plain loops on the host. The memory and time bounds below are the
	// host's alone.
	Engine    engine.Engine
	MaxMemory int64 // of the exact solver; see ExactSettings
	Threads   int   // 0 = GOMAXPROCS; the result does not depend on it
	// Progress is called after every pass with the count so far and the bracket's relative width.
	Progress func(passes int, width float64)
	// Keep is called between sweeps, with a function that copies the run's state; a run that is given it as Resume, with the
	// same clouds and settings, goes on from there and ends with the same bits. nil = none. What the exact solver does on
	// its way is not kept.
	Keep   func(state func() *CertifyState)
	Resume *CertifyState
}

// Certificate says how far a pairing is from optimal transport. NaN stands for what is not defined.
type Certificate struct {
	N, D         int
	Cost         float64 // mean |x_i - y_i|^2
	Lower, Upper float64 // of the optimum over all pairings
	// RelativeLower = (Cost - Upper) / Upper and RelativeUpper = (Cost - Lower) / Lower bracket the
	// pairing's relative gap; 0 where Cost is 0, NaN where the divisor is not positive.
	RelativeLower, RelativeUpper float64
	CertifiedOptimal             bool // RelativeUpper <= 1e-9; ties count as optimal
	// SlackMargin is min over i != j of (|x_i - y_j|^2 - F_i - G_j) / Cost: how far the closest other
	// pairing of a point is from being as good. 0 with ties, never negative; NaN for one point or cost 0.
	SlackMargin   float64
	MovedFraction float64   // share of rows that the best pairing found moves; NaN where none was found
	Passes        int       // over all pairs; parts of one are added up
	F, G          []float64 // the certificate: F_i + G_j <= |x_i - y_j|^2, mean F + mean G = Lower but for rounding
	Assignment    []int64   // the best pairing found
	Seconds       float64
	Note          string // how it was found
}

const (
	certifiedGap     = 1e-9
	defaultPasses    = 100
	tryPasses        = 2    // before the exact solver
	cheapWork        = 1e11 // coordinates of pairs, with eight for a pair's own work, for passes before Line
	exactPoints      = 8192 // up to which, and in up to exactDim dimensions, the exact solver is as quick as few passes
	exactDim         = 4
	exactWork        = 4e11 // coordinates of pairs, counted as those, beyond which it takes more than some minutes
	relaxations      = 4    // of tight potentials, at most
	settledTolerance = 1e-12
	stallPasses      = 16  // in which the bracket must close
	stallRate        = 0.9 // to this of its width
	sweepsPerPass    = 20  // sweeps of what changed, at most, for each pass over all pairs
)

// Certify brackets the optimal transport cost between the rows of x and y [n, d], and so says how far the
// pairing of row i with row i is from optimal. Lower is the dual value of feasible potentials, proved over all
// pairs and lowered by a bound of every rounding; Upper is the best pairing found, at most Cost.
//
// The pairing is optimal exactly when potentials exist with F_i - F_j <= C_ij - C_jj for all i, j. The
// passes of method "dual" are its fixed point
//
//	F_i <- min_j (C_ij - C_jj + F_j)
//
// (Bellman-Ford on the complete graph); every pass gives a feasible pair, with G_j = C_jj - F_j before it.
// Where the columns that rows fell to close a cycle, that cycle of pairs is cheaper: the pairing is changed
// along it and the passes go on from there, so that they settle at the optimum if they are given enough of
// them. Pairs cheaper by less than 1e-12 of the mean cost are taken as ties, and ties go to the given pairing.
//
// Passes run in float32 on the engine and decide every pair whose slack exceeds a bound of their rounding; the
// pairs that they leave open are computed again in float64, and so are all numbers of the result, which
// therefore do not depend on the type of the passes but for that margin. After the first, a pass touches only
// the rows and columns that changed. Memory is O(n d) beyond the clouds: one copy of them in float32 on the
// engine, and one in float64 only where many pairs are left open.
//
// Errors: as [Exact] for the clouds, and engine.ErrShape where they do not have the same shape; an unknown
// name of potentials; *engine.MemoryError of a forced exact solver; ctx.Err().
func Certify(ctx context.Context, x, y *tensor.Dense, s *CertifySettings) (*Certificate, error) {
	start := time.Now()
	if s == nil {
		s = new(CertifySettings)
	}
	p, err := Clouds{X: x, Y: y}.check()
	if err != nil {
		return nil, err
	}
	if p.n != p.m {
		return nil, fmt.Errorf("ot: certify: x has %d rows, y has %d: %w", p.n, p.m, engine.ErrShape)
	}
	switch {
	case s.Potentials != "" && s.Potentials != "exact" && s.Potentials != "dual" && s.Potentials != "line":
		return nil, fmt.Errorf("ot: certify: potentials %q: want exact, dual or line", s.Potentials)
	case s.Potentials == "line" && s.Line == nil:
		return nil, errors.New("ot: certify: potentials \"line\" need the line integrals of an encoder")
	case s.MaxPasses < 0:
		return nil, fmt.Errorf("ot: certify: %d passes", s.MaxPasses)
	}
	c, err := newCertifier(ctx, p, s)
	if err != nil {
		return nil, err
	}
	defer c.free()
	if err := c.solve(ctx); err != nil {
		return nil, err
	}
	c.describe()
	r := c.certificate()
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// solve runs the ways that the settings allow.
func (c *certifier) solve(ctx context.Context) error {
	if c.cost == 0 || c.n == 1 {
		c.trivial()
		return nil
	}
	limit := c.settings.MaxPasses
	if limit == 0 {
		limit = defaultPasses
	}
	pass := float64(c.n) * float64(c.n) * float64(c.d+8)
	way, small, within := c.settings.Potentials, c.n <= exactPoints || c.d <= exactDim, pass <= exactWork
	if way == "exact" {
		if err := c.exact(ctx); err != nil {
			return err
		}
		return c.finish(ctx, limit)
	}
	first := limit
	switch {
	case way == "" && small:
		first = min(limit, tryPasses)
	case way == "" && c.settings.Line != nil: // which may be dear: passes that are cheap come first
		first = max(tryPasses, int(min(float64(limit), cheapWork/pass)))
	case way == "" && within:
		first = min(limit, stallPasses)
	}
	start := c.quadratic
	if way == "line" {
		start = c.line
	}
	if err := start(ctx); err != nil {
		return err
	}
	if err := c.improve(ctx, first); err != nil {
		return err
	}
	if way != "" || c.settled && c.slack > 0 {
		return c.polish(ctx)
	}
	if !c.settled && !small && c.settings.Line != nil {
		if err := c.line(ctx); err != nil {
			return err
		}
		if err := c.improve(ctx, limit); err != nil {
			return err
		}
	}
	solved := c.settled
	if !solved && (small || within) {
		var memory *engine.MemoryError
		switch err := c.exact(ctx); {
		case errors.As(err, &memory):
			c.note += fmt.Sprintf("; the exact solver's %d bytes are not available", memory.Asked)
		case err != nil:
			return err
		default:
			solved = true
		}
	} else if !solved {
		c.note += fmt.Sprintf("; %d points in %d dimensions are too many for the exact solver", c.n, c.d)
	}
	if !solved && c.settings.Line != nil && !c.lined {
		if err := c.line(ctx); err != nil {
			return err
		}
	}
	return c.finish(ctx, limit)
}

// finish makes the passes from potentials that should be nearly settled, and betters what comes of them.
func (c *certifier) finish(ctx context.Context, limit int) error {
	if !c.settled {
		if err := c.improve(ctx, limit); err != nil {
			return err
		}
	}
	if c.settings.Line != nil && c.settled && c.slack == 0 && !c.lined && c.given() {
		if err := c.lineForSlack(ctx); err != nil {
			return err
		}
	}
	return c.polish(ctx)
}

// certificate writes the result out.
func (c *certifier) certificate() *Certificate {
	if relativeGap(c.cost, c.lower) <= certifiedGap { // what a tie gains by rounding is not a better pairing
		c.upper = c.cost
		for i := range c.best {
			c.best[i] = int32(i)
		}
	}
	r := &Certificate{
		N: c.n, D: c.d, Cost: c.cost, Lower: c.lower, Upper: c.upper, Passes: c.passes(), Note: c.note,
		SlackMargin: math.NaN(), MovedFraction: math.NaN(),
	}
	r.RelativeLower, r.RelativeUpper = relativeGap(c.cost, c.upper), relativeGap(c.cost, c.lower)
	r.CertifiedOptimal = r.RelativeUpper <= certifiedGap
	if c.cost > 0 && c.n > 1 {
		r.SlackMargin = c.slack / c.cost
	}
	moved := 0
	r.Assignment = make([]int64, c.n)
	for i, j := range c.best {
		r.Assignment[i] = int64(j)
		if int(j) != i {
			moved++
		}
	}
	if moved > 0 || r.CertifiedOptimal {
		r.MovedFraction = float64(moved) / float64(c.n)
	}
	r.F, r.G = c.uncentred()
	return r
}

// relativeGap returns (cost - bound) / bound: 0 where cost is 0, NaN where the bound is not positive.
func relativeGap(cost, bound float64) float64 {
	switch {
	case cost == 0:
		return 0
	case !(bound > 0):
		return math.NaN()
	}
	return (cost - bound) / bound
}
