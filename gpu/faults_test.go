//go:build emu && cgo

package gpu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"monge/engine"
	"monge/kernels/emu"
)

// most is more than any operation here has allocations, launches or driver calls.
const most = 2000

// fresh gives the test a driver as a new process finds it.
func fresh(t *testing.T) {
	t.Helper()
	emu.Reset()
	t.Cleanup(emu.Reset)
}

// empty reports what the driver still holds, and what an ended context took with it.
func empty(t *testing.T, when string) {
	t.Helper()
	if now, orphans := emu.Count(); now != (emu.Live{}) || orphans != (emu.Live{}) {
		t.Errorf("%s: the driver holds %+v, and lost %+v", when, now, orphans)
	}
}

// operations are calls that between them make every kind of driver call, on inputs of their own. They
// return what they compute.
var operations = []struct {
	name string
	run  func(*Engine) ([]float64, error)
}{
	{"Alloc", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		return f.read(f.zeros(engine.F32, 2, 3, 4))
	}},
	{"Write", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		return f.read(f.numbers(engine.I32, 1, 1, 2*stageBytes/4+5))
	}},
	{"Softmax", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		x, v := f.numbers(engine.F64, 1, 5, 3), f.numbers(engine.F64, 1, 5, 2)
		a := engine.Softmax{
			Q: x, K: x, V: v, Scale: .1, T: f.numbers(engine.F64, 5, 2, 3),
			LSE: f.zeros(engine.F64, 1, 5, 1), Mean: f.zeros(engine.F64, 1, 5, 2), Second: f.zeros(engine.F64, 1, 5, 1),
			TMean: f.zeros(engine.F64, 5, 2, 2), ColSum: f.zeros(engine.F64, 1, 5, 1), Arg: f.zeros(engine.I32, 1, 5, 1),
		}
		f.do(func() error { return e.Softmax(&a) })
		return f.read(a.LSE, a.Mean, a.Second, a.TMean, a.ColSum, a.Arg)
	}},
	{"SoftmaxParts", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		q, k := f.numbers(engine.F32, 1, 2, 1), f.numbers(engine.F32, 1, 600, 1) // keys of two parts
		a := engine.Softmax{
			Q: q, K: k, Scale: .01, LSE: f.zeros(engine.F32, 1, 2, 1), Mean: f.zeros(engine.F32, 1, 2, 1),
			Second: f.zeros(engine.F32, 1, 2, 1), Arg: f.zeros(engine.I32, 1, 2, 1),
		}
		f.do(func() error { return e.Softmax(&a) })
		return f.read(a.LSE, a.Mean, a.Second, a.Arg)
	}},
	{"SoftmaxTensor", func(e *Engine) ([]float64, error) { // split clouds, tensor cores, merging of states
		f := fixture{e: e}
		defer f.free()
		x := f.numbers(engine.F32, 1, 3, leastDims+1)
		a := engine.Softmax{Q: x, K: x, Scale: 1e-3, LSE: f.zeros(engine.F32, 1, 3, 1), Arg: f.zeros(engine.I32, 1, 3, 1)}
		f.do(func() error { return e.Softmax(&a) })
		return f.read(a.LSE, a.Arg)
	}},
	{"SoftmaxTensorWeights", func(e *Engine) ([]float64, error) { // the same with what needs the weights
		f := fixture{e: e}
		defer f.free()
		x := f.numbers(engine.F32, 1, 3, leastDims)
		v := f.numbers(engine.F32, 1, 3, leastValues)
		a := engine.Softmax{Q: x, K: x, V: v, Scale: 1e-3, Mean: f.zeros(engine.F32, 1, 3, leastValues), ColSum: f.zeros(engine.F32, 1, 3, 1)}
		f.do(func() error { return e.Softmax(&a) })
		return f.read(a.Mean, a.ColSum)
	}},
	{"SinkhornSmall", func(e *Engine) ([]float64, error) { return sinkhornOf(e, engine.F64, 3, 2, false) }},
	{"Sinkhorn", func(e *Engine) ([]float64, error) { return sinkhornOf(e, engine.F64, smallRows+1, 2, false) }},
	{"SinkhornPanels", func(e *Engine) ([]float64, error) { return sinkhornOf(e, engine.F64, 3, 2*panelDepth, false) }},
	{"SinkhornTensorPanels", func(e *Engine) ([]float64, error) { // the emulation takes long for what is not ended
		return sinkhornOf(e, engine.F32, 3, panelProducts/int(full)+1, true)
	}},
	{"Mixture", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		a := engine.Mixture{P: f.model(), Coef: f.numbers(engine.F32, 1, 4, engine.CoefCount), X: f.numbers(engine.F32, 1, 4, 2), V: f.zeros(engine.F32, 1, 4, 2)}
		f.do(func() error { return e.Mixture(&a) })
		return f.read(a.V)
	}},
	{"MixtureFollow", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		c := f.numbers(engine.F32, 1, 2, engine.CoefCount)
		a := engine.MixtureFollow{P: f.model(), Branch: f.numbers(engine.I32, 1, 2, 1), From: c, To: c, X: f.numbers(engine.F32, 1, 2, 2), Y: f.zeros(engine.F32, 1, 2, 2)}
		f.do(func() error { return e.MixtureFollow(&a) })
		return f.read(a.Y)
	}},
	{"Reduce", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		x, out := f.numbers(engine.F64, 2, 30, 3), f.zeros(engine.F64, 2, 1, 1)
		f.do(func() error { return e.Reduce(out, engine.Dot, x, x) })
		return f.read(out)
	}},
	{"Time", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		x := f.numbers(engine.F64, 1, 3, 3)
		f.do(func() error {
			_, err := e.Time(func() error { return e.Axpby(x, 2, x, 0, nil) })
			return err
		})
		return f.read(x)
	}},
	{"CopyRows", func(e *Engine) ([]float64, error) {
		f := fixture{e: e}
		defer f.free()
		x, out := f.numbers(engine.F64, 1, 3, 3), f.zeros(engine.F64, 1, 3, 3)
		rows := f.numbers(engine.I32, 1, 3, 1)
		f.do(func() error { return e.CopyRows(out, rows, x, nil) })
		f.do(e.Sync)
		return f.read(out)
	}},
}

// sinkhornOf makes three iterations between clouds of n and 2 points in d dimensions, or, ended, queues them for nothing.
func sinkhornOf(e *Engine, dt engine.Dtype, n, d int, ended bool) ([]float64, error) {
	f := fixture{e: e}
	defer f.free()
	eps := f.zeros(engine.F64, 1, 1, 1)
	f.do(func() error { return e.Write(eps, 0, []float64{1e8}) })
	a := engine.Sinkhorn{
		X: f.numbers(dt, 1, n, d), Y: f.numbers(dt, 1, 2, d), LogA: f.zeros(engine.F64, 1, n, 1), LogB: f.zeros(engine.F64, 1, 2, 1),
		Eps: eps, F: f.zeros(engine.F64, 1, n, 1), G: f.zeros(engine.F64, 1, 2, 1), State: f.zeros(engine.I32, 1, 2, 1), Trace: f.zeros(engine.F64, 1, 2, 1),
		Tol: -1, Limit: 3, Passes: 2,
	}
	if ended {
		f.do(func() error { return e.Write(a.State, 1, []float64{1}) })
	}
	f.do(func() error { return e.Sinkhorn(context.Background(), &a) })
	f.do(func() error { return e.Sinkhorn(context.Background(), &a) })
	return f.read(a.F, a.G, a.State, a.Trace)
}

// fixture makes inputs until something fails.
type fixture struct {
	e    *Engine
	held []engine.Buffer
	err  error
}

func (f *fixture) do(op func() error) {
	if f.err == nil {
		f.err = op()
	}
}

func (f *fixture) zeros(t engine.Dtype, b, n, d int) engine.Buffer {
	if f.err != nil {
		return nil
	}
	x, err := f.e.Alloc(t, b, n, d)
	if f.err = err; err != nil {
		return nil
	}
	f.held = append(f.held, x)
	return x
}

// numbers returns 0, 1, 2, ....
func (f *fixture) numbers(t engine.Dtype, b, n, d int) engine.Buffer {
	x := f.zeros(t, b, n, d)
	src := make([]float64, b*n*d)
	for i := range src {
		src[i] = float64(i)
	}
	f.do(func() error { return f.e.Write(x, 0, src) })
	return x
}

func (f *fixture) model() *engine.MixtureParams {
	vars := f.zeros(engine.F32, 1, 1, 1)
	f.do(func() error { return f.e.Write(vars, 0, []float64{1}) })
	return &engine.MixtureParams{LogW: f.zeros(engine.F32, 1, 2, 1), Mean: f.numbers(engine.F32, 1, 2, 2), Var: vars}
}

func (f *fixture) read(xs ...engine.Buffer) (all []float64, err error) {
	for _, x := range xs {
		if f.err != nil {
			return nil, f.err
		}
		part := make([]float64, engine.Len(x))
		f.do(func() error { return f.e.Read(part, x, 0) })
		all = append(all, part...)
	}
	return all, f.err
}

func (f *fixture) free() {
	for _, x := range f.held {
		x.Free()
	}
}

// TestRefusals: wherever in an operation the driver refuses memory, a copy or a launch, the error says so,
// the engine goes on and computes the right thing next time, and nothing is leaked.
func TestRefusals(t *testing.T) {
	fresh(t)
	for _, fault := range []struct {
		name string
		at   func(k int64) emu.Faults
		want error
	}{
		{"memory", func(k int64) emu.Faults { return emu.Faults{Alloc: k} }, engine.ErrOutOfMemory},
		{"copy", func(k int64) emu.Faults { return emu.Faults{Copy: k} }, nil},
		{"launch", func(k int64) emu.Faults { return emu.Faults{Launch: k} }, nil},
	} {
		for _, op := range operations {
			t.Run(fault.name+"/"+op.name, func(t *testing.T) {
				e := open(t, Options{})
				want, err := op.run(e)
				if err != nil {
					t.Fatal(err, emu.LastFault())
				}
				for k := int64(1); ; k++ {
					if k == most {
						t.Fatal("the operation never gets through")
					}
					trim(t, e) // else what was kept is used again
					emu.Set(fault.at(k))
					_, err := op.run(e)
					emu.Set(emu.Faults{})
					if err == nil {
						break
					}
					var m *engine.MemoryError
					if !strings.HasPrefix(err.Error(), "gpu: ") || fault.want != nil && (!errors.Is(err, fault.want) || !errors.As(err, &m) || m.What == "" || m.Asked <= 0) {
						t.Errorf("refusal %d: error %v", k, err)
					}
					if e.broken != nil {
						t.Fatalf("refusal %d breaks the engine: %v", k, err)
					}
					got, err := op.run(e)
					if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
						t.Fatalf("after refusal %d: %v, error %v, want %v", k, got, err, want)
					}
				}
				if e.pool.used != 4*faultCount {
					t.Errorf("%d bytes are still in use", e.pool.used)
				}
				if err := e.Close(); err != nil {
					t.Error(err)
				}
				empty(t, "after Close")
			})
		}
	}
}

func trim(t *testing.T, e *Engine) {
	t.Helper()
	leave, err := e.current()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if err := e.trim(); err != nil {
		t.Fatal(err)
	}
}

// TestKernelFault: after a kernel's fault every call returns the same error, Close gives back the context,
// and a new engine works.
func TestKernelFault(t *testing.T) {
	fresh(t)
	for _, op := range operations[2:] {
		t.Run(op.name, func(t *testing.T) {
			for k := int64(1); ; k++ {
				e := open(t, Options{})
				emu.Set(emu.Faults{Kernel: k})
				_, err := op.run(e)
				emu.Set(emu.Faults{})
				if err == nil {
					return
				}
				if !strings.HasPrefix(err.Error(), "gpu: device 0 (emulated device) failed, noticed by ") || !strings.Contains(err.Error(), "(CUDA error 719)") {
					t.Errorf("launch %d: error %v", k, err)
				}
				broken(t, e, err)
			}
		})
	}
}

// broken checks that every call on an engine returns the error, and that Close leaves nothing.
func broken(t *testing.T, e *Engine, err error) {
	t.Helper()
	_, again := e.Alloc(engine.F64, 1, 1, 1)
	for _, x := range []error{again, e.Sync(), e.Sync(), e.Close()} {
		if x == nil || x.Error() != err.Error() {
			t.Errorf("a later call: error %v, want %v", x, err)
		}
	}
	if free := e.Info().Free; free != 0 {
		t.Errorf("%d bytes free on a device that failed", free)
	}
	if now, _ := emu.Count(); now != (emu.Live{}) {
		t.Errorf("after Close the driver holds %+v", now)
	}
}

// TestLostDevice loses the device at every driver call of every operation.
func TestLostDevice(t *testing.T) {
	fresh(t)
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			for k := int64(1); ; k++ {
				if k == most {
					t.Fatal("the operation never gets through")
				}
				emu.Reset()
				e := open(t, Options{})
				emu.Set(emu.Faults{Lost: k})
				_, err := op.run(e)
				emu.Set(emu.Faults{})
				if err == nil && e.broken == nil { // it was through, at the latest with its last Free
					return
				}
				if err == nil {
					err = e.broken
				}
				if !strings.HasPrefix(err.Error(), "gpu: ") || !strings.Contains(err.Error(), "(CUDA error 999)") {
					t.Errorf("call %d: error %v", k, err)
				}
				broken(t, e, err)
			}
		})
	}
}

// TestOpenFails: whatever fails in Open, the error says what, and nothing is leaked.
func TestOpenFails(t *testing.T) {
	fresh(t)
	for _, c := range []struct {
		faults emu.Faults
		want   string
		is     error
	}{
		{emu.Faults{NoDevice: true}, "gpu: the driver does not start: no CUDA-capable device is detected (CUDA error 100)", engine.ErrNoDevice},
		{emu.Faults{Function: "cuInit"}, "gpu: the driver has no function cuInit", engine.ErrNoDevice},
		{emu.Faults{Function: "cuMemHostAlloc"}, "gpu: the driver has no function cuMemHostAlloc", engine.ErrNoDevice},
		{emu.Faults{Function: "cuLaunchKernel"}, "gpu: the driver has no function cuLaunchKernel", engine.ErrNoDevice},
		{emu.Faults{Alloc: 1}, "gpu: device 0 (emulated device): out of memory: fault words needs 8 bytes", engine.ErrOutOfMemory},
		{emu.Faults{HostAlloc: 1}, "gpu: device 0 (emulated device): 4194312 bytes of page-locked host memory: out of memory", engine.ErrOutOfMemory},
		{emu.Faults{Copy: 1}, "gpu: device 0 (emulated device): invalid argument (CUDA error 1)", nil},
	} {
		emu.Set(c.faults)
		e, err := Open(Options{})
		emu.Set(emu.Faults{})
		if e != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%+v: error %v, want %s", c.faults, err, c.want)
		}
		empty(t, fmt.Sprintf("after Open with %+v", c.faults))
	}
	for k := int64(1); ; k++ {
		emu.Reset()
		emu.Set(emu.Faults{Lost: k})
		e, err := Open(Options{})
		emu.Set(emu.Faults{})
		if err == nil {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			empty(t, "after Open")
			return
		}
		if e != nil || !strings.HasPrefix(err.Error(), "gpu: ") {
			t.Errorf("lost at call %d: %v, error %v", k, e, err)
		}
		if now, _ := emu.Count(); now != (emu.Live{}) {
			t.Errorf("lost at call %d: the driver holds %+v", k, now)
		}
	}
}

// TestNoKernel: a kernel that its module lacks is an error of the operation that needs it.
func TestNoKernel(t *testing.T) {
	fresh(t)
	e := open(t, Options{})
	x := array(t, e, engine.F64, 1, 1, 1, []float64{1})
	emu.Set(emu.Faults{NoKernel: "log_f64"})
	err := e.Log(x, x)
	if want := "gpu: Log [N=1]: kernel log_f64 of module elementwise: named symbol not found (CUDA error 500)"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := e.Axpby(x, 2, x, 0, nil); err != nil {
		t.Errorf("another kernel: error %v", err)
	}
	emu.Set(emu.Faults{})
	if err := e.Log(x, x); err != nil {
		t.Errorf("once the kernel is there: error %v", err)
	}
}

// TestPoolGivesWay: what is kept for reuse is given back before memory is said to be out.
func TestPoolGivesWay(t *testing.T) {
	fresh(t)
	emu.Set(emu.Faults{Memory: 1 << 20})
	e := open(t, Options{})
	array(t, e, engine.F64, 1, 1<<15, 1, make([]float64, 1<<15)).Free()
	if e.pool.idle != 1<<18 {
		t.Fatalf("%d bytes are kept for reuse", e.pool.idle)
	}
	x, err := e.Alloc(engine.F64, 1, 7<<14, 1)
	if err != nil {
		t.Fatal(err)
	}
	x.Free()
	array(t, e, engine.F64, 1, 1<<15, 1, make([]float64, 1<<15)).Free()
	emu.Set(emu.Faults{Memory: 1 << 20, Alloc: 1})
	if x, err = e.Alloc(engine.F64, 1, 100, 1); err != nil {
		t.Fatal(err)
	}
	x.Free()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	empty(t, "after Close")
}
