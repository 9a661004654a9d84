// Package cpu is the engine on the host's processor: products, exponentials and other inner loops from
// package [monge/cpu/tile], which picks AVX-512 or AVX2 when an engine is made, goroutines over panels of
// rows around them. On other processors the products are gonum's, and the loops plain Go.
//
// Results are bitwise the same for any number of goroutines, and a row's result does not depend on the
// other rows of the call: every element of a product is one sequence of additions of its own row and
// column, sums have a fixed order, and sums over rows are merged from a partition that depends on the
// sizes alone. (Under the build tag netlib the products are OpenBLAS's, which promises neither.)
//
// Logits and sums are kept in float64 for both types. What float32 computes in its own accuracy are
// products, those of the means in partial sums of meanKeys keys, and exponentials; in [Engine.Sinkhorn] logits as well. A zero times an
// infinity in a product may count 0 (gonum) or NaN.
package cpu

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"monge/cpu/tile"
	"monge/engine"
)

// Options of New. The zero value is the default.
type Options struct {
	Threads   int   // goroutines that work at a time; 0 = GOMAXPROCS
	MaxMemory int64 // bytes that buffers may take together; 0 = the memory available now
}

// Engine implements [engine.Engine]. Use it from one goroutine at a time.
type Engine struct {
	threads int
	level   tile.Level
	device  string
	memory  int64
	heap    *heap

	workers []*worker
	next    atomic.Int64
	wait    sync.WaitGroup
	parts   []engine.Engine

	k64 kernels[float64]
	k32 kernels[float32]
}

// float is a type that the operations compute in.
type float interface{ float32 | float64 }

// number is a type that a buffer holds.
type number interface{ float32 | float64 | int32 }

// kernels holds the arguments of the operation that runs, so that a call allocates nothing.
type kernels[T float] struct {
	softmax softmaxTask[T]
	colSum  colSumTask[T]
	mixture mixtureTask[T]
	follow  followTask[T]
	linComb linCombTask[T]
	norm    errorNormTask[T]
	axpby   axpbyTask[T]
	log     logTask[T]
	matMul  matMulTask[T]
	rowDot  rowDotTask[T]
	reduce  reduceTask[T]
}

func kernelsOf[T float](e *Engine) *kernels[T] {
	if k, ok := any(&e.k64).(*kernels[T]); ok {
		return k
	}
	return any(&e.k32).(*kernels[T])
}

var _ engine.Divider = (*Engine)(nil)

// New returns an engine on this machine's processor. It panics on negative options.
func New(o Options) *Engine {
	if o.Threads < 0 || o.MaxMemory < 0 {
		panic(fmt.Sprintf("cpu: %d threads, %d bytes of memory", o.Threads, o.MaxMemory))
	}
	useBLAS()
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	total, available := memories()
	if o.MaxMemory == 0 {
		o.MaxMemory = available
	}
	e := &Engine{threads: o.Threads, level: tile.Best(), device: processor(), memory: total, heap: &heap{limit: o.MaxMemory}}
	return e
}

// Info implements engine.Engine. Free counts what MaxMemory leaves.
func (e *Engine) Info() engine.Info {
	return engine.Info{Name: "cpu", Device: e.device, Memory: e.memory, Free: min(e.memory, e.heap.free()), Threads: e.threads}
}

// Parts implements engine.Divider: an engine of one goroutine for each of e's. They share e's memory and its limit.
func (e *Engine) Parts() []engine.Engine {
	for len(e.parts) < e.threads {
		e.parts = append(e.parts, &Engine{threads: 1, level: e.level, device: e.device, memory: e.memory, heap: e.heap})
	}
	return e.parts
}

// Sync implements engine.Engine: operations are done when they return.
func (e *Engine) Sync() error { return nil }

// Close implements engine.Engine. Buffers and parts are invalid afterwards.
func (e *Engine) Close() error {
	e.workers, e.parts = nil, nil
	e.heap.close()
	return nil
}
