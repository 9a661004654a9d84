package schedule

import "math"

// Cosine is the variance preserving schedule of Nichol and Dhariwal: with psi(u) = (u+s)/(1+s) pi/2,
//
//	alpha = cos psi(u) / cos psi(0), sigma^2 = 1 - alpha^2, u in [0, 1].
//
// Source: Nichol and Dhariwal, arXiv 2102.09672.
type Cosine struct {
	// Offset is s > 0, which keeps the first steps from being too small. 0 means 0.008.
	Offset float64
}

func (Cosine) Name() string { return "cosine" }

func (Cosine) End() float64 { return 1 }

// slope returns d psi/du and psi(0).
func (p Cosine) slope() (rate, psi0 float64) {
	s := p.Offset
	if s == 0 {
		s = 0.008
	}
	if !(s > 0) || math.IsInf(s, 0) {
		panic("schedule: cosine offset must be positive")
	}
	rate = math.Pi / 2 / (1 + s)
	return rate, rate * s
}

// At measures cos psi from the end and uses cos^2 psi0 - cos^2 psi = sin(psi - psi0) sin(psi + psi0), so
// that neither alpha near the end nor sigma near the start cancels.
func (p Cosine) At(u float64) (alpha, sigma, c1, c2 float64) {
	rate, psi0 := p.slope()
	cos0 := math.Cos(psi0)
	if u >= 1 {
		return 0, 1, -rate / cos0, 0
	}
	alpha = math.Sin((1-u)*rate) / cos0
	sigma = math.Sqrt(math.Sin(u*rate)*math.Sin(u*rate+2*psi0)) / cos0
	c1 = -rate * math.Sin(u*rate+psi0) / cos0
	return alpha, sigma, c1, alpha * c1
}

// U solves cos psi = cos theta cos psi0. With half angles sin^2(psi/2) = sin^2(psi0/2) + A, A = sin^2(theta/2)
// cos psi0, and A = sin((psi - psi0)/2) sin((psi + psi0)/2) gives the difference without cancellation.
func (p Cosine) U(theta float64) float64 {
	rate, psi0 := p.slope()
	if theta >= math.Pi/2 {
		return 1
	}
	h := math.Sin(theta / 2)
	b := math.Sin(psi0 / 2)
	a := h * h * math.Cos(psi0)
	half := math.Asin(math.Sqrt(b*b + a))
	return math.Min(1, 2*math.Asin(a/math.Sin(half+psi0/2))/rate)
}
