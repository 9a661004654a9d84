//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"monge/engine"
	"monge/engine/rng"
)

// cloud draws n rows of d float32 numbers; one row in eleven lies 20 times as far out.
func cloud(seed uint64, n, d int) []float64 {
	g := rng.NewSource(seed, 0)
	x := make([]float64, n*d)
	for i := range x {
		x[i] = float64(float32(g.Normal()))
		if i/d%11 == 4 {
			x[i] = float64(float32(20 * x[i]))
		}
	}
	return x
}

// tf32 rounds to the 11 significant bits of TF32.
func tf32(x float64) float64 {
	f, e := math.Frexp(x)
	return math.Ldexp(math.RoundToEven(f*(1<<11)), e-11)
}

func dot64(x, y []float64) (s float64) {
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

func dot32(x, y []float64) float64 {
	var s float32
	for i := range x {
		s += float32(float32(x[i]) * float32(y[i]))
	}
	return float64(s)
}

// TestTensorPrecision: three products are as exact as float32 arithmetic, one as TF32, for points of which some lie far out.
func TestTensorPrecision(t *testing.T) { testTensorPrecision(t, open(t, Options{})) }

func testTensorPrecision(t *testing.T, e *Engine) {
	for _, d := range []int{16, 32, 33, 64, 65, 100, 784} {
		scale := float64(float32(2 / math.Sqrt(float64(d))))
		measure(t, e, d, cloud(1, 40, d), cloud(2, 150, d), scale, nil).check(t, "outliers", d)
	}
}

// TestTensorMeans: means and second moments by the tensor cores are as exact as float32 arithmetic, over many keys too, with
// values of any width; columns, and rows of values, of other sizes keep their digits.
func TestTensorMeans(t *testing.T) { testTensorMeans(t, open(t, Options{})) }

func testTensorMeans(t *testing.T, e *Engine) {
	const n = 5
	for _, c := range []struct{ m, d, dv int }{{4500, 16, 0}, {130, 20, 0}, {300, 33, 7}, {130, 64, 0}, {130, 70, 129}, {130, 3, 200}, {300, 128, 0}, {333, 130, 0}, {1700, 200, 40}} {
		scale := .3 / math.Sqrt(float64(c.d))
		q, k := cloud(5, n, c.d), cloud(6, c.m, c.d)
		v, dv := k, c.d
		var vb engine.Buffer
		if c.dv > 0 {
			dv = c.dv
			v = cloud(7, c.m, dv)
			for i := range v {
				v[i] *= math.Ldexp(1, 30*(i%dv%3)-30) // columns
				if i/dv%5 == 3 {
					v[i] *= 0x1p-40 // rows
				}
			}
			vb = array(t, e, engine.F32, 1, c.m, dv, v)
		}
		qb, kb := array(t, e, engine.F32, 1, n, c.d, q), array(t, e, engine.F32, 1, c.m, c.d, k)
		mean, second := array(t, e, engine.F32, 1, n, dv, make([]float64, n*dv)), array(t, e, engine.F32, 1, n, 1, make([]float64, n))
		got, squares := make([]float64, n*dv), make([]float64, n)
		err := e.Softmax(&engine.Softmax{Q: qb, K: kb, V: vb, Scale: scale, Mean: mean, Second: second})
		if err := errors.Join(err, e.Read(got, mean, 0), e.Read(squares, second, 0)); err != nil {
			t.Fatal(err)
		}
		var worst, plain, worst2, plain2 float64 // in units of sum_j r_j |v_j|
		for i := range n {
			row := q[i*c.d:][:c.d]
			exact, rough := weights(row, k, scale), weights32(row, k, scale)
			var e2, p2 float64
			var s2 float32
			for l := range dv {
				off, rounded := meanErrors(exact, rough, v[l:], dv, got[i*dv+l])
				worst, plain = max(worst, off), max(plain, rounded)
			}
			for j, r := range exact {
				e2 += r * dot64(v[j*dv:][:dv], v[j*dv:][:dv])
				s2 += float32(rough[j] * float32(dot32(v[j*dv:][:dv], v[j*dv:][:dv])))
			}
			p2 = math.Abs(float64(s2)-e2) / e2
			worst2, plain2 = max(worst2, math.Abs(squares[i]-e2)/e2), max(plain2, p2)
		}
		t.Logf("m = %d, d = %d, dv = %d: mean %.2g, float32 %.2g; second moment %.2g, float32 %.2g", c.m, c.d, dv, worst, plain, worst2, plain2)
		if worst > allowed(plain, 1) || worst2 > allowed(plain2, 1) {
			t.Errorf("m = %d, d = %d, dv = %d: means are off by %.3g, the plain formula by %.3g; second moments by %.3g, %.3g", c.m, c.d, dv, worst, plain, worst2, plain2)
		}
		if c.m <= 300 && c.d <= 100 {
			testMeanForms(t, e, engine.Softmax{Q: qb, K: kb, V: vb, Scale: scale, Mean: mean}, v, got)
		}
		for _, b := range []engine.Buffer{qb, kb, mean, second, vb} {
			if b != nil {
				b.Free()
			}
		}
	}
}

// meanErrors returns the errors of a mean and of the plain float32 formula, in units of sum_j r_j |v_j|, from weights in float64
// and in float32; v has the column's values dv apart.
func meanErrors(exact []float64, rough []float32, v []float64, dv int, got float64) (off, plain float64) {
	var mean, size float64
	var sum float32
	for j, r := range exact {
		mean += r * v[j*dv]
		size += r * math.Abs(v[j*dv])
		sum += float32(rough[j] * float32(v[j*dv]))
	}
	return math.Abs(got-mean) / size, math.Abs(float64(sum)-mean) / size
}

// testMeanForms: means alone, which kernels of their own make, have the bits of those with second moments, and biases that are a
// row of ones times a column act as the column.
func testMeanForms(t *testing.T, e *Engine, a engine.Softmax, v, want []float64) {
	t.Helper()
	_, n, dv := a.Mean.Shape()
	_, m, d := a.K.Shape()
	got := make([]float64, n*dv)
	run := func() []float64 {
		if err := errors.Join(e.Softmax(&a), e.Read(got, a.Mean, 0)); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(got)
	}
	if plain := run(); !slices.Equal(plain, want) {
		t.Errorf("d = %d, dv = %d: means without second moments have other bits", d, dv)
	}
	bias, ones := make([]float64, m), make([]float64, n)
	for j := range bias {
		bias[j] = float64(j % 5)
	}
	for i := range ones {
		ones[i] = 1
	}
	u, c := array(t, e, engine.F32, 1, m, 1, bias), array(t, e, engine.F32, 1, n, 1, ones)
	defer u.Free()
	defer c.Free()
	a.U = u
	by := run()
	a.U, a.C, a.W = nil, c, u
	for i, x := range run() {
		most := 0. // of the column
		for j := i % dv; j < len(v); j += dv {
			most = max(most, math.Abs(v[j]))
		}
		// The biases, below 2^3 in base 2, are rounded in another order, to some 2^-21 of a weight.
		if !(math.Abs(x-by[i]) <= 0x1p-19*most) {
			t.Errorf("d = %d, dv = %d: mean %d is %g by biases, %g by factors", d, dv, i, by[i], x)
		}
	}
}

// weights returns the softmax of scale <q, k_j>.
func weights(q, k []float64, scale float64) []float64 {
	d := len(q)
	r := make([]float64, len(k)/d)
	for j := range r {
		r[j] = scale * dot64(q, k[j*d:][:d])
	}
	most, sum := slices.Max(r), 0.
	for j, z := range r {
		r[j] = math.Exp(z - most)
		sum += r[j]
	}
	for j := range r {
		r[j] /= sum
	}
	return r
}

// weights32 is weights in plain float32.
func weights32(q, k []float64, scale float64) []float32 {
	d := len(q)
	r := make([]float32, len(k)/d)
	most := float32(math.Inf(-1))
	for j := range r {
		r[j] = float32(scale) * float32(dot32(q, k[j*d:][:d]))
		most = max(most, r[j])
	}
	var sum float32
	for j, z := range r {
		r[j] = float32(math.Exp(float64(z - most)))
		sum += r[j]
	}
	for j := range r {
		r[j] /= sum
	}
	return r
}

// TestTensorParts: a row's bits do not depend on how blocks share the keys, nor on the other rows.
func TestTensorParts(t *testing.T) { testTensorParts(t, open(t, Options{})) }

func testTensorParts(t *testing.T, e *Engine) {
	const n, m, d = 150, 4500, 16
	q, k := cloud(3, n, d), cloud(4, m, d)
	kb := array(t, e, engine.F32, 1, m, d, k)
	run := func(rows []float64) (lse, most, mean []float64) {
		n := len(rows) / d
		qb := array(t, e, engine.F32, 1, n, d, rows)
		l, x := array(t, e, engine.F32, 1, n, 1, make([]float64, n)), array(t, e, engine.F32, 1, n, 1, make([]float64, n))
		m := array(t, e, engine.F32, 1, n, d, make([]float64, n*d))
		lse, most, mean = make([]float64, n), make([]float64, n), make([]float64, n*d)
		err := errors.Join(e.Softmax(&engine.Softmax{Q: qb, K: kb, LSE: l, Max: x}), e.Softmax(&engine.Softmax{Q: qb, K: kb, Mean: m}))
		if err := errors.Join(err, e.Read(lse, l, 0), e.Read(most, x, 0), e.Read(mean, m, 0)); err != nil {
			t.Fatal(err)
		}
		return lse, most, mean
	}
	lse, most, mean := run(q)
	defer func(workers int64) { e.workers = workers }(e.workers)
	e.workers = 1 // one block for all parts
	again, mostAgain, meanAgain := run(q)
	alone, mostAlone, meanAlone := run(q[7*d:][:d])
	if fmt.Sprint(lse, most, mean) != fmt.Sprint(again, mostAgain, meanAgain) {
		t.Error("another share of the parts gives other bits")
	}
	if lse[7] != alone[0] || most[7] != mostAlone[0] || fmt.Sprint(mean[7*d:][:d]) != fmt.Sprint(meanAlone) {
		t.Errorf("row 7 alone: %v, %v, %v; in company: %v, %v, %v", alone[0], mostAlone[0], meanAlone, lse[7], most[7], mean[7*d:][:d])
	}
}

// TestTensorMeansNonFinite: so do they in means, where keys, values or queries are not finite.
func TestTensorMeansNonFinite(t *testing.T) {
	e := open(t, Options{})
	t.Run("fused", func(t *testing.T) { testMeansNonFinite(t, e, 17, 1) })
	t.Run("memory", func(t *testing.T) { testMeansNonFinite(t, e, 130, 35) })
}

// testMeansNonFinite has d dimensions, and dv columns of values that are alike.
func testMeansNonFinite(t *testing.T, e *Engine, d, dv int) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct{ q, key, v, mean, second []float64 }{ // in the first coordinate; the second of queries and keys is 1
		{[]float64{1, 2}, []float64{1, nan}, []float64{5, 6}, []float64{nan, nan}, []float64{nan, nan}},
		{[]float64{0, nan}, []float64{2, 2}, []float64{5, 7}, []float64{6, nan}, []float64{37, nan}},
		{[]float64{1, 1}, []float64{-inf, 3}, []float64{5, 7}, []float64{7, 7}, []float64{49, 49}},
		{[]float64{-inf, 1}, []float64{1, -3}, []float64{5, 7}, []float64{nan, 5 + 2/(1+math.Exp(4))}, []float64{nan, 25 + 24/(1+math.Exp(4))}},
		{[]float64{inf, 0}, []float64{-1, -2}, []float64{5, 7}, []float64{0, 6}, []float64{0, 37}},
		{[]float64{0, 1}, []float64{2, 2}, []float64{inf, 7}, []float64{inf, inf}, []float64{inf, inf}},
		{[]float64{0, 1}, []float64{-inf, 2}, []float64{nan, 7}, []float64{nan, 7}, []float64{nan, 49}},
	} {
		n, m := len(c.q), len(c.key)
		q, k := make([]float64, n*d), make([]float64, m*d)
		for i, x := range c.q {
			q[i*d], q[i*d+1] = x, 1
		}
		for j, x := range c.key {
			k[j*d], k[j*d+1] = x, 1
		}
		v := make([]float64, m*dv)
		for i := range v {
			v[i] = c.v[i/dv]
		}
		mean, second := array(t, e, engine.F32, 1, n, dv, make([]float64, n*dv)), array(t, e, engine.F32, 1, n, 1, make([]float64, n))
		err := e.Softmax(&engine.Softmax{
			Q: array(t, e, engine.F32, 1, n, d, q), K: array(t, e, engine.F32, 1, m, d, k), V: array(t, e, engine.F32, 1, m, dv, v), Mean: mean, Second: second,
		})
		for what, x := range map[string]struct {
			buf   engine.Buffer
			width int
			times float64
			want  []float64
		}{"Mean": {mean, dv, 1, c.mean}, "Second": {second, 1, float64(dv), c.second}} {
			got := make([]float64, n*x.width)
			if err := errors.Join(err, e.Read(got, x.buf, 0)); err != nil {
				t.Fatal(err)
			}
			for i, y := range got {
				want := x.times * x.want[i/x.width]
				// 2^-21 is the relative error of the scaled products and of the exponential.
				if y != want && !(math.Abs(y-want) <= 0x1p-21*math.Abs(want)) && !(math.IsNaN(y) && math.IsNaN(want)) {
					t.Errorf("%s of queries %v, keys %v, values %v: row %d is %g, want %g", what, c.q, c.key, c.v, i/x.width, y, want)
				}
			}
		}
	}
}

// TestTensorNonFinite: infinities and NaN count as the formula reads, and a removed key counts nothing however large.
func TestTensorNonFinite(t *testing.T) { testTensorNonFinite(t, open(t, Options{})) }

func testTensorNonFinite(t *testing.T, e *Engine) {
	inf, nan := math.Inf(1), math.NaN()
	const d = 17
	for _, c := range []struct {
		q, key, u []float64 // in the first coordinate; the second of all queries and keys is 1
		lse, most []float64
	}{
		{[]float64{1, 2}, []float64{1, nan, 2}, nil, []float64{nan, nan}, []float64{nan, nan}},
		{[]float64{1, nan}, []float64{0, 0}, nil, []float64{1 + math.Ln2, nan}, []float64{1, nan}},
		{[]float64{1, -1}, []float64{1, inf}, nil, []float64{inf, 0}, []float64{inf, 0}},
		{[]float64{1, 1}, []float64{-inf, 3}, nil, []float64{4, 4}, []float64{4, 4}},
		{[]float64{1, 2}, []float64{-inf, -inf}, nil, []float64{-inf, -inf}, []float64{-inf, -inf}},
		{[]float64{inf, 2}, []float64{1, 3}, nil, []float64{inf, 7 + math.Log1p(math.Exp(-4))}, []float64{inf, 7}},
		{[]float64{inf, 1}, []float64{0, 3}, nil, []float64{nan, 4 + math.Log1p(math.Exp(-3))}, []float64{nan, 4}},
		{[]float64{1, 2}, []float64{1e30, 1e-3}, []float64{-inf, 0}, []float64{1.001, 1.002}, []float64{1.001, 1.002}},
		{[]float64{0, 0}, []float64{0, 0}, []float64{1e5, 1e5}, []float64{1e5 + 1 + math.Ln2, 1e5 + 1 + math.Ln2}, []float64{1e5 + 1, 1e5 + 1}},
	} {
		n, m := len(c.q), len(c.key)
		q, k := make([]float64, n*d), make([]float64, m*d)
		for i, x := range c.q {
			q[i*d], q[i*d+1] = x, 1
		}
		for j, x := range c.key {
			k[j*d], k[j*d+1] = x, 1
		}
		u := c.u
		if u == nil {
			u = make([]float64, m)
		}
		lse, most := array(t, e, engine.F32, 1, n, 1, make([]float64, n)), array(t, e, engine.F32, 1, n, 1, make([]float64, n))
		err := e.Softmax(&engine.Softmax{
			Q: array(t, e, engine.F32, 1, n, d, q), K: array(t, e, engine.F32, 1, m, d, k),
			U: array(t, e, engine.F32, 1, m, 1, u), LSE: lse, Max: most,
		})
		for what, x := range map[string]struct {
			buf  engine.Buffer
			want []float64
		}{"LSE": {lse, c.lse}, "Max": {most, c.most}} {
			got := make([]float64, n)
			if err := errors.Join(err, e.Read(got, x.buf, 0)); err != nil {
				t.Fatal(err)
			}
			for i, want := range x.want {
				// 2^-21 is the relative error of the scaled products and of the exponential.
				if got[i] != want && !(math.Abs(got[i]-want) <= 0x1p-21*math.Abs(want)) && !(math.IsNaN(got[i]) && math.IsNaN(want)) {
					t.Errorf("%s of queries %v, keys %v, biases %v: row %d is %g, want %g", what, c.q, c.key, u, i, got[i], want)
				}
			}
		}
	}
}
