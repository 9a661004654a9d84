package ot_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"monge/engine"
	"monge/engine/ot"
)

// closed says whether a bracket is as narrow as a certificate asks.
func closed(t *testing.T, name string, lower, upper, want float64) {
	t.Helper()
	// 1e-9 is the certificate's own; the references are sums of at most some thousand squares.
	if math.Abs(upper-want) > 1e-11*want || !(upper-lower <= 1e-9*want) || lower > upper {
		t.Errorf("%s: bracket [%.17g, %.17g], want %.17g", name, lower, upper, want)
	}
}

// A point 1e12 away in each cloud: prices of 1e24 must not hide the costs of the others, which all permutations tell.
func TestExactFarPair(t *testing.T) {
	for _, d := range []int{1, 2, 3, 16} {
		for seed := range uint64(8) {
			n := 2 + int(seed)%6
			x, y := hard(seed, n, n, d)
			r := rand.New(rand.NewPCG(seed, 9))
			i, j := r.IntN(n), r.IntN(n)
			for c := range d {
				x[i*d+c] += 1e12
				y[j*d+c] += 1e12
			}
			e := exact(t, x, y, d, nil, nil)
			closed(t, "far pair", e.Lower, e.Upper, bruteForce(x, y, d))
		}
	}
}

// Half of the mass is far away in both clouds, and nothing has to travel: the optimum is the mean of the halves', with
// nine copies of each point, which the network simplex solves, and without.
func TestExactFarParts(t *testing.T) {
	for _, d := range []int{1, 2, 5, 16} {
		for _, copies := range []int{1, 9} {
			const half = 36
			x, y := hard(uint64(d), half/copies, half, d)
			x = slices.Repeat(x, copies)
			farX, farY := hard(uint64(d)+100, half, half, d)
			for k := range farX {
				farX[k] += 1e12
				farY[k] += 1e12
			}
			want := (exact(t, x, y, d, nil, nil).Cost + exact(t, farX, farY, d, nil, nil).Cost) / 2
			r := exact(t, slices.Concat(x, farX), slices.Concat(y, farY), d, nil, nil)
			closed(t, "parts", r.Lower, r.Upper, want)
		}
	}
}

// Points that move by far less than they are apart stay with their own: the cost is that of the moves, and the
// potentials must not be of the size of the distances.
func TestExactNearIdentity(t *testing.T) {
	for _, d := range []int{1, 2, 5, 64} {
		for _, step := range []float64{1e-3, 1e-6, 1e-9} {
			x, y, want := nearIdentity(300, d, step)
			if step == 1e-3 && d == 1 {
				continue // neighbours are 2^-10 apart there
			}
			e := exact(t, x, y, d, nil, nil)
			closed(t, "near", e.Lower, e.Upper, want)
		}
	}
}

// nearIdentity returns points, images a small step away, and the mean square of the steps.
func nearIdentity(n, d int, step float64) (x, y []float64, cost float64) {
	r := rand.New(rand.NewPCG(uint64(d), 11))
	x, y = make([]float64, n*d), make([]float64, n*d)
	for i := range n {
		for c := range d {
			x[i*d+c] = float64(i>>(2*c)&3) + float64(i)*0x1p-10
			y[i*d+c] = x[i*d+c] + step*r.NormFloat64()
			e := x[i*d+c] - y[i*d+c]
			cost += e * e / float64(n)
		}
	}
	return x, y, cost
}

// A third of X is 1e12 away and Y has heavy tails: no eps that bids count with reaches from the near points to the far
// ones, and the network simplex has to take over.
func TestExactSpread(t *testing.T) {
	x, y := spread(600)
	if e := exact(t, x, y, 2, nil, nil); !strings.Contains(e.Note, "simplex") {
		t.Errorf("%s", e.Note)
	}
}

// spread returns such clouds.
func spread(n int) (x, y []float64) {
	const d = 2
	r := rand.New(rand.NewPCG(1, 12))
	x, y = hard(20, n, n, d)
	for i := range n {
		tail := math.Pow(10, 2*r.NormFloat64())
		for c := range d {
			if i%3 == 0 {
				x[i*d+c] *= 1e12
			}
			y[i*d+c] *= tail
		}
	}
	return x, y
}

// farHalves returns clouds of two halves 1e12 apart, with nothing to travel between them.
func farHalves(half, d int) (x, y []float64) {
	x, y = hard(uint64(d), half, half, d)
	farX, farY := hard(uint64(d)+100, half, half, d)
	for k := range farX {
		farX[k] += 1e12
		farY[k] += 1e12
	}
	return slices.Concat(x, farX), slices.Concat(y, farY)
}

// A point without mass is 1e155 times as far away as those with mass are apart: it gets a finite potential.
func TestExactFarSpare(t *testing.T) {
	for _, d := range []int{1, 2} {
		x, y := make([]float64, 2*d), make([]float64, 3*d)
		x[0], y[2*d] = 7e-155, -2
		r, err := ot.Exact(t.Context(), ot.Clouds{X: engine.Points(x, 2, d), Y: engine.Points(y, 3, d), B: []float64{1, 1, 0}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.G[2]-4) > 1e-12 || r.Cost != 7e-155*7e-155/2 { // the others' potentials are below 1e-300
			t.Errorf("d %d: cost %g, potentials %g %g", d, r.Cost, r.F, r.G)
		}
	}
}

// A pairing of more points than certify's passes settle, in more than four dimensions, is bracketed by the exact solver: y is x
// turned, far from a gradient's image.
func TestCertifyBeyondPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("8200 points")
	}
	const n, d = 8200, 6
	x, _ := hard(30, n, 1, d)
	y := make([]float64, n*d)
	for i := 0; i < n*d; i += 2 {
		y[i], y[i+1] = .6*x[i]-.8*x[i+1], .8*x[i]+.6*x[i+1]
	}
	r, err := ot.Certify(t.Context(), engine.Points(x, n, d), engine.Points(y, n, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !(r.RelativeUpper-r.RelativeLower <= 1e-9) || r.CertifiedOptimal {
		t.Errorf("gap [%g, %g] of the cost: %s", r.RelativeLower, r.RelativeUpper, r.Note)
	}
}
