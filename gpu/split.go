//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"errors"
	"slices"

	"gorgonia.org/cu"
)

// source is what a split cloud was made of, float32 [problems, rows, width] from at on, and how.
type source struct {
	at                    cu.DevicePtr
	problems, rows, width int64
	products              precision // of keys; 0: the cloud is one of values
	chunks, across        int64     // of a row, and of a panel of values
}

func (s *source) bytes() int64 { return 4 * s.problems * s.rows * s.width }

// splitCloud is the memory of a cloud as the tensor cores read it, see kernels/split.cu.
//
// Between the calls that use it a cloud is idle memory of the pool like all scratch, to be had by whoever needs memory, and
// counted as such. The pool only remembers what it holds, so that a call may find the cloud of its keys, or of its values, still there:
// the first of a flow's evaluations splits the points of a law for all of them. It takes no memory beyond the pool's, and none
// from anybody: no other engine writes to this one's memory, all of its operations name in enter what they write, and all
// memory goes back through put; both forget the clouds made of it.
type splitCloud struct {
	of    source
	parts []cu.DevicePtr
	sizes []int64 // bytes
}

// mostSplits bounds what is looked through at every operation: an outer loop may split a cloud of many problems in pieces.
const mostSplits = 64

func (c *splitCloud) bytes() (sum int64) {
	for _, n := range c.sizes {
		sum += n
	}
	return sum
}

// claim returns the cloud that was made of s, in use from now on, or nil where there is none.
func (p *pool) claim(s source) *splitCloud {
	i := slices.IndexFunc(p.splits, func(c *splitCloud) bool { return c.of == s })
	if i < 0 {
		return nil
	}
	c := p.splits[i]
	p.splits = slices.Delete(p.splits, i, i+1)
	p.idle -= c.bytes()
	p.used += c.bytes()
	for i, x := range c.parts {
		p.live[x] = c.sizes[i]
	}
	return c
}

// keep gives the memory of a cloud back, which the operations that are queued may still use, and remembers what it holds.
func (e *Engine) keep(c *splitCloud) error {
	p := &e.pool
	if err := e.makeRoom(c.bytes()); err != nil {
		return err
	}
	if p.idle+c.bytes() > p.limit/pooled {
		var errs []error
		for _, x := range c.parts {
			errs = append(errs, e.put(x))
		}
		return errors.Join(errs...)
	}
	if len(p.splits) == mostSplits {
		p.loosen(p.splits[0])
		p.splits = p.splits[1:]
	}
	p.splits = append(p.splits, c)
	p.idle += c.bytes()
	p.used -= c.bytes()
	for _, x := range c.parts {
		delete(p.live, x)
	}
	return nil
}

// makeRoom gives back the memory of the clouds that were used longest ago where the pool may not keep so many bytes besides.
func (e *Engine) makeRoom(bytes int64) error {
	p, most := &e.pool, e.pool.limit/pooled-bytes
	if most < 0 || p.idle <= most || len(p.splits) == 0 {
		return nil
	}
	if err := e.stream.Synchronize(); err != nil {
		return check(err)
	}
	var errs []error
	for len(p.splits) > 0 && p.idle > most {
		errs = append(errs, p.splits[0].free())
		p.idle -= p.splits[0].bytes()
		p.splits = p.splits[1:]
	}
	return errors.Join(errs...)
}

// free gives the memory of a cloud back to the driver.
func (c *splitCloud) free() error {
	var errs []error
	for _, x := range c.parts {
		errs = append(errs, check(cu.MemFree(x)))
	}
	return errors.Join(errs...)
}

// loosen makes plain idle memory of what a cloud has.
func (p *pool) loosen(c *splitCloud) {
	for i, x := range c.parts {
		p.free[c.sizes[i]] = append(p.free[c.sizes[i]], x)
	}
}

// forget loosens the clouds that were made of any of the bytes from at on.
func (p *pool) forget(at cu.DevicePtr, bytes int64) {
	if len(p.splits) == 0 {
		return
	}
	p.splits = slices.DeleteFunc(p.splits, func(c *splitCloud) bool {
		apart := at+cu.DevicePtr(bytes) <= c.of.at || c.of.at+cu.DevicePtr(c.of.bytes()) <= at
		if !apart {
			p.loosen(c)
		}
		return !apart
	})
}

// part is one of the arrays of a cloud: for numbers of size bytes each.
type part struct {
	to    *C.uint64_t
	what  string
	size  int64
	sizes []int64
}

// split sets the arrays of the cloud of s. Where there is none yet fill makes it.
func (m *mma) split(s source, parts []part, fill func() error) error {
	c := m.e.pool.claim(s)
	if c == nil {
		held := len(m.held)
		c = &splitCloud{of: s}
		for _, x := range parts {
			ptr, err := m.scratch(x.what, int(x.size), x.sizes...)
			if err != nil {
				return err
			}
			*x.to = ptr
		}
		if err := fill(); err != nil {
			return err
		}
		for _, x := range m.held[held:] {
			c.parts, c.sizes = append(c.parts, x), append(c.sizes, m.e.pool.live[x])
		}
		m.held = m.held[:held]
	}
	m.splits = append(m.splits, c)
	for i, x := range parts {
		*x.to = C.uint64_t(c.parts[i])
	}
	return nil
}

// splitKeys splits the keys, unless they are as they were when they were split before.
func (m *mma) splitKeys() error {
	p := &m.p
	n, cols := int64(p.kproblems), int64(p.cols)
	of := source{at: cu.DevicePtr(p.k), problems: n, rows: int64(p.m), width: int64(p.d), products: m.np, chunks: int64(p.chunks)}
	return m.split(of, []part{
		{&p.keys, "split keys", C.SPLIT_CHUNK, []int64{n, cols, int64(p.chunks)}},
		{&p.ratio, "ratios of keys", 4, []int64{n, cols}},
		{&p.odd, "marks of keys", 4, []int64{n, cols / C.SPLIT_ROWS}},
		{&p.extent, "extents of keys", 8, []int64{n}},
	}, func() error {
		if err := check(cu.MemsetD8Async(cu.DevicePtr(p.extent), 0, 8*n, m.e.stream)); err != nil {
			return err
		}
		split := C.split_params{
			x: p.k, extent: p.extent, cloud: p.keys, ratio: p.ratio, odd: p.odd,
			problems: p.kproblems, n: p.m, rows: p.cols, d: p.d, chunks: p.chunks, xstride: p.m * p.d, products: C.int64_t(m.np),
		}
		if err := m.launch("split", "split_extent", n*ceilDiv(int64(p.m), C.SPLIT_ROWS), C.SPLIT_THREADS, &split); err != nil {
			return err
		}
		return m.launch("split", "split_keys", n*cols/C.SPLIT_ROWS, C.SPLIT_THREADS, &split)
	})
}

// splitValues splits the values in panels of as many chunks as the keys have, unless they are as they were before.
func (m *mma) splitValues() error {
	p := &m.p
	n, cols, width := int64(p.vproblems), int64(p.cols), 32*int64(p.vchunks)+1
	of := source{at: cu.DevicePtr(p.v), problems: n, rows: int64(p.m), width: int64(p.dv), chunks: int64(p.vchunks), across: int64(p.vchunks / p.panels)}
	return m.split(of, []part{
		{&p.values, "split values", C.SPLIT_CHUNK, []int64{n, cols, int64(p.vchunks)}},
		{&p.vshift, "shifts of values", 4, []int64{n, cols}},
		{&p.squares, "squares of values", 4, []int64{n, cols}},
		{&p.vodd, "marks of values", 4, []int64{n, cols / C.SPLIT_ROWS}},
		{&p.vextent, "extents of values", 4, []int64{n, width}},
	}, func() error {
		if err := check(cu.MemsetD8Async(cu.DevicePtr(p.vextent), 0, 4*n*width, m.e.stream)); err != nil {
			return err
		}
		split := C.values_params{
			x: p.v, extent: p.vextent, cloud: p.values, shift: p.vshift, squares: p.squares, odd: p.vodd,
			problems: p.vproblems, n: p.m, rows: p.cols, d: p.dv, chunks: p.vchunks, across: p.vchunks / p.panels, xstride: p.m * p.dv,
		}
		if err := launch(m.e, kernel{"split", "split_columns", "f32"}, n*ceilDiv(int64(p.m), C.SPLIT_ROWS), C.SPLIT_THREADS, &split); err != nil {
			return err
		}
		return launch(m.e, kernel{"split", "split_values", "f32"}, n*cols/C.SPLIT_ROWS, C.SPLIT_THREADS, &split)
	})
}
