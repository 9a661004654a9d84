package engine_test

import (
	"math"
	"testing"

	"monge/engine"
)

// TestLn: exact powers of two down to the least number, ends and arguments without a logarithm.
func TestLn(t *testing.T) {
	for e := -1074; e <= 1023; e++ {
		// The logarithm and its two terms are rounded, each within a unit of numbers of up to twice the value.
		if got, want := engine.Ln(math.Ldexp(1, e)), float64(e)*math.Ln2; !(math.Abs(got-want) <= 5e-16*math.Abs(want)) {
			t.Errorf("ln 2^%d = %v, want %v", e, got, want)
		}
	}
	for x, want := range map[float64]float64{0: math.Inf(-1), math.Inf(1): math.Inf(1)} {
		if got := engine.Ln(x); got != want {
			t.Errorf("ln %v = %v", x, got)
		}
	}
	for _, x := range []float64{-1, -5e-324, math.Inf(-1), math.NaN()} {
		if got := engine.Ln(x); got == got {
			t.Errorf("ln %v = %v", x, got)
		}
	}
}
