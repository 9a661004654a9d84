package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// fused is a b + c rounded once. A product of two float32 is exact in float64; rounding its sum with c to
// odd there keeps the second rounding right.
func fused[T Float](a, b, c T) T {
	if _, ok := any(a).(float64); ok {
		return T(math.FMA(float64(a), float64(b), float64(c)))
	}
	p, x := float64(a)*float64(b), float64(c)
	s := p + x
	pp := s - x
	if rest := (p - pp) + (x - (s - pp)); rest != 0 && math.Float64bits(s)&1 == 0 {
		if (rest > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return T(s)
}

// TestProduct: every element is bit by bit its sequence of fused multiply-adds, and nothing beside c is
// written.
func TestProduct(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		if l == Plain {
			t.Skip("Plain has no products")
		}
		t.Run("float64", func(t *testing.T) { testProduct[float64](t, l) })
		t.Run("float32", func(t *testing.T) { testProduct[float32](t, l) })
	})
}

func testProduct[T Float](t *testing.T, l Level) {
	rnd := rand.New(rand.NewPCG(1, 9))
	var w Scratch[T]
	draw := func(n int) []T {
		x := make([]T, n+1)
		for i := range x {
			x[i] = T(rnd.NormFloat64())
		}
		return x[1:] // off the alignment of vectors
	}
	for i := range 400 {
		m, n, k := 1+rnd.IntN(40), 1+rnd.IntN(80), 1+rnd.IntN(40)
		if i%20 == 0 {
			k = depth - 3 + rnd.IntN(depth+8)
		}
		trans, add := i%2 == 0, i%4 < 2
		rows, cols := k, n
		if trans {
			rows, cols = n, k
		}
		lda, ldb, ldc := k+rnd.IntN(3), cols+rnd.IntN(3), n+rnd.IntN(3)
		// No number beyond the last of each matrix is there to be read.
		a, b, c := draw((m-1)*lda+k), draw((rows-1)*ldb+cols), draw((m-1)*ldc+n)
		want := append([]T{}, c...)
		for i := range m {
			for j := range n {
				var x T
				if add {
					x = c[i*ldc+j]
				}
				for l := range k {
					at := l*ldb + j
					if trans {
						at = j*ldb + l
					}
					x = fused(a[i*lda+l], b[at], x)
				}
				want[i*ldc+j] = x
			}
		}
		Product(l, &w, trans, add, m, n, k, a, lda, b, ldb, c, ldc)
		for i, x := range want {
			if c[i] != x {
				t.Fatalf("m=%d n=%d k=%d trans=%v add=%v: number %d (of rows of %d) is %v, want %v", m, n, k, trans, add, i, ldc, c[i], x)
			}
		}
	}
}

// BenchmarkProduct reports GFLOP/s, beside those of multiply-adds alone.
func BenchmarkProduct(b *testing.B) {
	for _, l := range Levels()[1:] {
		for _, k := range []int{16, 64, 512} {
			for _, trans := range []bool{false, true} {
				name := fmt.Sprintf("k=%d/trans=%v", k, trans)
				b.Run(fmt.Sprintf("%v/float64/%s", l, name), func(b *testing.B) { benchProduct[float64](b, l, k, trans) })
				b.Run(fmt.Sprintf("%v/float32/%s", l, name), func(b *testing.B) { benchProduct[float32](b, l, k, trans) })
			}
		}
		b.Run(l.String()+"/alone/float64", func(b *testing.B) { benchAlone[float64](b, l) })
		b.Run(l.String()+"/alone/float32", func(b *testing.B) { benchAlone[float32](b, l) })
	}
}

func benchProduct[T Float](b *testing.B, l Level, k int, trans bool) {
	const m, n = 64, 192
	x, y, c := make([]T, m*k), make([]T, n*k), make([]T, m*n)
	var w Scratch[T]
	ld := n
	if trans {
		ld = k
	}
	for b.Loop() {
		Product(l, &w, trans, false, m, n, k, x, k, y, ld, c, n)
	}
	b.ReportMetric(2*float64(m*n*k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}

// benchAlone measures the largest tile on numbers that are always the same, in the first cache: the
// arithmetic and its loads.
func benchAlone[T Float](b *testing.B, l Level) {
	const k, width = 128, maxWidth
	r := l.rows(100)
	x, y, c := make([]T, k), make([]T, width*k), make([]T, r*width)
	per := 2 * Block * map[bool]int{false: 1, true: 2}[l == AVX512] / 2
	if _, ok := any(x).([]float32); ok {
		per *= 2
	}
	for b.Loop() {
		product(l, r, 2, x, 0, y, 0, c, width, k, false)
	}
	b.ReportMetric(2*float64(r*per*k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}
