package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// output is one output array beside what it should be.
type output struct {
	name      string
	got       []float64
	ref, unit []float64 // the reference and the size of one rounding of every term
	low       []float32 // the plain formula in float32; nil leaves the second rule out
	terms     int       // length of the longest sum
}

// growth is the allowed error of a formula with sums of n terms, in units of eps: see the package
// comment.
func growth(n int) float64 { return 4 + 2*math.Sqrt(float64(n)) }

// tiny is the largest share of an output's largest unit that may vanish by underflow. exp(z - L) and
// its products are flushed to zero near the smallest normal number, 2^-126 or 2^-1022; the rest is room
// for engines that scale their weights.
func tiny(t engine.Dtype) float64 {
	if t == engine.F32 {
		return 0x1p-100
	}
	return 0x1p-900
}

// check applies both rules of the package comment. Infinities must be met exactly.
func (o output) check(t engine.Dtype) error {
	if len(o.got) != len(o.ref) {
		return fmt.Errorf("%s: %d numbers, want %d", o.name, len(o.got), len(o.ref))
	}
	var largest float64
	for _, u := range o.unit {
		largest = max(largest, u)
	}
	floor := tiny(t) * largest
	limit := growth(o.terms) * t.Eps()
	var worst, plain float64 // largest errors in units
	at := -1
	for i, want := range o.ref {
		got := o.got[i]
		if math.IsInf(want, 0) || math.IsNaN(want) {
			if got != want {
				return fmt.Errorf("%s[%d] = %v, want %v", o.name, i, got, want)
			}
			continue
		}
		diff := math.Abs(got - want)
		if !(diff <= limit*o.unit[i]+floor) { // also catches NaN
			return fmt.Errorf("%s[%d] = %v, want %v: error %.3g exceeds %.3g = %.3g eps x unit %.3g",
				o.name, i, got, want, diff, limit*o.unit[i]+floor, limit/t.Eps(), o.unit[i])
		}
		if o.low == nil || o.unit[i] == 0 {
			continue
		}
		if e := (diff - floor) / o.unit[i]; e > worst {
			worst, at = e, i
		}
		if e := math.Abs(float64(o.low[i])-want) / o.unit[i]; e > plain || math.IsNaN(e) {
			plain = e
		}
	}
	// A plain formula that overflowed sets no standard; the first rule stands.
	if allowed := 2*plain + 2*t.Eps(); o.low != nil && worst > allowed {
		return fmt.Errorf("%s[%d] = %v, want %v: error %.3g units exceeds %.3g, twice the plain float32 formula's %.3g plus 2 eps",
			o.name, at, o.got[at], o.ref[at], worst, allowed, plain)
	}
	return nil
}

// same reports the first number of got that is not bitwise want's.
func same(name string, got, want []float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		if math.Float64bits(got[i]) != math.Float64bits(w) && !(math.IsNaN(got[i]) && math.IsNaN(w)) {
			return fmt.Errorf("%s[%d] = %v, want exactly %v", name, i, got[i], w)
		}
	}
	return nil
}
