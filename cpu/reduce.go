package cpu

import (
	"math"

	"monge/engine"
)

// reduceChunk is how many numbers one item reduces.
const reduceChunk = 1 << 13

// Reduce implements engine.Engine. Sums are compensated (Neumaier 1974), chunk by chunk and from chunk to
// chunk. MaxAbs is NaN where an element is.
func (e *Engine) Reduce(out engine.Buffer, op engine.ReduceOp, x, y engine.Buffer) error {
	b, n, err := engine.CheckReduce(out, op, x, y)
	if err != nil {
		return err
	}
	if err := own(out, x, y); err != nil {
		return err
	}
	if x.Dtype() == engine.F32 {
		reduce[float32](e, out, op, x, y, b, n)
	} else {
		reduce[float64](e, out, op, x, y, b, n)
	}
	return nil
}

// reduceTask reduces a chunk of one problem an item.
type reduceTask[T float] struct {
	op     engine.ReduceOp
	x, y   []T
	n      int
	chunks int                  // of a problem
	parts  []engine.Compensated // [B, chunks]
}

func reduce[T float](e *Engine, out engine.Buffer, op engine.ReduceOp, x, y engine.Buffer, b, n int) {
	p := &kernelsOf[T](e).reduce
	chunks := (n + reduceChunk - 1) / reduceChunk
	parts := p.parts
	if cap(parts) < b*chunks {
		parts = make([]engine.Compensated, b*chunks)
	}
	*p = reduceTask[T]{op, data[T](x), data[T](y), n, chunks, parts[:b*chunks]}
	e.run(p, b*chunks, 2*float64(b)*float64(n))
	res := data[T](out)
	for i := range res {
		var total engine.Compensated
		var most float64
		for _, part := range p.parts[i*chunks : (i+1)*chunks] {
			if op == engine.MaxAbs {
				most = worse(most, part.Value())
			} else {
				total.Merge(part)
			}
		}
		if op == engine.MaxAbs {
			total.Add(most)
		}
		res[i] = T(total.Value())
	}
	*p = reduceTask[T]{parts: p.parts}
}

func (p *reduceTask[T]) do(_ *worker, item int) {
	b, c := item/p.chunks, item%p.chunks
	lo, hi := b*p.n+c*reduceChunk, b*p.n+min((c+1)*reduceChunk, p.n)
	x := p.x[lo:hi]
	var y []T
	if p.y != nil {
		y = p.y[lo:hi]
	}
	var s engine.Compensated
	switch p.op {
	case engine.Sum:
		for _, v := range x {
			s.Add(float64(v))
		}
	case engine.Dot:
		for i, v := range x {
			if v != 0 {
				s.Add(float64(v) * float64(y[i]))
			}
		}
	case engine.SumAbsDiff:
		for i, v := range x {
			s.Add(math.Abs(float64(v) - float64(y[i])))
		}
	case engine.MaxAbs:
		var most float64
		for _, v := range x {
			most = worse(most, math.Abs(float64(v)))
		}
		s.Add(most)
	}
	p.parts[item] = s
}

// worse returns the larger, or NaN where one is.
func worse(a, b float64) float64 {
	if b > a || b != b {
		return b
	}
	return a
}
