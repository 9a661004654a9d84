package engine

import (
	"fmt"
	"math"
)

// WeightError says which of some weights is none.
type WeightError struct {
	At    int // -1: all of them are 0
	Value float64
}

func (e *WeightError) Error() string {
	if e.At < 0 {
		return "all weights are zero"
	}
	return fmt.Sprintf("weights[%d] = %v: want a finite number, not negative", e.At, e.Value)
}

// Normalize returns the weights w divided by their sum; w is not changed. The error is a [WeightError].
func Normalize(w []float64) ([]float64, error) {
	top := 0.0
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 0) {
			return nil, &WeightError{i, v}
		}
		top = max(top, v)
	}
	if top == 0 {
		return nil, &WeightError{At: -1}
	}
	// Near the ends of the range, scaled by a power of two, so that the sum is finite and as exact.
	shift := 0
	if _, e := math.Frexp(top); e < -512 || e > 512 {
		shift = -e
	}
	unit := make([]float64, len(w))
	var s Compensated
	for i, v := range w {
		unit[i] = math.Ldexp(v, shift)
		s.Add(unit[i])
	}
	total := s.Value()
	for i := range unit {
		unit[i] /= total
	}
	return unit, nil
}

// EqualWeights returns the n weights 1/n.
func EqualWeights(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}
