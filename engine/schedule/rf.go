package schedule

// RF is the rectified flow x = (1-u) x0 + u e: alpha = 1-u, sigma = u, c1 = -1, c2 = -u, u in [0, 1]. It is
// the one path whose state is not normalised: x/sqrt((1-u)^2 + u^2) is the variance preserving state of the
// same angle, and both agree at the two ends. Source: Liu, Gong and Liu, arXiv 2209.03003. The zero value is
// ready.
type RF struct{}

func (RF) Name() string { return "rf" }

func (RF) End() float64 { return 1 }

func (RF) At(u float64) (alpha, sigma, c1, c2 float64) {
	if u >= 1 {
		return 0, 1, -1, -1
	}
	return 1 - u, u, -1, -u
}

func (RF) U(theta float64) float64 { return ratio(theta) }
