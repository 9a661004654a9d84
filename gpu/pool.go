//go:build (cuda || emu) && cgo

package gpu

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"monge/engine"

	"gorgonia.org/cu"
)

// pooled is how much freed memory the pool keeps for reuse, as a fraction of its limit.
const pooled = 4

// pool counts the bytes of an engine's memory and keeps freed memory for requests of the same size. Reuse
// needs no waiting, since all work is queued on one stream.
type pool struct {
	limit, used, idle int64
	free              map[int64][]cu.DevicePtr
	live              map[cu.DevicePtr]int64 // bytes
	splits            []*splitCloud          // in idle memory, the one that was used longest ago first
}

// get returns memory of any content for numbers of size bytes each, 0 for none. what is what it is for. Where
// there is not enough, also after all that was kept for reuse is given back, the error is an
// *engine.MemoryError.
func (e *Engine) get(what string, size int64, sizes ...int64) (cu.DevicePtr, error) {
	p := &e.pool
	bytes, total := size, float64(size)
	for _, n := range sizes {
		bytes *= n
		total *= float64(n)
	}
	if total > math.MaxInt64/2 {
		bytes = math.MaxInt64
	}
	if bytes == 0 {
		return 0, nil
	}
	if bytes > p.limit-p.used {
		return 0, e.exhausted(what, bytes, sizes)
	}
	ptr := cu.DevicePtr(0)
	if list := p.free[bytes]; len(list) > 0 {
		ptr = list[len(list)-1]
		p.free[bytes] = list[:len(list)-1]
		p.idle -= bytes
	} else {
		if p.used+p.idle+bytes > p.limit {
			if err := e.trim(); err != nil {
				return 0, err
			}
		}
		var err error
		if ptr, err = cu.MemAlloc(bytes); err == cu.OutOfMemory && p.idle > 0 {
			if err := e.trim(); err != nil {
				return 0, err
			}
			ptr, err = cu.MemAlloc(bytes)
		}
		if err == cu.OutOfMemory {
			return 0, e.exhausted(what, bytes, sizes)
		}
		if err != nil {
			return 0, fmt.Errorf("%d bytes for %s: %w", bytes, what, check(err))
		}
	}
	p.used += bytes
	if p.live == nil {
		p.live = make(map[cu.DevicePtr]int64)
		p.free = make(map[int64][]cu.DevicePtr)
	}
	p.live[ptr] = bytes
	return ptr, nil
}

// put gives memory of get back. The operations that are queued may still use it.
func (e *Engine) put(ptr cu.DevicePtr) error {
	p := &e.pool
	bytes, ok := p.live[ptr]
	if !ok {
		return nil // no bytes
	}
	delete(p.live, ptr)
	p.used -= bytes
	p.forget(ptr, bytes)
	if err := e.makeRoom(bytes); err != nil {
		return err
	}
	if p.idle+bytes <= p.limit/pooled {
		p.free[bytes] = append(p.free[bytes], ptr)
		p.idle += bytes
		return nil
	}
	if err := e.stream.Synchronize(); err != nil {
		return check(err)
	}
	return check(cu.MemFree(ptr))
}

// trim gives what was kept for reuse back to the driver.
func (e *Engine) trim() error {
	if err := e.stream.Synchronize(); err != nil {
		return check(err)
	}
	return e.pool.drain()
}

func (p *pool) drain() error {
	var errs []error
	for _, list := range p.free {
		for _, ptr := range list {
			errs = append(errs, check(cu.MemFree(ptr)))
		}
	}
	for _, c := range p.splits {
		errs = append(errs, c.free())
	}
	clear(p.free)
	p.splits, p.idle = nil, 0
	return errors.Join(errs...)
}

// stop gives all memory back, in use or not.
func (p *pool) stop() error {
	errs := []error{p.drain()}
	for ptr := range p.live {
		errs = append(errs, check(cu.MemFree(ptr)))
	}
	clear(p.live)
	p.used = 0
	return errors.Join(errs...)
}

// freeBytes returns what an allocation could get now.
func (e *Engine) freeBytes() int64 {
	p := &e.pool
	n := p.limit - p.used
	if free, _, err := cu.MemInfo(); err == nil {
		n = min(n, free+p.idle)
	}
	return max(0, n)
}

func (e *Engine) exhausted(what string, bytes int64, sizes []int64) error {
	if len(sizes) > 0 {
		what = fmt.Sprintf("%s %s", what, strings.Join(strings.Fields(fmt.Sprint(sizes)), ", "))
	}
	return &engine.MemoryError{What: what, Asked: bytes, Free: e.freeBytes()}
}
