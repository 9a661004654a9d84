package tile

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// lengths has every remainder, and none.
var lengths = []int{0, 1, 3, 7, 8, 9, 16, 31, 192, 1003}

func normals(rnd *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rnd.NormFloat64()
	}
	return x
}

func narrowed(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// near demands |got - want| within a few roundings of terms terms of the given size.
func near(t *testing.T, what string, got, want, size float64, terms int) {
	t.Helper()
	if tol := (3 + math.Sqrt(float64(terms))) * 0x1p-52 * size; !(math.Abs(got-want) <= tol) {
		t.Fatalf("%s: %v, want %v within %g", what, got, want, tol)
	}
}

func TestVectors(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		rnd := rand.New(rand.NewPCG(3, 4))
		for _, n := range lengths {
			x, y, u := normals(rnd, n), normals(rnd, n), normals(rnd, n)
			x32 := narrowed(x)
			var dot, squares, squares32, size float64
			for j := range x {
				dot += x[j] * y[j]
				squares += x[j] * x[j] * y[j]
				squares32 += float64(x32[j]) * float64(x32[j]) * y[j]
				size += math.Abs(x[j]*y[j]) * (1 + math.Abs(x[j]))
			}
			near(t, "Dot", l.Dot(x, y), dot, size, n)
			near(t, "Weighted", Weighted(l, x, y), squares, size, n)
			near(t, "Weighted float32", Weighted(l, x32, y), squares32, size, n)
			sum := append([]float64{}, y...)
			l.AddScaled(sum, x, -.7)
			z, z32, d := make([]float64, n), make([]float64, n), make([]float64, n)
			mz, mz32 := Affine(l, z, x, u, 1.3, -1), Affine(l, z32, x32, u, 1.3, -1)
			const ld = 1010
			k, q := normals(rnd, DirectDims*ld), [DirectDims]float64{.3, -2, 1.1, 5}
			md := l.Direct(d, k, ld, &q, u, .9, -1)
			if mz != Plain.Max(z, -1) || mz32 != Plain.Max(z32, -1) || md != Plain.Max(d, -1) {
				t.Fatalf("n=%d: largest %g, %g, %g, want %g, %g, %g", n, mz, mz32, md, Plain.Max(z, -1), Plain.Max(z32, -1), Plain.Max(d, -1))
			}
			for j := range x {
				near(t, "AddScaled", sum[j], y[j]-.7*x[j], math.Abs(x[j])+math.Abs(y[j]), 1)
				near(t, "Affine", z[j], 1.3*x[j]+u[j], math.Abs(x[j])+math.Abs(u[j]), 1)
				near(t, "Affine float32", z32[j], 1.3*float64(x32[j])+u[j], math.Abs(x[j])+math.Abs(u[j]), 1)
				want, size := u[j], math.Abs(u[j])
				for c := range q {
					want += .9 * q[c] * k[c*ld+j]
					size += math.Abs(q[c] * k[c*ld+j])
				}
				near(t, "Direct", d[j], want, size, 5)
			}
		}
	})
}

func TestMax(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	each(t, func(t *testing.T, l Level) {
		rnd := rand.New(rand.NewPCG(5, 6))
		for _, n := range lengths {
			for at := range n {
				z := normals(rnd, n)
				z[at] = 100
				z[rnd.IntN(n)] = nan
				want := 2.0
				for _, v := range z {
					if v > want {
						want = v
					}
				}
				if got := l.Max(z, 2); got != want {
					t.Fatalf("largest of %d with 2, number %d: %g, want %g", n, at, got, want)
				}
				if got := l.Max(z, 200); got != 200 {
					t.Fatalf("largest of %d with 200: %g", n, got)
				}
			}
			z := make([]float64, n)
			for j := range z {
				z[j] = []float64{-inf, nan}[j%2]
			}
			if got := l.Max(z, -inf); got != -inf {
				t.Fatalf("largest of %d times -Inf and NaN: %g", n, got)
			}
		}
	})
}

func TestNarrow(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		for _, n := range lengths {
			x, y := make([]float64, n), make([]float32, n)
			for j := range x {
				x[j] = []float64{1, 0x1p-110, 0x1.fp-111, 0, 1 + 0x1p-30, 1e-300, math.NaN()}[j%7]
			}
			l.Narrow(y, x)
			for j, got := range y {
				if want := []float32{1, 0x1p-110, 0, 0, 1, 0}; j%7 == 6 && got == got || j%7 < 6 && got != want[j%7] {
					t.Fatalf("n=%d: %g becomes %g", n, x[j], got)
				}
			}
		}
	})
}

// TestSameBits: both instruction sets give the same bits.
func TestSameBits(t *testing.T) {
	if Best() != AVX512 {
		t.Skip("needs both")
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, n := range lengths {
		x, y := normals(rnd, n), normals(rnd, n)
		var res [2][]float64
		for i, l := range []Level{AVX2, AVX512} {
			z := make([]float64, n)
			res[i] = append(res[i], l.Dot(x, y), Weighted(l, x, y), l.Max(x, 0), l.Exp(z, x, 4))
			res[i] = append(res[i], z...)
			res[i] = append(res[i], l.Exp32(z, x, 4))
			res[i] = append(res[i], z...)
			Affine(l, z, narrowed(x), y, .3, 0)
			res[i] = append(res[i], z...)
			l.AddScaled(z, x, 1e-3)
			res[i] = append(res[i], z...)
		}
		for j, v := range res[0] {
			if v != res[1][j] {
				t.Fatalf("n=%d, number %d: AVX2 %v, AVX-512 %v", n, j, v, res[1][j])
			}
		}
	}
}

// TestLog: within one unit of the value rounded from twice the digits, whatever stands beside it.
func TestLog(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	// What math.Log says of subnormal numbers is not right on every processor.
	special := map[float64]float64{0: math.Inf(-1), math.Inf(1): math.Inf(1), -1: math.NaN(), 0x1p-1074: -1074 * math.Ln2, 0x1p-1023: -1023 * math.Ln2}
	xs := []float64{1, 0x1p-1022, math.MaxFloat64, math.Sqrt2, math.Sqrt2 / 2, math.Nextafter(math.Sqrt2/2, 0), math.Nextafter(1, 0), math.Nextafter(1, 2), 2, .5}
	for range 20_000 {
		xs = append(xs, math.Exp(rnd.NormFloat64()), math.Exp(700*(2*rnd.Float64()-1)), 1+rnd.NormFloat64()*1e-6)
	}
	each(t, func(t *testing.T, l Level) {
		got := make([]float64, len(xs))
		l.Log(got, xs)
		worst := 0.0
		for i, x := range xs {
			// One step of Newton's method, y + (x e^-y - 1): e^-y to 200 bits.
			y := math.Log(x)
			if i > 1000 && i%40 != 0 {
				continue
			}
			rest, _ := new(big.Float).Sub(new(big.Float).Mul(bigExp(-y), big.NewFloat(x)), big.NewFloat(1)).Float64()
			ulp := math.Nextafter(math.Abs(y), math.Inf(1)) - math.Abs(y)
			worst = max(worst, math.Abs(got[i]-y-rest)/ulp)
		}
		if got[0] != 0 || worst > 1 {
			t.Errorf("ln 1 = %g, largest error %.3f units in the last place", got[0], worst)
		}
		t.Logf("largest error %.3f units in the last place", worst)
		for n := range 40 {
			for at := range n {
				for v, of := range special {
					x := make([]float64, n)
					for j := range x {
						x[j] = 3
					}
					x[at] = v
					l.Log(x, x)
					for j, got := range x {
						want, tol := math.Log(3), 3e-16
						if j == at {
							want, tol = of, 3e-16*math.Abs(of)
						}
						if !(math.Abs(got-want) <= tol) && got != want && !(got != got && want != want) {
							t.Fatalf("ln %g at %d of %d makes number %d %g, want %g", v, at, n, j, got, want)
						}
					}
				}
			}
		}
	})
}
