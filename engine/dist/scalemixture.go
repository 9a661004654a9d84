package dist

// NewScaleMixture returns the radial law sum_k w_k N(0, s_k^2 I) of d dimensions, from weights (nil = equal) and
// the standard deviations s_k > 0.
func NewScaleMixture(d int, weights, scales []float64) (*Mixture, error) {
	if d < 1 || d > maxDim {
		return nil, bad("dimension %d: want 1 to %d", d, maxDim)
	}
	if len(scales) > maxNumbers/d {
		return nil, bad("%d scales in %d dimensions: want at most %d", len(scales), d, maxNumbers/d)
	}
	covs := make([]*Covariance, len(scales))
	means := make([][]float64, len(scales))
	for k, s := range scales {
		var err error
		if covs[k], err = Isotropic(d, s*s); err != nil || s < 0 {
			return nil, bad("scales[%d] = %v: want a finite number above 0", k, s)
		}
		means[k] = make([]float64, d)
	}
	return NewMixture(weights, means, covs)
}
