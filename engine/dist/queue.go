package dist

import (
	"fmt"

	"monge/engine"
)

// queue issues operations on an engine and remembers the first error, after which it does nothing more, so
// that a field's formulas read as formulas. It owns buffers by name, which only grow.
type queue struct {
	e    engine.Engine
	t    engine.Dtype
	bufs map[string]engine.Buffer
	err  error
}

func newQueue(e engine.Engine, t engine.Dtype) *queue {
	return &queue{e: e, t: t, bufs: map[string]engine.Buffer{}}
}

// done returns the first error since the last call, and forgets it.
func (q *queue) done() error {
	err := q.err
	q.err = nil
	return err
}

// set keeps an engine's error.
func (q *queue) set(err error) {
	if err != nil && q.err == nil {
		q.err = fmt.Errorf("dist: %w", err)
	}
}

// free gives all buffers back.
func (q *queue) free() {
	for _, b := range q.bufs {
		b.Free()
	}
	clear(q.bufs)
}

// grow returns the named buffer with shape [b, n, d], allocated anew where it was smaller; fresh says so.
// A buffer that was not is as the last use left it.
func (q *queue) grow(name string, t engine.Dtype, b, n, d int) (x engine.Buffer, fresh bool) {
	if q.err != nil {
		return nil, false
	}
	old := q.bufs[name]
	if old == nil || engine.Len(old) < b*n*d {
		if old != nil {
			old.Free()
			delete(q.bufs, name)
		}
		var err error
		if old, err = q.e.Alloc(t, b, n, d); err != nil {
			q.set(err)
			return nil, false
		}
		q.bufs[name] = old
		fresh = true
	}
	return old.View(0, b, n, d), fresh
}

// buf is grow for scratch of the queue's own type.
func (q *queue) buf(name string, b, n, d int) engine.Buffer {
	x, _ := q.grow(name, q.t, b, n, d)
	return x
}

// want is buf where the asked-for output is not nil, and nil where it is.
func (q *queue) want(asked engine.Buffer, name string, b, n, d int) engine.Buffer {
	if asked == nil {
		return nil
	}
	return q.buf(name, b, n, d)
}

// constant returns a buffer that holds data for good.
func (q *queue) constant(name string, t engine.Dtype, b, n, d int, data []float64) engine.Buffer {
	x, _ := q.grow(name, t, b, n, d)
	q.write(x, 0, data)
	return x
}

// pattern returns rows [1, n, len(row)] that all hold row, written when the buffer grows. Nothing else may
// write to it, except columns that the caller refills at each use.
func (q *queue) pattern(name string, n int, row ...float64) engine.Buffer {
	x, fresh := q.grow(name, q.t, 1, n, len(row))
	if fresh {
		all := make([]float64, 0, n*len(row))
		for range n {
			all = append(all, row...)
		}
		q.write(x, 0, all)
	}
	return x
}

// view is x.View, or nil after an error or for a nil x.
func (q *queue) view(x engine.Buffer, off, b, n, d int) engine.Buffer {
	if q.err != nil || x == nil {
		return nil
	}
	return x.View(off, b, n, d)
}

func (q *queue) write(dst engine.Buffer, off int, src []float64) {
	if q.err == nil && len(src) > 0 {
		q.set(q.e.Write(dst, off, src))
	}
}

func (q *queue) read(dst []float64, src engine.Buffer, off int) {
	if q.err == nil && len(dst) > 0 {
		q.set(q.e.Read(dst, src, off))
	}
}

func (q *queue) softmax(a *engine.Softmax) {
	if q.err == nil {
		q.set(q.e.Softmax(a))
	}
}

func (q *queue) mixture(a *engine.Mixture) {
	if q.err == nil {
		q.set(q.e.Mixture(a))
	}
}

func (q *queue) follow(a *engine.MixtureFollow) {
	if q.err == nil {
		q.set(q.e.MixtureFollow(a))
	}
}

func (q *queue) linComb(out, coef, x engine.Buffer) {
	if q.err == nil {
		q.set(q.e.LinComb(out, coef, x))
	}
}

func (q *queue) axpby(out engine.Buffer, alpha float64, x engine.Buffer, beta float64, y engine.Buffer) {
	if q.err == nil {
		q.set(q.e.Axpby(out, alpha, x, beta, y))
	}
}

func (q *queue) log(out, x engine.Buffer) {
	if q.err == nil {
		q.set(q.e.Log(out, x))
	}
}

func (q *queue) matMul(out, x, y engine.Buffer, transY bool) {
	if q.err == nil {
		q.set(q.e.MatMul(out, x, y, transY))
	}
}

func (q *queue) rowDot(out, x, y engine.Buffer) {
	if q.err == nil {
		q.set(q.e.RowDot(out, x, y))
	}
}

func (q *queue) copyRows(dst, dstRows, src, srcRows engine.Buffer) {
	if q.err == nil {
		q.set(q.e.CopyRows(dst, dstRows, src, srcRows))
	}
}

func (q *queue) copy2D(dst engine.Buffer, dstOff, dstStride int, src engine.Buffer, srcOff, srcStride, rows, cols int) {
	if q.err == nil && rows > 0 && cols > 0 {
		q.set(q.e.Copy2D(dst, dstOff, dstStride, src, srcOff, srcStride, rows, cols))
	}
}

// column returns column j of x [1, N, D] as a buffer [1, N, 1].
func (q *queue) column(name string, x engine.Buffer, j int) engine.Buffer {
	if q.err != nil {
		return nil
	}
	_, n, d := x.Shape()
	out := q.buf(name, 1, n, 1)
	q.copy2D(out, 0, 1, x, j, d, n, 1)
	return out
}

// argMax writes the index of each row's largest number: x [1, N, K], out I32 [1, N, 1]. Each row is a problem
// of its own, of one query 1 against the row's numbers as keys, so -Inf stays what it is.
func (q *queue) argMax(out, x engine.Buffer) {
	if q.err == nil {
		_, n, k := x.Shape()
		ones := q.pattern("argmax ones", n, 1)
		q.softmax(&engine.Softmax{Q: q.view(ones, 0, n, 1, 1), K: q.view(x, 0, n, k, 1), Arg: q.view(out, 0, n, 1, 1)})
	}
}

// rowLSE writes ln sum_k exp x_ik: x [1, N, K], out [1, N, 1].
func (q *queue) rowLSE(out, x engine.Buffer) {
	if q.err == nil {
		_, n, k := x.Shape()
		ones := q.pattern("lse ones", n, 1)
		q.softmax(&engine.Softmax{Q: q.view(ones, 0, n, 1, 1), K: q.view(x, 0, n, k, 1), LSE: q.view(out, 0, n, 1, 1)})
	}
}

// rowSum writes sum_k x_ik: x [1, N, K], out [1, N, 1].
func (q *queue) rowSum(out, x engine.Buffer) {
	if q.err == nil {
		_, _, k := x.Shape()
		ones := q.pattern("sum ones", k, 1)
		q.matMul(out, x, ones, false)
	}
}
