package ot

import (
	"math"

	"monge/engine"

	"monge/engine/dist"
)

// planar is the semi-discrete problem from a Gaussian N(c, LLᵀ) to atoms whose images Lᵀ y_j lie in a plane or
// on a line. With x = c + L z and q_j the coordinates of Lᵀ (y_j - ȳ) in that plane, atom j is the cheapest where
//
//	<z, q_j> - β_j is largest,   β_j = (|y_j - c|² - ψ_j) / 2,
//
// so that z across the plane does not matter, and all integrals are over the standard normal law of the plane.
type planar struct {
	powerDiagram
	scale  float64   // of q: the largest |q_j| is made 1
	b      []float64 // masses asked for
	square []float64 // |y_j - c|²
	trace  float64   // of LLᵀ

	progress func(steps int, distance float64)
}

// flatness is the height over a plane, relative to the radius of the atoms, that counts as rounding.
const flatness = 1e-12

// newPlanar returns nil where the images of the atoms y [n, d] do not lie in a plane, or the law is not Gaussian.
// A nil law is N(0, I).
func newPlanar(law dist.Distribution, y, b []float64, d int) *planar {
	n := len(b)
	var mean []float64
	p := &planar{b: b, square: make([]float64, n), trace: float64(d)}
	p.normal = newOwen()
	image := func(dst, src []float64) { copy(dst, src) }
	if law != nil {
		g, ok := law.(*dist.Gaussian)
		if !ok {
			return nil
		}
		mean = g.Mean()
		p.trace = 0
		for _, l := range g.Covariance().Eigenvalues() {
			p.trace += l
		}
		image = func(dst, src []float64) { g.Covariance().Apply(dst, src, math.Sqrt) }
	}
	centre := make([]float64, d)
	for j := range n {
		for t, v := range y[j*d : (j+1)*d] {
			centre[t] += v / float64(n)
			if mean != nil {
				v -= mean[t]
			}
			p.square[j] += v * v
		}
	}
	images, shifted := make([]float64, n*d), make([]float64, d)
	for j := range n {
		for t, v := range y[j*d : (j+1)*d] {
			shifted[t] = v - centre[t]
		}
		image(images[j*d:(j+1)*d], shifted)
	}
	p.q = make([][2]float64, n)
	if !p.flatten(images, d) {
		return nil
	}
	p.turn()
	return p
}

// flatten takes the coordinates of the images in an orthonormal basis of two vectors, which it takes from the
// images (Gram and Schmidt with pivoting), and leaves what is left of them in images.
func (p *planar) flatten(images []float64, d int) bool {
	n := len(p.q)
	row := func(j int) []float64 { return images[j*d : (j+1)*d] }
	farthest := func() (at int, r float64) {
		for j := range n {
			if s := dot(row(j), row(j)); s > r {
				at, r = j, s
			}
		}
		return at, math.Sqrt(r)
	}
	var top float64
	for axis := range p.q[0] {
		at, r := farthest()
		if axis == 0 {
			top = r
		}
		if r <= flatness*top || r == 0 {
			break
		}
		e := make([]float64, d)
		for t, v := range row(at) {
			e[t] = v / r
		}
		for range 2 { // the second time for what rounding left
			for j := range n {
				c := dot(row(j), e)
				p.q[j][axis] += c
				for t, v := range e {
					images[j*d+t] -= c * v
				}
			}
		}
	}
	p.scale = top
	if top == 0 {
		p.scale = 1
	}
	for j := range p.q {
		p.q[j][0] /= p.scale
		p.q[j][1] /= p.scale
	}
	_, rest := farthest()
	return rest <= flatness*p.scale
}

// turn turns the plane to the principal axes of the atoms.
func (p *planar) turn() {
	mx, my, sxx, sxy, syy := p.spread()
	angle := math.Atan2(2*sxy, sxx-syy) / 2
	s, c := math.Sincos(angle)
	for j, q := range p.q {
		p.q[j] = [2]float64{c*(q[0]-mx) + s*(q[1]-my), c*(q[1]-my) - s*(q[0]-mx)}
	}
}

// spread returns mean and covariance of the atoms in the plane. Half of their mass counts as equal, so that a
// heavy atom does not hide the extent of the others.
func (p *planar) spread() (mx, my, sxx, sxy, syy float64) {
	mass := func(j int) float64 { return p.b[j]/2 + .5/float64(len(p.b)) }
	for j, q := range p.q {
		mx += mass(j) * q[0]
		my += mass(j) * q[1]
	}
	for j, q := range p.q {
		x, y := q[0]-mx, q[1]-my
		sxx += mass(j) * x * x
		sxy += mass(j) * x * y
		syy += mass(j) * y * y
	}
	return
}

// startReach is the distance from the origin within which all cells of the start have a point.
const startReach = 3

// start returns heights under which every atom has a cell: the conjugate of the potential between the normal law
// and the Gaussian of the atoms, Σ_t q_t²/(2 σ_t), which puts atom j at z = (q_t/σ_t)_t, all drawn together where
// some lie too far out. The function is strictly convex: no atom hides behind others.
func (p *planar) start() []float64 {
	_, _, sxx, _, syy := p.spread()
	s := [2]float64{math.Sqrt(sxx), math.Sqrt(syy)}
	far := 0.
	for _, q := range p.q {
		r := 0.
		for t, v := range q {
			if s[t] > flatness {
				r += v / s[t] * v / s[t]
			}
		}
		far = max(far, math.Sqrt(r))
	}
	shrink := 1.
	if far > startReach {
		shrink = startReach / far
	}
	beta := make([]float64, len(p.q))
	for j, q := range p.q {
		for t, v := range q {
			if s[t] > flatness {
				beta[j] += shrink * v * v / (2 * s[t])
			}
		}
	}
	return beta
}

// evaluate measures all cells; near are those of a diagram before, or nil.
func (p *planar) evaluate(w *work, beta []float64, near []cell) ([]cell, error) {
	cells := make([]cell, len(p.q))
	err := w.each(len(cells), 8, func(lo, hi int, _ *scratch) {
		var b clipper
		for j := lo; j < hi; j++ {
			var walls []wall
			if near != nil {
				walls = near[j].walls
			}
			cells[j] = p.cell(j, beta, walls, &b)
		}
	})
	return cells, err
}

// residual returns the Euclidean and the L1 norm of the masses less those asked for, and the least mass.
func (p *planar) residual(cells []cell) (two, one, least float64) {
	least = math.Inf(1)
	for j, c := range cells {
		e := c.mass - p.b[j]
		two += e * e
		one += math.Abs(e)
		least = min(least, c.mass)
	}
	return math.Sqrt(two), one, least
}

// newton finds the heights whose cells have the masses b, by the damped Newton method of Kitagawa, Mérigot and
// Thibert (Journal of the European Mathematical Society 21, 2019): a step is halved until no cell has less than
// half of the least mass at the start, and the residual falls. It stops at an L1 residual of tol.
func (p *planar) newton(w *work, tol float64, limit int) (beta []float64, cells []cell, steps int, err error) {
	beta = p.start()
	if cells, err = p.evaluate(w, beta, nil); err != nil {
		return
	}
	two, one, least := p.residual(cells)
	floor := least
	for _, b := range p.b {
		floor = min(floor, b)
	}
	floor /= 2
	for steps = 0; steps < limit && one > tol; steps++ {
		move := p.direction(cells)
		better := false
		for t := 1.; t > 1e-9; t /= 2 {
			next := make([]float64, len(beta))
			for j := range next {
				next[j] = beta[j] + t*move[j]
			}
			trial, err := p.evaluate(w, next, cells)
			if err != nil {
				return nil, nil, 0, err
			}
			r, one1, least := p.residual(trial)
			if least >= floor && r <= (1-t/2)*two {
				beta, cells, two, one, better = next, trial, r, one1, true
				break
			}
		}
		if !better { // rounding
			break
		}
		if p.progress != nil {
			p.progress(steps+1, one)
		}
	}
	return beta, cells, steps, nil
}

// direction solves Σ_k w_jk (δ_j - δ_k) = mass_j - b_j by conjugate gradients with the diagonal as
// preconditioner: the matrix is the Laplacian of the cells' walls. It is made definite by δ = 0 at the cell with
// the largest diagonal.
func (p *planar) direction(cells []cell) []float64 {
	n := len(cells)
	diagonal, x, r, z, a, q := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for j, c := range cells {
		for _, e := range c.walls {
			diagonal[j] += e.flux
		}
		r[j] = c.mass - p.b[j]
	}
	ground := 0
	for j, v := range diagonal {
		if v > diagonal[ground] {
			ground = j
		}
	}
	precondition := func() {
		for j, v := range r {
			z[j] = 0
			if diagonal[j] > 0 && j != ground {
				z[j] = v / diagonal[j]
			}
		}
	}
	precondition()
	copy(a, z)
	rz := dot(r, z)
	first := rz
	for range 20*n + 20 {
		if !(rz > 1e-24*first) {
			break
		}
		for j, c := range cells {
			q[j] = 0
			for _, e := range c.walls {
				q[j] += e.flux * (a[j] - a[e.k])
			}
		}
		aq := dot(a, q)
		if !(aq > 0) {
			break
		}
		step := rz / aq
		for j := range x {
			x[j] += step * a[j]
			r[j] -= step * q[j]
		}
		precondition()
		next := dot(r, z)
		for j := range a {
			a[j] = z[j] + next/rz*a[j]
		}
		rz = next
	}
	return x
}

// psi returns the weights of the cells from their heights, which are those of q / scale.
func (p *planar) psi(beta []float64) []float64 {
	psi := make([]float64, len(beta))
	for j := range psi {
		psi[j] = p.square[j] - 2*p.scale*beta[j]
	}
	return psi
}

// cost returns the cost of sending each cell to its atom, tr LLᵀ + Σ_j (m_j |y_j - c|² - 2 <M_j, q_j>).
func (p *planar) cost(cells []cell) float64 {
	var s engine.Compensated
	s.Add(p.trace)
	for j, c := range cells {
		s.Add(c.mass * p.square[j])
		for t, v := range p.q[j] {
			s.Add(-2 * p.scale * c.moment[t] * v)
		}
	}
	return s.Value()
}
