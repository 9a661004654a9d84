package tile

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

func each(t *testing.T, f func(t *testing.T, l Level)) {
	for _, l := range Levels() {
		t.Run(l.String(), func(t *testing.T) { f(t, l) })
	}
}

func TestExp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	xs := []float64{0, -1e-300, -1e-17, -0x1p-53, -math.Ln2, -math.Ln2 / 256, -math.Ln2 / 255.99999, -1, -500, -689.99, -690}
	for k := range 990 { // where the power of two changes, and between
		for _, r := range []float64{0, -.5, math.Log2(.75), math.Log2(1.5)} {
			x := (r - float64(k)) * math.Ln2
			xs = append(xs, min(0, x), math.Nextafter(x, -1000), min(0, x+1e-9), x-1e-9)
		}
	}
	for range 3000 {
		xs = append(xs, -rnd.Float64(), -rnd.ExpFloat64()*20, -690*rnd.Float64())
	}
	want := make([]*big.Float, len(xs))
	for i, x := range xs {
		want[i] = bigExp(max(x, expZero))
	}
	each(t, func(t *testing.T, l Level) {
		got := make([]float64, len(xs))
		l.Exp(got, xs, 0)
		worst := 0.0
		for i, x := range xs {
			if x < expZero {
				if got[i] != 0 {
					t.Errorf("exp(%g) = %g, want 0", x, got[i])
				}
				continue
			}
			w, _ := want[i].Float64()
			ulp := math.Nextafter(w, math.Inf(1)) - w
			diff, _ := new(big.Float).Sub(want[i], big.NewFloat(got[i])).Float64()
			worst = max(worst, math.Abs(diff)/ulp)
		}
		// Plain: half a unit for the last addition, 0.01 for table and polynomial. Else half a unit again, and
		// at r = ln 3/4 at most an eighth for r + r^2 q, 3/16 for r, and an eighth for r^2 q and the polynomial.
		most := 0.53
		if l != Plain {
			most = 0.95
		}
		if worst > most {
			t.Errorf("largest error %.3f units in the last place, want %g", worst, most)
		}
		t.Logf("largest error %.4f units in the last place", worst)
	})
}

// Exp1 is the plain exponential of one number, to the bit.
func TestExp1(t *testing.T) {
	for _, x := range []float64{0, -1e-300, -.3, -math.Ln2, -19.75, -690, -691, math.Inf(-1), math.NaN()} {
		var want [1]float64
		Plain.Exp(want[:], []float64{x}, 0)
		if got := Exp1(x); math.Float64bits(got) != math.Float64bits(want[0]) && !(math.IsNaN(got) && math.IsNaN(x)) {
			t.Errorf("e^%v = %v, want %v", x, got, want[0])
		}
	}
}

func TestExp32(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	xs := []float64{0, -1e-30, -0x1p-24, -86.99, -87}
	for range 20_000 {
		xs = append(xs, -rnd.Float64(), -rnd.ExpFloat64()*10, -87*rnd.Float64())
	}
	each(t, func(t *testing.T, l Level) {
		want, got := make([]float64, len(xs)), make([]float64, len(xs))
		l.Exp32(got, xs, 0)
		Plain.Exp(want, xs, 0)
		for i, x := range xs {
			if tol := (2.3 - x) * 0x1p-24 * want[i]; x >= -87 && !(math.Abs(got[i]-want[i]) <= tol) || x < -87 && !(got[i] >= 0 && got[i] <= 2e-38) {
				t.Fatalf("exp(%g) = %g, want %g within %g", x, got[i], want[i], tol)
			}
		}
	})
}

// TestExpEnds: the cut-off, NaN and -Inf, at every place of runs of all lengths.
func TestExpEnds(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	each(t, func(t *testing.T, l Level) {
		for _, exp := range []func(dst, z []float64, m float64) float64{l.Exp, l.Exp32} {
			for n := 1; n < 40; n++ {
				for at := range n {
					for _, c := range [][2]float64{{-inf, 0}, {-690.01, 0}, {-1e300, 0}, {0, 1}, {nan, nan}, {-nan, nan}} {
						z := make([]float64, n)
						for j := range z {
							z[j] = 3 - math.Ln2
						}
						z[at] = 3 + c[0]
						sum := exp(z, z, 3)
						for j, got := range z {
							want := 0.5
							if j == at {
								want = c[1]
							}
							if !(math.Abs(got-want) <= 1e-7) && !(got != got && want != want) { // two units of float32
								t.Fatalf("n=%d: exp(%g) at %d makes number %d %g, want %g", n, c[0], at, j, got, want)
							}
						}
						if want := 0.5*float64(n-1) + c[1]; !(math.Abs(sum-want) <= 4e-6) && want == want || want != want && sum == sum {
							t.Fatalf("n=%d: sum %g, want %g", n, sum, want)
						}
					}
				}
			}
		}
	})
}

func BenchmarkExp(b *testing.B) {
	const n = 192
	z, e := make([]float64, n), make([]float64, n)
	for i := range z {
		z[i] = -float64(i) * 0.1
	}
	for _, l := range Levels() {
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				l.Exp(e, z, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/exp")
		})
		b.Run(l.String()+"/float32", func(b *testing.B) {
			for b.Loop() {
				l.Exp32(e, z, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/exp")
		})
	}
}
