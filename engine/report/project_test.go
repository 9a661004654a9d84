package report

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A cloud with variances 9, 4 and .25 along known axes, off centre: the two leading axes are those.
func TestPrincipalAxes(t *testing.T) {
	const n, d = 3000, 5
	u := []float64{0.6, 0.8, 0, 0, 0}
	v := []float64{0, 0, 0.8, -0.6, 0}
	r := rand.New(rand.NewPCG(1, 9))
	x := make([]float64, n*d)
	for i := range n {
		a, b := 3*r.NormFloat64(), 2*r.NormFloat64()
		for k := range d {
			x[i*d+k] = 100 + a*u[k] + b*v[k] + 0.5*r.NormFloat64()
		}
	}
	axes, share := principalAxes(x, n, d)
	for a, want := range [][]float64{u, v} {
		var dot float64
		for k, w := range want {
			dot += w * axes[a][k]
		}
		// Sampling turns an axis by about sqrt(4 9 / n) / 5 = .02 rad: 1 - cos is 2e-4.
		if 1-dot > 2e-3 {
			t.Errorf("axis %d: cosine %v", a, dot)
		}
	}
	// Variances 9.25, 4.25 and three of .25; a sampled variance is off by sqrt(2/n) = 2.6 % of itself.
	if math.Abs(share[0]-9.25/14.25) > 0.03 || math.Abs(share[1]-4.25/14.25) > 0.03 {
		t.Errorf("shares %v", share)
	}
}

func TestPrincipalAxesOfAPoint(t *testing.T) {
	axes, share := principalAxes([]float64{1, 2, 3}, 1, 3)
	for _, a := range axes {
		var norm float64
		for _, v := range a {
			norm += v * v
		}
		if math.Abs(norm-1) > 1e-12 {
			t.Errorf("axis %v is no unit vector", a)
		}
	}
	if share != [2]float64{} {
		t.Errorf("shares %v of no variance", share)
	}
}
