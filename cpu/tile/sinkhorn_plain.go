package tile

import (
	"math"
	"unsafe"
)

// Tiles of the plain kernels, which are no faster for larger ones.
const (
	plainRows  = 4
	plainLanes = 4
	plainCols  = 2 * plainLanes
	plainTile  = plainRows * plainCols
)

// plainSinkhorn are the kernels in plain Go.
func plainSinkhorn[T Float]() sinkhornKernels[T] {
	return sinkhornKernels[T]{
		dots: plainDots[T], stream: plainStream[T], cached: plainCached[T], peaks: plainPeaks[T],
		colPeaks: plainColPeaks[T], columns: plainColumns[T], rowSums: plainRowSums[T], scores: plainScores[T],
	}
}

func plainDots[T Float](z, a, b *T, nb, d int, add bool) {
	zs, as, bs := unsafe.Slice(z, nb*plainTile), unsafe.Slice(a, d*plainRows), unsafe.Slice(b, nb*d*plainCols)
	if !add {
		clear(zs)
	}
	for t := range nb {
		tileDots(zs[t*plainTile:][:plainTile], as, bs[t*d*plainCols:], d)
	}
}

func plainStream[T Float](e, a, b, u *T, nb, d int, scale T, ref, s, r, c *T) {
	es, us, cs := unsafe.Slice(e, nb*plainTile), unsafe.Slice(u, nb*plainCols), unsafe.Slice(c, nb*plainCols)
	as, bs := unsafe.Slice(a, d*plainRows), unsafe.Slice(b, nb*d*plainCols)
	refs, ss, rs := unsafe.Slice(ref, plainRows), unsafe.Slice(s, plainRows), unsafe.Slice(r, plainRows*plainLanes)
	var z [plainTile]T
	for t := range nb {
		et := es[t*plainTile:][:plainTile]
		tileColumns(et, ss, cs[t*plainCols:])
		clear(z[:])
		tileDots(z[:], as, bs[t*d*plainCols:], d)
		tileExps(et, z[:], us[t*plainCols:], scale, refs, rs)
	}
}

func plainCached[T Float](e, z, u *T, nb int, scale T, ref, s, r, c *T) {
	es, zs := unsafe.Slice(e, nb*plainTile), unsafe.Slice(z, nb*plainTile)
	us, cs := unsafe.Slice(u, nb*plainCols), unsafe.Slice(c, nb*plainCols)
	refs, ss, rs := unsafe.Slice(ref, plainRows), unsafe.Slice(s, plainRows), unsafe.Slice(r, plainRows*plainLanes)
	for t := range nb {
		et := es[t*plainTile:][:plainTile]
		tileColumns(et, ss, cs[t*plainCols:])
		tileExps(et, zs[t*plainTile:], us[t*plainCols:], scale, refs, rs)
	}
}

func plainPeaks[T Float](z, u *T, nb int, scale T, r *T) {
	zs, us, rs := unsafe.Slice(z, nb*plainTile), unsafe.Slice(u, nb*plainCols), unsafe.Slice(r, plainRows*plainLanes)
	for k, v := range zs {
		row, j := k/plainCols%plainRows, k/plainTile*plainCols+k%plainCols
		p := &rs[row*plainLanes+k%plainLanes]
		*p = max(*p, scale*v+us[j])
	}
}

func plainColPeaks[T Float](z, q *T, nb int, scale T, c *T) {
	zs, cs, qs := unsafe.Slice(z, nb*plainTile), unsafe.Slice(c, nb*plainCols), unsafe.Slice(q, plainRows)
	for k, v := range zs {
		p := &cs[k/plainTile*plainCols+k%plainCols]
		*p = max(*p, scale*v+qs[k/plainCols%plainRows])
	}
}

func plainColumns[T Float](e *T, nb int, s, c *T) {
	es, cs, ss := unsafe.Slice(e, nb*plainTile), unsafe.Slice(c, nb*plainCols), unsafe.Slice(s, plainRows)
	for t := range nb {
		tileColumns(es[t*plainTile:][:plainTile], ss, cs[t*plainCols:])
	}
}

func plainRowSums[T Float](sum *float64, r *T, n int) {
	sums, rs := unsafe.Slice(sum, n), unsafe.Slice(r, n*plainLanes)
	for i := range sums {
		var t float64
		for _, x := range rs[i*plainLanes:][:plainLanes] {
			t += float64(x)
		}
		sums[i] += t
	}
	clear(rs)
}

func plainScores[T Float](e *float64, z *T, u, h *float64, nb int, scale float64, ref, s, r, t, c *float64) {
	es, zs := unsafe.Slice(e, nb*plainTile), unsafe.Slice(z, nb*plainTile)
	us, hs, cs := unsafe.Slice(u, nb*plainCols), unsafe.Slice(h, nb*plainCols), unsafe.Slice(c, nb*plainCols)
	refs, ss := unsafe.Slice(ref, plainRows), unsafe.Slice(s, plainRows)
	rs, ts := unsafe.Slice(r, plainRows*plainLanes), unsafe.Slice(t, plainRows*plainLanes)
	var x [plainCols]float64
	for n := range nb {
		et := es[n*plainTile:][:plainTile]
		tileColumns(et, ss, cs[n*plainCols:])
		for i, m := range refs {
			row, dots := et[i*plainCols:][:plainCols], zs[n*plainTile+i*plainCols:][:plainCols]
			for j, v := range dots {
				x[j] = (scale*float64(v) + (us[n*plainCols+j] + m)) * math.Ln2
			}
			expPlain(row, x[:], 0)
			for j, v := range row {
				rs[i*plainLanes+j%plainLanes] += v
				ts[i*plainLanes+j%plainLanes] += v * (float64(dots[j]) + hs[n*plainCols+j])
			}
		}
	}
}

// tileDots adds a tile's products to z.
func tileDots[T Float](z, a, b []T, d int) {
	for l := range d {
		y := b[l*plainCols:][:plainCols]
		for i, x := range a[l*plainRows:][:plainRows] {
			for j, v := range y {
				z[i*plainCols+j] += x * v
			}
		}
	}
}

// tileColumns adds a tile's exponentials, times s a row, to the columns' sums.
func tileColumns[T Float](e []T, s, c []T) {
	for i, f := range s {
		for j, v := range e[i*plainCols:][:plainCols] {
			c[j] += f * v
		}
	}
}

// tileExps turns a tile's products into exponentials and adds them to the rows' sums.
func tileExps[T Float](e, z, u []T, scale T, ref, r []T) {
	var x [plainCols]float64
	for i, m := range ref {
		for j, v := range z[i*plainCols:][:plainCols] {
			// Beyond the range of T the sum is infinite as well, and the row done again.
			x[j] = min(float64(scale*v+(u[j]+m))*math.Ln2, 700)
		}
		expPlain(x[:], x[:], 0)
		for j, v := range x {
			e[i*plainCols+j] = T(v)
		}
		for l := range plainLanes {
			r[i*plainLanes+l] += e[i*plainCols+l] + e[i*plainCols+plainLanes+l]
		}
	}
}
