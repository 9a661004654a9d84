package enginetest

import (
	"fmt"
	"math"

	"monge/engine"
)

// identityTable holds what ties the outputs of one operation together, whatever the reference: the
// Jacobian is the derivative of the velocity, the divergence its trace, the score the gradient of the
// density.
func identityTable() []Case {
	return []Case{
		{Op: "Mixture", Name: "finite-differences", run: checkFiniteDifferences},
		{Op: "Mixture", Name: "divergence-is-trace", run: checkTrace},
		{Op: "Mixture", Name: "score-is-gradient", run: checkScore},
		{Op: "MixtureFollow", Name: "jacobian-of-flow", run: checkFlowJacobian},
	}
}

// smooth is a mixture whose velocity bends on scale 1, and rows where several components matter.
func (d *device) smooth(name string, n, p int) *mixtureHost {
	c := MixtureCase{Name: name, N: n, K: 4, D: 3, P: p, VarRows: true, VarCols: true, Bases: 4, Var: 1}
	return c.host(d.t)
}

func (d *device) velocity(h *mixtureHost, want MixtureOutputs) *engine.Mixture {
	op := d.mixture(h, want)
	if d.err == nil {
		d.fail(d.e.Mixture(op))
	}
	return op
}

// shifted returns rows x + f t with the first tangent of every row.
func (h *mixtureHost) shifted(f float64) *mixtureHost {
	part := *h
	part.x = newArray(1, h.x.n, h.x.d)
	for i := range h.x.n {
		for j, t := range h.t.row(i, 0) {
			part.x.row(0, i)[j] = h.x.row(0, i)[j] + f*t
		}
	}
	part.t = nil
	return &part
}

// checkFiniteDifferences: (v(x + h t) - v(x - h t)) / 2h is (dv/dx) t up to h^2 times third derivatives
// and eps/h times |v|; with h = 1e-4 in float64 both are below 1e-6 of the velocity's size here, where
// variances are 0.1 to 10. In float32 x itself moves by eps |x|, so h = 1e-2 leaves 1e-2.
func checkFiniteDifferences(d *device) error {
	step, tol := 1e-4, 1e-6
	if d.t == engine.F32 {
		step, tol = 1e-2, 1e-2
	}
	h := d.smooth("finite-differences", 33, 1)
	tv := d.read(d.velocity(h, V|TV).TV)
	plus, minus := d.read(d.velocity(h.shifted(step), V).V), d.read(d.velocity(h.shifted(-step), V).V)
	if d.err != nil {
		return d.err
	}
	for i := range tv {
		want := (plus[i] - minus[i]) / (2 * step)
		if !(math.Abs(tv[i]-want) <= tol*(10+math.Abs(want))) {
			return fmt.Errorf("TV[%d] = %v, finite difference %v", i, tv[i], want)
		}
	}
	return nil
}

// identity gives every row of a host the unit vectors as tangents.
func identity(n, d int) *array {
	t := newArray(n, d, d)
	for i := range n {
		for j := range d {
			t.row(i, j)[j] = 1
		}
	}
	return t
}

// checkTrace: Div is the trace of TV on the unit vectors. The tolerance is 100 roundings of the largest
// entry: the velocities here are of size 1 to 10 and variances at least 0.1.
func checkTrace(d *device) error {
	h := d.smooth("trace", 33, 0)
	h.t = identity(h.x.n, h.x.d)
	op := d.velocity(h, TV|Div)
	tv, div := d.read(op.TV), d.read(op.Div)
	if d.err != nil {
		return d.err
	}
	w := h.x.d
	for i := range h.x.n {
		var trace, size float64
		for j := range w {
			trace += tv[(i*w+j)*w+j]
			for k := range w {
				size = max(size, math.Abs(tv[(i*w+j)*w+k]))
			}
		}
		if !(math.Abs(trace-div[i]) <= 100*d.t.Eps()*(1+size)) {
			return fmt.Errorf("output Div[%d] = %v, trace %v", i, div[i], trace)
		}
	}
	return nil
}

// checkScore: with (c1, c2) = (0, 1) the velocity is the gradient of LogP; tolerances as for finite
// differences, with LogP of size 10.
func checkScore(d *device) error {
	step, tol := 1e-4, 1e-6
	if d.t == engine.F32 {
		step, tol = 1e-2, 2e-2
	}
	h := d.smooth("score", 33, 1)
	for i := range h.coef.n {
		h.coef.row(0, i)[engine.CoefMean], h.coef.row(0, i)[engine.CoefScore] = 0, 1
	}
	v := d.read(d.velocity(h, V).V)
	plus, minus := d.read(d.velocity(h.shifted(step), LogP).LogP), d.read(d.velocity(h.shifted(-step), LogP).LogP)
	if d.err != nil {
		return d.err
	}
	for i := range plus {
		got, want := dot(v[i*h.x.d:][:h.x.d], h.t.row(i, 0)), (plus[i]-minus[i])/(2*step)
		if !(math.Abs(got-want) <= tol*(10+math.Abs(want))) {
			return fmt.Errorf("<score, t> of row %d = %v, finite difference %v", i, got, want)
		}
	}
	return nil
}

// checkFlowJacobian: TY on the unit vectors has the determinant that LogDet tells, and a flow there and
// back is the identity. The maps are conditioned by at most the ratio of standard deviations, 10; d = 3.
func checkFlowJacobian(d *device) error {
	c := FollowCase{Name: "jacobian", N: 33, K: 3, D: 3, VarRows: true, VarCols: true, Bases: 3, Var: 1, Want: AllFollow}
	h := c.host(d.t)
	h.t = identity(c.N, 3)
	op := d.follow(h, c.Want)
	if d.err != nil {
		return d.err
	}
	if err := d.e.MixtureFollow(op); err != nil {
		return err
	}
	ty, logdet, y := d.read(op.TY), d.read(op.LogDet), d.read(op.Y)
	for i := range c.N {
		a, b, w := ty[i*9:][:3], ty[i*9+3:][:3], ty[i*9+6:][:3]
		det := a[0]*(b[1]*w[2]-b[2]*w[1]) - a[1]*(b[0]*w[2]-b[2]*w[0]) + a[2]*(b[0]*w[1]-b[1]*w[0])
		if !(math.Abs(math.Log(math.Abs(det))-logdet[i]) <= 1e3*d.t.Eps()) {
			return fmt.Errorf("LogDet[%d] = %v, ln |det TY| = %v", i, logdet[i], math.Log(math.Abs(det)))
		}
	}
	m := *h.mixtureHost
	m.coef, m.t, m.x = h.to, nil, &array{1, c.N, 3, y}
	back := d.follow(&followHost{&m, h.branch, h.coef}, FollowY)
	if d.err != nil {
		return d.err
	}
	if err := d.e.MixtureFollow(back); err != nil {
		return err
	}
	for i, got := range d.read(back.Y) {
		if want := h.x.x[i]; !(math.Abs(got-want) <= 1e3*d.t.Eps()*(1+math.Abs(want))) {
			return fmt.Errorf("there and back: x[%d] = %v, want %v", i, got, want)
		}
	}
	return d.err
}
