//go:build emu && cgo

package gpu

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/kernels/emu"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"
)

// launched says which kernels of split.cu f launches.
func launched(e *Engine, f func() error) (keys, values bool, err error) {
	of := [2]kernel{{"split", "split_keys", "f32"}, {"split", "split_values", "f32"}}
	for _, k := range of {
		delete(e.code.functions, k) // a launch looks it up again
	}
	err = f()
	_, keys = e.code.functions[of[0]]
	_, values = e.code.functions[of[1]]
	return keys, values, err
}

// splitCounter counts the calls that split their keys, and their values. Where anew is set all do.
type splitCounter struct {
	*Engine
	anew                bool
	calls, keys, values int
}

func (e *splitCounter) Softmax(a *engine.Softmax) error {
	if e.anew {
		e.pool.forget(0, math.MaxInt64)
	}
	keys, values, err := launched(e.Engine, func() error { return e.Engine.Softmax(a) })
	e.calls++
	if keys {
		e.keys++
	}
	if values {
		e.values++
	}
	return err
}

// TestSplitOnce: a flow splits its law's points, as keys and as values, at the first of its evaluations for all of them, and
// its results are to the bit what they are where each call splits them.
func TestSplitOnce(t *testing.T) {
	fresh(t)
	for _, c := range []struct {
		name string
		d    int
		s    flow.Settings
	}{
		{"memory", meanDims + 3, flow.Settings{Method: "rk4", Steps: 1}},
		{"memory-adams", meanDims + 3, flow.Settings{Atol: .1, Rtol: .1}}, // with searches of the nearest points
		{"fused", 33, flow.Settings{Method: "rk4", Steps: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const m, n = 40, 2
			law, err := dist.NewPoints(engine.Points(cloud(1, m, c.d), m, c.d), nil, 20)
			if err != nil {
				t.Fatal(err)
			}
			x := law.Sample(2, n)
			e := open(t, Options{})
			code := func(anew bool) ([]float64, *splitCounter) {
				counted := &splitCounter{Engine: e, anew: anew}
				r, err := flow.Encode(context.Background(), counted, engine.F32, law, x, &c.s)
				if err != nil {
					t.Fatal(err)
				}
				numbers, _, _, err := engine.Matrix(r.X)
				if err != nil {
					t.Fatal(err)
				}
				return numbers, counted
			}
			want, all := code(true)
			if all.calls < 4 || all.keys != all.calls || all.values < 4 {
				t.Errorf("without keeping %d calls split keys %d times, values %d times", all.calls, all.keys, all.values)
			}
			got, kept := code(false)
			if kept.calls != all.calls || kept.keys != 1 || kept.values != 1 {
				t.Errorf("%d calls, of %d, split keys %d times, values %d times", kept.calls, all.calls, kept.keys, kept.values)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, and without keeping %v", got, want)
			}
		})
	}
}

// TestSplitForms: a cloud is split once for each form in which it is read.
func TestSplitForms(t *testing.T) {
	fresh(t)
	const n, m, d = 3, 20, 70
	e := open(t, Options{})
	q, k := array(t, e, engine.F32, 2, n, d, cloud(1, 2*n, d)), array(t, e, engine.F32, 2, m, d, cloud(2, 2*m, d))
	lse, most := array(t, e, engine.F32, 2, n, 1, make([]float64, 2*n)), array(t, e, engine.F32, 2, n, 1, make([]float64, 2*n))
	one := func(x engine.Buffer, b, rows, width int) engine.Buffer { return x.View(b*rows*width, 1, rows, width) }
	for _, c := range []struct {
		name  string
		a     *engine.Softmax
		np    precision
		split bool
	}{
		{"of two problems", &engine.Softmax{Q: q, K: k, LSE: lse}, full, true},
		{"with maxima", &engine.Softmax{Q: q, K: k, LSE: lse, Max: most}, full, false},
		{"by one product", &engine.Softmax{Q: q, K: k, LSE: lse}, fast, true},
		{"of another scale", &engine.Softmax{Q: q, K: k, LSE: lse, Scale: 3}, fast, false},
		{"through another view", &engine.Softmax{Q: q, K: k.View(0, 2, m, d), Max: most}, full, false},
		{"of the first problem", &engine.Softmax{Q: one(q, 0, n, d), K: one(k, 0, m, d), LSE: one(lse, 0, n, 1)}, full, true},
		{"of the second", &engine.Softmax{Q: one(q, 0, n, d), K: one(k, 1, m, d), LSE: one(lse, 0, n, 1)}, full, true},
		{"of fewer keys", &engine.Softmax{Q: one(q, 0, n, d), K: k.View(0, 1, m-1, d), LSE: one(lse, 0, n, 1)}, full, true},
		{"as at first", &engine.Softmax{Q: q, K: k, LSE: lse}, full, false},
	} {
		read := func() []float64 {
			out := make([]float64, 4*n)
			if err := errors.Join(e.Read(out[:2*n], lse, 0), e.Read(out[2*n:], most, 0)); err != nil {
				t.Fatal(err)
			}
			return out
		}
		split, _, err := launched(e, func() error { return e.softmax(c.a, c.np) })
		if err != nil {
			t.Fatal(err)
		}
		if split != c.split {
			t.Errorf("%s: split: %v, want %v", c.name, split, c.split)
		}
		got, kept := read(), slices.Clone(e.pool.splits)
		e.pool.splits = nil
		if err := e.softmax(c.a, c.np); err != nil {
			t.Fatal(err)
		}
		if want := read(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, and by new splits %v", c.name, got, want)
		}
		for _, s := range e.pool.splits {
			e.pool.loosen(s)
		}
		e.pool.splits = kept
	}
}

// TestChangedKeys: keys and values that were changed in any way are split anew, and only then.
func TestChangedKeys(t *testing.T) {
	fresh(t)
	const n, m, d = 2, 10, 17
	for name, c := range map[string]struct {
		split  bool
		change func(e *Engine, all, k engine.Buffer) error
	}{
		"nothing":        {false, func(e *Engine, all, k engine.Buffer) error { return nil }},
		"write":          {true, func(e *Engine, all, k engine.Buffer) error { return e.Write(k, 3, []float64{8}) }},
		"write-base":     {true, func(e *Engine, all, k engine.Buffer) error { return e.Write(all, d, []float64{8}) }},
		"write-beside":   {false, func(e *Engine, all, k engine.Buffer) error { return e.Write(all.View(0, 1, 1, d), 0, []float64{8}) }},
		"scale-in-place": {true, func(e *Engine, all, k engine.Buffer) error { return e.Axpby(k, 2, k, 0, nil) }},
		"one-number": {true, func(e *Engine, all, k engine.Buffer) error {
			x := k.View(m*d-1, 1, 1, 1)
			return e.Axpby(x, 2, x, 0, nil)
		}},
		"copy-rows": {true, func(e *Engine, all, k engine.Buffer) error {
			return e.CopyRows(k.View(d, 1, 1, d), nil, all.View(0, 1, 1, d), nil)
		}},
		"words": {true, func(e *Engine, all, k engine.Buffer) error { // as package tensor's memory
			x := &buffer{e: e, view: true, ptr: k.(*buffer).ptr, t: engine.I32, b: 1, n: 1, d: 1}
			return e.Write(x, 0, []float64{1 << 30})
		}},
		"refused": {true, func(e *Engine, all, k engine.Buffer) error { // a launch, after which k may be anything
			emu.Set(emu.Faults{Launch: 1})
			defer emu.Set(emu.Faults{})
			if e.Log(k, k) == nil {
				return errors.New("no error")
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, Options{})
			all := array(t, e, engine.F32, 1, m+1, d, cloud(1, m+1, d))
			k, q := all.View(d, 1, m, d), array(t, e, engine.F32, 1, n, d, cloud(2, n, d))
			out := array(t, e, engine.F32, 1, n, d, make([]float64, n*d))
			run := func() (got []float64, keys, values bool) {
				got = make([]float64, n*d)
				keys, values, err := launched(e, func() error { return e.Softmax(&engine.Softmax{Q: q, K: k, Mean: out, Scale: .1}) })
				if err := errors.Join(err, e.Read(got, out, 0)); err != nil {
					t.Fatal(err)
				}
				return got, keys, values
			}
			run()
			if err := c.change(e, all, k); err != nil {
				t.Fatal(err)
			}
			got, keys, values := run()
			if keys != c.split || values != c.split {
				t.Errorf("split: keys %v, values %v, want %v", keys, values, c.split)
			}
			e.pool.forget(0, math.MaxInt64)
			if want, _, _ := run(); !slices.Equal(got, want) {
				t.Errorf("%v, and by new splits %v", got, want)
			}
		})
	}
}

// TestTensorsForgetSplits: what package tensor does to keys in a tensor's memory.
func TestTensorsForgetSplits(t *testing.T) {
	fresh(t)
	e := open(t, Options{})
	ts := e.Tensors()
	const m, d = 4, 17
	k, err := ts.Device(engine.Points(cloud(1, m, d), m, d))
	if err != nil {
		t.Fatal(err)
	}
	other, err := ts.Device(engine.Points(cloud(2, m, d), m, d))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"Memset": func() error { return ts.Memset(k, 3.) },
		"Memclr": func() error { ts.Memclr(k); return nil },
		"Memcpy": func() error { return ts.Memcpy(k, other) },
		"Add": func() error {
			_, err := ts.Add(k, other, tensor.UseUnsafe())
			return err
		},
		"MatMul": func() error {
			square, err := ts.New(engine.F64, d, d)
			if err != nil {
				return err
			}
			return errors.Join(ts.MatMul(other, square, k), ts.Release(square))
		},
		"Release": func() error { return ts.Release(k) }, // last
	} {
		if name == "Release" {
			continue
		}
		b, err := ts.Buffer(k)
		if err != nil {
			t.Fatal(err)
		}
		e.pool.splits = []*splitCloud{{of: source{at: b.(*buffer).at(5), problems: 1, rows: 1, width: 1}}}
		if err := f(); err != nil || len(e.pool.splits) != 0 {
			t.Errorf("%s: %d splits are still there, error %v", name, len(e.pool.splits), err)
		}
	}
	e.pool.splits = []*splitCloud{{of: source{at: cu.DevicePtr(k.Uintptr()), problems: 1, rows: 1, width: 1}}}
	if err := ts.Release(k); err != nil || len(e.pool.splits) != 0 {
		t.Errorf("Release: %d splits are still there, error %v", len(e.pool.splits), err)
	}
}

// splitKeys leaves keys of so many rows split, and returns them and what their log-sum-exps are.
func splitKeys(t *testing.T, e *Engine, m int) (k engine.Buffer, lse func() ([]float64, error)) {
	t.Helper()
	const d = 32
	k = array(t, e, engine.F32, 1, m, d, cloud(1, m, d))
	lse = func() ([]float64, error) {
		q, err := e.Alloc(engine.F32, 1, 1, d)
		if err != nil {
			return nil, err
		}
		defer q.Free()
		out, err := e.Alloc(engine.F32, 1, 1, 1)
		if err != nil {
			return nil, err
		}
		defer out.Free()
		got := make([]float64, 1)
		err = errors.Join(e.Write(q, 0, cloud(2, 1, d)), e.Softmax(&engine.Softmax{Q: q, K: k, LSE: out}), e.Read(got, out, 0))
		return got, err
	}
	if _, err := lse(); err != nil || len(e.pool.splits) != 1 {
		t.Fatalf("%d splits, error %v", len(e.pool.splits), err)
	}
	return k, lse
}

// TestFreeForgetsSplits: with the memory of a cloud its splits are forgotten, whatever comes to lie there next, and no memory
// is lost.
func TestFreeForgetsSplits(t *testing.T) {
	fresh(t)
	e := open(t, Options{})
	k, _ := splitKeys(t, e, 100)
	k.View(0, 1, 1, 1).Free()
	if len(e.pool.splits) != 1 {
		t.Error("freeing a view forgets splits")
	}
	k.Free()
	if len(e.pool.splits) != 0 || e.pool.used != 4*faultCount {
		t.Errorf("%d splits, %d bytes in use", len(e.pool.splits), e.pool.used)
	}
	trim(t, e)
	if now, _ := emu.Count(); now.Bytes != e.pool.used || e.pool.idle != 0 {
		t.Errorf("the driver holds %+v, %d bytes in use, %d idle", now, e.pool.used, e.pool.idle)
	}
	if k, _ = splitKeys(t, e, 100); k == nil {
		t.Fatal()
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	empty(t, "after Close with splits")
}

// TestSplitsGiveWay: memory of splits is free memory, to whoever asks for it.
func TestSplitsGiveWay(t *testing.T) {
	fresh(t)
	for name, limited := range map[string]bool{"limit": true, "device": false} {
		t.Run(name, func(t *testing.T) {
			const limit = 1 << 20
			options := Options{MaxMemory: limit}
			if !limited {
				options = Options{}
				emu.Set(emu.Faults{Memory: limit})
				defer emu.Set(emu.Faults{})
			}
			e := open(t, options)
			k, lse := splitKeys(t, e, 1000)
			want, err := lse()
			free := int64(limit - 4*faultCount - 4*engine.Len(k))
			if i := e.Info(); err != nil || len(e.pool.splits) != 1 || i.Free != free {
				t.Fatalf("%d splits, %d bytes free, want %d; error %v", len(e.pool.splits), i.Free, free, err)
			}
			x, err := e.Alloc(engine.I32, 1, int(free/4), 1)
			if err != nil || len(e.pool.splits) != 0 {
				t.Fatalf("%d splits, error %v", len(e.pool.splits), err)
			}
			if _, err := lse(); !errors.Is(err, engine.ErrOutOfMemory) {
				t.Errorf("error %v with all memory in use", err)
			}
			x.Free()
			if got, err := lse(); err != nil || got[0] != want[0] {
				t.Errorf("%v, error %v, want %v", got, err, want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		e := open(t, Options{})
		_, lse := splitKeys(t, e, 1000)
		emu.Set(emu.Faults{Alloc: 1})
		defer emu.Set(emu.Faults{})
		if x, err := e.Alloc(engine.F64, 3, 5, 7); err != nil {
			t.Error(err)
		} else {
			x.Free()
		}
		if _, err := lse(); err != nil {
			t.Error(err)
		}
	})
}

// TestSplitsBounded: idle memory, splits with it, keeps to its part of the limit and to a number of splits; the last stay.
func TestSplitsBounded(t *testing.T) {
	fresh(t)
	const m, d = 64, 16
	for _, c := range []struct {
		clouds int
		limit  int64
		most   int
	}{{mostSplits + 3, 0, mostSplits}, {12, 1 << 19, 7}} {
		e := open(t, Options{MaxMemory: c.limit})
		q, out := array(t, e, engine.F32, 1, 1, d, cloud(1, 1, d)), array(t, e, engine.F32, 1, 1, 1, []float64{0})
		all := array(t, e, engine.F32, c.clouds, m, d, cloud(2, c.clouds*m, d))
		key := func(i int) engine.Buffer { return all.View(i*m*d, 1, m, d) }
		for i := range c.clouds {
			if err := e.Softmax(&engine.Softmax{Q: q, K: key(i), LSE: out}); err != nil {
				t.Fatal(err)
			}
			if e.pool.idle > e.pool.limit/pooled || len(e.pool.splits) > c.most || e.pool.splits[len(e.pool.splits)-1].of.at != key(i).(*buffer).ptr {
				t.Fatalf("cloud %d: %d splits, %d bytes idle of %d", i, len(e.pool.splits), e.pool.idle, e.pool.limit)
			}
		}
		if len(e.pool.splits) < min(c.most, 2) {
			t.Errorf("%d splits are left of %d", len(e.pool.splits), c.clouds)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		empty(t, "after Close")
	}
}
