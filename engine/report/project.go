package report

import (
	"context"
	"math"

	"monge/engine/ot"

	"gonum.org/v1/gonum/mat"
)

const (
	fitRows = 4096 // rows that the axes are fitted to; a picture needs no more
	powers  = 24   // of the subspace iteration: an axis of 1.5 times the ninth's variance is right to 1e-4
)

// principalAxes returns the two leading principal axes of the rows of x [n, d], d >= 2, as unit rows of which the largest
// entry is positive, and the share of the variance along each.
func principalAxes(x []float64, n, d int) (axes [2][]float64, share [2]float64) {
	rows := min(n, fitRows)
	c := mat.NewDense(rows, d, nil)
	mean := make([]float64, d)
	for i := range rows {
		src := i * n / rows
		for j, v := range x[src*d : (src+1)*d] {
			c.Set(i, j, v)
			mean[j] += v / float64(rows)
		}
	}
	var total float64
	for i := range rows {
		for j := range d {
			v := c.At(i, j) - mean[j]
			c.Set(i, j, v)
			total += v * v
		}
	}
	lead, squares, err := ot.Leading(context.Background(), []*mat.Dense{c}, 2, powers, 1)
	if err != nil { // A cloud without finite variance has no axes; coordinates serve.
		axes[0], axes[1] = unit(d, 0), unit(d, 1)
		return axes, share
	}
	for a := range axes {
		axes[a] = lead[a*d : (a+1)*d]
		orient(axes[a])
		if total > 0 {
			share[a] = squares[a] / total
		}
	}
	return axes, share
}

func orient(v []float64) {
	at := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[at])*(1+1e-9) {
			at = i
		}
	}
	if v[at] < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
}

func unit(d, j int) []float64 {
	v := make([]float64, d)
	v[j] = 1
	return v
}
