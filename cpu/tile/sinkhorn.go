package tile

import "unsafe"

// Sinkhorn holds the inner loops of Sinkhorn's method for one type on one instruction set: a pass computes the
// product and the exponential of every pair once, for the rows' and the columns' sums.
//
// They work on blocks of Rows rows and tiles of Rows x Cols(), stored row after row; a block is a sequence of
// tiles. Points are packed: a block's as [d, Rows], a tile's columns as [d, Cols()]. Numbers that are subnormal may
// count 0, but in products. Exponentials are right to 2.5e-7 (float32) and 5e-16 (float64, plain Go: and |x| 2^-53) of
// themselves.
//
// The sums of rows and of columns are made in one order, whatever Rows is and whether the products come from memory.
type Sinkhorn[T Float] struct {
	Rows  int // of a block
	Lanes int // of a row's sums; two vectors of so many columns are a tile
	of    sinkhornKernels[T]
}

// Cols returns the columns of a tile.
func (k *Sinkhorn[T]) Cols() int { return 2 * k.Lanes }

// SinkhornUnit is a count of rows that is a whole number of blocks, and of groups of four blocks, for all kernels.
const SinkhornUnit = 48

// sinkhornKernels are functions of arrays without lengths.
type sinkhornKernels[T Float] struct {
	dots     func(z, a, b *T, nb, d int, add bool)
	stream   func(e, a, b, u *T, nb, d int, scale T, ref, s, r, c *T)
	cached   func(e, z, u *T, nb int, scale T, ref, s, r, c *T)
	peaks    func(z, u *T, nb int, scale T, r *T)
	colPeaks func(z, q *T, nb int, scale T, c *T)
	columns  func(e *T, nb int, s, c *T)
	rowSums  func(sum *float64, r *T, n int)
	scores   func(e *float64, z *T, u, h *float64, nb int, scale float64, ref, s, r, t, c *float64)
}

// SinkhornOf returns the kernels of a level, for passes that make products (stream) or read them.
func SinkhornOf[T Float](l Level, stream bool) *Sinkhorn[T] {
	if l == Plain {
		return &Sinkhorn[T]{Rows: plainRows, Lanes: plainLanes, of: plainSinkhorn[T]()}
	}
	if unsafe.Sizeof(T(0)) == 8 {
		return any(l.sinkhorn64(stream)).(*Sinkhorn[T])
	}
	return any(l.sinkhorn32(stream)).(*Sinkhorn[T])
}

// SinkhornBlock is the memory of a pass over one block of rows.
type SinkhornBlock[T Float] struct {
	Ref []T // [Rows]: less the row's reference, the logarithm that its sums are relative to
	S   []T // [Rows]: a_i / r_i of the block whose exponentials are in E
	R   []T // [Rows, Lanes]: row sums, added to
	E   []T // exponentials of all tiles, in: of the block before
}

// Dots writes the products of a block's rows a [d, Rows] with the tiles' columns b: z has as many tiles.
func (k *Sinkhorn[T]) Dots(z, a, b []T, d int) {
	nb := len(z) / (k.Rows * k.Cols())
	if nb == 0 {
		return
	}
	if d == 0 {
		clear(z)
		return
	}
	_, _ = a[d*k.Rows-1], b[nb*d*k.Cols()-1]
	if d <= Deep {
		k.of.dots(&z[0], &a[0], &b[0], nb, d, false)
		return
	}
	size := k.Rows * k.Cols()
	for l := 0; l < d; l += deepPart {
		for t := range nb {
			k.of.dots(&z[t*size], &a[l*k.Rows], &b[(t*d+l)*k.Cols()], 1, min(deepPart, d-l), l > 0)
		}
	}
}

// Deep is how many coordinates of a block and a tile stay in the first cache. Of more, Dots takes deepPart at a time
// through all tiles, so that the block's are read from there; the second cache should hold the tiles.
const (
	Deep     = 256
	deepPart = 128
)

// Stream adds s_i e_ij to the columns' sums c, for the tiles from number from on that c has room for, and then writes
//
//	e_ij = 2^(scale <a_i, b_j> + (u_j + ref_i))
//
// in place of e_ij, and adds them to the rows' sums. b, u and c begin at tile from; d > 0.
func (k *Sinkhorn[T]) Stream(w *SinkhornBlock[T], from int, a, b, u []T, d int, scale T, c []T) {
	nb := len(c) / k.Cols()
	if nb == 0 {
		return
	}
	e := w.E[from*k.Rows*k.Cols():]
	_, _, _, _ = a[d*k.Rows-1], b[nb*d*k.Cols()-1], u[nb*k.Cols()-1], e[nb*k.Rows*k.Cols()-1]
	k.of.stream(&e[0], &a[0], &b[0], &u[0], nb, d, scale, &w.Ref[:k.Rows][0], &w.S[:k.Rows][0], &w.R[:k.Rows*k.Lanes][0], &c[0])
}

// Cached is Stream with the products z, which begin at tile from too.
func (k *Sinkhorn[T]) Cached(w *SinkhornBlock[T], from int, z, u []T, scale T, c []T) {
	nb := len(c) / k.Cols()
	if nb == 0 {
		return
	}
	e := w.E[from*k.Rows*k.Cols():]
	_, _, _ = z[nb*k.Rows*k.Cols()-1], u[nb*k.Cols()-1], e[nb*k.Rows*k.Cols()-1]
	k.of.cached(&e[0], &z[0], &u[0], nb, scale, &w.Ref[:k.Rows][0], &w.S[:k.Rows][0], &w.R[:k.Rows*k.Lanes][0], &c[0])
}

// Peaks raises r [Rows, Lanes] to the largest scale z_ij + u_j of each row, lane by lane.
func (k *Sinkhorn[T]) Peaks(z, u []T, scale T, r []T) {
	nb := len(z) / (k.Rows * k.Cols())
	if nb == 0 {
		return
	}
	_ = u[nb*k.Cols()-1]
	k.of.peaks(&z[0], &u[0], nb, scale, &r[:k.Rows*k.Lanes][0])
}

// ColPeaks raises c to the largest scale z_ij + q_i of each column, for the tiles that c has room for.
func (k *Sinkhorn[T]) ColPeaks(z, q []T, scale T, c []T) {
	nb := len(c) / k.Cols()
	if nb == 0 {
		return
	}
	_ = z[nb*k.Rows*k.Cols()-1]
	k.of.colPeaks(&z[0], &q[:k.Rows][0], nb, scale, &c[0])
}

// Scores is Cached in float64 whatever the products are, and adds e_ij (z_ij + h_j) to t [Rows, Lanes] besides. The
// block's memory has the layout of the float64 kernels of the same level.
func (k *Sinkhorn[T]) Scores(w *SinkhornBlock[float64], t []float64, from int, z []T, u, h []float64, scale float64, c []float64) {
	nb := len(c) / k.Cols()
	if nb == 0 {
		return
	}
	e := w.E[from*k.Rows*k.Cols():]
	_, _, _, _ = z[nb*k.Rows*k.Cols()-1], u[nb*k.Cols()-1], h[nb*k.Cols()-1], e[nb*k.Rows*k.Cols()-1]
	_, _ = w.R[len(t)-1], t[k.Rows-1]
	k.of.scores(&e[0], &z[0], &u[0], &h[0], nb, scale, &w.Ref[:k.Rows][0], &w.S[:k.Rows][0], &w.R[0], &t[0], &c[0])
}

// Columns adds s_i e_ij to c, for the tiles that c has room for.
func (k *Sinkhorn[T]) Columns(e, s, c []T) {
	nb := len(c) / k.Cols()
	if nb == 0 {
		return
	}
	_ = e[nb*k.Rows*k.Cols()-1]
	k.of.columns(&e[0], nb, &s[:k.Rows][0], &c[0])
}

// RowSums adds the lanes of r [len(sum), Lanes] to the sums, and clears them.
func (k *Sinkhorn[T]) RowSums(sum []float64, r []T) {
	if len(sum) == 0 {
		return
	}
	k.of.rowSums(&sum[0], &r[:len(sum)*k.Lanes][0], len(sum))
}
