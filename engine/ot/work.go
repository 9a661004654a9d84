package ot

import (
	"context"
	"sync"
	"sync/atomic"

	"monge/engine"
)

// work carries what every step of an exact solver needs from its caller.
type work struct {
	ctx         context.Context
	threads     int
	engine      engine.Engine // of passes over all pairs; may be nil
	aligned     bool          // row i of one cloud may belong to row i of the other
	progress    func(done, total int)
	done, total int
}

// step reports that one step of total is done.
func (w *work) step(total int) {
	w.done++
	w.total = max(total, w.done)
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
}

// each calls f for blocks of 0..n-1 on the work's goroutines and returns ctx.Err() when it was cancelled.
// f must not depend on which blocks a goroutine gets.
func (w *work) each(n, block int, f func(lo, hi int, s *scratch)) error {
	var next atomic.Int64
	run := func() {
		var s scratch
		for w.ctx.Err() == nil {
			hi := int(next.Add(int64(block)))
			lo := hi - block
			if lo >= n {
				return
			}
			f(lo, min(hi, n), &s)
		}
	}
	var g sync.WaitGroup
	for range min(w.threads, (n+block-1)/block) - 1 {
		g.Go(run)
	}
	run()
	g.Wait()
	return w.ctx.Err()
}
