//go:build !netlib

package cpu

// useBLAS leaves gonum's own BLAS in place.
func useBLAS() {}
