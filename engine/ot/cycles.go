package ot

import (
	"context"
	"fmt"
	"math"
	"slices"

	"monge/engine"
)

// certifier is the state of a certificate: a pairing sigma with potentials f, g, and the best bracket so far.
// It works on the shifted clouds, whose costs c_ij = |x_i - y_j|^2 differ from the given ones by terms of
// one point each.
type certifier struct {
	*problem
	settings *CertifySettings
	minPlus  *minPlus
	scale    float64 // mean cost of the pairing between the shifted clouds
	at       precision

	cost   float64 // of the given pairing, mean of the given points' squared distances
	paired float64 // the same of sigma
	f      []float64
	// g_j stands for c_ij - f_i with i = owner_j, and is off_j from it at most.
	g, off       []float64
	sigma, owner []int32   // column of row i, row of column j
	pred         []int32   // column that row i last fell to; -1 = none
	low          []float64 // at most v_i = min over j != sigma_i of c_ij - g_j
	arg          []int32   // column of low

	lower, upper float64
	best         []int32   // the pairing of upper
	bestF, bestG []float64 // the potentials of lower
	bestOff      []float64 // off of bestG
	slack        float64   // of those
	current      bool      // those are f and g
	settled      bool
	lined        bool // Line was asked
	sweeps       int
	note         string

	steps    []CertifyStep // that are done
	replayed *CertifyStep  // the last of them, where what it did is yet to be restored
}

func newCertifier(ctx context.Context, p *problem, s *CertifySettings) (*certifier, error) {
	c := &certifier{problem: p, settings: s}
	n := p.n
	c.sigma = make([]int32, n)
	for i := range c.sigma {
		c.sigma[i] = int32(i)
	}
	c.owner, c.best, c.pred, c.arg = slices.Clone(c.sigma), slices.Clone(c.sigma), make([]int32, n), make([]int32, n)
	c.f, c.g, c.off, c.low = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	c.bestF, c.bestG, c.bestOff = make([]float64, n), make([]float64, n), make([]float64, n)
	var err error
	if c.cost, err = c.costOf(ctx, c.sigma); err != nil {
		return nil, err
	}
	c.paired, c.upper = c.cost, c.cost
	if c.minPlus, err = newMinPlus(ctx, s, p); err != nil {
		return nil, err
	}
	c.at = c.minPlus.coarsest()
	costs, rounding := make([]float64, n), make([]float64, n)
	if err := c.each(ctx, func(i int) { costs[i], rounding[i] = c.minPlus.pair(i, i) }); err != nil {
		return nil, err
	}
	c.scale = meanOf(costs)
	if c.scale > 0 {
		c.minPlus.setStep(c.scale)
	}
	// Potentials of zero are feasible for the shifted clouds.
	c.lower = max(0, c.cost*(1-float64(c.d+8)*engine.F64.Eps())-c.scale-meanOf(rounding))
	if s.Resume != nil {
		if err := c.checkState(s.Resume); err != nil {
			c.free()
			return nil, err
		}
	}
	return c, nil
}

func (c *certifier) free() { c.minPlus.free() }

// pair returns c_ij.
func (c *certifier) pair(i, j int) float64 {
	v, _ := c.minPlus.pair(i, j)
	return v
}

// each calls f for every row, on several goroutines.
func (c *certifier) each(ctx context.Context, f func(i int)) error {
	return eachPanel(ctx, c.n, max(1, 1<<16/c.d), c.settings.Threads, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f(i)
		}
	})
}

// costOf returns a pairing's mean cost from differences of the given points.
func (c *certifier) costOf(ctx context.Context, sigma []int32) (float64, error) {
	costs := make([]float64, c.n)
	d := c.d
	err := c.each(ctx, func(i int) {
		j := int(sigma[i])
		costs[i] = squaredDistance(c.x[i*d:i*d+d], c.y[j*d:j*d+d])
	})
	if err != nil {
		return 0, err
	}
	mean := meanOf(costs)
	if math.IsInf(mean, 0) || math.IsNaN(mean) {
		return 0, notFiniteCost(mean)
	}
	return mean, nil
}

func meanOf(v []float64) float64 {
	var s engine.Compensated
	for _, t := range v {
		s.Add(t)
	}
	return s.Value() / float64(len(v))
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

// preferGiven undoes the cycles of sigma that gain nothing over the given pairing.
func (c *certifier) preferGiven() {
	seen := make([]bool, c.n)
	for start := range c.sigma {
		if seen[start] {
			continue
		}
		var gain engine.Compensated
		length := 0
		for i := start; !seen[i]; i = int(c.sigma[i]) {
			seen[i] = true
			gain.Add(c.pair(i, i))
			gain.Add(-c.pair(i, int(c.sigma[i])))
			length++
		}
		if gain.Value() > float64(length)*settledTolerance*c.scale {
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
func (c *certifier) keepPairing(ctx context.Context) (err error) {
	if c.paired, err = c.costOf(ctx, c.sigma); err == nil && c.paired < c.upper {
		c.upper = c.paired
		copy(c.best, c.sigma)
	}
	return err
}

// keepBound takes (min(f, low), g) as the certificate where its value is the largest so far. With g_j = c_ij -
// f_i the value is the pairing's cost less what f is lowered by, so nothing cancels: it is the cost itself where
// every other pair has more slack than rounding. What remains is the rounding of the cost.
func (c *certifier) keepBound() {
	var loss engine.Compensated
	slack := math.Inf(1)
	for i, f := range c.f {
		loss.Add(max(0, f-c.low[i]))
		slack = min(slack, max(0, c.low[i]-f))
		if int(c.sigma[i]) != i {
			slack = 0
		}
	}
	unit := engine.F64.Eps()
	lower := max(0, c.paired*(1-float64(c.d+8)*unit)-loss.Value()/float64(c.n)*(1+8*unit))
	c.current = false
	// Potentials with room are worth a rounding error of the bound.
	if lower < c.lower && !(slack > c.slack && lower >= c.lower*(1-settledTolerance)) || lower == c.lower && slack <= c.slack {
		return
	}
	c.lower, c.slack, c.current = lower, slack, true
	copy(c.bestG, c.g)
	copy(c.bestOff, c.off)
	for i, f := range c.f {
		c.bestF[i] = min(f, c.low[i])
	}
}

// shorten changes the pairing along the cycles of next_i = owner of pred_i that gain something, and returns the
// rows whose columns changed. Cycles of a function have no row in common. Along a cycle f_i + g_pred(i) >=
// c_i,pred(i), as a column's g never falls, and so the new pairs cost no more than the old ones.
func (c *certifier) shorten() (rotated []int32) {
	n := c.n
	mark := make([]int32, n) // 0 = new, else the walk that came by
	next := func(i int32) int32 {
		if c.pred[i] < 0 {
			return -1
		}
		return c.owner[c.pred[i]]
	}
	for start := range n {
		i := int32(start)
		for i >= 0 && mark[i] == 0 {
			mark[i] = int32(start) + 1
			i = next(i)
		}
		if i < 0 || mark[i] != int32(start)+1 {
			continue
		}
		var gain engine.Compensated
		cycle := []int32{}
		for at := i; ; {
			cycle = append(cycle, at)
			gain.Add(c.pair(int(at), int(c.sigma[at])))
			gain.Add(-c.pair(int(at), int(c.pred[at])))
			if at = next(at); at == i {
				break
			}
		}
		if gain.Value() <= float64(len(cycle))*settledTolerance*c.scale {
			continue
		}
		for _, at := range cycle {
			c.sigma[at] = c.pred[at]
		}
		for _, at := range cycle {
			j := c.sigma[at]
			c.owner[j], c.pred[at] = at, -1
			cost, rounding := c.minPlus.pair(int(at), int(j))
			c.f[at] = min(c.f[at], cost-c.g[j])
			c.setOff(j, rounding)
		}
		rotated = append(rotated, cycle...)
	}
	return rotated
}

// match makes column j's potential c_ij - f_i of its row.
func (c *certifier) match(j int32) {
	i := c.owner[j]
	cost, rounding := c.minPlus.pair(int(i), int(j))
	c.g[j] = cost - c.f[i]
	c.setOff(j, rounding)
}

// setOff bounds how far g_j is from the exact c_ij - f_i of its row, whose cost is rounded by so much.
func (c *certifier) setOff(j int32, rounding float64) {
	c.off[j] = rounding + 4*engine.F64.Eps()*(math.Abs(c.g[j])+math.Abs(c.f[c.owner[j]]))
}

func (c *certifier) progress() {
	if c.settings.Progress != nil {
		c.settings.Progress(c.passes(), (c.upper-c.lower)/c.upper)
	}
}

// passes counts the work done in passes over all pairs, at least one where there was any.
func (c *certifier) passes() int {
	return max(min(1, c.sweeps), int(math.Round(c.minPlus.pairs/(float64(c.n)*float64(c.n)))))
}

// describe adds the work to the note.
func (c *certifier) describe() {
	if c.sweeps > 0 {
		c.note += fmt.Sprintf("; %.3g times all pairs, in sweeps: %d", c.minPlus.pairs/(float64(c.n)*float64(c.n)), c.sweeps)
	}
}
