package engine_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"monge/engine"
)

// TestCompensated: terms of both signs over thirty orders of magnitude add to their exact sum, rounded; infinities and
// NaN reach it.
func TestCompensated(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var s engine.Compensated
		exact, size := new(big.Float).SetPrec(2000), 0.0
		for range 1001 {
			x := math.Ldexp(rnd.NormFloat64(), rnd.IntN(100)-50)
			s.Add(x)
			exact.Add(exact, new(big.Float).SetFloat64(x))
			size += math.Abs(x)
		}
		want, _ := exact.Float64()
		// One rounding of the result, and of every term's rounding one more: n u^2 of the terms' sizes.
		if got := s.Value(); !(math.Abs(got-want) <= 0x1p-52*math.Abs(want)+1001*0x1p-105*size) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	var huge engine.Compensated
	for _, x := range []float64{1, 1e300, 1, -1e300} {
		huge.Add(x)
	}
	if v := huge.Value(); v != 2 {
		t.Errorf("1 + 1e300 + 1 - 1e300 = %v", v)
	}
	for _, c := range [][3]float64{{1, math.Inf(1), math.Inf(1)}, {math.Inf(-1), 5, math.Inf(-1)}, {math.MaxFloat64, math.MaxFloat64, math.Inf(1)}} {
		var s engine.Compensated
		s.Add(c[0])
		s.Add(c[1])
		s.Add(-1)
		if s.Value() != c[2] {
			t.Errorf("%v + %v = %v", c[0], c[1], s.Value())
		}
	}
	var s engine.Compensated
	for _, x := range []float64{1, math.NaN(), 2} {
		s.Add(x)
	}
	if v := s.Value(); v == v {
		t.Errorf("with NaN: %v", v)
	}
}
