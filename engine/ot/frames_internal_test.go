package ot

import (
	"context"
	"math"
	"testing"

	"monge/engine"
)

// Principal axes are those of all points together: between two clouds of one shape, far enough apart, the first is
// theirs.
func TestPrincipalAxesArePooled(t *testing.T) {
	// Each cloud has the covariance diag(1, 2), and their means lie e (1, 1)/sqrt 2 on either side of the mean of all:
	// the pooled covariance is diag(1, 2) + e^2/2 (1, 1)(1, 1)'.
	const e = 1.5
	var x, y []float64
	for _, v := range [][2]float64{{1, 0}, {-1, 0}, {0, math.Sqrt2}, {0, -math.Sqrt2}} {
		step := e / math.Sqrt2
		x, y = append(x, math.Sqrt2*v[0]+step, math.Sqrt2*v[1]+step), append(y, math.Sqrt2*v[0]-step, math.Sqrt2*v[1]-step)
	}
	frame, err := PrincipalAxes(context.Background(), Clouds{X: engine.Points(x, 4, 2), Y: engine.Points(y, 4, 2)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Eigenvectors of [[a, b], [b, c]] lie at the angle atan2(2 b, a - c)/2, and across.
	angle := math.Atan2(e*e, 1-2) / 2
	for _, v := range [][]float64{frame.directions[:2], frame.directions[2:]} {
		along := math.Abs(v[0]*math.Cos(angle) + v[1]*math.Sin(angle))
		if off := math.Min(along, math.Abs(along-1)); off > 1e-14 { // a few roundings
			t.Errorf("axis %v is %g off the axes at the angle %g", v, off, angle)
		}
	}
}
