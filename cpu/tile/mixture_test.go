package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestVariances(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		rnd := rand.New(rand.NewPCG(11, 2))
		for _, n := range lengths {
			const rows = logRows + 3 // more than are worked on together
			lam, inv, a, logDet := make([]float64, rows*n), make([]float64, rows*n), make([]float64, rows*n), make([]float64, rows)
			for j := range lam {
				lam[j] = math.Exp(20 * rnd.NormFloat64())
			}
			l.Variances(inv, lam, logDet, .3, .01)
			l.Ratios(a, lam, inv, .7, .2)
			for k, got := range logDet {
				var want, size float64
				for j := k * n; j < (k+1)*n; j++ {
					v := lam[j]
					d := .3*v + .01
					want += math.Log(d)
					size += 1 + math.Abs(math.Log(d))
					near(t, "1/D", inv[j]*d, 1, 1, 1)
					near(t, "ratio", a[j]*d, .7*v-.2, .7*v+.2, 2)
				}
				near(t, "ln det", got, want, size, n)
			}
		}
	})
}

// SumLog agrees with a logarithm a number, across the runs whose mantissas it multiplies and for numbers without one.
func TestSumLog(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 2))
	for _, n := range []int{0, 1, 7, logRun - 1, logRun, logRun + 1, 3*logRun + 5} {
		x := make([]float64, n)
		var want, size float64
		for j := range x {
			x[j] = math.Exp(200 * rnd.NormFloat64())
			want += math.Log(x[j])
			size += 1 + math.Abs(math.Log(x[j]))
		}
		near(t, "sum of logarithms", SumLog(x), want, size, max(1, n))
	}
	inf := math.Inf(1)
	for x, want := range map[float64]float64{0: -inf, inf: inf, 0x1p-1070: -1070 * math.Ln2, -1: math.NaN()} {
		if got := SumLog([]float64{3, x}); got != want+math.Log(3) && !(math.IsNaN(got) && math.IsNaN(want)) {
			near(t, "an end", got, want+math.Log(3), math.Abs(want), 1)
		}
	}
}

// TestVariancesEnds: numbers that have no mantissa in [1, 2) are not counted by it.
func TestVariancesEnds(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		inf, nan := math.Inf(1), math.NaN()
		for _, c := range []struct{ lam, want float64 }{
			{0, -inf}, {inf, inf}, {nan, nan}, {-1, nan}, {-inf, nan}, {0x1p-1060, -1060 * math.Ln2}, {0x1p-1022, -1022 * math.Ln2}, {0x1p1023, 1023 * math.Ln2},
		} {
			for n := 1; n < 20; n++ {
				lam, inv := make([]float64, n), make([]float64, n)
				for j := range lam {
					lam[j] = 1
				}
				lam[n/2] = c.lam
				var logDet [1]float64
				l.Variances(inv, lam, logDet[:], 1, 0)
				got := logDet[0]
				if !(math.Abs(got-c.want) <= 1e-12*math.Abs(c.want)) && got != c.want && !(got != got && c.want != c.want) {
					t.Fatalf("%d numbers, one %g: ln det %g, want %g", n, c.lam, got, c.want)
				}
				if want := 1 / c.lam; inv[n/2] != want && want == want {
					t.Fatalf("1/%g is %g", c.lam, inv[n/2])
				}
			}
		}
	})
}

func TestMixtureVectors(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", func(t *testing.T) { testMixtureVectors[float64](t, l, 0x1p-52) })
		t.Run("float32", func(t *testing.T) { testMixtureVectors[float32](t, l, 0x1p-23) })
	})
}

func testMixtureVectors[T Float](t *testing.T, l Level, eps float64) {
	rnd := rand.New(rand.NewPCG(12, 2))
	typed := func(x []float64) []T {
		y := make([]T, len(x))
		for j, v := range x {
			y[j] = T(v)
		}
		return y
	}
	for _, n := range append(lengths, 2100) {
		x, m, a, v := typed(normals(rnd, n)), typed(normals(rnd, n)), normals(rnd, n), normals(rnd, n)
		// One number more stays as it is.
		y, z, less, turned := make([]T, n+1), make([]T, n+1), make([]T, n+1), make([]T, n+1)
		y[n], z[n], less[n], turned[n] = 7, 7, 7, 7
		Centre(l, y[:n], x, m, .3)
		Scale(l, z[:n], x, a, -.7)
		Rescale(l, turned[:n], x, a, v, 1.7, .4)
		Less(l, less[:n], x, a)
		more := append(append([]float64{}, v...), 7)
		Add(l, more[:n], x)
		if y[n] != 7 || z[n] != 7 || less[n] != 7 || turned[n] != 7 || more[n] != 7 {
			t.Fatalf("n=%d: the number behind is overwritten", n)
		}
		for j := range n {
			xj, mj := float64(x[j]), float64(m[j])
			size := 2*math.Abs(xj) + 2*math.Abs(mj) + math.Abs(v[j])
			if d := math.Abs(float64(y[j]) - (xj - .3*mj)); !(d <= eps*size) { // two roundings and that to T
				t.Fatalf("n=%d: centred %d is %g off", n, j, d)
			}
			if d := math.Abs(float64(z[j]) + .7*a[j]*xj); !(d <= 2*eps*math.Abs(a[j]*xj)) {
				t.Fatalf("n=%d: scaled %d is %g off", n, j, d)
			}
			if less[j] != T(xj-a[j]) || more[j] != v[j]+xj {
				t.Fatalf("n=%d: number %d less %g is %g, and with %g %g", n, j, a[j], less[j], v[j], more[j])
			}
			if d := math.Abs(float64(turned[j]) - (1.7*a[j]-.4)*v[j]*xj); !(d <= 2*eps*(1.7*math.Abs(a[j])+.4)*math.Abs(v[j]*xj)) {
				t.Fatalf("n=%d: rescaled %d is %g off", n, j, d)
			}
		}
	}
}
