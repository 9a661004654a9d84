package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSinkhornKernels: products are bit by bit their sequences of fused multiply-adds, exponentials and both kinds of
// sums those of the formulas, at ends of the range too, and the products' two ways and heights agree in every bit.
func TestSinkhornKernels(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", func(t *testing.T) { testSinkhornKernels[float64](t, l, 5e-16, -1022, 1023) })
		t.Run("float32", func(t *testing.T) { testSinkhornKernels[float32](t, l, 2.5e-7, -126, 127) })
	})
}

// sinkhornData are the inputs of the kernels' test: points row-major, exponents at the ends of the range among them.
type sinkhornData[T Float] struct {
	d, cols           int
	x, y              []T // [SinkhornUnit, d], [cols, d]
	u, ref, s, before []T // [cols], [SinkhornUnit], [SinkhornUnit], [SinkhornUnit, cols]
	scale             T
}

// sinkhornSums are what the kernels leave: exponentials [SinkhornUnit, cols], and both kinds of sums.
type sinkhornSums[T Float] struct {
	e, c []T
	r    []float64
}

func drawn[T Float](n int, f func() float64) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(f())
	}
	return x
}

// newSinkhornData draws; least and most are the exponents of the type's range.
func newSinkhornData[T Float](d, cols int, least, most float64) *sinkhornData[T] {
	rnd := rand.New(rand.NewPCG(3, uint64(d)))
	p := &sinkhornData[T]{d: d, cols: cols, scale: .125}
	p.x, p.y = drawn[T](SinkhornUnit*d, rnd.NormFloat64), drawn[T](cols*d, rnd.NormFloat64)
	p.u, p.ref, p.s = drawn[T](cols, func() float64 { return 40 * rnd.NormFloat64() }), drawn[T](SinkhornUnit, rnd.NormFloat64), drawn[T](SinkhornUnit, rnd.Float64)
	p.u[0], p.u[1], p.u[2], p.u[3], p.u[4] = T(math.Inf(-1)), T(.95*least), T(.9*most), T(4*most), T(2*least)
	clear(p.y[d : 3*d])
	for i := range p.ref[:9] { // whole numbers, where the fraction's polynomial begins and ends
		p.ref[i] = T(i - 4)
	}
	p.before = drawn[T](SinkhornUnit*cols, rnd.Float64)
	return p
}

// tol is the relative error of an exponential.
func testSinkhornKernels[T Float](t *testing.T, l Level, tol, least, most float64) {
	const tiles = 5
	for _, d := range []int{1, 2, 7, 33, Deep + 133} {
		p := newSinkhornData[T](d, tiles*SinkhornOf[T](l, true).Cols(), least, most)
		var all []*sinkhornSums[T]
		for _, stream := range []bool{true, false} {
			for _, direct := range []bool{true, false} {
				k := SinkhornOf[T](l, stream)
				if direct && k.of.stream == nil {
					continue
				}
				out := &sinkhornSums[T]{make([]T, SinkhornUnit*p.cols), make([]T, p.cols), make([]float64, SinkhornUnit)}
				for i := 0; i < SinkhornUnit; i += k.Rows {
					p.block(t, l, k, i, direct, out, tol, least, most)
				}
				all = append(all, out)
			}
		}
		for _, o := range all[1:] {
			if !slices.Equal(o.e, all[0].e) || !slices.Equal(o.c, all[0].c) || fmt.Sprint(o.r) != fmt.Sprint(all[0].r) { // a sum may be NaN
				t.Fatalf("d=%d: two ways give two results", d)
			}
		}
		p.checkSums(t, all[0], most)
	}
}

// block runs the kernels on the block of rows from i on, by products made on the way or before, and checks products,
// exponentials and largest numbers.
func (p *sinkhornData[T]) block(t *testing.T, l Level, k *Sinkhorn[T], i int, direct bool, out *sinkhornSums[T], tol, least, most float64) {
	t.Helper()
	at := func(r, j int) int { return j/k.Cols()*k.Rows*k.Cols() + r*k.Cols() + j%k.Cols() }
	a, b, r := make([]T, k.Rows*p.d), make([]T, p.cols*p.d), make([]T, k.Rows*k.Lanes)
	z := drawn[T](k.Rows*p.cols, math.NaN) // nobody's numbers
	packTest(a, p.x[i*p.d:], k.Rows, p.d, k.Rows)
	packTest(b, p.y, p.cols, p.d, k.Cols())
	w := &SinkhornBlock[T]{Ref: p.ref[i:], S: p.s[i:], R: r, E: make([]T, k.Rows*p.cols)}
	for r := range k.Rows {
		for j := range p.cols {
			w.E[at(r, j)] = p.before[(i+r)*p.cols+j]
		}
	}
	k.Dots(z, a, b, p.d)
	for r := range k.Rows {
		for j := range p.cols {
			if got, want := z[at(r, j)], p.product(l, i+r, j); got != want {
				t.Fatalf("d=%d: product (%d, %d) = %g, want %g", p.d, i+r, j, got, want)
			}
		}
	}
	peaks := drawn[T](len(r), func() float64 { return math.Inf(-1) })
	k.Peaks(z, p.u, p.scale, peaks)
	const cut = 2 // tiles of a first call
	at0, at1 := cut*k.Cols(), cut*k.Rows*k.Cols()
	if direct {
		k.Stream(w, 0, a, b, p.u, p.d, p.scale, out.c[:at0])
		k.Stream(w, cut, a, b[at0*p.d:], p.u[at0:], p.d, p.scale, out.c[at0:])
	} else {
		k.Cached(w, 0, z, p.u, p.scale, out.c[:at0])
		k.Cached(w, cut, z[at1:], p.u[at0:], p.scale, out.c[at0:])
	}
	k.RowSums(out.r[i:i+k.Rows], r)
	for r := range k.Rows {
		top, peak := math.Inf(-1), math.Inf(-1)
		for _, v := range peaks[r*k.Lanes:][:k.Lanes] {
			peak = max(peak, float64(v))
		}
		for j := range p.cols {
			z, bias := z[at(r, j)], p.u[j]+p.ref[i+r]
			x := float64(T(float64(p.scale)*float64(z) + float64(bias)))
			if p.d == 1 && l != Plain && !math.IsInf(float64(bias), 0) {
				x = float64(fused(p.scale, z, bias))
			}
			out.e[(i+r)*p.cols+j] = w.E[at(r, j)]
			top = max(top, float64(p.scale)*float64(z)+float64(p.u[j]))
			checkExp(t, x, float64(w.E[at(r, j)]), tol, least, most)
		}
		if !(math.Abs(peak-top) <= 1e-5*math.Abs(top)) { // products are rounded to T
			t.Fatalf("row %d: largest %g, want %g", i+r, peak, top)
		}
	}
}

// product returns that of row i and column j as the kernels of a level add its terms.
func (p *sinkhornData[T]) product(l Level, i, j int) (sum T) {
	for c := range p.d {
		x, y := p.x[i*p.d+c], p.y[j*p.d+c]
		if l == Plain {
			sum += x * y
		} else {
			sum = fused(x, y, sum)
		}
	}
	return sum
}

// checkExp demands that got is 2^x, at the ends of the range only so small or so large.
func checkExp(t *testing.T, x, got, tol, least, most float64) {
	t.Helper()
	want := math.Exp2(x)
	ok := false
	switch {
	case x < .97*least:
		ok = got >= 0 && got <= 4*math.Exp2(max(x, least))
	case x > most-1:
		ok = got >= math.Exp2(min(most, 1000)-2)
	default:
		// A unit of x beside the exponential's own error, where x is not computed by the same roundings.
		ok = math.Abs(got-want) <= (tol+4*math.Abs(x)*tol)*want
	}
	if !ok {
		t.Fatalf("2^%g = %g, want %g", x, got, want)
	}
}

// checkSums compares the sums of columns, of the exponentials before, and of rows with those of float64; 1e-5 is some
// hundred roundings of float32.
func (p *sinkhornData[T]) checkSums(t *testing.T, out *sinkhornSums[T], most float64) {
	t.Helper()
	for j := range p.cols {
		var want float64
		for i, v := range p.s {
			want += float64(v) * float64(p.before[i*p.cols+j])
		}
		if got := float64(out.c[j]); !(math.Abs(got-want) <= 1e-5*want) {
			t.Fatalf("d=%d: column %d: sum %g, want %g", p.d, j, got, want)
		}
	}
	for i, got := range out.r {
		var want float64
		for _, v := range out.e[i*p.cols:][:p.cols] {
			want += float64(v)
		}
		if want < math.Exp2(most) && !(math.Abs(got-want) <= 1e-5*want) {
			t.Fatalf("d=%d: row %d: sum %g, want %g", p.d, i, got, want)
		}
	}
}

// packTest writes n points [n, d] as [n / width, d, width].
func packTest[T Float](dst, x []T, n, d, width int) {
	for i := range n {
		for l := range d {
			dst[i/width*d*width+l*width+i%width] = x[i*d+l]
		}
	}
}

// TestSinkhornExp: the exponential alone, with products that are 0.
func TestSinkhornExp(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", func(t *testing.T) { testSinkhornExp[float64](t, l, 5e-16) })
		t.Run("float32", func(t *testing.T) { testSinkhornExp[float32](t, l, 2.5e-7) })
	})
}

func testSinkhornExp[T Float](t *testing.T, l Level, tol float64) {
	rnd := rand.New(rand.NewPCG(4, 4))
	k := SinkhornOf[T](l, false)
	n := 600 * k.Cols()
	u := make([]T, n)
	for j := range u {
		u[j] = T(-100 * rnd.Float64())
		if j%3 == 0 {
			u[j] = T(rnd.IntN(200)-100) / 2
		}
	}
	z, s := make([]T, k.Rows*n), make([]T, k.Rows)
	w := &SinkhornBlock[T]{Ref: s, S: s, R: make([]T, k.Rows*k.Lanes), E: make([]T, k.Rows*n)}
	k.Cached(w, 0, z, u, 1, make([]T, n))
	worst := 0.0
	for j, x := range u {
		want := math.Exp2(float64(x))
		err := math.Abs(float64(w.E[j/k.Cols()*k.Rows*k.Cols()+j%k.Cols()])-want) / want
		if l == Plain { // x ln 2 is rounded
			err -= math.Abs(float64(x)) * 0x1p-53
		}
		worst = max(worst, err)
	}
	if worst > tol {
		t.Errorf("relative error %.3g, want %.3g", worst, tol)
	}
	t.Logf("relative error at most %.3g", worst)
}

// TestSinkhornScores: exponentials, both sums of rows, those of columns and the columns' maxima are those of the formulas,
// for products of either type, and do not depend on the blocks' height.
func TestSinkhornScores(t *testing.T) {
	each(t, func(t *testing.T, l Level) {
		t.Run("float64", testSinkhornScores[float64](l))
		t.Run("float32", testSinkhornScores[float32](l))
	})
}

func testSinkhornScores[T Float](l Level) func(t *testing.T) {
	return func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(5, 5))
		cols := 3 * SinkhornOf[T](l, true).Cols()
		draw := func(n int, f func() float64) []float64 {
			x := make([]float64, n)
			for i := range x {
				x[i] = f()
			}
			return x
		}
		products := draw(SinkhornUnit*cols, func() float64 { return float64(T(rnd.NormFloat64())) })
		before := draw(SinkhornUnit*cols, rnd.Float64)
		u, h := draw(cols, func() float64 { return 20*rnd.Float64() - 30 }), draw(cols, rnd.NormFloat64)
		u[1], u[5] = math.Inf(-1), -2000
		ref, s, q := draw(SinkhornUnit, rnd.NormFloat64), draw(SinkhornUnit, rnd.Float64), draw(SinkhornUnit, rnd.NormFloat64)
		const scale = 1.7
		var all [][]float64
		for _, stream := range []bool{true, false} {
			k, wide := SinkhornOf[T](l, stream), SinkhornOf[float64](l, stream)
			r, sum, c := make([]float64, SinkhornUnit), make([]float64, SinkhornUnit), make([]float64, cols)
			peaks := make([]T, cols)
			for j := range peaks {
				peaks[j] = T(math.Inf(-1))
			}
			place := func(r, j, width int) int { return j/width*k.Rows*width + r*width + j%width }
			for i := 0; i < SinkhornUnit; i += k.Rows {
				z, bias := make([]T, k.Rows*cols), make([]T, k.Rows)
				w := &SinkhornBlock[float64]{Ref: ref[i:], S: s[i:], R: make([]float64, k.Rows*wide.Lanes), E: make([]float64, k.Rows*cols)}
				lanes := make([]float64, k.Rows*wide.Lanes)
				for r := range k.Rows {
					bias[r] = T(q[i+r])
					for j := range cols {
						z[place(r, j, k.Cols())] = T(products[(i+r)*cols+j])
						w.E[place(r, j, wide.Cols())] = before[(i+r)*cols+j]
					}
				}
				cut := k.Cols() // a call of one tile, and one of the rest
				k.Scores(w, lanes, 0, z, u, h, scale, c[:cut])
				k.Scores(w, lanes, 1, z[k.Rows*cut:], u[cut:], h[cut:], scale, c[cut:])
				wide.RowSums(r[i:i+k.Rows], w.R)
				wide.RowSums(sum[i:i+k.Rows], lanes)
				k.ColPeaks(z, bias, 2, peaks)
				for r := range k.Rows {
					for j := range cols {
						x := scale*products[(i+r)*cols+j] + u[j] + ref[i+r]
						got, want := w.E[place(r, j, wide.Cols())], math.Exp2(x)
						// The exponent is rounded thrice, and 2^x may be off by 5e-16 of itself.
						if !(math.Abs(got-want) <= (5e-16+8e-16*math.Abs(max(x, -2000)))*want+0x1p-1000) {
							t.Fatalf("2^%g = %g, want %g", x, got, want)
						}
					}
				}
			}
			for i := range r {
				var want, score, size float64
				for j := range cols {
					e := math.Exp2(scale*products[i*cols+j] + u[j] + ref[i])
					y := products[i*cols+j] + h[j]
					want, score, size = want+e, score+e*y, size+e*math.Abs(y)
				}
				if !(math.Abs(r[i]-want) <= 1e-13*want) || !(math.Abs(sum[i]-score) <= 1e-13*size) {
					t.Fatalf("row %d: %g and %g, want %g and %g", i, r[i], sum[i], want, score)
				}
			}
			for j := range cols {
				var want float64
				most := math.Inf(-1)
				for i := range r {
					want += s[i] * before[i*cols+j]
					most = max(most, 2*products[i*cols+j]+q[i])
				}
				if !(math.Abs(c[j]-want) <= 1e-14*want) || !(math.Abs(float64(peaks[j])-most) <= 1e-6) {
					t.Fatalf("column %d: sum %g and maximum %g, want %g and %g", j, c[j], peaks[j], want, most)
				}
			}
			all = append(all, slices.Concat(r, sum, c))
		}
		if !slices.Equal(all[0], all[1]) {
			t.Error("two heights give two sums")
		}
	}
}
