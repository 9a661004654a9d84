package ot

import (
	"math"
	"testing"
)

// Quadrants and rectangles have product masses and moments, near the origin, off it and far out.
func TestPowerCellQuadrants(t *testing.T) {
	p := &powerDiagram{q: make([][2]float64, 3), normal: newOwen()}
	upper := func(h float64) float64 { return math.Erfc(h/math.Sqrt2) / 2 }
	density := func(h float64) float64 { return math.Exp(-h*h/2) / math.Sqrt(2*math.Pi) }
	for _, h := range [][2]float64{{0, 0}, {.3, .4}, {-.7, 1.2}, {1, 1}, {2, -3}, {-1e-9, 2}, {5, .1}, {6, 6}, {-8, -8}} {
		for _, angle := range []float64{0, .7, 2.5} {
			// The quadrant x > h0, y > h1, turned about the origin.
			s, c := math.Sincos(angle)
			var b clipper
			b.reset()
			b.clip(-c, -s, -h[0], 1)
			b.clip(s, -c, -h[1], 2)
			got := p.measure(0, &b)
			mass := upper(h[0]) * upper(h[1])
			mx, my := density(h[0])*upper(h[1]), density(h[1])*upper(h[0])
			mx, my = c*mx-s*my, s*mx+c*my
			// The flux through each of six edges is at most 1, and rounded.
			const tol = 6 * 0x1p-52
			if math.Abs(got.mass-mass) > tol || math.Abs(got.moment[0]-mx) > tol || math.Abs(got.moment[1]-my) > tol {
				t.Errorf("%v turned by %g: mass %.17g, want %.17g; moment %v, want [%g %g]", h, angle, got.mass, mass, got.moment, mx, my)
			}
		}
	}
}

// The derivatives of the masses are the walls' fluxes.
func TestPowerCellWalls(t *testing.T) {
	p := &planar{b: make([]float64, 9), progress: nil}
	p.normal = newOwen()
	y, beta := normals(15, 18), normals(16, 9)
	for j := range p.b {
		p.q = append(p.q, [2]float64{y[2*j], y[2*j+1]})
		beta[j] = .3*beta[j] + (y[2*j]*y[2*j]+y[2*j+1]*y[2*j+1])/2
	}
	cells, err := p.evaluate(testWork(), beta, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.
	for _, c := range cells {
		sum += c.mass
	}
	if math.Abs(sum-1) > 1e-14 {
		t.Errorf("masses sum to %.17g", sum)
	}
	const h = 1e-5
	for k := range p.b {
		up, down := append([]float64(nil), beta...), append([]float64(nil), beta...)
		up[k] += h
		down[k] -= h
		a, err1 := p.evaluate(testWork(), up, cells)
		b, err2 := p.evaluate(testWork(), down, nil)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for j, c := range cells {
			want := (a[j].mass - b[j].mass) / (2 * h)
			got := 0.
			for _, e := range c.walls {
				if int(e.k) == k {
					got += e.flux
				}
				if j == k {
					got -= e.flux
				}
			}
			// Central differences: h² times a third derivative of order 10, and rounding of masses over h.
			if math.Abs(got-want) > 1e-8 {
				t.Errorf("d mass_%d / d β_%d = %g, differences %g", j, k, got, want)
			}
		}
	}
}
