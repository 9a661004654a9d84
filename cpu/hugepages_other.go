//go:build !linux

package cpu

// hugePages returns n zeros, aligned to a cache line.
func hugePages[T number](n int) []T { return aligned[T](n) }
