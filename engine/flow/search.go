package flow

import "math"

// searchGrid is the resolution of the search in steps of the time grid.
const searchGrid = 2

// search is the bracketing of the time up to which a row's closed form holds: secant on the logarithm of the
// other components' share against 1/(tan^2 theta + l), in which it is a straight line for components of one
// variance l far apart.
type search struct {
	u       float64 // to try next
	lo, hi  float64 // holds at lo, does not at hi
	l       float64 // the component's variance, as its volume tells it
	p, q    seen    // the last two values, q the newest
	tries   int
	settled bool
}

type seen struct{ theta, log float64 }

func (s *search) x(theta float64) float64 {
	t := math.Tan(theta)
	return 1 / (t*t + s.l)
}

// variance returns the l for which d/2 ln(cos^2 + sin^2 / l) is the logarithm of the volume.
func variance(alpha, sigma, logDet float64, d int) float64 {
	n2 := alpha*alpha + sigma*sigma
	l := sigma * sigma / (math.Exp(2*logDet/float64(d)) - alpha*alpha)
	if !(l > 0) || l > 1e8*n2 {
		return 1
	}
	return l
}

// observe takes in the share found at s.u and says where to look next.
func (s *search) observe(r *run, latent, threshold, log, logDet float64) {
	a, sg, _, _ := r.Path.At(s.u)
	s.l = variance(a, sg, logDet, r.d)
	s.tries++
	grid := searchGrid * r.grid()
	first := s.tries == 1
	s.p, s.q = s.q, seen{math.Atan2(sg, a), log}
	if first {
		s.p = seen{math.Pi / 2, latent}
	}
	if log <= threshold {
		s.lo = s.u
		if s.u == r.u1 || log >= threshold-3 {
			s.settled = true
			return
		}
	} else { // also where the share is not a number
		s.hi = s.u
	}
	if s.hi-s.lo < 1.5*grid || s.tries >= 12 || math.IsNaN(log) {
		s.settled = true
		return
	}
	if s.lo == 0 {
		s.u = grid
		if s.hi <= grid {
			s.settled = true
		}
		return
	}
	xp, xq := s.x(s.p.theta), s.x(s.q.theta)
	x := xq + (threshold-1-s.q.log)*(xp-xq)/(s.p.log-s.q.log)
	u := r.u1
	if t2 := 1/x - s.l; t2 < 0 {
		u = s.lo
	} else if theta := math.Atan(math.Sqrt(t2)); x > 0 && theta < r.theta1 {
		u = r.snap(r.Path.U(theta))
	}
	if !(u > s.lo && u < s.hi) || s.tries > 6 {
		if s.hi > r.u1 { // nothing failed yet
			u = math.Min(r.snap(s.lo+.5*(r.u1-s.lo)), r.u1)
			if u <= s.lo {
				u = r.u1
			}
		} else {
			u = r.snap((s.lo + s.hi) / 2)
		}
	}
	s.u = u
	if u <= s.lo {
		s.settled = true
	}
}
