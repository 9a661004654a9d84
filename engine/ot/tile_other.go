//go:build !amd64

package ot

// tile adds the squared distances of two rows to one panel, over the coordinates of x0, to out0 and out1.
func tile(x0, x1, p []float64, out0, out1 *[tileCols]float64) { tileGo(x0, x1, p, out0, out1) }

// firstBelow returns a multiple of 8 before which no c - v is below bound.
func firstBelow(c, v []float64, bound float64) int { return 0 }
