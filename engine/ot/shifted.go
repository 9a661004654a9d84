package ot

import "context"

// shifted is a cloud [n, d] moved to about its mean, one row at a time: no second copy of the points.
type shifted struct {
	x     []float64
	d     int
	shift []float64
}

// newShifted takes the mean as the shift. Its rounding does not matter: a certificate's costs may be moved by
// any vector.
func newShifted(ctx context.Context, x []float64, d, threads int) (*shifted, error) {
	s := &shifted{x: x, d: d, shift: make([]float64, d)}
	n := len(x) / d
	const block = 64 // coordinates of a goroutine
	err := eachPanel(ctx, d, block, threads, func(lo, hi int) {
		first, sum := x[lo:hi], make([]float64, hi-lo)
		for i := 1; i < n; i++ {
			for t, v := range x[i*d+lo : i*d+hi] {
				sum[t] += v - first[t]
			}
		}
		for t, v := range sum {
			s.shift[lo+t] = first[t] + v/float64(n)
		}
	})
	return s, err
}

// part writes coordinates lo.. of row i, as many as dst holds.
func (s *shifted) part(dst []float64, i, lo int) {
	row, shift := s.x[i*s.d+lo:][:len(dst)], s.shift[lo:][:len(dst)]
	for t := range dst {
		dst[t] = row[t] - shift[t]
	}
}

// square returns |x'_i|^2, sum of d rounded squares.
func (s *shifted) square(i int) float64 { return s.dot(i, s, i) }

// dot returns <x'_i, y'_j>.
func (s *shifted) dot(i int, y *shifted, j int) float64 {
	d := s.d
	a, b, p, q := s.x[i*d:i*d+d], y.x[j*d:j*d+d], s.shift[:d], y.shift[:d]
	var sum [2]float64 // two chains of additions
	t := 0
	for ; t+1 < d; t += 2 {
		sum[0] += (a[t] - p[t]) * (b[t] - q[t])
		sum[1] += (a[t+1] - p[t+1]) * (b[t+1] - q[t+1])
	}
	if t < d {
		sum[0] += (a[t] - p[t]) * (b[t] - q[t])
	}
	return sum[0] + sum[1]
}

// distance returns |x'_i - y'_j|^2.
func (s *shifted) distance(i int, y *shifted, j int) float64 {
	d := s.d
	a, b, p, q := s.x[i*d:i*d+d], y.x[j*d:j*d+d], s.shift[:d], y.shift[:d]
	var s0, s1 float64
	t := 0
	for ; t+1 < d; t += 2 {
		e0 := (a[t] - p[t]) - (b[t] - q[t])
		e1 := (a[t+1] - p[t+1]) - (b[t+1] - q[t+1])
		s0 += e0 * e0
		s1 += e1 * e1
	}
	if t < d {
		e := (a[t] - p[t]) - (b[t] - q[t])
		s0 += e * e
	}
	return s0 + s1
}
