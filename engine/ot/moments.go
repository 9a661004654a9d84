package ot

import (
	"context"
	"math"

	"monge/engine"
)

// momentCoords and momentWork are the coordinates, and the numbers, that are worth a goroutine's while.
const (
	momentCoords = 32
	momentWork   = 1 << 16
)

// moments are a cloud's weighted mean, the points relative to it, and their mean square.
type moments struct {
	mean    []float64 // [d]
	low     []float64 // what rounding leaves of the mean: mean + low is the mean of the points
	centred []float64 // [n, d]
	square  float64   // sum_i w_i |x_i - mean|^2
	radius  float64   // largest |x_i - mean|
}

// momentsOf moves the points x [n, d] with weights w, of sum 1, so that their mean is 0. The mean is taken
// relative to the heaviest point and corrected twice, so that the points keep their digits at any offset.
// Points of no weight move along and do not count for radius.
func momentsOf(x []float64, w []float64, d int) moments {
	n := len(w)
	top := 0
	for i, v := range w {
		if v > w[top] {
			top = i
		}
	}
	m := moments{mean: append([]float64(nil), x[top*d:top*d+d]...), low: make([]float64, d), centred: make([]float64, n*d)}
	background := context.Background()
	// Every coordinate has sums of its own.
	_ = eachPanel(background, d, max(momentCoords, 1+momentWork/n), 0, func(lo, hi int) {
		sums := make([]engine.Compensated, hi-lo)
		mean, low := m.mean[lo:hi], m.low[lo:hi]
		for range 3 {
			clear(sums)
			for t, v := range low {
				mean[t] += v
			}
			for i, v := range w {
				if v == 0 {
					continue
				}
				for t, z := range x[i*d+lo : i*d+hi] {
					sums[t].Add(v * (z - mean[t]))
				}
			}
			for t := range sums {
				low[t] = sums[t].Value()
			}
		}
	})
	squares := make([]float64, n)
	_ = eachPanel(background, n, 1+momentWork/d, 0, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := m.centred[i*d : i*d+d]
			for t, v := range x[i*d : i*d+d] {
				row[t] = v - m.mean[t] - m.low[t]
			}
			squares[i] = dot(row, row)
		}
	})
	var square engine.Compensated
	for i, q := range squares {
		if w[i] > 0 {
			square.Add(w[i] * q)
			m.radius = max(m.radius, math.Sqrt(q))
		}
	}
	m.square = square.Value()
	return m
}

// meanCost returns sum_ij a_i b_j |x_i - y_j|^2 = |mean x - mean y|^2 + var x + var y.
func meanCost(x, y moments) float64 {
	delta := separation(x, y)
	return dot(delta, delta) + x.square + y.square
}

// separation returns mean x - mean y.
func separation(x, y moments) []float64 {
	delta := make([]float64, len(x.mean))
	for t := range delta {
		delta[t] = (x.mean[t] - y.mean[t]) + (x.low[t] - y.low[t])
	}
	return delta
}

// extent is the size of the coordinates that the moments came from, |mean| + root mean square about it, for
// both clouds: their means and differences are rounded relative to it.
func extent(x, y moments) float64 {
	return math.Sqrt(dot(x.mean, x.mean)) + math.Sqrt(dot(y.mean, y.mean)) + math.Sqrt(x.square) + math.Sqrt(y.square)
}

func dot(x, y []float64) float64 {
	var s float64
	y = y[:len(x)]
	for t, v := range x {
		s += v * y[t]
	}
	return s
}
