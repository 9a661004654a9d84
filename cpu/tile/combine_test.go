package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCombine(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", func(t *testing.T) { testCombine[float64](t, l) })
		t.Run("float32", func(t *testing.T) { testCombine[float32](t, l) })
	})
}

func testCombine[T Float](t *testing.T, l Level) {
	rnd := rand.New(rand.NewPCG(5, 8))
	for _, n := range append(lengths, longest+40) {
		for _, terms := range []int{0, 1, 2, 14, terms, terms + 1, 40} {
			stride := n + rnd.IntN(3)
			x, coef := make([]T, max(0, terms-1)*stride+n), make([]T, terms)
			for i := range x {
				x[i] = T(rnd.NormFloat64())
			}
			for k := range coef {
				if coef[k] = T(rnd.NormFloat64()); k%3 == 1 { // not read: a NaN there is not met
					coef[k] = 0
					for j := range n {
						x[k*stride+j] = T(math.NaN())
					}
				}
			}
			dst := make([]float64, n)
			for j := range dst {
				dst[j] = math.NaN()
			}
			Combine(l, dst, coef, x, stride)
			for j, got := range dst {
				var want, size float64
				for k, c := range coef {
					if c != 0 {
						want += float64(c) * float64(x[k*stride+j])
						size += math.Abs(float64(c) * float64(x[k*stride+j]))
					}
				}
				near(t, "combination", got, want, size, terms)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", func(t *testing.T) { testErrors[float64](t, l) })
		t.Run("float32", func(t *testing.T) { testErrors[float32](t, l) })
	})
}

func testErrors[T Float](t *testing.T, l Level) {
	rnd := rand.New(rand.NewPCG(6, 8))
	for _, n := range append(lengths, longest+40) {
		v, x := normals(rnd, n), make([]T, n)
		for j := range x {
			x[j] = T(rnd.NormFloat64())
			if j%5 == 2 { // 0/0 where atol is 0
				v[j], x[j] = 0, 0
			}
		}
		for _, c := range []struct{ atol, rtol float64 }{{1e-3, 0}, {0, 1e-2}, {.1, .7}} {
			var want float64
			for j, e := range v {
				if e != 0 {
					e /= c.atol + c.rtol*math.Abs(float64(x[j]))
					want += e * e
				}
			}
			near(t, "sum of squares", Errors(l, v, x, c.atol, c.rtol), want, want, n)
		}
		for j := range v { // what is not a number, or divided by 0, is not lost
			kept := v[j]
			v[j] = math.NaN()
			if s := Errors(l, v, x, 1, 0); s == s {
				t.Fatalf("%d numbers, a NaN at %d: %v", n, j, s)
			}
			v[j] = kept
			if n > 100 && j > 40 {
				break
			}
		}
		if n > 0 {
			v[n/2], x[n/2] = 1, 0
			if s := Errors(l, v, x, 0, 1); !math.IsInf(s, 1) {
				t.Fatalf("%d numbers, 1/0 among them: %v", n, s)
			}
		}
	}
}
