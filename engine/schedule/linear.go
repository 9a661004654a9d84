package schedule

import "math"

// Linear is the variance preserving process with the linear rate beta(t) = b0 + t (b1 - b0), the schedule of
// DDPM and score_sde, continued with the same slope beyond t = 1 so that it reaches the limit:
//
//	tau(t) = 1/2 int_0^t beta = 1/2 (b0 t + (b1 - b0) t^2/2)
//	alpha = exp(-tau), sigma^2 = 1 - exp(-2 tau)
//
// in the finite variable u = t/(1+t), End = 1. The model's own last time t = 1 is u = 1/2, where
// tau = (b0 + b1)/4. Source: Song et al., arXiv 2011.13456.
type Linear struct {
	// Beta0 and Beta1 are the rates at t = 0 and t = 1, 0 <= Beta0 <= Beta1 and Beta1 > 0. Both zero mean
	// 0.1 and 20.
	Beta0, Beta1 float64
}

func (Linear) Name() string { return "linear" }

func (Linear) End() float64 { return 1 }

// betas returns the rates, or panics where tau would not grow to infinity.
func (p Linear) betas() (b0, b1 float64) {
	if p.Beta0 == 0 && p.Beta1 == 0 {
		return 0.1, 20
	}
	if !(p.Beta0 >= 0 && p.Beta1 >= p.Beta0 && p.Beta1 > 0 && !math.IsInf(p.Beta1, 0)) {
		panic("schedule: linear rates need 0 <= beta0 <= beta1, beta1 > 0")
	}
	return p.Beta0, p.Beta1
}

// At uses d tau/du = beta(t)/2 (1+t)^2, so c1 = -alpha d tau/du and, as sigma^2 = 1 - alpha^2,
// c2 = alpha c1. Both vanish at the end faster than any power.
func (p Linear) At(u float64) (alpha, sigma, c1, c2 float64) {
	b0, b1 := p.betas()
	t := u / (1 - u)
	tau := (b0 + (b1-b0)*t/2) * t / 2
	if u >= 1 || tau > 740 { // exp(-tau) is below the normal range
		return 0, 1, 0, 0
	}
	alpha = math.Exp(-tau)
	c1 = -alpha * (b0 + (b1-b0)*t) / 2 * (1 + t) * (1 + t)
	return alpha, math.Sqrt(-math.Expm1(-2 * tau)), c1, alpha * c1
}

// U solves tau(t) = -ln cos theta by the form of the quadratic formula that does not cancel.
func (p Linear) U(theta float64) float64 {
	b0, b1 := p.betas()
	if theta >= math.Pi/2 {
		return 1
	}
	tau := Tau(theta)
	t := 4 * tau / (b0 + math.Sqrt(b0*b0+4*(b1-b0)*tau))
	if tau == 0 {
		t = 0
	}
	return t / (1 + t)
}
