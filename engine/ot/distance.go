package ot

// Tiles of the distance kernel, and the rows that one goroutine takes at a time.
const (
	tileRows  = 2
	tileCols  = 16
	stripRows = 16
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
	d, ld := q.d, q.width()
	r := len(x) / d
	var odd [tileCols]float64
	for j := 0; j < ld; j += tileCols {
		p := q.p[j*d : (j+tileCols)*d]
		for i := 0; i < r; i += tileRows {
			x0 := x[i*d : (i+1)*d]
			o0 := (*[tileCols]float64)(out[i*ld+j:])
			if i+1 < r {
				tile(x0, x[(i+1)*d:(i+2)*d], p, o0, (*[tileCols]float64)(out[(i+1)*ld+j:]))
			} else {
				tile(x0, x0, p, o0, &odd)
			}
		}
	}
}

// tileGo is tile in plain Go.
func tileGo(x0, x1, p []float64, out0, out1 *[tileCols]float64) {
	x1 = x1[:len(x0)]
	for c := 0; c < tileCols; c += 4 {
		var a0, a1, a2, a3, b0, b1, b2, b3 float64
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
