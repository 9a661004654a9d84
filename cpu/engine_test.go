package cpu

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"monge/cpu/tile"
	"monge/engine"
	"monge/engine/enginetest"
)

func TestEngine(t *testing.T) {
	skip := func(c enginetest.Case) string {
		if !rowsAlone && strings.HasPrefix(c.Name, "rows-") {
			return "OpenBLAS's rounding depends on the batch"
		}
		return ""
	}
	atLevels(t, func(t *testing.T, l tile.Level) {
		if testing.Short() && l != tile.Plain {
			t.Skip("the race detector does not see what assembly reads and writes; TestRowAlone has the Go code about it")
		}
		enginetest.RunAll(t, func(t testing.TB) engine.Engine { return newFixture(t, engine.F64, 2).at(l).Engine }, skip)
	})
}

// TestParts: parts of an engine do what it does, to the bit.
func TestParts(t *testing.T) {
	needRowsAlone(t)
	if testing.Short() {
		t.Skip("the operations of TestEngine, one after the other")
	}
	e := newFixture(t, engine.F64, 3).Engine
	parts := e.Parts()
	if len(parts) != 3 || parts[1].Info().Threads != 1 {
		t.Fatalf("%d parts, %+v", len(parts), parts[1].Info())
	}
	enginetest.RunSame(t, e, parts[1])
}

func needRowsAlone(t *testing.T) {
	if !rowsAlone {
		t.Skip("OpenBLAS's rounding depends on the batch")
	}
}

// TestThreads: sums over rows are bitwise the same whatever the goroutines.
func TestThreads(t *testing.T) {
	atLevels(t, testThreads)
}

func testThreads(t *testing.T, l tile.Level) {
	for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
		for _, shape := range [][4]int{{1, 2500, 301, 3}, {3, 700, 77, 7}, {70, 65, 3, 2}} {
			run := func(threads int) [][]float64 {
				f := newFixture(t, dt, threads).at(l)
				b, n, m, d := shape[0], shape[1], shape[2], shape[3]
				x, out, col := f.normals(b, n, d), f.zeros(b, 1, 1), f.zeros(b, m, 1)
				y := f.normals(b, n, d)
				f.ok(f.Softmax(&engine.Softmax{Q: x, K: f.normals(b, m, d), A: f.normals(b, n, 1), ColSum: col}))
				res := [][]float64{f.read(col)}
				for op := engine.Sum; op <= engine.MaxAbs; op++ {
					f.ok(f.Reduce(out, op, x, y))
					res = append(res, f.read(out))
				}
				f.ok(f.Axpby(x, 2, x, -.3, y))
				f.ok(f.Log(y, x))
				return append(res, f.read(x), f.read(y))
			}
			want := run(1)
			for _, threads := range []int{2, 3, 8} {
				compare(t, fmt.Sprintf("%v %v, %d threads", dt, shape, threads), run(threads), want, []int{0})
			}
		}
	}
}

// TestProblemAlone: a problem's results do not depend on the other problems of the batch, also where its
// keys start at another address: float32 dot products must not see that.
func TestProblemAlone(t *testing.T) {
	needRowsAlone(t)
	atLevels(t, testProblemAlone)
}

func testProblemAlone(t *testing.T, l tile.Level) {
	const b, n, m = 3, 70, 29
	for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
		for _, d := range []int{3, 5, 97, 99, 515} {
			f := newFixture(t, dt, 2).at(l)
			q, k, y := f.normals(b, n, d), f.normals(b, m, d), f.normals(b, m, d)
			lse, mean, col, mul := f.zeros(b, n, 1), f.zeros(b, n, d), f.zeros(b, m, 1), f.zeros(b, n, m)
			f.ok(f.Softmax(&engine.Softmax{Q: q, K: k, Scale: .1, LSE: lse, Mean: mean, ColSum: col}))
			f.ok(f.MatMul(mul, q, y, true))
			for p := range b {
				lse1, mean1, col1, mul1 := f.zeros(1, n, 1), f.zeros(1, n, d), f.zeros(1, m, 1), f.zeros(1, n, m)
				q1 := f.with(1, n, d, f.read(q)[p*n*d:(p+1)*n*d])
				k1, y1 := f.with(1, m, d, f.read(k)[p*m*d:(p+1)*m*d]), f.with(1, m, d, f.read(y)[p*m*d:(p+1)*m*d])
				f.ok(f.Softmax(&engine.Softmax{Q: q1, K: k1, Scale: .1, LSE: lse1, Mean: mean1, ColSum: col1}))
				f.ok(f.MatMul(mul1, q1, y1, true))
				part := func(x engine.Buffer) []float64 {
					n := engine.Len(x) / b
					return f.read(x)[p*n : (p+1)*n]
				}
				compare(t, fmt.Sprintf("%v d=%d problem %d", dt, d, p),
					[][]float64{f.read(lse1), f.read(mean1), f.read(col1), f.read(mul1)},
					[][]float64{part(lse), part(mean), part(col), part(mul)}, []int{0})
			}
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	e := New(Options{MaxMemory: 1 << 20})
	if free := e.Info().Free; free != 1<<20 {
		t.Fatalf("%d bytes free, want %d", free, 1<<20)
	}
	a, err := e.Alloc(engine.F64, 1, 1<<16, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Alloc(engine.F32, 3, 1<<16, 1)
	var m *engine.MemoryError
	if !errors.As(err, &m) || m.Asked != 3<<18 || m.Free != 1<<19 || !errors.Is(err, engine.ErrOutOfMemory) {
		t.Fatalf("error %v (%+v), want 786432 bytes asked, 524288 free", err, m)
	}
	a.View(5, 1, 2, 3).Free()
	if free := e.Info().Free; free != 1<<19 {
		t.Fatalf("%d bytes free after freeing a view, want %d", free, 1<<19)
	}
	a.Free()
	a.Free()
	if free := e.Info().Free; free != 1<<20 {
		t.Fatalf("%d bytes free after Free, want %d", free, 1<<20)
	}
	for range 100 { // sizes that differ: the pool must give way
		x, err := e.Alloc(engine.F64, 1, 1<<17-rand.N(100), 1)
		if err != nil {
			t.Fatal(err)
		}
		x.Free()
	}
	if e.heap.idle > e.heap.limit/pooled {
		t.Errorf("%d bytes are kept for reuse, of a limit of %d", e.heap.idle, e.heap.limit)
	}
}

// foreign is another engine's buffer.
type foreign struct{ engine.Buffer }

func TestForeignBuffer(t *testing.T) {
	f := newFixture(t, engine.F64, 1)
	x := f.zeros(1, 2, 2)
	for name, err := range map[string]error{
		"Write": f.Write(foreign{x}, 0, []float64{1}), "Read": f.Read(make([]float64, 1), foreign{x}, 0),
		"Axpby": f.Axpby(x, 1, foreign{x}, 0, nil), "Softmax": f.Softmax(&engine.Softmax{Q: x, K: foreign{x}}),
		"Normal": f.Normal(foreign{x}, 1, 1, 0), "Log": f.Log(x, foreign{x}), "CopyRows": f.CopyRows(x, nil, foreign{x}, nil),
	} {
		if !errors.Is(err, engine.ErrUnsupported) {
			t.Errorf("%s: error %v, want one that wraps ErrUnsupported", name, err)
		}
	}
}

func TestBranchOutOfRange(t *testing.T) {
	f := newFixture(t, engine.F64, 1)
	x, c := f.normals(1, 2, 3), f.times(2)
	for _, k := range []float64{-1, 2} {
		err := f.MixtureFollow(&engine.MixtureFollow{P: f.mixture(2, 3, 0, 0, 2, 1), Branch: f.indices([]float64{0, k}), From: c, To: c, X: x, Y: f.zeros(1, 2, 3)})
		if !errors.Is(err, engine.ErrShape) {
			t.Errorf("branch %g: error %v, want ErrShape", k, err)
		}
	}
}

// TestNonFinite: a NaN reaches the results, and an infinite z is the whole sum.
func TestNonFinite(t *testing.T) {
	atLevels(t, testNonFinite)
}

func testNonFinite(t *testing.T, l tile.Level) {
	inf, nan := math.Inf(1), math.NaN()
	for _, all := range []bool{false, true} {
		f := newFixture(t, engine.F64, 1).at(l)
		q := f.with(1, 1, 1, []float64{1})
		for _, c := range []struct{ key, u, want []float64 }{
			{[]float64{1, nan, 2}, []float64{0, 0, 0}, []float64{nan}},
			{[]float64{nan, 1}, []float64{0, -inf}, []float64{nan}},
			{[]float64{nan}, []float64{0}, []float64{nan}},
			{[]float64{1, inf}, []float64{0, 0}, []float64{inf}},
			{[]float64{-inf, -inf}, []float64{0, 0}, []float64{-inf}},
			{[]float64{-inf, 3}, []float64{0, 0}, []float64{3}},
		} {
			n := len(c.key)
			op := &engine.Softmax{Q: q, K: f.with(1, n, 1, c.key), U: f.with(1, n, 1, c.u), LSE: f.zeros(1, 1, 1)}
			if all {
				op.V, op.Mean = f.normals(1, n, 2), f.zeros(1, 1, 2)
			}
			f.ok(f.Softmax(op))
			compare(t, fmt.Sprintf("keys %v, biases %v, mean %v", c.key, c.u, all), [][]float64{f.read(op.LSE)}, [][]float64{c.want}, []int{0})
		}
	}
}

// TestSteadyState: once its scratch memory is there, an operation allocates nothing and leaves no
// goroutine behind.
func TestSteadyState(t *testing.T) {
	atLevels(t, testSteadyState)
}

func testSteadyState(t *testing.T, l tile.Level) {
	f := newFixture(t, engine.F64, 1).at(l)
	x, y, c := f.normals(1, 100, 2), f.zeros(1, 100, 2), f.times(100)
	one := f.zeros(1, 1, 1)
	lse, col := f.zeros(1, 100, 1), f.zeros(1, 100, 1)
	soft := &engine.Softmax{Q: x, K: x, V: x, LSE: lse, Mean: y, ColSum: col}
	for name, op := range map[string]func() error{
		"Softmax": func() error { return f.Softmax(soft) },
		"Axpby":   func() error { return f.Axpby(y, 2, x, 0, nil) },
		"Reduce":  func() error { return f.Reduce(one, engine.Sum, x, nil) },
	} {
		if n := testing.AllocsPerRun(20, func() { f.ok(op()) }); n > 0 {
			t.Errorf("%s: %g allocations a call", name, n)
		}
	}
	for _, bases := range []int{0, 3} {
		op := &engine.Mixture{P: f.mixture(3, 2, bases, 0, 3, 2), Coef: c, X: x, V: y}
		if n := testing.AllocsPerRun(20, func() { f.ok(f.Mixture(op)) }); n > 0 {
			t.Errorf("Mixture with %d bases: %g allocations a call", bases, n)
		}
	}
	before := runtime.NumGoroutine()
	many := newFixture(t, engine.F64, 8).at(l)
	big := many.normals(1, 3000, 8)
	for range 5 {
		many.ok(many.Softmax(&engine.Softmax{Q: big, K: big, LSE: many.zeros(1, 3000, 1)}))
		many.ok(many.Log(big, big))
	}
	many.ok(many.Close())
	for range 500 { // a goroutine that has reported its end may still be leaving, on a busy machine for long
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestEngines runs engines side by side, for the race detector.
func TestEngines(t *testing.T) {
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			f := newFixture(t, engine.Dtype(i%2), 3)
			q := f.normals(2, 300, 6)
			col := f.zeros(2, 300, 1)
			for range 3 {
				if err := f.Softmax(&engine.Softmax{Q: q, K: q, Mean: f.zeros(2, 300, 6), ColSum: col}); err != nil {
					t.Error(err)
				}
				op := &engine.Mixture{P: f.mixture(3, 6, 3, 0, 3, 6), Coef: f.times(600), X: q.View(0, 1, 600, 6), V: f.zeros(1, 600, 6), Div: f.zeros(1, 600, 1)}
				if err := f.Mixture(op); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
}

// TestLargeKeys: 100,000 keys need scratch memory of a few megabytes, not of rows x keys.
func TestLargeKeys(t *testing.T) {
	const n, m = 40, 100_000
	f := newFixture(t, engine.F64, 2)
	q, k := f.normals(1, n, 2), f.normals(1, m, 2)
	mean, lse, max := f.zeros(1, n, 2), f.zeros(1, n, 1), f.zeros(1, n, 1)
	f.ok(f.Softmax(&engine.Softmax{Q: q, K: k, Mean: mean, LSE: lse, Max: max}))
	for _, w := range f.workers {
		if bytes := 8 * len(w.f64.buf); bytes > 16<<20 {
			t.Errorf("%d bytes of scratch memory", bytes)
		}
	}
	// With keys from N(0, 1), E exp <q, k> = exp |q|^2/2 and the mean is q. One key in M has a relative
	// weight of about exp(|q|^2/2)/sqrt(M), at most 0.15 up to |q| = 2.8.
	got, x, l := f.read(mean), f.read(q), f.read(lse)
	for i := range n {
		r2 := x[2*i]*x[2*i] + x[2*i+1]*x[2*i+1]
		if math.Abs(l[i]-math.Log(m)-r2/2) > .2 || math.Hypot(got[2*i]-x[2*i], got[2*i+1]-x[2*i+1]) > .5 {
			t.Errorf("row %d: L %g, mean %v for query %v", i, l[i], got[2*i:2*i+2], x[2*i:2*i+2])
		}
	}
}
