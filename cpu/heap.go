package cpu

import (
	"sync"
	"unsafe"
)

// align is the alignment of every array in bytes: a cache line. gonum's float32 dot product sums in an
// order that depends on the address modulo 16.
const align = 64

// aligned returns n numbers that start on a cache line. They are zero.
func aligned[T number](n int) []T {
	if n == 0 {
		return []T{}
	}
	size := int(unsafe.Sizeof(*new(T)))
	s := make([]T, n+align/size-1)
	off := 0
	if r := int(uintptr(unsafe.Pointer(&s[0])) % align); r != 0 {
		off = (align - r) / size
	}
	return s[off : off+n : off+n]
}

// pooled is how much freed memory the heap keeps for reuse, as a fraction of its limit.
const pooled = 8

// heap counts the bytes of the buffers of an engine and its parts, and keeps freed arrays for allocations of the
// same size.
type heap struct {
	sync.Mutex
	limit, used, idle int64
	f64               map[int][][]float64
	f32               map[int][][]float32
	i32               map[int][][]int32
}

func (h *heap) free() int64 {
	h.Lock()
	defer h.Unlock()
	return h.left()
}

func (h *heap) left() int64 { return max(0, h.limit-h.used) }

// close forgets the freed arrays.
func (h *heap) close() {
	h.Lock()
	defer h.Unlock()
	h.drain()
}

func (h *heap) drain() {
	h.idle = 0
	clear(h.f64)
	clear(h.f32)
	clear(h.i32)
}

func poolOf[T number](h *heap) *map[int][][]T {
	var p any
	switch any(*new(T)).(type) {
	case float64:
		p = &h.f64
	case float32:
		p = &h.f32
	default:
		p = &h.i32
	}
	return p.(*map[int][][]T)
}

// get returns n zeros, or false where they do not fit.
func get[T number](h *heap, n int) ([]T, bool) {
	bytes := int64(n) * int64(unsafe.Sizeof(*new(T)))
	h.Lock()
	defer h.Unlock()
	if bytes > h.left() {
		return nil, false
	}
	h.used += bytes
	if x := pooledArray[T](h, n); x != nil {
		clear(x)
		return x, true
	}
	return aligned[T](n), true
}

// getPages returns n numbers of any value, in huge pages, or false where they do not fit: a freed array where there is
// one, since new pages are dear to touch.
func getPages[T number](h *heap, n int) ([]T, bool) {
	h.Lock()
	defer h.Unlock()
	bytes := int64(n) * int64(unsafe.Sizeof(*new(T)))
	if bytes > h.left() {
		return nil, false
	}
	h.used += bytes
	if x := pooledArray[T](h, n); x != nil {
		return x, true
	}
	return hugePages[T](n), true
}

// pooledArray returns a freed array of n numbers, or nil where there is none; there is then room for a new one, which is
// in h.used already.
func pooledArray[T number](h *heap, n int) []T {
	pool := *poolOf[T](h)
	if list := pool[n]; len(list) > 0 && n > 0 {
		x := list[len(list)-1]
		list[len(list)-1] = nil
		pool[n] = list[:len(list)-1]
		h.idle -= int64(n) * int64(unsafe.Sizeof(*new(T)))
		return x
	}
	if h.idle+h.used > h.limit {
		h.drain()
	}
	return nil
}

// reserve counts bytes as used that lie in no array of get, or says that they do not fit.
func (h *heap) reserve(bytes int64) bool {
	h.Lock()
	defer h.Unlock()
	if bytes > h.left() {
		return false
	}
	if h.used += bytes; h.idle+h.used > h.limit {
		h.drain()
	}
	return true
}

func (h *heap) unreserve(bytes int64) {
	h.Lock()
	defer h.Unlock()
	h.used -= bytes
}

// giveBack returns an array of get.
func giveBack[T number](h *heap, x []T) {
	n := len(x)
	bytes := int64(n) * int64(unsafe.Sizeof(*new(T)))
	h.Lock()
	defer h.Unlock()
	h.used -= bytes
	if n == 0 || h.idle+bytes > h.limit/pooled {
		return
	}
	pool := poolOf[T](h)
	if *pool == nil {
		*pool = make(map[int][][]T)
	}
	(*pool)[n] = append((*pool)[n], x)
	h.idle += bytes
}
