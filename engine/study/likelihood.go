package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/rng"
	"monge/engine/schedule"

	"gonum.org/v1/gonum/integrate/quad"
	"gorgonia.org/tensor"
)

// likelihoodCase is E16: the density by the flow, ln N(E(x); 0, I) + int div v du, against the law's own. With
// the exact trace the two are equal; Hutchinson's estimate of the trace, E <v, (dv/dx) v> over Rademacher
// directions that stay the same along the path, has that as its mean.
func likelihoodCase(t *trial) error {
	line := randomLine(4, 1+t.s.Seed)
	one, err := line.law()
	if err != nil {
		return err
	}
	d := of(t, 16, 64)
	big, err := dist.RandomMixture(4, d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	laws := []namedLaw{{"d=1 mixture", one}, {"G1", dist.G1()}, {"G2", dist.G2()}, {fmt.Sprintf("d=%d mixture", d), big}}
	for _, d := range of(t, []int{784}, []int{784, 3072}) {
		g, err := dist.RandomGaussian(d, 1+t.s.Seed)
		if err != nil {
			return err
		}
		laws = append(laws, namedLaw{fmt.Sprintf("d=%d Gaussian", d), g})
	}
	for i, l := range laws {
		x := t.sample(l.law, 16)
		want, err := flow.LogDensity(t.ctx, t.e, t.s.Dtype, l.law, x)
		if err != nil {
			return err
		}
		s := strict()
		s.LogP = true
		if l.law.Dim() > 100 { // a Gaussian's flow is a closed form: here it is integrated
			s.Method, s.Rtol, s.Atol = "dopri5", 1e-11, 1e-11
		}
		r, err := t.encode(l.law, x, s)
		if err != nil {
			return err
		}
		// In units of the density's size, which is that of d: the divergence is a sum of d terms.
		size := math.Max(1, float64(l.law.Dim()))
		t.zero(l.name+" exact trace", farthest(r.LogP, want)/size, t.within(1e-9, 1e3), "error of ln p over d")
		if l.law.Dim() <= 64 {
			if err := t.hutchinson(l); err != nil {
				return err
			}
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

// hutchinson compares the integral of the trace with that of <v, (dv/dx) v> for a complete set of directions,
// sum_k v_k v_k^T = d I, whose mean is the trace itself, and for random ones, whose mean is it on average.
func (t *trial) hutchinson(l namedLaw) error {
	const random = 64
	d := l.law.Dim()
	complete := hadamard(d)
	k := len(complete)/d + random
	dirs := make([]float64, k*d)
	copy(dirs, complete)
	u := make([]float64, random*d)
	rng.Uniforms(u, t.s.Seed, probeStream, 0)
	for i, v := range u {
		dirs[len(complete)+i] = math.Copysign(1, v-.5)
	}
	x := t.sample(l.law, 4)
	trace, quadratic, err := t.traces(l.law, x, dirs, k)
	if err != nil {
		return err
	}
	var worst, sum, points float64
	for i, want := range trace {
		q := quadratic[i*k : (i+1)*k]
		var m mean
		for _, v := range q[:k-random] {
			m.add(v)
		}
		if len(complete) > 0 {
			worst = math.Max(worst, math.Abs(m.m-want))
		}
		m = mean{}
		for _, v := range q[k-random:] {
			m.add(v)
		}
		if value, stderr := m.estimate(); stderr > 0 {
			sum += (value - want) / stderr
			points++
		}
	}
	if len(complete) > 0 {
		t.zero(l.name+" Hutchinson, all directions", worst, t.within(1e-9, 100), "mean over %d orthogonal Rademacher directions less the trace", k-random)
	}
	if points > 0 {
		// A mean of so many standard normal numbers, five standard deviations.
		t.zero(l.name+" Hutchinson, bias in standard errors", sum/points, 5/math.Sqrt(points), "%d directions at %.0f points", random, points)
	}
	return nil
}

// hadamard returns d orthogonal directions of entries +-1 where d is a power of two, none else.
func hadamard(d int) []float64 {
	if d&(d-1) != 0 {
		return nil
	}
	h := make([]float64, d*d)
	for i := range d {
		for j := range d {
			h[i*d+j] = 1
			for b := i & j; b != 0; b &= b - 1 {
				h[i*d+j] = -h[i*d+j]
			}
		}
	}
	return h
}

// traces integrates, along the flow from every row of x [n, d], the trace of dv/dx and <v_k, (dv/dx) v_k> for
// k directions [k, d]: [n] and [n, k]. The nodes are those of Gauss and Legendre in the angle.
func (t *trial) traces(law dist.Distribution, x *tensor.Dense, dirs []float64, k int) (trace, quadratic []float64, err error) {
	n, d := x.Shape()[0], law.Dim()
	const nodes = 48
	angles, weights := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(angles, weights, 0, math.Pi/2)
	f, err := law.Bind(t.e, t.s.Dtype)
	if err != nil {
		return nil, nil, err
	}
	defer f.Free()
	var made []engine.Buffer
	defer func() {
		for _, b := range made {
			b.Free()
		}
	}()
	alloc := func(b, n, d int) engine.Buffer {
		if err != nil {
			return nil
		}
		var m engine.Buffer
		if m, err = t.e.Alloc(t.s.Dtype, b, n, d); err == nil {
			made = append(made, m)
		}
		return m
	}
	r := &dist.Request{Coef: alloc(1, n, engine.CoefCount), X: alloc(1, n, d), T: alloc(n, k, d), TV: alloc(n, k, d), Div: alloc(1, n, 1)}
	if err != nil {
		return nil, nil, err
	}
	tangents := make([]float64, 0, n*k*d)
	for range n {
		tangents = append(tangents, dirs...)
	}
	if err := t.e.Write(r.T, 0, tangents); err != nil {
		return nil, nil, err
	}
	trace, quadratic = make([]float64, n), make([]float64, n*k)
	coef, div, images := make([]float64, n*engine.CoefCount), make([]float64, n), make([]float64, n*k*d)
	for q, u := range angles {
		s := strict()
		s.Tau = schedule.Tau(u)
		at, err := t.encode(law, x, s)
		if err != nil {
			return nil, nil, err
		}
		for i := range n {
			c := coef[i*engine.CoefCount:]
			c[engine.CoefAlpha], c[engine.CoefSigma], c[engine.CoefMean], c[engine.CoefScore] = schedule.Trig{}.At(u)
		}
		if err := t.e.Write(r.Coef, 0, coef); err != nil {
			return nil, nil, err
		}
		if err := t.e.Write(r.X, 0, numbers(at.X)); err != nil {
			return nil, nil, err
		}
		if err := f.Eval(r); err != nil {
			return nil, nil, err
		}
		if err := t.e.Read(div, r.Div, 0); err != nil {
			return nil, nil, err
		}
		if err := t.e.Read(images, r.TV, 0); err != nil {
			return nil, nil, err
		}
		for i := range n {
			trace[i] += weights[q] * div[i]
			for p := range k {
				var s float64
				for j, v := range dirs[p*d : (p+1)*d] {
					s += v * images[(i*k+p)*d+j]
				}
				quadratic[i*k+p] += weights[q] * s
			}
		}
	}
	return trace, quadratic, nil
}
