package dist

// Work returns about how many multiplications the velocity of a law takes a row, for estimates of time.
func Work(law Distribution) float64 {
	d := float64(law.Dim())
	switch p := law.(type) {
	case *Gaussian:
		return p.cov.work()
	case *Mixture:
		sum := 0.0
		for k := range p.w {
			sum += p.cov(k).work()
		}
		return sum
	case *Points:
		return float64(p.n) * d
	case *copies:
		return float64(p.m) * Work(p.of)
	case gaussianCopies:
		return Work(p.copies)
	case *product:
		sum := 0.0
		for _, f := range p.factors {
			sum += Work(f)
		}
		return sum
	case gaussianProduct:
		return Work(p.product)
	case *rotation:
		return 2*d*d + Work(p.of)
	case gaussianRotation:
		return Work(p.rotation)
	case *Brenier:
		return p.grid.work()
	case *Density:
		return p.grid.work()
	}
	return d
}

// work is that of a solve with the covariance.
func (c *Covariance) work() float64 {
	d := float64(c.d)
	if c.basis != nil {
		return 2 * d * d
	}
	return (1 + 2*float64(len(c.reflect))) * d
}

// work is that of a sum over the grid.
func (g *grid) work() float64 {
	n := float64(g.d)
	for _, m := range g.n {
		n *= float64(m)
	}
	return n
}
