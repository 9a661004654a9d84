package flow

import (
	"context"
	"slices"
	"sync"

	"monge/engine"
	"monge/engine/dist"
)

// lane is what takes chunks of rows through the flow: an engine, the law, and a method with its arrays.
type lane struct {
	e engine.Engine
	f dist.Field
	r *run
	s solver
}

// laneRows is how many rows are worth a part of the engine.
const laneRows = 8

// lanes returns the parts of the engine where it has parts, the law serves them, and there are rows for all of
// them; else the engine itself. Rows of different lanes do not wait for each other after every operation, nor
// for the last row of all.
func (w *work) lanes(e engine.Engine, f dist.Field) []lane {
	whole := []lane{{e: e, f: f}}
	d, ok := e.(engine.Divider)
	if !ok {
		return whole
	}
	parts := d.Parts()
	if len(parts) < 2 || w.n < laneRows*len(parts) {
		return whole
	}
	var lanes []lane
	for _, p := range parts {
		own := dist.Fork(f, p)
		if own == nil {
			return whole
		}
		lanes = append(lanes, lane{e: p, f: own})
	}
	return lanes
}

// chunks is the rows of a call, taken chunk by chunk by whoever is free.
type chunks struct {
	*work
	mu         sync.Mutex
	rows, next int
	done       int
	failed     []failure
}

type failure struct {
	lo  int
	err error
}

// all takes the points through the flow.
func (w *work) all(ctx context.Context, e engine.Engine, t engine.Dtype, f dist.Field) error {
	if w.n == 0 {
		return nil
	}
	lanes := w.lanes(e, f)
	c := &chunks{work: w, rows: w.chunk(e, t, len(lanes))}
	defer func() {
		for _, l := range lanes {
			if l.r != nil {
				l.r.mem.free()
			}
			if l.f != f {
				l.f.Free()
			}
		}
	}()
	for i := range lanes {
		l := &lanes[i]
		var err error
		if l.r, l.s, err = w.open(l.e, t, l.f, c.rows); err != nil {
			return err
		}
		l.r.finished = c.finished
	}
	var wait sync.WaitGroup
	for _, l := range lanes[1:] {
		wait.Go(func() { c.drain(ctx, l) })
	}
	c.drain(ctx, lanes[0])
	wait.Wait()
	for _, l := range lanes {
		w.rejected += l.r.rejected
	}
	if len(c.failed) > 0 { // the first in the rows' order: all before it were taken, and are done
		return slices.MinFunc(c.failed, func(a, b failure) int { return a.lo - b.lo }).err
	}
	return nil
}

// finished counts rows that are done. Progress is told by one goroutine at a time.
func (c *chunks) finished(rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done += rows; c.Progress != nil {
		c.Progress(c.done, c.n)
	}
}

// take returns the next chunk's first row, or false where there is none or something failed.
func (c *chunks) take() (lo int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lo = c.next
	c.next += c.rows
	return lo, lo < c.n && len(c.failed) == 0
}

func (c *chunks) fail(lo int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, failure{lo, err})
}

// drain takes chunks until there are none.
func (c *chunks) drain(ctx context.Context, l lane) {
	for {
		lo, ok := c.take()
		if !ok {
			return
		}
		hi := min(lo+c.rows, c.n)
		l.r.base, l.r.nfe = lo, c.nfe[lo:hi]
		err := ctx.Err()
		if err == nil {
			err = c.one(ctx, l.r, l.s, lo, hi)
		}
		if err != nil {
			c.fail(lo, err)
			return
		}
	}
}
