package engine

import "math"

// Compensated is Neumaier's sum: its error is two roundings of the result and one of a rounding for each term, however
// many there are. The zero value is the empty sum. Source: Neumaier, ZAMM 54, 1974; the rounding of an addition without a
// branch is Knuth's.
type Compensated struct{ sum, rest float64 }

// Add adds x.
func (s *Compensated) Add(x float64) {
	t := s.sum + x
	b := t - s.sum
	s.rest += (s.sum - (t - b)) + (x - b)
	s.sum = t
}

// Merge adds what another sum holds, with what its roundings left.
func (s *Compensated) Merge(o Compensated) {
	s.Add(o.sum)
	s.rest += o.rest
}

// Value returns the sum: infinite or NaN where a term or a sum on the way is.
func (s *Compensated) Value() float64 {
	if math.IsInf(s.sum, 0) || math.IsNaN(s.sum) {
		return s.sum // the rest is NaN beside an infinity
	}
	return s.sum + s.rest
}
