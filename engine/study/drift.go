package study

import (
	"fmt"
	"math"

	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
)

// driftCase is E07: the flow of the Fokker-Planck equation with drift -A x from nu = N(0, (A + B)^-1) to its
// equilibrium N(0, A^-1) is linear, x -> S x with
//
//	S' = (Sig_t^-1 - A) S,  Sig_t = e^(-tA) Sig_0 e^(-tA) + A^-1 (I - e^(-2tA)),
//
// and is the optimal map exactly where A and B commute. Source: Tanana, Comparison of transport map generated
// by heat flow interpolation and the optimal transport Brenier map, Commun. Contemp. Math. 23 (2021).
func driftCase(t *trial) error {
	p := newDrift([]float64{4, 1}, mat.NewSymDense(2, []float64{2, 1, 1, 3}))
	s := p.flow(400)
	b := p.brenier()
	for _, v := range []struct {
		name string
		got  float64
		want float64
		tol  float64 // half a unit of the published digits, and more of the last where they were cut
	}{
		{"S11", s.At(0, 0), 1.22160212, 1e-8},
		{"S12", s.At(0, 1), .13351508, 1e-8},
		{"S21", s.At(1, 0), .17536548, 1e-8},
		{"S22", s.At(1, 1), 1.98209356, 1e-8},
		{"Brenier 11", b.At(0, 0), 1.22257986, 1e-8},
		{"Brenier 12", b.At(0, 1), .14558134, 1e-8},
		{"Brenier 22", b.At(1, 1), 1.97869257, 1e-8},
		{"cost of the flow", p.cost(s), .2526009304, 1e-10},
		{"W2^2", p.cost(b), .2524945928, 1e-10},
		{"relative gap", p.gap(s, b), 4.2115e-4, 5e-9},
	} {
		t.row("A=diag(4,1) "+v.name, v.want, v.got, v.tol)
	}
	if err := t.driftAngles(); err != nil {
		return err
	}
	dims := of(t, []int{2, 4, 8, 16}, []int{2, 4, 8, 16, 64, 256})
	for i, d := range dims {
		if err := t.randomDrifts(d); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	return nil
}

// driftAngles turns B against A: the gap is 0 where they commute, of second order in the commutator, and
// grows with it.
func (t *trial) driftAngles() error {
	var norms, gaps []float64
	for i := range 17 {
		sin, cos := math.Sincos(math.Pi / 6 * float64(i) / 16)
		const l, m = 6, 1
		p := newDrift([]float64{4, 1}, mat.NewSymDense(2, []float64{
			l*cos*cos + m*sin*sin, (l - m) * sin * cos, (l - m) * sin * cos, l*sin*sin + m*cos*cos}))
		norms = append(norms, p.commutator())
		gaps = append(gaps, p.gap(p.flow(400), p.brenier()))
	}
	falls := 0
	for i := 1; i < len(gaps); i++ {
		if gaps[i] <= gaps[i-1] {
			falls++
		}
	}
	t.zero("commuting pair, relative gap", gaps[0], 1e-9) // the steps' error
	// Not a function of the commutator alone: towards pi/4, where it is largest, the gap levels off before it.
	t.row("turned pairs whose gap does not grow with the commutator", 0, float64(falls), 0, "%d angles up to pi/6, gap up to %.3g", len(gaps)-1, gaps[len(gaps)-1])
	// The next order is angle^2 = 1e-2 of the leading one at the smallest angles.
	t.row("order of the gap in the commutator", 2, slope(norms[1:3], gaps[1:3]), .05)
	t.figure(Figure{Title: "two linear drifts: gap against commutator", X: "|AB - BA|", Y: "relative gap", LogX: true, LogY: true,
		Curves: []Curve{{Name: "B turned against A", X: norms[1:], Y: gaps[1:]}}})
	return t.ctx.Err()
}

// randomDrifts takes pairs of random matrices, which do not commute, and such that do.
func (t *trial) randomDrifts(d int) error {
	pairs, steps := 4, 200
	if d > 16 {
		pairs, steps = 1, 50
	}
	none, least, largest := 0, math.Inf(1), 0.0
	var residual float64
	for k := range pairs {
		a := make([]float64, d)
		rng.Uniforms(a, t.s.Seed, driftStream+uint64(d), uint64(k*d))
		for i, u := range a {
			a[i] = 1 + 3*u
		}
		turn := reflections(d, t.s.Seed+uint64(k))
		q := turn.matrix()
		var b mat.SymDense
		b.SymOuterK(1, scaled(q, func(i int) float64 { return .5 * math.Pow(4, a[(i+1)%d]-math.Floor(a[(i+1)%d])) }))
		p := newDrift(a, &b)
		s := p.flow(steps)
		left := p.residual(s)
		residual = math.Max(residual, left)
		g := p.gap(s, p.brenier())
		if !(g > 10*left) { // what the steps leave
			none++
		}
		least, largest = math.Min(least, g), math.Max(largest, g)
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	// The fewest steps, at the largest d, leave 1e-7 of the equilibrium's covariance.
	t.zero(fmt.Sprintf("d=%d |S Sig S^T - A^-1|", d), residual, 1e-6)
	t.row(fmt.Sprintf("d=%d pairs without a gap", d), 0, float64(none), 0, "of %d; relative gaps %.3g to %.3g", pairs, least, largest)
	return nil
}

const driftStream = 0x6472_0000

// scaled returns q with column i multiplied by f(i).
func scaled(q *mat.Dense, f func(i int) float64) *mat.Dense {
	var m mat.Dense
	m.Apply(func(_, j int, v float64) float64 { return v * f(j) }, q)
	return &m
}

// drift is the flow from N(0, (A + B)^-1) to N(0, A^-1) in A's eigenbasis, A = diag(a).
type drift struct {
	a     []float64
	b     *mat.SymDense
	start *mat.SymDense // Sig_0 = (A + B)^-1
	over  *mat.SymDense // Sig_0 - A^-1
}

func newDrift(a []float64, b *mat.SymDense) *drift {
	d := len(a)
	p := &drift{a: a, b: b, start: mat.NewSymDense(d, nil), over: mat.NewSymDense(d, nil)}
	sum := mat.NewSymDense(d, nil)
	sum.CopySym(b)
	for i, v := range a {
		sum.SetSym(i, i, sum.At(i, i)+v)
	}
	var c mat.Cholesky
	if !c.Factorize(sum) {
		panic("study: A + B is not positive definite")
	}
	if err := c.InverseTo(p.start); err != nil {
		panic(err) // a condition number beyond 1e16: A and B are made in this file
	}
	p.over.CopySym(p.start)
	for i, v := range a {
		p.over.SetSym(i, i, p.over.At(i, i)-1/v)
	}
	return p
}

// flow returns S at t = infinity by the classical Runge-Kutta method with so many and twice as many steps
// and Richardson's extrapolation. The variable is w with 1 - w = exp(-t min(a)/2): the whole half line is
// [0, 1], and the right hand side ends like (1 - w)^3 or faster, which keeps the order.
func (p *drift) flow(steps int) *mat.Dense {
	coarse, fine := p.integrate(steps), p.integrate(2*steps)
	fine.Scale(16./15, fine)
	coarse.Scale(1./15, coarse)
	fine.Sub(fine, coarse)
	return fine
}

func (p *drift) integrate(steps int) *mat.Dense {
	d := len(p.a)
	s := mat.NewDense(d, d, nil)
	for i := range d {
		s.Set(i, i, 1)
	}
	h := 1 / float64(steps)
	var y mat.Dense
	stage := func(k *mat.Dense, f float64) *mat.Dense {
		y.Scale(f*h, k)
		y.Add(s, &y)
		return &y
	}
	for i := range steps {
		w := float64(i) * h
		k1 := p.slope(w, s)
		k2 := p.slope(w+h/2, stage(k1, .5))
		k3 := p.slope(w+h/2, stage(k2, .5))
		k4 := p.slope(w+h, stage(k3, 1))
		for _, k := range []struct {
			m *mat.Dense
			w float64
		}{{k1, 1}, {k2, 2}, {k3, 2}, {k4, 1}} {
			k.m.Scale(h*k.w/6, k.m)
			s.Add(s, k.m)
		}
	}
	return s
}

// slope returns dS/dw. Sig^-1 - A = -Sig^-1 (Sig - A^-1) A has no cancellation at the end.
func (p *drift) slope(w float64, s *mat.Dense) *mat.Dense {
	const k = 2
	d := len(p.a)
	out := mat.NewDense(d, d, nil)
	if w >= 1 {
		return out
	}
	least := p.a[0]
	for _, v := range p.a {
		least = math.Min(least, v)
	}
	decay := make([]float64, d) // exp(-t a)
	for i, v := range p.a {
		decay[i] = math.Pow(1-w, k*v/least)
	}
	sig, over := mat.NewSymDense(d, nil), mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			v := decay[i] * p.over.At(i, j) * decay[j]
			over.Set(i, j, v*p.a[j])
			if i == j {
				v += 1 / p.a[i]
			}
			if i <= j {
				sig.SetSym(i, j, v)
			}
		}
	}
	var c mat.Cholesky
	if !c.Factorize(sig) {
		panic("study: a covariance of the flow is not positive definite")
	}
	var rhs mat.Dense
	rhs.Mul(over, s)
	if err := c.SolveTo(out, &rhs); err != nil {
		panic(err)
	}
	out.Scale(-k/(least*(1-w)), out)
	return out
}

// brenier returns the optimal map A^-1/2 (A^-1/2 Sig_0 A^-1/2)^-1/2 A^-1/2.
func (p *drift) brenier() *mat.Dense {
	d := len(p.a)
	m := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			m.SetSym(i, j, p.start.At(i, j)/math.Sqrt(p.a[i]*p.a[j]))
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(m, true) {
		panic("study: no eigenvalues of a symmetric matrix")
	}
	var q, t mat.Dense
	eig.VectorsTo(&q)
	l := eig.Values(nil)
	t.Mul(scaled(&q, func(i int) float64 { return 1 / math.Sqrt(l[i]) }), q.T())
	t.Apply(func(i, j int, v float64) float64 { return v / math.Sqrt(p.a[i]*p.a[j]) }, &t)
	return &t
}

// cost returns E|x - M x|^2 = tr (I - M) Sig_0 (I - M)^T.
func (p *drift) cost(m *mat.Dense) float64 {
	d := len(p.a)
	r := mat.NewDense(d, d, nil)
	for i := range d {
		r.Set(i, i, 1)
	}
	r.Sub(r, m)
	var c mat.Dense
	c.Product(r, p.start, r.T())
	return mat.Trace(&c)
}

// gap returns (cost(S) - cost(T))/cost(T). As S and T reach the same covariance the difference is
// 2 tr (T - S) Sig_0, which does not cancel.
func (p *drift) gap(s, b *mat.Dense) float64 {
	var diff mat.Dense
	diff.Sub(b, s)
	diff.Mul(&diff, p.start)
	return 2 * mat.Trace(&diff) / p.cost(b)
}

// residual returns the largest entry of S Sig_0 S^T - A^-1.
func (p *drift) residual(s *mat.Dense) float64 {
	var c mat.Dense
	c.Product(s, p.start, s.T())
	for i, v := range p.a {
		c.Set(i, i, c.At(i, i)-1/v)
	}
	return math.Max(mat.Max(&c), -mat.Min(&c))
}

// commutator returns |AB - BA|_F.
func (p *drift) commutator() float64 {
	var s float64
	for i, a := range p.a {
		for j, b := range p.a {
			v := (a - b) * p.b.At(i, j)
			s += v * v
		}
	}
	return math.Sqrt(s)
}

// slope returns the least-squares slope of ln y against ln x.
func slope(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += math.Log(x[i]) / float64(len(x))
		my += math.Log(y[i]) / float64(len(x))
	}
	var xy, xx float64
	for i := range x {
		u := math.Log(x[i]) - mx
		xy += u * (math.Log(y[i]) - my)
		xx += u * u
	}
	return xy / xx
}
