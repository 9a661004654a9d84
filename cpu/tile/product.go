package tile

import "unsafe"

// depth is how many numbers of a dot product one call of the assembly adds: a panel of so many rows of b
// fits the first cache, and the call takes a few microseconds at most (it cannot be preempted).
const depth = 256

// maxWidth and maxRows bound the tiles of all levels.
const (
	maxWidth = 32
	maxRows  = 12
)

// Scratch is the memory of products, one for each goroutine. The zero value is ready.
type Scratch[T Float] struct {
	panel []T // [depth, width], columns of b side by side
	edge  []T // [maxRows, width] of c
}

// Product computes c = a b, or a b^T with trans, plus c where add is set: a [m, k], b [k, n] or [n, k],
// c [m, n], with row strides lda, ldb, ldc; k > 0. The level may not be Plain.
//
// Every element is 0, or c, to which one fused multiply-add after the other adds the products in order.
func Product[T Float](l Level, w *Scratch[T], trans, add bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int) {
	if m <= 0 || n <= 0 {
		return
	}
	_, _ = a[(m-1)*lda+k-1], c[(m-1)*ldc+n-1] // the assembly does not check
	if trans {
		_ = b[(n-1)*ldb+k-1]
	} else {
		_ = b[(k-1)*ldb+n-1]
	}
	vector := 32 / int(unsafe.Sizeof(*new(T)))
	if l == AVX512 {
		vector *= 2
	}
	if w.panel == nil {
		w.panel, w.edge = make([]T, depth*maxWidth), make([]T, maxRows*maxWidth)
	}
	for k0 := 0; k0 < k; k0 += depth {
		kk := min(depth, k-k0)
		for j := 0; j < n; j += 2 * vector {
			nn, vectors := min(2*vector, n-j), 2
			if nn <= vector {
				vectors = 1
			}
			width := vectors * vector
			panel, ld := w.panel, width
			switch {
			case trans:
				packColumns(panel, width, b[j*ldb+k0:], ldb, nn, kk)
			case nn == width:
				panel, ld = b[k0*ldb+j:], ldb
			default:
				packRows(panel, width, b[k0*ldb+j:], ldb, nn, kk)
			}
			strip[T]{l, vectors, width, kk, panel, ld, add || k0 > 0}.run(w.edge, m, nn, a[k0:], lda, c[j:], ldc)
		}
	}
}

// strip is a panel of columns that all rows of a are multiplied with.
type strip[T Float] struct {
	level          Level
	vectors, width int
	k              int
	b              []T
	ldb            int
	add            bool
}

// run computes the n <= width columns of c in tiles of rows. Where n is less, the tile is made in edge.
func (s strip[T]) run(edge []T, m, n int, a []T, lda int, c []T, ldc int) {
	for i := 0; i < m; {
		r := s.level.rows(m - i)
		out, ld := c[i*ldc:], ldc
		if n < s.width {
			out, ld = edge, s.width
			if s.add {
				for l := range r {
					copy(edge[l*ld:l*ld+n], c[(i+l)*ldc:])
				}
			}
		}
		product(s.level, r, s.vectors, a[i*lda:], lda, s.b, s.ldb, out, ld, s.k, s.add)
		if n < s.width {
			for l := range r {
				copy(c[(i+l)*ldc:(i+l)*ldc+n], edge[l*ld:])
			}
		}
		i += r
	}
}

// rows returns the height of the next tile where m rows are left.
func (l Level) rows(m int) int {
	tall := 6
	if l == AVX512 {
		tall = 12
	}
	switch {
	case m >= tall:
		return tall
	case m >= 4:
		return 4
	case m >= 2:
		return 2
	}
	return 1
}

func product[T Float](l Level, r, vectors int, a []T, lda int, b []T, ldb int, c []T, ldc, k int, add bool) {
	switch a := any(a).(type) {
	case []float64:
		l.product64(r, vectors, &a[0], lda, &any(b).([]float64)[0], ldb, &any(c).([]float64)[0], ldc, k, add)
	case []float32:
		l.product32(r, vectors, &a[0], lda, &any(b).([]float32)[0], ldb, &any(c).([]float32)[0], ldc, k, add)
	}
}

// packColumns copies n rows of k numbers of b to columns of panel [k, width], and zeros beside them.
func packColumns[T Float](panel []T, width int, b []T, ldb, n, k int) {
	whole := k &^ 3
	j := 0
	for ; whole > 0 && j+4 <= n; j += 4 {
		switch b := any(b[j*ldb:]).(type) {
		case []float64:
			transpose64(&any(panel).([]float64)[j], width, &b[0], ldb, whole/4)
		case []float32:
			transpose32(&any(panel).([]float32)[j], width, &b[0], ldb, whole/4)
		}
		for l := whole; l < k; l++ {
			for i := range 4 {
				panel[l*width+j+i] = b[(j+i)*ldb+l]
			}
		}
	}
	for ; j < n; j++ {
		for l, x := range b[j*ldb : j*ldb+k] {
			panel[l*width+j] = x
		}
	}
	if n < width {
		for l := range k {
			clear(panel[l*width+n : (l+1)*width])
		}
	}
}

// packRows copies n numbers of each of k rows of b to panel [k, width], and zeros beside them.
func packRows[T Float](panel []T, width int, b []T, ldb, n, k int) {
	for l := range k {
		row := panel[l*width : (l+1)*width]
		clear(row[copy(row, b[l*ldb:l*ldb+n]):])
	}
}
