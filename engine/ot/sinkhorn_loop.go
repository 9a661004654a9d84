package ot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"monge/engine"
)

// loop is a run of [engine.Sinkhorn], call by call: B problems of n and m points in an engine's memory.
type loop struct {
	e       engine.Engine
	op      engine.Sinkhorn
	b, n, m int
	steps   int // values of eps before the last
	passes  int // of the next call
	held    []engine.Buffer
	counts  []int // iterations of each problem
	noted   []int // of which the caller has seen the error
	ended   []bool
}

// A call is long beside what it costs to begin one, and short for whoever waits.
const (
	mostPasses = 64
	leastCall  = 10 * time.Millisecond
	mostCall   = 60 * time.Millisecond
)

// newLoop puts the weights and regularisations of the problems of x [B, n, D] and y beside them: logA [B, n],
// logB [B, m] and eps [B, S], or one row for all.
func newLoop(e engine.Engine, x, y engine.Buffer, logA, logB, eps []float64, steps int) (*loop, error) {
	b, n, _ := x.Shape()
	_, m, _ := y.Shape()
	l := &loop{e: e, b: b, n: n, m: m, steps: steps, counts: make([]int, b), noted: make([]int, b), ended: make([]bool, b), passes: 1}
	l.op = engine.Sinkhorn{X: x, Y: y}
	for _, v := range []struct {
		to   *engine.Buffer
		t    engine.Dtype
		n    int
		from []float64
	}{
		{&l.op.LogA, engine.F64, n, logA},
		{&l.op.LogB, engine.F64, m, logB},
		{&l.op.Eps, engine.F64, steps + 1, eps},
		{&l.op.F, engine.F64, n, nil},
		{&l.op.G, engine.F64, m, nil},
		{&l.op.State, engine.I32, 2, nil},
		{&l.op.Trace, engine.F64, mostPasses, nil},
	} {
		rows := b
		if v.from != nil {
			rows = len(v.from) / v.n
		}
		buf, err := e.Alloc(v.t, rows, v.n, 1)
		if err == nil {
			l.held = append(l.held, buf)
			err = e.Write(buf, 0, v.from)
		}
		if err != nil {
			l.free()
			return nil, fmt.Errorf("ot: %w", err)
		}
		*v.to = buf
	}
	return l, nil
}

func (l *loop) free() {
	if l.op.Kept != nil {
		l.op.Kept.Free()
		l.op.Kept = nil
	}
	for _, b := range l.held {
		b.Free()
	}
	l.held = nil
}

// how tells what the engine kept between passes, and why.
func (l *loop) how() string {
	if l.op.Kept == nil {
		return "streaming: products made again in every pass"
	}
	return l.op.Kept.String()
}

// start sets the potentials, nil for the present ones, and the iterations that each problem has made.
func (l *loop) start(f, g []float64, counts []int) error {
	state := make([]float64, 2*l.b)
	for b, count := range counts {
		state[2*b] = float64(count)
		l.counts[b], l.noted[b], l.ended[b] = count, count, false
		if !l.op.Columns && count > l.steps { // measured again
			l.noted[b]--
		}
	}
	err := l.e.Write(l.op.State, 0, state)
	if f != nil {
		err = errors.Join(err, l.e.Write(l.op.F, 0, f))
	}
	if g != nil {
		err = errors.Join(err, l.e.Write(l.op.G, 0, g))
	}
	if err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}

// run makes passes until every problem has ended. note is told the error of every iteration, problem by
// problem; called comes after every call of the engine.
func (l *loop) run(ctx context.Context, note func(b, iteration int, err float64), called func()) error {
	state, trace := make([]float64, 2*l.b), make([]float64, l.b*mostPasses)
	for running := true; running; {
		l.op.Passes = min(mostPasses, max(1, l.left()))
		begin := time.Now()
		err := ctx.Err()
		if err == nil {
			if s, ok := l.e.(engine.SinkhornLoop); ok {
				err = s.Sinkhorn(ctx, &l.op)
			} else {
				err = ComposedSinkhorn(ctx, l.e, &l.op)
			}
		}
		if err == nil {
			err = errors.Join(l.e.Read(state, l.op.State, 0), l.e.Read(trace, l.op.Trace, 0))
		}
		if err != nil {
			return fmt.Errorf("ot: %w", err)
		}
		switch took := time.Since(begin); {
		case took < leastCall:
			l.passes = min(2*l.passes, mostPasses)
		case took > mostCall:
			l.passes = max(l.passes/2, 1)
		}
		running = false
		for b := range l.b {
			l.counts[b], l.ended[b] = int(state[2*b]), state[2*b+1] != 0
			known := l.counts[b]
			if !l.ended[b] && !l.op.Columns {
				known = max(known-1, min(known, l.steps))
			}
			for ; l.noted[b] < known; l.noted[b]++ {
				note(b, l.noted[b], trace[b*mostPasses+l.noted[b]%mostPasses])
			}
			running = running || !l.ended[b]
		}
		called()
	}
	return nil
}

// left returns the passes that the problem with the fewest iterations can still make.
func (l *loop) left() int {
	most := 0
	for b, k := range l.counts {
		if !l.ended[b] {
			most = max(most, l.op.Limit-k)
		}
	}
	if !l.op.Columns {
		most++ // the last one only measures
	}
	return most
}

// read copies the potentials to the host; nil for those not wanted.
func (l *loop) read(f, g []float64) error {
	var err error
	if f != nil {
		err = l.e.Read(f, l.op.F, 0)
	}
	if g != nil {
		err = errors.Join(err, l.e.Read(g, l.op.G, 0))
	}
	if err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}
