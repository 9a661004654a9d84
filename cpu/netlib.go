//go:build netlib

package cpu

import (
	"sync"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/netlib/blas/netlib"
)

// rowsAlone says that a row's result does not depend on the rows beside it; OpenBLAS chooses its kernels by
// the size of the whole product.
const rowsAlone = false

// ownProducts leaves the products to OpenBLAS.
const ownProducts = false

// once guards gonum's own global: engines may be opened side by side.
var once sync.Once

// useBLAS makes the system's CBLAS (OpenBLAS) serve gonum's blas64 and blas32.
func useBLAS() {
	once.Do(func() {
		blas64.Use(netlib.Implementation{})
		blas32.Use(netlib.Implementation{})
	})
}
