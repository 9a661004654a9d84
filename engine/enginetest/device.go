package enginetest

import (
	"fmt"

	"monge/engine"
)

// array is a host array [b, n, d] whose numbers are rounded to the case's dtype already.
type array struct {
	b, n, d int
	x       []float64
}

func newArray(b, n, d int) *array { return &array{b, n, d, make([]float64, b*n*d)} }

// row returns row i of problem b; problem 0's where the array is shared by all.
func (a *array) row(b, i int) []float64 {
	if a.b == 1 {
		b = 0
	}
	at := (b*a.n + i) * a.d
	return a.x[at : at+a.d : at+a.d]
}

// device keeps a case's buffers and the first error of handling them, so that a case reads as a list
// of operations.
type device struct {
	e    engine.Engine
	t    engine.Dtype
	bufs []engine.Buffer
	err  error
}

func (d *device) free() {
	for _, b := range d.bufs {
		b.Free()
	}
}

func (d *device) fail(err error) {
	if d.err == nil && err != nil {
		d.err = err
	}
}

// alloc returns a buffer of zeros in the case's dtype.
func (d *device) alloc(b, n, w int) engine.Buffer { return d.allocType(d.t, b, n, w) }

func (d *device) allocType(t engine.Dtype, b, n, w int) engine.Buffer {
	if d.err != nil {
		return nil
	}
	buf, err := d.e.Alloc(t, b, n, w)
	if err != nil {
		d.fail(fmt.Errorf("Alloc(%v, %d, %d, %d): %w", t, b, n, w, err))
		return nil
	}
	d.bufs = append(d.bufs, buf)
	return buf
}

// put copies a host array into a buffer of the case's dtype; nil stays nil.
func (d *device) put(a *array) engine.Buffer { return d.putType(d.t, a) }

// index copies row indices into an I32 buffer; nil stays nil.
func (d *device) index(a *array) engine.Buffer { return d.putType(engine.I32, a) }

func (d *device) putType(t engine.Dtype, a *array) engine.Buffer {
	if a == nil {
		return nil
	}
	buf := d.allocType(t, a.b, a.n, a.d)
	if d.err == nil {
		d.fail(d.e.Write(buf, 0, a.x))
	}
	return buf
}

// fill allocates a buffer of NaNs (or -7 for indices), so that an output that an operation leaves
// unwritten is seen.
func (d *device) fill(t engine.Dtype, b, n, w int) engine.Buffer {
	a := newArray(b, n, w)
	for i := range a.x {
		a.x[i] = unwritten(t)
	}
	return d.putType(t, a)
}

// out is fill in the case's dtype.
func (d *device) out(b, n, w int) engine.Buffer { return d.fill(d.t, b, n, w) }

// read returns all numbers of a buffer; nil for nil.
func (d *device) read(buf engine.Buffer) []float64 {
	if buf == nil || d.err != nil {
		return nil
	}
	x := make([]float64, engine.Len(buf))
	d.fail(d.e.Read(x, buf, 0))
	return x
}
