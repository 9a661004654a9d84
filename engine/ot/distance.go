package ot

// Tiles of the distance kernel, and the rows that one goroutine takes at a time.
const (
	tileRows  = 2
	tileCols  = 16
	stripRows = 16

	// Columns and coordinates whose distances are summed together: that part of the points stays in a core's
	// cache while the rows of a strip pass over it.
	blockCols   = 256
	blockCoords = 256
)

// squaredDistance is |x - y|², summed in order. The conversions forbid fused multiply-add, so that every
// machine and every kernel gives the same bits.
func squaredDistance(x, y []float64) float64 {
	var s float64
	y = y[:len(x)]
	for t, v := range x {
		e := v - y[t]
		s += float64(e * e)
	}
	return s
}

// panels holds points y [m, d] in panels of tileCols columns: coordinate t of point 16 p + c lies at
// (p d + t) 16 + c. The last panel is filled up with zeros.
type panels struct {
	m, d int
	p    []float64
}

func newPanels(y []float64, d int) *panels {
	q := &panels{m: len(y) / d, d: d}
	q.p = make([]float64, q.width()*d)
	for j := range q.m {
		for t, v := range y[j*d : (j+1)*d] {
			q.p[(j/tileCols*d+t)*tileCols+j%tileCols] = v
		}
	}
	return q
}

// width is m rounded up to whole panels.
func (q *panels) width() int { return (q.m + tileCols - 1) &^ (tileCols - 1) }

// distances writes the squared distances of rows x [r, d] to all points into out [r, width].
func (q *panels) distances(x, out []float64) {
	ld := q.width()
	for lo := 0; lo < ld; lo += blockCols {
		q.block(x, out[lo:], ld, lo, min(lo+blockCols, ld))
	}
}

// block writes the squared distances of rows x [r, d] to the points lo .. hi, whole panels, into rows of ld.
func (q *panels) block(x, out []float64, ld, lo, hi int) {
	d := q.d
	r := len(x) / d
	for i := range r {
		clear(out[i*ld : i*ld+hi-lo])
	}
	var odd [tileCols]float64
	for t := 0; t < d; t += blockCoords {
		k := min(blockCoords, d-t)
		for j := lo; j < hi; j += tileCols {
			p := q.p[j*d+t*tileCols:][:k*tileCols]
			for i := 0; i < r; i += tileRows {
				x0 := x[i*d+t:][:k]
				o0 := (*[tileCols]float64)(out[i*ld+j-lo:])
				if i+1 < r {
					tile(x0, x[(i+1)*d+t:][:k], p, o0, (*[tileCols]float64)(out[(i+1)*ld+j-lo:]))
				} else {
					tile(x0, x0, p, o0, &odd)
				}
			}
		}
	}
}

// eachBlock calls f with the squared distances c of row e of x to the points from lo on, block by block.
func (q *panels) eachBlock(x []float64, s *scratch, f func(e, lo int, c []float64)) {
	r := len(x) / q.d
	if len(s.row) < r*blockCols {
		s.row = make([]float64, max(r, stripRows)*blockCols)
	}
	for lo := 0; lo < q.m; lo += blockCols {
		hi := min(lo+blockCols, q.width())
		q.block(x, s.row, blockCols, lo, hi)
		for e := range r {
			f(e, lo, s.row[e*blockCols:][:min(hi, q.m)-lo])
		}
	}
}

// tileGo is tile in plain Go.
func tileGo(x0, x1, p []float64, out0, out1 *[tileCols]float64) {
	x1 = x1[:len(x0)]
	for c := 0; c < tileCols; c += 4 {
		a0, a1, a2, a3 := out0[c], out0[c+1], out0[c+2], out0[c+3]
		b0, b1, b2, b3 := out1[c], out1[c+1], out1[c+2], out1[c+3]
		q := p[c:]
		for t, u := range x0 {
			w := x1[t]
			y := (*[4]float64)(q)
			e0, e1, e2, e3 := u-y[0], u-y[1], u-y[2], u-y[3]
			f0, f1, f2, f3 := w-y[0], w-y[1], w-y[2], w-y[3]
			a0 += float64(e0 * e0)
			a1 += float64(e1 * e1)
			a2 += float64(e2 * e2)
			a3 += float64(e3 * e3)
			b0 += float64(f0 * f0)
			b1 += float64(f1 * f1)
			b2 += float64(f2 * f2)
			b3 += float64(f3 * f3)
			q = q[min(tileCols, len(q)):]
		}
		out0[c], out0[c+1], out0[c+2], out0[c+3] = a0, a1, a2, a3
		out1[c], out1[c+1], out1[c+2], out1[c+3] = b0, b1, b2, b3
	}
}
