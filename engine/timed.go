package engine

import "time"

// Timed is an engine whose device keeps time itself.
type Timed interface {
	Engine
	// Time runs f and returns how long the device took, by its own clock, from the first operation that f
	// queues to the end of the last: with what it idled between them, without what was queued before. It
	// waits for the queue. An error of f is returned as it is.
	Time(f func() error) (time.Duration, error)
}

// Time runs f and returns how long e's device took: as [Timed] does where e is one, else by the host's clock
// from an empty queue to an empty queue.
func Time(e Engine, f func() error) (time.Duration, error) {
	if t, ok := e.(Timed); ok {
		return t.Time(f)
	}
	if err := e.Sync(); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return 0, err
	}
	err := e.Sync()
	return time.Since(start), err
}
