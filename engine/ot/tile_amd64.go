package ot

import "golang.org/x/sys/cpu"

//go:noescape
func tileAVX(x0, x1, p *float64, d int, out0, out1 *[tileCols]float64)

//go:noescape
func firstBelowAVX(c, v *float64, n int, bound float64) int

// tile adds the squared distances of two rows to one panel, over the coordinates of x0, to out0 and out1.
func tile(x0, x1, p []float64, out0, out1 *[tileCols]float64) {
	if cpu.X86.HasAVX {
		_, _ = x1[len(x0)-1], p[len(x0)*tileCols-1]
		tileAVX(&x0[0], &x1[0], &p[0], len(x0), out0, out1)
		return
	}
	tileGo(x0, x1, p, out0, out1)
}

// firstBelow returns a multiple of 8 before which no c - v is below bound.
func firstBelow(c, v []float64, bound float64) int {
	if n := len(c) &^ 7; n > 0 && cpu.X86.HasAVX {
		_ = v[n-1]
		return firstBelowAVX(&c[0], &v[0], n, bound)
	}
	return 0
}
