//go:build (cuda || emu) && cgo

package gpu

import (
	"fmt"
	"time"

	"monge/engine"

	"gorgonia.org/cu"
)

var _ engine.Timed = (*Engine)(nil)

// Time implements engine.Timed by two events on the engine's stream.
func (e *Engine) Time(f func() error) (took time.Duration, err error) {
	var marks [2]cu.Event
	defer func() {
		for i := range marks {
			if marks[i] == (cu.Event{}) {
				continue
			}
			if leave, failed := e.current(); failed == nil {
				failed = check(cu.DestroyEvent(&marks[i]))
				leave()
				if err == nil && failed != nil {
					err = e.fail(failed)
				}
			}
		}
	}()
	if err := e.mark(&marks[0]); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	if err := e.mark(&marks[1]); err != nil {
		return 0, err
	}
	leave, err := e.enter(operation{name: "Time"}, nil)
	if err != nil {
		return 0, err
	}
	defer leave()
	if err := e.wait(); err != nil {
		return 0, err
	}
	ms, err := marks[0].Elapsed(marks[1])
	if err != nil {
		return 0, e.fail(fmt.Errorf("time between events: %w", check(err)))
	}
	return time.Duration(ms * float64(time.Millisecond)), nil
}

// mark makes an event and queues it.
func (e *Engine) mark(m *cu.Event) error {
	leave, err := e.enter(operation{name: "Time"}, nil)
	if err != nil {
		return err
	}
	defer leave()
	made, err := cu.MakeEvent(cu.DefaultEvent)
	if err != nil {
		return e.fail(fmt.Errorf("event: %w", check(err)))
	}
	*m = made
	return e.fail(check(made.Record(e.stream)))
}
