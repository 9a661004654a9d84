package ot

import (
	"context"
	"math"
	"slices"

	"monge/engine"
)

// certifier is the state of a certificate: a pairing sigma with potentials f, and the best bracket so far.
// It works on the centred clouds, whose costs c_ij = |x_i - y_j|^2 differ from the given ones by terms of
// one point each.
type certifier struct {
	*problem
	settings *CertifySettings
	mx, my   moments
	minPlus  *minPlus
	scale    float64 // mean cost of the pairing between the centred clouds

	cost  float64 // of the given pairing, mean of the given points' squared distances
	f     []float64
	sigma []int32   // column of row i
	v     []float64 // of the last pass, before f fell to it

	lower, upper float64
	best         []int32   // the pairing of upper
	bestF, bestG []float64 // the potentials of lower
	slack        float64   // of those
	settled      bool
	passes       int
	note         string
}

func newCertifier(p *problem, s *CertifySettings) (*certifier, error) {
	c := &certifier{problem: p, settings: s, mx: momentsOf(p.x, p.a, p.d), my: momentsOf(p.y, p.b, p.d)}
	c.sigma = make([]int32, p.n)
	for i := range c.sigma {
		c.sigma[i] = int32(i)
	}
	c.f, c.bestF, c.bestG = make([]float64, p.n), make([]float64, p.n), make([]float64, p.n)
	c.v, c.best = make([]float64, p.n), slices.Clone(c.sigma)
	if r := c.mx.radius + c.my.radius; math.IsInf(4*r*r, 0) {
		return nil, notFiniteCost(4 * r * r)
	}
	var err error
	if c.cost, err = c.meanOf(c.sigma); err != nil {
		return nil, err
	}
	c.upper = c.cost
	// Potentials of zero are feasible for the centred clouds.
	delta := separation(c.mx, c.my)
	apart := max(0, math.Sqrt(dot(delta, delta))-float64(p.d+16)*engine.F64.Eps()*extent(c.mx, c.my))
	c.lower = min(c.cost, apart*apart)
	var s2 accumulator
	for i := range c.sigma {
		s2.add(c.pair(i, i))
	}
	c.scale = s2.sum() / float64(p.n)
	c.minPlus, err = newMinPlus(s, c.mx.centred, c.my.centred, p.d)
	return c, err
}

func (c *certifier) free() { c.minPlus.free() }

// pair returns c_ij of the centred clouds.
func (c *certifier) pair(i, j int) float64 {
	d := c.d
	return squaredDistance(c.mx.centred[i*d:i*d+d], c.my.centred[j*d:j*d+d])
}

// meanOf returns a pairing's mean cost from differences of the given points.
func (c *certifier) meanOf(sigma []int32) (float64, error) {
	var s accumulator
	d := c.d
	for i, j := range sigma {
		s.add(squaredDistance(c.x[i*d:i*d+d], c.y[int(j)*d:int(j)*d+d]))
	}
	mean := s.sum() / float64(c.n)
	if math.IsInf(mean, 0) || math.IsNaN(mean) {
		return 0, notFiniteCost(mean)
	}
	return mean, nil
}

// trivial is the certificate of pairings that need none: cost 0, or one point.
func (c *certifier) trivial() {
	c.lower, c.settled = c.cost, true
	c.note = "nothing to pair otherwise"
	if c.cost == 0 {
		c.note = "the pairing costs nothing"
	}
	for i := range c.bestF {
		c.bestG[i] = c.pair(i, i)
	}
}

// guess sets potentials from the line integrals, or else from the quadratic function with gradient y_i at
// x_i: f = |x|^2 - 2 u with u = <x, y> / 2, the potential itself where the map is linear and symmetric.
func (c *certifier) guess() {
	d := c.d
	line := c.settings.Line
	if c.settings.Potentials == "dual" {
		line = nil
	}
	c.note = "shortest-path passes from a quadratic guess"
	if line != nil {
		c.note = "shortest-path passes from line integrals"
	}
	for i := range c.f {
		x := c.mx.centred[i*d : i*d+d]
		if line == nil {
			c.f[i] = dot(x, x) - dot(x, c.my.centred[i*d:i*d+d])
			continue
		}
		// The integrals belong to the given points; the constant part of the encoder is taken out.
		c.f[i] = dot(x, x) - 2*(line[i]-line[0]-dot(x, c.my.mean)+dot(c.mx.centred[:d], c.my.mean))
	}
}

// exact takes potentials and pairing from the exact solver.
func (c *certifier) exact(ctx context.Context) error {
	r, err := Exact(ctx, Clouds{X: engine.Points(c.mx.centred, c.n, c.d), Y: engine.Points(c.my.centred, c.n, c.d)},
		&ExactSettings{Threads: c.settings.Threads, MaxMemory: c.settings.MaxMemory})
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
	return c.keepPairing()
}

// preferGiven undoes the cycles of sigma that gain nothing over the given pairing.
func (c *certifier) preferGiven() {
	seen := make([]bool, c.n)
	for start := range c.sigma {
		if seen[start] {
			continue
		}
		var gain accumulator
		length := 0
		for i := start; !seen[i]; i = int(c.sigma[i]) {
			seen[i] = true
			gain.add(c.pair(i, i))
			gain.add(-c.pair(i, int(c.sigma[i])))
			length++
		}
		if gain.sum() > float64(length)*settledTolerance*c.scale {
			continue
		}
		for i := start; int(c.sigma[i]) != i; {
			next := int(c.sigma[i])
			c.sigma[i] = int32(i)
			i = next
		}
	}
}

// keepPairing takes sigma as the best pairing where it costs less than the best so far.
func (c *certifier) keepPairing() error {
	mean, err := c.meanOf(c.sigma)
	if err == nil && mean < c.upper {
		c.upper = mean
		copy(c.best, c.sigma)
	}
	return err
}

// improve makes at most limit passes, until the potentials settle. A pass with column potentials g_sigma(i) =
// c_i,sigma(i) - f_i finds v_i, the least c_ij - g_j over the other columns. Rows with v_i < f_i violate the
// pairing: f_i falls to v_i, and where the rows' minimising columns make a cycle it is taken into the
// pairing. Every pass's (min(f, v), g) is feasible.
func (c *certifier) improve(ctx context.Context, limit int) error {
	n := c.n
	g, v, rounding := make([]float64, n), c.v, make([]float64, n)
	arg := make([]int32, n)
	owner := make([]int32, n)
	var widths []float64
	for k := range limit {
		for i, j := range c.sigma {
			g[j] = c.pair(i, int(j)) - c.f[i]
			owner[j] = int32(i)
		}
		if err := c.minPlus.rows(ctx, g, c.sigma, v, arg, rounding); err != nil {
			return err
		}
		c.passes++
		if err := c.keepBound(g, v, rounding); err != nil {
			return err
		}
		violated := 0
		for i, j := range arg {
			if v[i]+rounding[i]+settledTolerance*c.scale < c.f[i] {
				violated++
				c.f[i] = v[i]
				arg[i] = owner[j]
			} else {
				arg[i] = -1
			}
		}
		if c.settings.Progress != nil {
			c.settings.Progress(c.passes, (c.upper-c.lower)/c.upper)
		}
		if violated == 0 {
			c.settled = true
			return nil
		}
		widths = append(widths, c.upper-c.lower)
		if c.settings.MaxPasses == 0 && k >= stallPasses && widths[k] > stallRate*widths[k-stallPasses] {
			return nil
		}
		if rotate(c.sigma, arg) {
			if err := c.keepPairing(); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepBound takes (min(f, v - rounding), g) as the certificate where its value is the largest so far. The value is
// the pairing's cost less what f is lowered by, so nothing cancels: it is the cost itself where every other
// pair has more slack than rounding. What remains is the rounding of the cost.
func (c *certifier) keepBound(g, v, rounding []float64) error {
	cost, err := c.meanOf(c.sigma)
	if err != nil {
		return err
	}
	var loss accumulator
	slack := math.Inf(1)
	for i, f := range c.f {
		loss.add(max(0, f-(v[i]-rounding[i])))
		slack = min(slack, max(0, v[i]-rounding[i]-f))
		if int(c.sigma[i]) != i {
			slack = 0
		}
	}
	lower := max(0, cost*(1-float64(c.d+8)*engine.F64.Eps())-loss.sum()/float64(c.n))
	// Potentials with room are worth a rounding error of the bound.
	if lower < c.lower && !(slack > c.slack && lower >= c.lower*(1-settledTolerance)) || lower == c.lower && slack <= c.slack {
		return nil
	}
	c.lower, c.slack = lower, slack
	copy(c.bestG, g)
	for i, f := range c.f {
		c.bestF[i] = min(f, v[i]-rounding[i])
	}
	return nil
}

// rotate gives row i the column of row next_i along every cycle of next, and says whether there was one. A
// negative number is no edge. Cycles of a function have no row in common.
func rotate(sigma, next []int32) bool {
	found := false
	mark := make([]int32, len(next)) // 0 = new, else the walk that came by
	for start := range next {
		i := int32(start)
		for i >= 0 && mark[i] == 0 {
			mark[i] = int32(start) + 1
			i = next[i]
		}
		if i < 0 || mark[i] != int32(start)+1 {
			continue
		}
		found = true
		first := sigma[i]
		at := i
		for next[at] != i {
			sigma[at] = sigma[next[at]]
			at = next[at]
		}
		sigma[at] = first
	}
	return found
}
