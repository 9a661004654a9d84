package cpu

import (
	"unsafe"

	"monge/cpu/tile"
)

// task is an operation cut into items that may run in any order and at the same time. The cut depends
// on the operation's sizes alone.
type task interface {
	do(w *worker, item int)
}

// serialWork is the work, in simple operations, below which goroutines cost more than they bring.
const serialWork = 1 << 15

// run does all items of t; work is a rough count of simple operations in all.
func (e *Engine) run(t task, items int, work float64) {
	threads := min(e.threads, items)
	if work < serialWork {
		threads = min(threads, 1)
	}
	if threads <= 1 {
		w := e.worker(0)
		for i := range items {
			w.reset()
			t.do(w, i)
		}
		return
	}
	e.next.Store(0)
	e.wait.Add(threads - 1)
	for i := 1; i < threads; i++ {
		go func(w *worker) {
			defer e.wait.Done()
			e.drain(t, w, items)
		}(e.worker(i))
	}
	e.drain(t, e.worker(0), items)
	e.wait.Wait()
}

// share returns the rows of an item, at most the given number, such that every goroutine gets as many items as the
// others, and some. Only operations whose rows do not depend on each other may cut by it.
func (e *Engine) share(most, rows int) int {
	const least = 8 // rows that are worth the transposing of keys
	const tall = 4  // tiles of products have a multiple of so many rows
	if e.threads == 1 {
		return most
	}
	items := max(2*e.threads, (rows+most-1)/most)
	items = (items + e.threads - 1) / e.threads * e.threads
	each := (rows + items - 1) / items
	return min(most, max(least, (each+tall-1)/tall*tall))
}

func (e *Engine) drain(t task, w *worker, items int) {
	for {
		i := int(e.next.Add(1)) - 1
		if i >= items {
			return
		}
		w.reset()
		t.do(w, i)
	}
}

func (e *Engine) worker(i int) *worker {
	for len(e.workers) <= i {
		e.workers = append(e.workers, &worker{level: e.level})
	}
	return e.workers[i]
}

// worker holds one goroutine's scratch memory, which lives from call to call.
type worker struct {
	level tile.Level

	f64 arena[float64]
	f32 arena[float32]
	i32 arena[int32]

	tables []table   // of a panel's times
	pack   []float32 // float32 rows copied to aligned places; see packed

	p64 tile.Scratch[float64]
	p32 tile.Scratch[float32]
}

func (w *worker) reset() {
	w.f64.reset()
	w.f32.reset()
	w.i32.reset()
}

// mark returns how much scratch memory is taken; release gives back what was taken since.
func (w *worker) mark() [3]int { return [...]int{w.f64.used, w.f32.used, w.i32.used} }

func (w *worker) release(used [3]int) { w.f64.used, w.f32.used, w.i32.used = used[0], used[1], used[2] }

// arena hands out scratch arrays until its reset.
type arena[T number] struct {
	buf        []T
	used, need int // numbers handed out, now and at most
}

func (a *arena[T]) reset() {
	if a.need > len(a.buf) {
		a.buf = aligned[T](a.need)
	}
	a.used, a.need = 0, 0
}

// take returns n numbers of any value, aligned to a cache line, valid until the next reset or a release.
func (a *arena[T]) take(n int) []T {
	const line = align / 4 // numbers, for the smallest type
	at := a.used
	a.used += (n + line - 1) / line * line
	a.need = max(a.need, a.used)
	if a.used > len(a.buf) {
		return aligned[T](n)
	}
	return a.buf[at : at+n : at+n]
}

// scratch returns n numbers of w's memory, of any value.
func scratch[T float](w *worker, n int) []T {
	if unsafe.Sizeof(*new(T)) == 8 {
		return any(&w.f64).(*arena[T]).take(n)
	}
	return any(&w.f32).(*arena[T]).take(n)
}
