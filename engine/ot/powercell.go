package ot

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// powerDiagram divides the plane into the cells
//
//	C_j = {z : <z, q_k - q_j> ≤ β_k - β_j for all k}
//
// of sites q with heights β: C_j is where <z, q_j> - β_j is largest.
type powerDiagram struct {
	q      [][2]float64
	normal *owen
}

// cell is what a power cell holds of the standard normal law φ of the plane.
type cell struct {
	mass   float64    // ∫ φ
	moment [2]float64 // ∫ z φ
	walls  []wall
}

// wall is a side that a cell shares with cell k; flux is ∫ φ along it over |q_k - q_j|: the derivative of the
// mass in β_k.
type wall struct {
	k    int32
	flux float64
}

// edge of a convex polygon: its start, and the cell behind it (-1: the box).
type edge struct {
	x, y float64
	k    int32
}

// planeReach is half the side of the box that stands for the plane: the normal mass beyond it is below the
// least float64.
const planeReach = 40

// cell cuts cell j out of the box with the half planes of all others, those that bounded it before first.
// b is its memory.
func (p *powerDiagram) cell(j int, beta []float64, near []wall, b *clipper) cell {
	b.reset()
	for _, e := range near {
		p.cut(j, int(e.k), beta, b)
	}
	for k := range p.q {
		p.cut(j, k, beta, b)
	}
	return p.measure(j, b)
}

// cut takes the half plane of cell k.
func (p *powerDiagram) cut(j, k int, beta []float64, b *clipper) {
	if k == j || len(b.e) == 0 {
		return
	}
	b.clip(p.q[k][0]-p.q[j][0], p.q[k][1]-p.q[j][1], beta[k]-beta[j], int32(k))
}

// clipper is a convex polygon, counter-clockwise, with a circle around it.
type clipper struct {
	e, spare  []edge
	cx, cy, r float64
}

func (b *clipper) reset() {
	b.e = append(b.e[:0], edge{-planeReach, -planeReach, -1}, edge{planeReach, -planeReach, -1}, edge{planeReach, planeReach, -1}, edge{-planeReach, planeReach, -1})
	b.circle()
}

func (b *clipper) circle() {
	b.cx, b.cy, b.r = 0, 0, 0
	for _, e := range b.e {
		b.cx += e.x / float64(len(b.e))
		b.cy += e.y / float64(len(b.e))
	}
	for _, e := range b.e {
		b.r = max(b.r, math.Hypot(e.x-b.cx, e.y-b.cy))
	}
}

// clip keeps what lies in {z : ax x + ay y ≤ t} (Sutherland and Hodgman).
func (b *clipper) clip(ax, ay, t float64, k int32) {
	if ax*b.cx+ay*b.cy+b.r*math.Sqrt(ax*ax+ay*ay) <= t {
		return
	}
	inside := func(e edge) float64 { return t - ax*e.x - ay*e.y }
	out := b.spare[:0]
	changed := false
	n := len(b.e)
	for i, e := range b.e {
		f := b.e[(i+1)%n]
		de, df := inside(e), inside(f)
		switch {
		case de >= 0 && df >= 0:
			out = append(out, e)
		case de >= 0: // leaves: the new edge starts here
			s := de / (de - df)
			out = append(out, e, edge{e.x + s*(f.x-e.x), e.y + s*(f.y-e.y), k})
			changed = true
		case df >= 0: // comes back, on the old edge
			s := de / (de - df)
			out = append(out, edge{e.x + s*(f.x-e.x), e.y + s*(f.y-e.y), e.k})
			changed = true
		default:
			changed = true
		}
	}
	if !changed {
		return
	}
	b.e, b.spare = out, b.e
	if len(b.e) < 3 {
		b.e = b.e[:0]
		return
	}
	b.circle()
}

// measure integrates over the polygon by its boundary. The normal density is the divergence of
//
//	F(z) = z (1 - exp(-|z|²/2)) / (2π |z|²),
//
// whose flux through an edge at distance h from the origin, from t1 to t2 along it, is G(h, t2) - G(h, t1) with
// G(h, t) = atan(t/h)/2π - T(h, t/h), T being Owen's function; ∫ z φ is minus the integral of the outward
// normal times φ.
func (p *powerDiagram) measure(j int, b *clipper) (c cell) {
	for i, e := range b.e {
		f := b.e[(i+1)%len(b.e)]
		dx, dy := f.x-e.x, f.y-e.y
		length := math.Hypot(dx, dy)
		if length == 0 {
			continue
		}
		dx, dy = dx/length, dy/length
		h := e.x*dy - e.y*dx // along the outward normal (dy, -dx)
		t1, t2 := e.x*dx+e.y*dy, f.x*dx+f.y*dy
		c.mass += p.normal.flux(h, t2) - p.normal.flux(h, t1)
		along := math.Exp(-h*h/2) / math.Sqrt(2*math.Pi) * normalBetween(t1, t2)
		c.moment[0] -= dy * along
		c.moment[1] += dx * along
		if e.k >= 0 && along > 0 {
			c.walls = append(c.walls, wall{e.k, along / math.Hypot(p.q[e.k][0]-p.q[j][0], p.q[e.k][1]-p.q[j][1])})
		}
	}
	c.mass = max(c.mass, 0)
	return c
}

// normalBetween is Φ(t2) - Φ(t1) without cancellation in the tails.
func normalBetween(t1, t2 float64) float64 {
	if t1 > 0 {
		t1, t2 = -t2, -t1
	}
	return (math.Erfc(-t2/math.Sqrt2) - math.Erfc(-t1/math.Sqrt2)) / 2
}

// owen evaluates Owen's function (Annals of Mathematical Statistics 27, 1956),
//
//	T(h, a) = 1/2π ∫_0^a exp(-h² (1 + x²)/2) / (1 + x²) dx,
//
// by Gauss and Legendre's rule on 0 ≤ a ≤ 1, where 20 nodes reach the last digit (the nearest poles are ±i), and
// by its reflection a -> 1/a elsewhere.
type owen struct{ x, w []float64 }

func newOwen() *owen {
	const nodes = 20
	o := &owen{x: make([]float64, nodes), w: make([]float64, nodes)}
	quad.Legendre{}.FixedLocations(o.x, o.w, 0, 1)
	return o
}

// t is T(h, a) for h ≥ 0 and 0 ≤ a ≤ 1.
func (o *owen) t(h, a float64) float64 {
	s := 0.
	for i, x := range o.x {
		x *= a
		s += o.w[i] * math.Exp(-h*h*(1+x*x)/2) / (1 + x*x)
	}
	return s * a / (2 * math.Pi)
}

// flux is G(h, t), odd in h and in t.
func (o *owen) flux(h, t float64) float64 {
	if h < 0 {
		return -o.flux(-h, t)
	}
	if t < 0 {
		return -o.flux(h, -t)
	}
	if h == 0 {
		return 0
	}
	if t <= h {
		return math.Atan2(t, h)/(2*math.Pi) - o.t(h, t/h)
	}
	p, q := math.Erfc(h/math.Sqrt2)/2, math.Erfc(t/math.Sqrt2)/2
	return math.Atan2(t, h)/(2*math.Pi) - (p/2 + q/2 - p*q - o.t(t, h/t))
}
