package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages returns n zeros, aligned to a cache line, in pages of two megabytes where the system has some to give: a
// pass over a large array misses fewer translations.
func hugePages[T number](n int) []T {
	const page = 2 << 20
	size := int(unsafe.Sizeof(*new(T)))
	if n*size < 2*page {
		return aligned[T](n)
	}
	x := make([]T, n+page/size)
	skip := (page - int(uintptr(unsafe.Pointer(&x[0]))%page)) % page / size
	x = x[skip:][:n:n]
	// Advice only: without it the pages are small.
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), n*size/page*page), unix.MADV_HUGEPAGE)
	return x
}
