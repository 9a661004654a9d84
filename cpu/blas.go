//go:build !netlib

package cpu

// rowsAlone says that a row's result does not depend on the rows beside it.
const rowsAlone = true

// ownProducts says that products are package tile's, where it has assembly for the processor.
const ownProducts = true

// useBLAS leaves gonum's own BLAS in place.
func useBLAS() {}
