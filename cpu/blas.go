//go:build !netlib

package cpu

// rowsAlone says that a row's result does not depend on the rows beside it.
const rowsAlone = true

// useBLAS leaves gonum's own BLAS in place.
func useBLAS() {}
