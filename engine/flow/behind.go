package flow

import (
	"math"

	"monge/engine"
	"monge/engine/dist"
)

// behind is the count of slopes behind a jump's end.
const behind = 7

// prepend gives the rows that jumped the slopes at and behind their new start from the closed form, so that
// they need no starting steps of low order. The closed form holds behind the data, too, where the path goes
// on there.
func (a *adams) prepend(n int) error {
	j := a.jump
	_, sigma, c1, c2 := a.Path.At(-a.grid())
	beyond := !math.IsNaN(sigma + c1 + c2)
	for i := range n {
		t := &a.tracks[i]
		if t.u > a.u0 && t.u < a.u1 {
			t.h, t.order = a.spacing(t.u, j.search[i].l, beyond), min(behind, a.maxOrder)
		} else {
			t.h = -t.h // marks the rows that did not jump until the slopes are there
		}
	}
	for k := behind; k >= 0; k-- {
		for i := range n {
			t := &a.tracks[i]
			a.move.target.host[i] = -1
			u := t.u
			if t.h > 0 {
				u -= float64(k) * t.h
				a.move.target.host[i] = float64(i*historySlots + int(t.free()))
				t.push(u)
			}
			a.at(&j.to, i, u)
		}
		if err := a.ownSlopes(n); err != nil {
			return err
		}
		if err := a.move.scatter(a.run, a.flat.rows(n*historySlots), a.f.rows(n), n); err != nil {
			return err
		}
	}
	for i := range n {
		a.tracks[i].h = math.Abs(a.tracks[i].h)
	}
	return nil
}

// spacing is the distance of the slopes behind a jump to u, small against the distance sqrt(theta^2 + l) of
// the closed form's branch points.
func (a *adams) spacing(u, l float64, beyond bool) float64 {
	s := .02
	if a.tol() < 1e-9 {
		s = .015
	}
	theta := a.theta(u)
	s = math.Min(s, .1*math.Sqrt(theta*theta+l)) * a.unit()
	if !beyond {
		s = math.Min(s, u/(behind+1))
	}
	return s
}

// ownSlopes leaves in f the slopes of the first n rows' states along their own component, at the times of
// jumper.to that are the newest of their tracks.
func (a *adams) ownSlopes(n int) error {
	j, f := a.jump, a.f.rows(n)
	if a.s == a.d {
		return j.follow(n, dist.Follow{V: f})
	}
	v := j.y.rows(n)
	if err := j.follow(n, dist.Follow{V: v}); err != nil {
		return err
	}
	if err := a.join(f, v, nil, nil, n); err != nil {
		return err
	}
	if a.p > 0 {
		if err := a.ownTangents(f, v, n); err != nil {
			return err
		}
	}
	if a.ell {
		return a.ownDivergence(f, n)
	}
	return nil
}

// ownTangents fills in the slopes of the tangents. One component's velocity is affine in x, and so is its
// flow: (dv/dx) t = v(x + t) - v(x), without error.
func (a *adams) ownTangents(f, v engine.Buffer, n int) error {
	j := a.jump
	x, w := a.system.x.rows(n), a.system.v.rows(n)
	for p := range a.p {
		if err := a.e.Copy2D(x, 0, a.d, j.tan.rows(n), p*a.d, a.p*a.d, n, a.d); err != nil {
			return err
		}
		if err := a.e.Axpby(x, 1, x, 1, j.x.rows(n)); err != nil {
			return err
		}
		if err := j.field.Follow(&dist.Follow{Branch: j.branch.rows(n), From: j.from.rows(n), To: j.to.rows(n), X: x, V: w}); err != nil {
			return err
		}
		if err := a.e.Axpby(w, 1, w, -1, v); err != nil {
			return err
		}
		if err := a.e.Copy2D(f, (1+p)*a.d, a.s, w, 0, a.d, n, a.d); err != nil {
			return err
		}
	}
	return nil
}

// central8 are the weights of the central difference of order 8: f' = sum_m c_m (f(m h) - f(-m h)) / h.
var central8 = [4]float64{4. / 5, -1. / 5, 4. / 105, -1. / 280}

// ownDivergence fills in the slope of the integral, the derivative of ln |det dy/dx| in time. The logarithm is
// analytic up to a distance of at least theta, and a hundredth of it as the difference's step leaves an error
// of some 1e-13.
func (a *adams) ownDivergence(f engine.Buffer, n int) error {
	j := a.jump
	sum := j.others.host[:n]
	clear(sum)
	step := func(i int) float64 {
		t := &a.tracks[i]
		if t.h < 0 {
			return 0
		}
		h := math.Min(t.h/8, a.theta(t.u)*a.unit()/100)
		return math.Min(h, (a.Path.End()-t.u)/5)
	}
	for m, c := range central8 {
		for _, sign := range [2]float64{1, -1} {
			for i := range n {
				t := &a.tracks[i]
				u := t.u
				if t.h > 0 {
					u = t.time[0]
				}
				a.at(&j.to, i, u+sign*float64(m+1)*step(i))
			}
			if err := j.follow(n, dist.Follow{LogDet: j.logDet.rows(n)}); err != nil {
				return err
			}
			if err := j.logDet.pull(a.e, n); err != nil {
				return err
			}
			for i := range n {
				if h := step(i); h > 0 {
					sum[i] += sign * c * j.logDet.host[i] / h
				}
			}
		}
	}
	if err := a.e.Write(a.div.base, 0, sum); err != nil {
		return err
	}
	return a.join(f, nil, nil, a.div.rows(n), n)
}
