package enginetest

import (
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

func memoryTable() []Case {
	return []Case{
		{Op: "Info", Name: "filled", run: checkInfo},
		{Op: "Info", Name: "free-follows", run: checkFreeFollows},
		{Op: "Alloc", Name: "zeros", run: checkZeros},
		{Op: "Alloc", Name: "empty", run: checkEmpty},
		{Op: "Alloc", Name: "too-large", run: func(d *device) error { return d.tooLarge(1<<20, 1<<20, 1<<10) }},
		{Op: "Alloc", Name: "overflowing", run: func(d *device) error { return d.tooLarge(1<<31, 1<<31, 1<<31) }},
		{Op: "Alloc", Name: "negative", run: func(d *device) error {
			return d.wants(engine.ErrShape, func() error { _, err := d.e.Alloc(d.t, 1, -1, 2); return err })
		}},
		{Op: "Free", Name: "twice", run: checkFreeTwice},
		{Op: "Write", Name: "rounding", run: checkRounding},
		{Op: "Write", Name: "parts", run: checkParts},
		{Op: "Write", Name: "indices", run: checkIndexValues},
		{Op: "Write", Name: "keeps-no-source", run: checkSourceReused},
		{Op: "View", Name: "aliases", run: checkView},
		{Op: "View", Name: "past-the-end", run: checkViewEnd},
	}
}

// wants reports an error of f that does not wrap target; nil stands for any error.
func (d *device) wants(target error, f func() error) error {
	if d.err != nil {
		return d.err
	}
	err := f()
	if s := d.e.Sync(); err == nil { // an asynchronous engine may tell later
		err = s
	}
	switch {
	case err == nil:
		return errors.New("no error")
	case target != nil && !errors.Is(err, target):
		return fmt.Errorf("error %q, want one that wraps %q", err, target)
	}
	return nil
}

func checkInfo(d *device) error {
	i := d.e.Info()
	if i.Name == "" || i.Device == "" || i.Memory <= 0 || i.Free <= 0 || i.Free > i.Memory || i.Threads < 0 {
		return fmt.Errorf("%+v", i)
	}
	return nil
}

// checkFreeFollows: what is allocated is no longer free, and is again once given back, also where a
// pool keeps it. 2 MiB either way is room for an allocator's pages and for other users of a device.
func checkFreeFollows(d *device) error {
	const bytes, slack = 32 << 20, 2 << 20
	before := d.e.Info().Free
	buf, err := d.e.Alloc(d.t, 1, bytes/d.t.Size(), 1)
	if err != nil {
		return err
	}
	during := d.e.Info().Free
	buf.Free()
	after := d.e.Info().Free
	if during > before-bytes+slack || after < before-slack {
		return fmt.Errorf("free: %d, with %d allocated %d, then %d", before, bytes, during, after)
	}
	return nil
}

// checkZeros also allocates where written memory was given back, which a pool would hand out again.
func checkZeros(d *device) error {
	for range 3 {
		for _, t := range []engine.Dtype{d.t, engine.I32} {
			buf, err := d.e.Alloc(t, 3, 17, 5)
			if err != nil {
				return err
			}
			if b, n, w := buf.Shape(); b != 3 || n != 17 || w != 5 || buf.Dtype() != t || engine.Len(buf) != 255 {
				return fmt.Errorf("shape [%d, %d, %d] of %v, want [3, 17, 5] of %v", b, n, w, buf.Dtype(), t)
			}
			x := make([]float64, engine.Len(buf))
			if err := d.e.Read(x, buf, 0); err != nil {
				return err
			}
			if err := same("fresh memory", x, make([]float64, len(x))); err != nil {
				return err
			}
			for i := range x {
				x[i] = float64(i + 1)
			}
			if err := d.e.Write(buf, 0, x); err != nil {
				return err
			}
			buf.Free()
		}
	}
	return nil
}

func checkEmpty(d *device) error {
	for _, s := range [][3]int{{0, 3, 2}, {1, 0, 2}, {1, 3, 0}, {0, 0, 0}} {
		buf := d.alloc(s[0], s[1], s[2])
		if d.err != nil {
			return d.err
		}
		if b, n, w := buf.Shape(); b != s[0] || n != s[1] || w != s[2] {
			return fmt.Errorf("shape [%d, %d, %d], want %v", b, n, w, s)
		}
		d.fail(d.e.Write(buf, 0, nil))
		d.fail(d.e.Read(nil, buf, 0))
	}
	return d.err
}

// tooLarge asks for more than any device has, also where the count of bytes overflows.
func (d *device) tooLarge(b, n, w int) error {
	err := d.wants(engine.ErrOutOfMemory, func() error {
		buf, err := d.e.Alloc(d.t, b, n, w)
		if err == nil {
			buf.Free()
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = d.e.Alloc(d.t, b, n, w)
	var m *engine.MemoryError
	if !errors.As(err, &m) {
		return fmt.Errorf("%T, want *engine.MemoryError", err)
	}
	if m.Asked <= m.Free || m.Free < 0 || m.What == "" {
		return fmt.Errorf("%+v, want asked above free", *m)
	}
	return nil
}

func checkFreeTwice(d *device) error {
	a, err := d.e.Alloc(d.t, 1, 33, 3)
	if err != nil {
		return err
	}
	view := a.View(3, 1, 5, 3)
	view.Free() // does nothing
	if err := d.e.Write(a, 0, []float64{1, 2, 3}); err != nil {
		return err
	}
	x := make([]float64, 3)
	if err := d.e.Read(x, a, 0); err != nil {
		return err
	}
	if err := same("after freeing a view", x, []float64{1, 2, 3}); err != nil {
		return err
	}
	a.Free()
	// Were the second call to give the memory back again, two buffers would share it.
	b := d.alloc(1, 33, 3)
	a.Free()
	c := d.alloc(1, 33, 3)
	if d.err != nil {
		return d.err
	}
	d.fail(d.e.Write(b, 0, []float64{5}))
	d.fail(d.e.Write(c, 0, []float64{6}))
	if d.err != nil {
		return d.err
	}
	return same("after a second Free", d.read(b)[:1], []float64{5})
}

// checkRounding: what the dtype cannot hold is rounded to nearest, ties to even.
func checkRounding(d *device) error {
	inf := math.Inf(1)
	x := []float64{0, math.Copysign(0, -1), 1, -math.Pi, 1 + 0x1p-24, 1 + 0x1.8p-23, 1 + 0x1.00001p-24, inf, -inf, math.NaN(), 0x1p-126, 0x1.fffffep127, 1e30, -1e-30}
	want := append([]float64{}, x...)
	if d.t == engine.F32 {
		x = append(x, 1e300, -1e300)
		want = nil
		for _, v := range x {
			want = append(want, float64(float32(v)))
		}
	} else {
		x = append(x, 1e300, 0x1p-1022)
		want = append(want, 1e300, 0x1p-1022)
	}
	return same("numbers", d.read(d.put(&array{1, len(x), 1, x})), want)
}

func checkParts(d *device) error {
	buf := d.alloc(2, 5, 3)
	if d.err != nil {
		return d.err
	}
	want := make([]float64, 30)
	for i := 4; i < 13; i++ {
		want[i] = float64(i)
	}
	d.fail(d.e.Write(buf, 4, want[4:13]))
	d.fail(d.e.Write(buf, 30, nil))
	if err := same("buffer", d.read(buf), want); err != nil {
		return err
	}
	part := make([]float64, 7)
	d.fail(d.e.Read(part, buf, 9))
	if err := same("part", part, want[9:16]); err != nil {
		return err
	}
	for _, off := range []int{-1, 27, 31} {
		if err := d.wants(engine.ErrShape, func() error { return d.e.Write(buf, off, part[:4]) }); err != nil {
			return fmt.Errorf("writing 4 at %d of 30: %w", off, err)
		}
		if err := d.wants(engine.ErrShape, func() error { return d.e.Read(part[:4], buf, off) }); err != nil {
			return fmt.Errorf("reading 4 at %d of 30: %w", off, err)
		}
	}
	return same("buffer", d.read(buf), want)
}

func checkIndexValues(d *device) error {
	x := []float64{0, 1, -1, 2147483647, -2147483648, 16777217}
	return same("indices", d.read(d.index(&array{1, 3, 2, x})), x)
}

// checkSourceReused: Write is done with its argument when it returns.
func checkSourceReused(d *device) error {
	x := []float64{1, 2, 3}
	buf := d.put(&array{1, 3, 1, x})
	x[0], x[1], x[2] = 7, 8, 9
	return same("buffer", d.read(buf), []float64{1, 2, 3})
}

// checkView: views share memory with their parent, also as arguments of operations.
func checkView(d *device) error {
	x := newArray(2, 6, 4)
	for i := range x.x {
		x.x[i] = float64(i)
	}
	parent := d.put(x)
	if d.err != nil {
		return d.err
	}
	v := parent.View(8, 1, 3, 4)
	if b, n, w := v.Shape(); b != 1 || n != 3 || w != 4 || v.Dtype() != d.t {
		return fmt.Errorf("shape [%d, %d, %d] of %v", b, n, w, v.Dtype())
	}
	if err := same("view", d.read(v), x.x[8:20]); err != nil {
		return err
	}
	inner := v.View(5, 1, 2, 2)
	if err := same("view of a view", d.read(inner), x.x[13:17]); err != nil {
		return err
	}
	d.fail(d.e.Write(inner, 1, []float64{-1, -2}))
	x.x[14], x.x[15] = -1, -2
	if err := same("parent", d.read(parent), x.x); err != nil {
		return err
	}
	// An operation from one part of a buffer into another.
	if err := d.e.Axpby(parent.View(24, 1, 3, 4), 2, v, 0, nil); err != nil {
		return err
	}
	for i := range 12 {
		x.x[24+i] = 2 * x.x[8+i]
	}
	if err := same("parent after Axpby", d.read(parent), x.x); err != nil {
		return err
	}
	if n := engine.Len(parent.View(48, 1, 0, 4)); n != 0 {
		return fmt.Errorf("%d numbers in an empty view at the end", n)
	}
	return d.err
}

func checkViewEnd(d *device) error {
	buf := d.alloc(1, 6, 4)
	if d.err != nil {
		return d.err
	}
	for _, s := range [][4]int{{0, 1, 7, 4}, {1, 1, 6, 4}, {-1, 1, 1, 1}, {25, 1, 0, 1}, {0, 1, -1, 2}} {
		if !panics(func() { buf.View(s[0], s[1], s[2], s[3]) }) {
			return fmt.Errorf("no panic of View%v of 24 numbers", s)
		}
	}
	return nil
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
