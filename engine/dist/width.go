package dist

import (
	"math"
	"slices"
)

// Fine is a law that knows how fine it is.
type Fine interface {
	Distribution
	// Width returns the least length on which the density changes, as a standard deviation: nothing new shows
	// in the law of alpha x0 + sigma e at sigma/alpha below it. 0 = not known.
	Width() float64
}

// Width is the law's own, 0 for laws that are no [Fine].
func Width(law Distribution) float64 {
	if f, ok := law.(Fine); ok {
		return f.Width()
	}
	return 0
}

// Width is the root of the least eigenvalue of the covariance.
func (g *Gaussian) Width() float64 { return g.mix.Width() }

// Width is the root of the least eigenvalue of all covariances.
func (m *Mixture) Width() float64 {
	least := math.Inf(1)
	for _, c := range m.covs {
		least = math.Min(least, slices.Min(c.values))
	}
	return math.Sqrt(least)
}

// Width is the bandwidth.
func (p *Points) Width() float64 { return p.h }

// Width is that which the quadrature's grid resolves.
func (p *Density) Width() float64 { return p.grid.width() }

// Width is that which the quadrature's grid resolves.
func (p *Brenier) Width() float64 { return p.grid.width() }

// width returns the standard deviation that a settled grid resolves on its finest axis. The trapezoid rule's error for a
// Gaussian is 2 exp(-2 (pi h/step)^2), that of gridSettled at 1.24 steps, and the grid before, of steps gridFiner times as
// long, was as good.
func (g *grid) width() float64 {
	return gridFiner * math.Sqrt(math.Log(2/gridSettled)/2) / math.Pi * slices.Min(g.step)
}

// Width is the least of the factors'.
func (p *product) Width() float64 {
	least := math.Inf(1)
	for _, law := range p.factors {
		least = math.Min(least, Width(law))
	}
	return least
}

// Width is that of one copy.
func (c *copies) Width() float64 { return Width(c.of) }

// Width is that of the law before it is rotated.
func (l *rotation) Width() float64 { return Width(l.of) }
