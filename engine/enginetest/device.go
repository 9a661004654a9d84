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
	e      engine.Engine
	t      engine.Dtype
	bufs   []engine.Buffer
	inputs []input
	err    error
	// shift puts every array that many numbers into a larger buffer, where nothing is aligned.
	shift int
	// poison fills row poisoned of what a rowwise operation reads with NaN.
	poison bool
}

const poisoned = 5

// input is a buffer that put has filled, and what with.
type input struct {
	buf engine.Buffer
	x   []float64
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
	var buf engine.Buffer
	var err error
	if d.shift == 0 {
		buf, err = d.e.Alloc(t, b, n, w)
	} else {
		buf, err = d.e.Alloc(t, 1, b*n*w+d.shift, 1)
	}
	if err != nil {
		d.fail(fmt.Errorf("Alloc(%v, %d, %d, %d): %w", t, b, n, w, err))
		return nil
	}
	d.bufs = append(d.bufs, buf)
	if d.shift != 0 {
		buf = buf.View(d.shift, b, n, w)
	}
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
	d.write(buf, a.x)
	d.inputs = append(d.inputs, input{buf, a.x})
	return buf
}

func (d *device) write(buf engine.Buffer, x []float64) {
	if d.err == nil {
		d.fail(d.e.Write(buf, 0, x))
	}
}

// unchanged reports an input that an operation has written to.
func (d *device) unchanged() error {
	for i, in := range d.inputs {
		if err := same(fmt.Sprintf("input %d", i), d.read(in.buf), in.x); err != nil {
			return fmt.Errorf("the operation wrote to its arguments: %w", err)
		}
	}
	return d.err
}

// fill allocates a buffer of NaNs (or -7 for indices), so that an output that an operation leaves
// unwritten is seen.
func (d *device) fill(t engine.Dtype, b, n, w int) engine.Buffer {
	buf, x := d.allocType(t, b, n, w), make([]float64, b*n*w)
	for i := range x {
		x[i] = unwritten(t)
	}
	d.write(buf, x)
	return buf
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
