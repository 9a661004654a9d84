package enginetest

import (
	"monge/engine"
)

func copyTable() []Case {
	return []Case{
		{Op: "CopyRows", Name: "gather", run: func(d *device) error {
			return d.copyRows(nil, []float64{6, 0, 0, 3, 9, 2}, 6, 10)
		}},
		{Op: "CopyRows", Name: "scatter", run: func(d *device) error {
			return d.copyRows([]float64{4, 8, 0}, nil, 10, 3)
		}},
		{Op: "CopyRows", Name: "both", run: func(d *device) error {
			return d.copyRows([]float64{4, 8, 0, 1}, []float64{2, 2, 5, 0}, 10, 6)
		}},
		{Op: "CopyRows", Name: "negative-skips", run: func(d *device) error {
			return d.copyRows([]float64{4, -1, 0, 1, -3}, []float64{2, 2, -5, 0, -1}, 10, 6)
		}},
		{Op: "CopyRows", Name: "all", run: func(d *device) error { return d.copyRows(nil, nil, 7, 7) }},
		{Op: "CopyRows", Name: "no-pairs", run: func(d *device) error {
			return d.copyRows([]float64{}, []float64{}, 7, 7)
		}},
		{Op: "CopyRows", Name: "in-place", run: checkCopyInPlace},
		{Op: "CopyRows", Name: "indices", run: checkCopyIndices},
		{Op: "Copy2D", Name: "strides", run: func(d *device) error { return d.copy2D(copy2D{3, 11, 2, 7, 5, 4}, false) }},
		{Op: "Copy2D", Name: "contiguous", run: func(d *device) error { return d.copy2D(copy2D{0, 6, 0, 6, 10, 6}, false) }},
		{Op: "Copy2D", Name: "column", run: func(d *device) error { return d.copy2D(copy2D{1, 9, 0, 1, 12, 1}, false) }},
		{Op: "Copy2D", Name: "repeat-row", run: func(d *device) error { return d.copy2D(copy2D{2, 5, 7, 0, 9, 5}, false) }},
		{Op: "Copy2D", Name: "one-buffer", run: func(d *device) error { return d.copy2D(copy2D{4, 12, 0, 12, 8, 3}, true) }},
		{Op: "Copy2D", Name: "one-row", run: func(d *device) error { return d.copy2D(copy2D{100, 0, 3, 0, 1, 17}, false) }},
		{Op: "Copy2D", Name: "nothing", run: func(d *device) error { return d.copy2D(copy2D{0, 5, 0, 5, 0, 5}, false) }},
	}
}

// copyRows copies between buffers of rows of 3, split into problems where the count is even.
func (d *device) copyRows(dstRows, srcRows []float64, n, m int) error {
	g := newUneven("CopyRows", d.t)
	shape := func(n int) *array {
		if n%2 == 0 {
			return g.cloud(2, n/2, 3, 0)
		}
		return g.cloud(1, n, 3, 0)
	}
	dst, src := shape(n), shape(m)
	dd, sd := d.put(dst), d.put(src)
	index := func(rows []float64) engine.Buffer {
		if rows == nil {
			return nil
		}
		return d.index(&array{1, len(rows), 1, rows})
	}
	di, si := index(dstRows), index(srcRows)
	if d.err != nil {
		return d.err
	}
	if err := d.e.CopyRows(dd, di, sd, si); err != nil {
		return err
	}
	pairs := min(n, m)
	if dstRows != nil {
		pairs = len(dstRows)
	} else if srcRows != nil {
		pairs = len(srcRows)
	}
	for p := range pairs {
		to, from := p, p
		if dstRows != nil {
			to = int(dstRows[p])
		}
		if srcRows != nil {
			from = int(srcRows[p])
		}
		if to >= 0 && from >= 0 {
			copy(dst.x[to*3:][:3], src.x[from*3:])
		}
	}
	if err := same("dst", d.read(dd), dst.x); err != nil {
		return err
	}
	return same("src", d.read(sd), src.x)
}

// checkCopyInPlace moves rows inside one buffer, as compaction does.
func checkCopyInPlace(d *device) error {
	g := newUneven("CopyRows/in-place", d.t)
	a := g.cloud(1, 9, 65, 0)
	buf := d.put(a)
	to, from := d.index(&array{1, 3, 1, []float64{0, 1, 2}}), d.index(&array{1, 3, 1, []float64{8, 5, 7}})
	if d.err != nil {
		return d.err
	}
	if err := d.e.CopyRows(buf, to, buf, from); err != nil {
		return err
	}
	for i, j := range []int{8, 5, 7} {
		copy(a.row(0, i), a.row(0, j))
	}
	return same("buffer", d.read(buf), a.x)
}

// checkCopyIndices copies rows of I32, as branches are.
func checkCopyIndices(d *device) error {
	src := d.index(&array{1, 3, 2, []float64{1, -2, 3, 4, -2147483648, 2147483647}})
	dst := d.fill(engine.I32, 1, 2, 2)
	from := d.index(&array{1, 2, 1, []float64{2, 0}})
	if d.err != nil {
		return d.err
	}
	if err := d.e.CopyRows(dst, nil, src, from); err != nil {
		return err
	}
	return same("dst", d.read(dst), []float64{-2147483648, 2147483647, 1, -2})
}

// copy2D is one area: offsets, strides, size.
type copy2D struct{ dstOff, dstStride, srcOff, srcStride, rows, cols int }

func (d *device) copy2D(c copy2D, oneBuffer bool) error {
	g := newUneven("Copy2D", d.t)
	dst, src := g.cloud(1, 13, 10, 0), g.cloud(2, 8, 9, 0)
	dd, sd := d.put(dst), d.put(src)
	if oneBuffer {
		src, sd = dst, dd
	}
	if d.err != nil {
		return d.err
	}
	if err := d.e.Copy2D(dd, c.dstOff, c.dstStride, sd, c.srcOff, c.srcStride, c.rows, c.cols); err != nil {
		return err
	}
	for i := range c.rows {
		for j := range c.cols {
			dst.x[c.dstOff+i*c.dstStride+j] = src.x[c.srcOff+i*c.srcStride+j]
		}
	}
	return same("dst", d.read(dd), dst.x)
}
