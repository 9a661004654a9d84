package cpu

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigExp returns e^x to well beyond float64.
func bigExp(x float64) *big.Float {
	const prec = 200
	v := new(big.Float).SetPrec(prec).SetFloat64(x)
	v.SetMantExp(v, -20) // e^x = (e^(x / 2^20))^(2^20)
	sum, term := big.NewFloat(1).SetPrec(prec), big.NewFloat(1).SetPrec(prec)
	for i := 1; i < 30; i++ {
		term.Mul(term, v)
		term.Quo(term, big.NewFloat(float64(i)))
		sum.Add(sum, term)
	}
	for range 20 {
		sum.Mul(sum, sum)
	}
	return sum
}

func TestExp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	xs := []float64{0, -1e-300, -1e-17, -0x1p-53, -math.Ln2, -math.Ln2 / 256, -math.Ln2 / 255.99999, -1, -500, -689.99, -690}
	for range 3000 {
		xs = append(xs, -rnd.Float64(), -rnd.ExpFloat64()*20, -690*rnd.Float64())
	}
	worst := 0.0
	for _, x := range xs {
		got := exp1(x)
		want := bigExp(x)
		w, _ := want.Float64()
		ulp := math.Nextafter(w, math.Inf(1)) - w
		d := new(big.Float).Sub(want, big.NewFloat(got))
		diff, _ := d.Float64()
		worst = max(worst, math.Abs(diff)/ulp)
	}
	// Table, polynomial and the last addition: half a unit for the addition, 0.01 for the rest.
	if worst > 0.53 {
		t.Errorf("largest error %.3f units in the last place, want 0.53", worst)
	}
	t.Logf("largest error %.4f units in the last place", worst)
}

func TestExpEnds(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range [][2]float64{{math.Inf(-1), 0}, {-690.01, 0}, {-1e300, 0}, {0, 1}, {nan, nan}} {
		if got := exp1(c[0]); got != c[1] && !(math.IsNaN(got) && math.IsNaN(c[1])) {
			t.Errorf("exp(%g) = %g, want %g", c[0], got, c[1])
		}
	}
	z := []float64{-inf, 3, 3 - math.Ln2}
	if sum := expTo(z, z, 3); z[0] != 0 || z[1] != 1 || math.Abs(z[2]-0.5) > 1e-15 || math.Abs(sum-1.5) > 1e-15 {
		t.Errorf("weights %v, sum %g", z, sum)
	}
}

func BenchmarkExp(b *testing.B) {
	z, e := make([]float64, tileKeys), make([]float64, tileKeys)
	for i := range z {
		z[i] = -float64(i) * 0.1
	}
	for b.Loop() {
		expTo(e, z, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tileKeys, "ns/exp")
}
