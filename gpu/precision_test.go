//go:build (cuda || emu) && cgo

package gpu

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"monge/engine"
	"monge/engine/rng"
)

var precisionTable = flag.String("precision-table", "", "file whose table of errors TestPrecision writes")

// double is an unevaluated sum of two float64 numbers, of which the second is below the first's last bit.
type double struct{ hi, lo float64 }

// add returns x + y.
func (x double) add(y double) double {
	s := x.hi + y.hi
	t := s - x.hi
	return double{s, (x.hi - (s - t)) + (y.hi - t) + x.lo + y.lo}
}

// times returns x y.
func (x double) times(y float64) double {
	p := x.hi * y
	return double{p, math.FMA(x.hi, y, -p) + x.lo*y}
}

// exactLogSum returns ln sum_j exp(scale <q, k_j> + u_j) in twice float64's digits but for the logarithm itself; round is
// what becomes of the numbers before they are multiplied.
//
// Source: Ogita, Rump, Oishi, Accurate sum and dot product, SIAM J. Sci. Comput. 26 (2005).
func exactLogSum(q, k []float64, scale float64, u []float64, round func(float64) float64) double {
	d := len(q)
	z := make([]double, len(u))
	top := double{hi: math.Inf(-1)}
	for j := range z {
		for l, x := range q {
			z[j] = z[j].add(double{hi: round(x)}.times(round(k[j*d+l])))
		}
		z[j] = z[j].times(scale).add(double{hi: u[j]})
		if z[j].hi > top.hi {
			top = z[j]
		}
	}
	var s float64
	for _, v := range z {
		s += math.Exp((v.hi - top.hi) + (v.lo - top.lo))
	}
	return top.add(double{hi: math.Log(s)})
}

// plainLogSum is the same formula in float32: every product, sum, exponential and logarithm rounded, in turn.
func plainLogSum(q, k []float64, scale float64, u []float64) float64 {
	d := len(q)
	z := make([]float32, len(u))
	top := float32(math.Inf(-1))
	for j := range z {
		var s float32
		for l, x := range q {
			s += float32(float32(x) * float32(k[j*d+l]))
		}
		z[j] = float32(float32(scale)*s) + float32(u[j])
		top = max(top, z[j])
	}
	var s float32
	for _, v := range z {
		s += float32(math.Exp(float64(v - top)))
	}
	return float64(top + float32(math.Log(float64(s))))
}

// errorsOf holds the largest errors of a log-sum-exp in nats, by the way to its products.
type errorsOf struct{ size, f64, fma, plain, x3, x1, tf32 float64 }

// measure finds the errors over rows of float32 numbers; u is none where it is nil.
func measure(t *testing.T, e *Engine, d int, q, k []float64, scale float64, u []float64) (worst errorsOf) {
	t.Helper()
	n, m := len(q)/d, len(k)/d
	run := func(dt engine.Dtype, np precision) []float64 {
		s := &engine.Softmax{Q: array(t, e, dt, 1, n, d, q), K: array(t, e, dt, 1, m, d, k), Scale: scale, LSE: array(t, e, dt, 1, n, 1, make([]float64, n))}
		buffers := []engine.Buffer{s.Q, s.K, s.LSE}
		if u != nil {
			s.U = array(t, e, dt, 1, m, 1, u)
			buffers = append(buffers, s.U)
		}
		got := make([]float64, n)
		if err := errors.Join(e.softmax(s, np), e.Read(got, s.LSE, 0)); err != nil {
			t.Fatal(err)
		}
		for _, x := range buffers {
			x.Free()
		}
		return got
	}
	f64, x3, x1 := run(engine.F64, full), run(engine.F32, full), run(engine.F32, fast)
	e.scalar = true
	fma32 := run(engine.F32, full)
	e.scalar = false
	if u == nil {
		u = make([]float64, m)
	}
	same := func(x float64) float64 { return x }
	for i := range n {
		row := q[i*d:][:d]
		want := exactLogSum(row, k, scale, u, same)
		put := func(to *float64, got double) {
			*to = max(*to, math.Abs((got.hi-want.hi)+(got.lo-want.lo)))
		}
		worst.size = max(worst.size, math.Abs(want.hi))
		put(&worst.f64, double{hi: f64[i]})
		put(&worst.fma, double{hi: fma32[i]})
		put(&worst.plain, double{hi: plainLogSum(row, k, scale, u)})
		put(&worst.x3, double{hi: x3[i]})
		put(&worst.x1, double{hi: x1[i]})
		put(&worst.tf32, exactLogSum(row, k, scale, u, tf32))
	}
	return worst
}

// normals draws float32 numbers.
func normals(seed uint64, n int) []float64 {
	g := rng.NewSource(seed, 0)
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(g.Normal()))
	}
	return x
}

// near draws queries of which every other lies close to a key, keys around an offset, and the biases that make the
// softmax one of squared distances, all of them float32 numbers: L_i = ln sum_j exp((2 <x_i, y_j> - |y_j|^2) / eps) at
// eps = 1/20 of the mean squared distance. It returns 2/eps, too.
func near(d int, offset float64) (q, k []float64, scale float64, u []float64) {
	const n, m = 22, 90
	q, k, u = normals(11, n*d), normals(12, m*d), make([]float64, m)
	for j := range k {
		k[j] = float64(float32(k[j] + offset))
	}
	scale = float64(float32(20 / float64(d)))
	for i := range q {
		row, l := i/d, i%d
		if row%2 == 0 {
			q[i] = float64(float32(k[3*row*d+l] + .1*q[i]))
		} else {
			q[i] = float64(float32(q[i] + offset))
		}
	}
	for j := range u {
		var s float64
		for _, x := range k[j*d:][:d] {
			s += x * x
		}
		u[j] = float64(float32(-scale / 2 * s))
	}
	return q, k, scale, u
}

// allowed is the contract's rule: the error of float32 results up to size, where the plain formula's is plain. It is twice
// that, which is no standard below a unit in the last place of a result: the roundings of z and of L alone can come to so
// much.
func allowed(plain, size float64) float64 {
	unit := float64(math.Nextafter32(float32(size), math.MaxFloat32)) - float64(float32(size))
	return 2 * max(plain, unit)
}

// check holds errors to the contract.
func (w errorsOf) check(t *testing.T, name string, d int) {
	t.Helper()
	t.Logf("%s, d = %d, |L| to %.4g: float64 %.2g; float32 by FMA %.2g, plain %.2g, three products %.2g; one %.2g, TF32 %.2g", name, d, w.size, w.f64, w.fma, w.plain, w.x3, w.x1, w.tf32)
	limit := allowed(w.plain, w.size)
	if w.x3 > limit || w.fma > limit {
		t.Errorf("%s, d = %d: three products are off by %.3g, FMA by %.3g, the plain formula by %.3g", name, d, w.x3, w.fma, w.plain)
	}
	// One product rounds the same numbers to the same bits as TF32: the sums alone differ.
	if w.x1 > w.tf32*(1+1e-2)+limit {
		t.Errorf("%s, d = %d: one product is off by %.3g, TF32 by %.3g", name, d, w.x1, w.tf32)
	}
	if w.x1 < 10*w.x3 {
		t.Errorf("%s, d = %d: one product, off by %.3g, is as exact as three, off by %.3g", name, d, w.x1, w.x3)
	}
}

// TestPrecision: three products are as exact as float32 arithmetic, one as TF32, for squared distances with and without an
// offset. With the flag it writes its table into a file.
func TestPrecision(t *testing.T) {
	e := open(t, Options{})
	var table strings.Builder
	table.WriteString("| d | offset | largest L | float64 | float32 by FMA | plain float32 | three products | one product | TF32 |\n|" + strings.Repeat(" --- |", 9) + "\n")
	for _, d := range []int{16, 64, 784, 3072} {
		for _, offset := range []float64{0, 4, 30} {
			q, k, scale, u := near(d, offset)
			w := measure(t, e, d, q, k, scale, u)
			w.check(t, fmt.Sprintf("offset %g", offset), d)
			fmt.Fprintf(&table, "| %d | %g | %.4g | %.1e | %.1e | %.1e | %.1e | %.1e | %.1e |\n", d, offset, w.size, w.f64, w.fma, w.plain, w.x3, w.x1, w.tf32)
		}
	}
	if *precisionTable == "" || t.Failed() {
		return
	}
	const begin, end = "<!-- errors: written by make precision -->\n", "<!-- end of errors -->\n"
	text, err := os.ReadFile(*precisionTable)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table: %q to %q", *precisionTable, begin, end)
	}
	if err := os.WriteFile(*precisionTable, bytes.Join([][]byte{before, []byte(begin), []byte(table.String()), []byte(end), after}, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}
