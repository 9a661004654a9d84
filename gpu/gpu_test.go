//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"monge/engine"
	"monge/engine/enginetest"
)

// open opens device 0. It skips the test where the driver lists no usable one, which the emulated driver
// always does.
func open(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		if Kind != "emu" && errors.Is(err, engine.ErrNoDevice) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil && e.broken == nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

func TestEngine(t *testing.T) {
	enginetest.RunAll(t, func(t testing.TB) engine.Engine { return open(t, Options{}) }, nil)
}

// array returns a buffer that holds x.
func array(t testing.TB, e *Engine, dt engine.Dtype, b, n, d int, x []float64) engine.Buffer {
	t.Helper()
	buf, err := e.Alloc(dt, b, n, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(buf, 0, x); err != nil {
		t.Fatal(err)
	}
	return buf
}

func TestInfo(t *testing.T) {
	e := open(t, Options{})
	list, err := Devices()
	if err != nil || list[0].Reason != "" {
		t.Fatalf("%+v, error %v", list, err)
	}
	if i := e.Info(); i.Name != Kind || i.Device != list[0].Name || i.Memory != list[0].Memory || i.Threads != 0 {
		t.Errorf("%+v of %+v", i, list[0])
	}
}

func TestNoSuchDevice(t *testing.T) {
	open(t, Options{})
	e, err := Open(Options{Device: 9999})
	if e != nil || !errors.Is(err, engine.ErrNoDevice) || !strings.Contains(err.Error(), "device 9999 of ") {
		t.Errorf("%v, error %v", e, err)
	}
}

// TestStaging: arrays that are no multiple of the parts they travel in come and go whole, from any offset.
func TestStaging(t *testing.T) {
	e := open(t, Options{})
	for _, dt := range []engine.Dtype{engine.F64, engine.F32, engine.I32} {
		n := (2*stageParts+1)*stageBytes/dt.Size() + 77
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i % 8388593) // a prime below what float32 holds exactly
		}
		buf := array(t, e, dt, 1, n, 1, x)
		for _, off := range []int{0, 1, 12345, n - 3, n} {
			got := make([]float64, n-off)
			if err := e.Read(got, buf, off); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] != x[off+i] {
					t.Fatalf("%v: number %d, read from %d on, is %g, want %g", dt, off+i, off, got[i], x[off+i])
				}
			}
		}
		buf.Free()
	}
}

func TestMemoryLimit(t *testing.T) {
	e := open(t, Options{MaxMemory: 1 << 20})
	before := e.Info().Free
	if before > 1<<20 || before < 1<<20-4096 {
		t.Fatalf("%d bytes free of a limit of %d", before, 1<<20)
	}
	a, err := e.Alloc(engine.F64, 1, 1<<16, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Alloc(engine.F32, 3, 1<<16, 1)
	var m *engine.MemoryError
	if !errors.As(err, &m) || m.Asked != 3<<18 || m.Free != before-1<<19 || !errors.Is(err, engine.ErrOutOfMemory) ||
		!strings.HasPrefix(err.Error(), "gpu: Alloc ") {
		t.Fatalf("error %v (%+v), want %d bytes asked, %d free", err, m, 3<<18, before-1<<19)
	}
	a.View(5, 1, 2, 3).Free()
	if free := e.Info().Free; free != before-1<<19 {
		t.Fatalf("%d bytes free after freeing a view, want %d", free, before-1<<19)
	}
	a.Free()
	a.Free()
	if free := e.Info().Free; free != before {
		t.Fatalf("%d bytes free after Free, want %d", free, before)
	}
	for i := range 100 { // sizes that differ: the pool must give way
		x, err := e.Alloc(engine.F64, 1, int(before)/8-i, 1)
		if err != nil {
			t.Fatal(err)
		}
		x.Free()
	}
	for i := range 100 {
		x, err := e.Alloc(engine.F64, 1, 2000-i, 1)
		if err != nil {
			t.Fatal(err)
		}
		x.Free()
	}
	if e.pool.idle > e.pool.limit/pooled || e.pool.used > 4096 {
		t.Errorf("%d bytes are kept for reuse, %d in use, of a limit of %d", e.pool.idle, e.pool.used, e.pool.limit)
	}
}

// foreign is another engine's buffer.
type foreign struct{ engine.Buffer }

func TestForeignBuffer(t *testing.T) {
	e, other := open(t, Options{}), open(t, Options{})
	x := array(t, e, engine.F64, 1, 2, 2, make([]float64, 4))
	gone := array(t, e, engine.F64, 1, 2, 2, make([]float64, 4))
	gone.Free()
	for _, y := range []engine.Buffer{foreign{x}, array(t, other, engine.F64, 1, 2, 2, make([]float64, 4)), gone} {
		for name, err := range map[string]error{
			"Write": e.Write(y, 0, []float64{1}), "Read": e.Read(make([]float64, 1), y, 0),
			"Axpby": e.Axpby(x, 1, y, 0, nil), "Softmax": e.Softmax(&engine.Softmax{Q: x, K: y}),
			"Normal": e.Normal(y, 1, 1, 0), "Log": e.Log(x, y), "CopyRows": e.CopyRows(x, nil, y, nil),
		} {
			if !errors.Is(err, engine.ErrUnsupported) || !strings.HasPrefix(err.Error(), "gpu: ") {
				t.Errorf("%s of %T: error %v, want one that wraps ErrUnsupported", name, y, err)
			}
		}
	}
}

// TestIndexPastTheEnd: what kernels find wrong with indices comes back from Read and Sync, once, and
// the engine goes on.
func TestIndexPastTheEnd(t *testing.T) {
	e := open(t, Options{})
	x := array(t, e, engine.F64, 1, 3, 2, []float64{1, 2, 3, 4, 5, 6})
	one := array(t, e, engine.F64, 1, 1, 1, []float64{0})
	times := array(t, e, engine.F64, 1, 3, engine.CoefCount, []float64{1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0})
	model := &engine.MixtureParams{LogW: one, Mean: array(t, e, engine.F64, 1, 1, 2, []float64{0, 0}), Var: array(t, e, engine.F64, 1, 1, 1, []float64{1})}
	for _, index := range []float64{3, 1, -1, 1 << 30} {
		rows := array(t, e, engine.I32, 1, 3, 1, []float64{0, index, 0})
		to := array(t, e, engine.F64, 1, 3, 2, make([]float64, 6))
		if err := e.CopyRows(to, nil, x, rows); err != nil {
			t.Fatal(err)
		}
		got := make([]float64, 6)
		err := e.Read(got, to, 0)
		if errors.Is(err, engine.ErrShape) != (index > 2) {
			t.Errorf("CopyRows, index %g: error %v", index, err)
		}
		if err := e.MixtureFollow(&engine.MixtureFollow{P: model, Branch: rows, From: times, To: times, X: x, Y: to}); err != nil {
			t.Fatal(err)
		}
		if err := e.Sync(); !errors.Is(err, engine.ErrShape) {
			t.Errorf("MixtureFollow, branch %g: error %v", index, err)
		}
		if err := e.Sync(); err != nil {
			t.Errorf("the error comes twice: %v", err)
		}
		rows.Free()
		to.Free()
	}
}

func TestClosed(t *testing.T) {
	e := open(t, Options{})
	x := array(t, e, engine.F64, 1, 2, 1, []float64{1, 2})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	x.Free()
	for name, err := range map[string]error{
		"Log": e.Log(x, x), "Sync": e.Sync(), "Read": e.Read(make([]float64, 2), x, 0), "Write": e.Write(x, 0, []float64{1}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "gpu: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := e.Alloc(engine.F64, 1, 1, 1); !errors.Is(err, errClosed) {
		t.Errorf("Alloc: error %v", err)
	}
	if i := e.Info(); i.Free != 0 {
		t.Errorf("%+v", i)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestEngines runs engines side by side on one device, for the race detector.
func TestEngines(t *testing.T) {
	var wait sync.WaitGroup
	for i := range 3 {
		e := open(t, Options{})
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := sums(e, engine.Dtype(i%2), 100+i); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
}

// sums sums the numbers below n in several ways.
func sums(e *Engine, dt engine.Dtype, n int) error {
	x, err := e.Alloc(dt, 1, n, 1)
	if err != nil {
		return err
	}
	defer x.Free()
	out, err := e.Alloc(dt, 1, 1, 1)
	if err != nil {
		return err
	}
	defer out.Free()
	numbers := make([]float64, n)
	for i := range numbers {
		numbers[i] = float64(i)
	}
	got := make([]float64, 1)
	for range 5 {
		if err := e.Write(x, 0, numbers); err != nil {
			return err
		}
		if err := e.Reduce(out, engine.Sum, x, nil); err != nil {
			return err
		}
		if err := e.Read(got, out, 0); err != nil {
			return err
		}
		if want := float64(n * (n - 1) / 2); got[0] != want {
			return fmt.Errorf("the sum of %d numbers is %g, want %g", n, got[0], want)
		}
	}
	return nil
}

// TestPanels: panels keep to the store as far as whole parts of column sums allow.
func TestPanels(t *testing.T) {
	for _, c := range []struct {
		b, n, width, batch, rows int64
		columns                  bool
	}{
		{3, 10, 0, 3, 10, true},
		{3, 10, 7, 3, 10, false},
		{1000, 1 << 10, 1 << 10, 8, 1 << 10, true},
		{5, 1 << 20, 1 << 14, 1, 512, true},
		{5, 1 << 20, 1 << 14, 1, 512, false},
		{5, 1 << 20, 1 << 22, 1, 256, true},
		{5, 1 << 20, 1 << 22, 1, 2, false},
		{1, 100, 1 << 30, 1, 1, false},
		{1, 100, 1 << 30, 1, 100, true},
	} {
		if batch, rows := panel(panelStore, c.b, c.n, c.width, c.columns); batch != c.batch || rows != c.rows {
			t.Errorf("%+v: %d problems of %d rows", c, batch, rows)
		}
	}
}

// TestNonFinite: a NaN reaches the results, and an infinite z is the whole sum.
func TestNonFinite(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	e := open(t, Options{})
	for _, c := range []struct{ key, u, want []float64 }{
		{[]float64{1, nan, 2}, []float64{0, 0, 0}, []float64{nan}},
		{[]float64{nan}, []float64{0}, []float64{nan}},
		{[]float64{1, inf}, []float64{0, 0}, []float64{inf}},
		{[]float64{-inf, -inf}, []float64{0, 0}, []float64{-inf}},
		{[]float64{-inf, 3}, []float64{0, 0}, []float64{3}},
	} {
		n := len(c.key)
		lse := array(t, e, engine.F64, 1, 1, 1, []float64{7})
		err := e.Softmax(&engine.Softmax{
			Q: array(t, e, engine.F64, 1, 1, 1, []float64{1}), K: array(t, e, engine.F64, 1, n, 1, c.key),
			U: array(t, e, engine.F64, 1, n, 1, c.u), LSE: lse,
		})
		got := make([]float64, 1)
		if err := errors.Join(err, e.Read(got, lse, 0)); err != nil {
			t.Fatal(err)
		}
		if got[0] != c.want[0] && !(math.IsNaN(got[0]) && math.IsNaN(c.want[0])) {
			t.Errorf("keys %v, biases %v: %g, want %g", c.key, c.u, got[0], c.want[0])
		}
	}
}
