package main

import (
	"time"

	"monge/engine/sweep"
)

// keepEvery is the time between checkpoints, the most that is lost; writing one takes some milliseconds.
const keepEvery = 5 * time.Second

// keeper makes a solver keep its state under a name, and returns the one that was kept, nil where there is none.
func keeper[S any](a *app, kept *sweep.Checkpoint, name string) (resume *S, keep func(state func() *S)) {
	before := new(S)
	if kept.Load(name, before) {
		resume = before
	}
	last := time.Now()
	return resume, func(state func() *S) {
		if time.Since(last) < keepEvery {
			return
		}
		if err := kept.Save(name, state()); err != nil { // the solver itself may still end well
			a.warn("%v", err)
		}
		last = time.Now()
	}
}
