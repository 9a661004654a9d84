//go:build (cuda || emu) && cgo

package gpu

// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"monge/engine"

	"gorgonia.org/cu"
)

const (
	stageParts = 4
	stageBytes = 1 << 20 // of a part
)

// stage is page-locked memory on the way between host and device: some parts that are converted by the
// host while others are copied. Its last words are a copy of the faults.
type stage struct {
	memory unsafe.Pointer
	done   [stageParts]cu.Event // the copy from or to a part is over
	next   int

	faults cu.DevicePtr // int32 [faultCount], set by kernels
	asked  bool         // an operation may have set one since the last look
}

// What kernels find wrong with the values of indices.
const (
	faultCopyRows = iota
	faultBranch
	faultCount
)

func (s *stage) start(e *Engine) error {
	const bytes = stageParts*stageBytes + 4*faultCount
	if err := result(C.gpu_pinned(&s.memory, bytes)); err != nil {
		return fmt.Errorf("%d bytes of page-locked host memory: %w", int64(bytes), err)
	}
	for i := range s.done {
		var err error
		if s.done[i], err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return fmt.Errorf("event: %w", check(err))
		}
	}
	var err error
	if s.faults, err = e.get("fault words", 4*faultCount); err != nil {
		return err
	}
	return check(cu.MemsetD8Async(s.faults, 0, 4*faultCount, e.stream))
}

func (s *stage) stop() error {
	var errs []error
	for i := range s.done {
		if s.done[i] != (cu.Event{}) {
			errs = append(errs, check(cu.DestroyEvent(&s.done[i])))
		}
	}
	if s.memory != nil {
		errs = append(errs, check(cu.MemFreeHost(s.memory)))
		s.memory = nil
	}
	return errors.Join(errs...)
}

func (s *stage) part(i int) unsafe.Pointer { return unsafe.Add(s.memory, i*stageBytes) }

// fault returns the word that a kernel sets.
func (s *stage) fault(which int) uint64 {
	s.asked = true
	return uint64(s.faults) + uint64(4*which)
}

// askFaults queues the copy that takeFaults looks at once the queue has come to its end.
func (s *stage) askFaults(e *Engine) error {
	if !s.asked {
		return nil
	}
	return check(cu.MemcpyDtoHAsync(s.part(stageParts), s.faults, 4*faultCount, e.stream))
}

func (s *stage) takeFaults(e *Engine) error {
	if !s.asked {
		return nil
	}
	s.asked = false
	words := unsafe.Slice((*int32)(s.part(stageParts)), faultCount)
	copyRows, branch := words[faultCopyRows] != 0, words[faultBranch] != 0
	if !copyRows && !branch {
		return nil
	}
	if err := cu.MemsetD8Async(s.faults, 0, 4*faultCount, e.stream); err != nil {
		s.asked = true
		return e.fail(check(err))
	}
	var errs []error
	if copyRows {
		errs = append(errs, fmt.Errorf("gpu: CopyRows: an index past the end: %w", engine.ErrShape))
	}
	if branch {
		errs = append(errs, fmt.Errorf("gpu: MixtureFollow: a branch that is no component: %w", engine.ErrShape))
	}
	return errors.Join(errs...)
}

// Write implements engine.Engine. An I32 buffer takes each number's integer part.
func (e *Engine) Write(dst engine.Buffer, off int, src []float64) error {
	if err := engine.CheckRange("Write", dst, off, len(src)); err != nil {
		return err
	}
	leave, err := e.enter(operation{"Write", "N", [6]int{len(src)}}, nil, dst)
	if err != nil {
		return err
	}
	defer leave()
	x, s := dst.(*buffer), &e.stage
	most := stageBytes / x.t.Size()
	for len(src) > 0 {
		n := min(most, len(src))
		i := s.next
		s.next = (i + 1) % stageParts
		if err := s.done[i].Synchronize(); err != nil {
			return e.fail(check(err))
		}
		p := s.part(i)
		switch x.t {
		case engine.F64:
			copy(unsafe.Slice((*float64)(p), n), src)
		case engine.F32:
			convert(unsafe.Slice((*float32)(p), n), src)
		case engine.I32:
			convert(unsafe.Slice((*int32)(p), n), src)
		}
		if err := cu.MemcpyHtoDAsync(x.at(off), p, int64(n*x.t.Size()), e.stream); err != nil {
			return e.fail(check(err))
		}
		if err := s.done[i].Record(e.stream); err != nil {
			return e.fail(check(err))
		}
		src, off = src[n:], off+n
	}
	return nil
}

// Read implements engine.Engine.
func (e *Engine) Read(dst []float64, src engine.Buffer, off int) error {
	if err := engine.CheckRange("Read", src, off, len(dst)); err != nil {
		return err
	}
	leave, err := e.enter(operation{"Read", "N", [6]int{len(dst)}}, reads{src})
	if err != nil {
		return err
	}
	defer leave()
	x, s := src.(*buffer), &e.stage
	// The parts of earlier writes are free in the order of the stream.
	most := stageBytes / x.t.Size()
	queued := 0 // numbers that a copy is queued for
	ask := func(part int) error {
		n := min(most, len(dst)-queued)
		if n == 0 {
			return nil
		}
		if err := cu.MemcpyDtoHAsync(s.part(part), x.at(off+queued), int64(n*x.t.Size()), e.stream); err != nil {
			return check(err)
		}
		queued += n
		return check(s.done[part].Record(e.stream))
	}
	for i := range stageParts {
		if err := ask(i); err != nil {
			return e.fail(err)
		}
	}
	for done, i := 0, 0; done < len(dst); i = (i + 1) % stageParts {
		if err := s.done[i].Synchronize(); err != nil {
			return e.fail(check(err))
		}
		n := min(most, len(dst)-done)
		to, p := dst[done:done+n], s.part(i)
		switch x.t {
		case engine.F64:
			copy(to, unsafe.Slice((*float64)(p), n))
		case engine.F32:
			convert(to, unsafe.Slice((*float32)(p), n))
		case engine.I32:
			convert(to, unsafe.Slice((*int32)(p), n))
		}
		done += n
		if err := ask(i); err != nil {
			return e.fail(err)
		}
	}
	return e.wait()
}

// convert copies len(dst) numbers of src.
func convert[D, S float64 | float32 | int32](dst []D, src []S) {
	for i := range dst {
		dst[i] = D(src[i])
	}
}
