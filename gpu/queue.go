//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"fmt"
	"strings"

	"monge/engine"
)

// operation names what is queued, with its sizes: one letter of keys for each.
type operation struct {
	name, keys string
	sizes      [6]int
}

func (o operation) String() string {
	if o.keys == "" {
		return o.name
	}
	parts := make([]string, len(o.keys))
	for i := range parts {
		parts[i] = fmt.Sprintf("%c=%d", o.keys[i], o.sizes[i])
	}
	return o.name + " [" + strings.Join(parts, " ") + "]"
}

var errClosed = errors.New("gpu: the engine is closed")

// reads are the buffers of an operation that it does not change.
type reads []engine.Buffer

// enter begins an operation on a thread that has the engine's context. It names all of the operation's buffers: to be safe an
// operation changes, in any of their numbers, those that are not among reads. Whatever was made of changed ones and kept for later
// calls is forgotten on leaving.
func (e *Engine) enter(o operation, in reads, changed ...engine.Buffer) (leave func(), err error) {
	if err := e.own(in...); err != nil {
		return nil, err
	}
	if err := e.own(changed...); err != nil {
		return nil, err
	}
	if e.closed {
		return nil, errClosed
	}
	if e.broken != nil {
		return nil, e.broken
	}
	e.op = o
	release, err := e.current()
	if err != nil {
		return nil, e.fail(fmt.Errorf("context: %w", err))
	}
	return func() {
		for _, x := range changed {
			if x != nil {
				b := x.(*buffer)
				e.pool.forget(b.ptr, int64(engine.Len(b)*b.t.Size()))
			}
		}
		release()
	}, nil
}

// fail wraps an error of the running operation. The failure of a device may come from whatever was queued
// before, and every later call returns it again.
func (e *Engine) fail(err error) error {
	switch {
	case err == nil:
		return nil
	case refused(err):
		return fmt.Errorf("gpu: %v: %w", e.op, err)
	case e.broken == nil:
		e.broken = fmt.Errorf("gpu: device %d (%s) failed, noticed by %v: %w", int(e.device), e.name, e.op, err)
	}
	return e.broken
}

// wait waits for the queue and returns what it met.
func (e *Engine) wait() error {
	if err := e.stage.askFaults(e); err != nil {
		return e.fail(err)
	}
	if err := e.stream.Synchronize(); err != nil {
		return e.fail(check(err))
	}
	return e.stage.takeFaults(e)
}

// own checks that the buffers are this engine's.
func (e *Engine) own(xs ...engine.Buffer) error {
	for _, x := range xs {
		if x == nil {
			continue
		}
		if b, ok := x.(*buffer); !ok {
			return fmt.Errorf("gpu: a buffer of another engine (%T): %w", x, engine.ErrUnsupported)
		} else if b.e != e {
			return fmt.Errorf("gpu: a buffer of another engine, or one that was freed: %w", engine.ErrUnsupported)
		}
	}
	return nil
}
