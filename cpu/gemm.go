package cpu

import (
	"unsafe"

	"monge/cpu/tile"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// Products are package tile's where it has assembly for the processor, else gonum's.
//
// gonum's Gemm runs serially below four blocks of 64 x 64 of the result, and in blocks that split the
// inner dimension above. Products are cut so that it is always serial: then an element is one dot
// product, or one sequence of additions, of its own row, whatever the other rows are.
const (
	panelRows = 64  // rows of a product, and of a work item
	panelCols = 192 // columns of a product
	deepCols  = 64  // the same where the inner dimension is cut
	deep      = 512 // numbers of a dot product made in one piece; a longer one is cut, to stay in cache
)

// gemm computes c = a b, or a b^T with trans, plus c where add is set: a [m, k], b [k, n] or [n, k],
// c [m, n], with row strides lda, ldb, ldc. The rows of c depend on their own rows of a alone.
func gemm[T float](w *worker, trans, add bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !add {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		}
		return
	}
	if tiled(w) {
		tile.Product(w.level, products[T](w), trans, add, m, n, k, a, lda, b, ldb, c, ldc)
		return
	}
	cols := panelCols
	if k > deep {
		cols = deepCols
	}
	for k0 := 0; k0 < k; k0 += deep {
		kk := min(deep, k-k0)
		for j := 0; j < n; j += cols {
			nn := min(cols, n-j)
			var bb []T
			ld := ldb
			if trans {
				bb, ld = packed(w, b[j*ldb+k0:], nn, kk, ldb)
			} else {
				bb = b[k0*ldb+j:]
			}
			for i := 0; i < m; i += panelRows {
				dgemm(trans, add || k0 > 0, min(panelRows, m-i), nn, kk, a[i*lda+k0:], lda, bb, ld, c[i*ldc+j:], ldc)
			}
		}
	}
}

// packed returns the n rows of k numbers at b where float32 rows are not aligned to 16 bytes in a copy
// where they are: gonum's dot product adds in an order that depends on that.
func packed[T float](w *worker, b []T, n, k, ldb int) ([]T, int) {
	if unsafe.Sizeof(*new(T)) == 8 || ldb%4 == 0 && uintptr(unsafe.Pointer(&b[0]))%16 == 0 {
		return b, ldb
	}
	ld := (k + 3) / 4 * 4
	p := any(&w.pack).(*[]T)
	if len(*p) < panelCols*deep {
		*p = aligned[T](panelCols * deep)
	}
	for j := range n {
		copy((*p)[j*ld:j*ld+k], b[j*ldb:j*ldb+k])
	}
	return *p, ld
}

// tiled says that products are package tile's.
func tiled(w *worker) bool { return ownProducts && w.level != tile.Plain }

// products returns w's memory for package tile's products.
func products[T float](w *worker) *tile.Scratch[T] {
	if s, ok := any(&w.p64).(*tile.Scratch[T]); ok {
		return s
	}
	return any(&w.p32).(*tile.Scratch[T])
}

func dgemm[T float](trans, add bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int) {
	t := blas.NoTrans
	if trans {
		t = blas.Trans
	}
	beta := T(0)
	if add {
		beta = 1
	}
	switch a := any(a).(type) {
	case []float64:
		blas64.Implementation().Dgemm(blas.NoTrans, t, m, n, k, 1, a, lda, any(b).([]float64), ldb, float64(beta), any(c).([]float64), ldc)
	case []float32:
		blas32.Implementation().Sgemm(blas.NoTrans, t, m, n, k, 1, a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
	}
}
