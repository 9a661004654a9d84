package flow

import (
	"math"
	"testing"

	"monge/engine"
	"monge/engine/dist"
)

// TestLandBehindAWiderComponent decodes latents far out, which come to the data behind a narrow component beside a wide
// one: on the way the narrow one has all but nothing of the share, at the data the wide one has. The decoder is the
// quantile map, whose inverse here has a factor of h at most, so that tolerances hold for it.
func TestLandBehindAWiderComponent(t *testing.T) {
	w, means, widths := []float64{.25, .2, .55}, []float64{9.87, 9.83, 9.91}, []float64{.0072, .0138, .0168}
	covs, at := make([]*dist.Covariance, len(w)), make([][]float64, len(w))
	for k, s := range widths {
		var err error
		if covs[k], err = dist.Isotropic(1, s*s); err != nil {
			t.Fatal(err)
		}
		at[k] = means[k : k+1]
	}
	law, err := dist.NewMixture(w, at, covs)
	if err != nil {
		t.Fatal(err)
	}
	cdf := func(x float64) (f float64) {
		for k, m := range means {
			f += w[k] * math.Erfc((m-x)/widths[k]/math.Sqrt2) / 2
		}
		return f
	}
	z := []float64{-37, -33.3, -28.8, -24, -20, -17, -14, -11, -9, -7, -5, -3, 0, 2}
	for i, x := range floats(decode(t, law, engine.Points(z, len(z), 1), Settings{}).X) {
		lo, hi := 8., 11.
		for range 100 {
			if mid := (lo + hi) / 2; cdf(mid) < math.Erfc(-z[i]/math.Sqrt2)/2 {
				lo = mid
			} else {
				hi = mid
			}
		}
		if math.Abs(x-lo) > 1e-6 {
			t.Errorf("latent %g decoded to %.9g, the quantile is %.9g", z[i], x, lo)
		}
	}
}
