package flow

import (
	"math"

	"monge/engine/dist"
)

// approach tells a decoding row when to ask for the closed form: at the first step past u.
type approach struct {
	u     float64
	last  seen
	known bool // the row's component is in jumper.own
}

// firstLook is the angle from which decoding asks for the closed form: tan is 6 there, so that only
// components further apart than some forty times the latent's width could have been left alone before.
const firstLook = 1.4

// approach readies the first n rows for decoding and returns the count of rows left: those whose own
// component does not hold yet where the horizon is near.
func (a *adams) approach(n int) (live int, err error) {
	if a.jump == nil || a.dir > 0 {
		return n, nil
	}
	for i := range n {
		a.tracks[i].landing = approach{u: a.Path.U(firstLook), last: seen{math.Pi / 2, a.jump.latent}}
	}
	if first := a.Path.U(firstLook); a.u1 > first {
		return n, nil
	}
	for i := range n {
		a.tracks[i].landing.u = a.u1
	}
	return a.retire(n)
}

// look sets the time of the next question after the share log of the others was found at theta: where the
// straight line through it and the value before, in 1/tan^2 theta, crosses the threshold.
func (r *run) look(p *approach, theta, log, threshold float64) {
	inverse := func(theta float64) float64 {
		t := math.Tan(theta)
		return 1 / (t * t)
	}
	x0, x1 := inverse(p.last.theta), inverse(theta)
	x := x1 + (threshold-1-log)*(x1-x0)/(log-p.last.log)
	if !(log < p.last.log) { // not falling yet
		x = math.Inf(1)
	}
	x = math.Min(math.Max(x, 1.15*x1), 6*x1)
	p.last = seen{theta, log}
	p.u = r.Path.U(math.Atan(1 / math.Sqrt(x)))
}

// touch asks, for those of the first n rows that are due, whether their own component holds from here to
// the data, and finishes those for which it does in closed form.
func (a *adams) touch(n int) error {
	j := a.jump
	threshold := j.threshold()
	// Rows whose component is not known yet come first.
	fresh := 0
	j.rows = j.rows[:0]
	for pass := range 2 {
		for i := range n {
			t := &a.tracks[i]
			if t.rejected == 0 && t.u <= t.landing.u && t.u > a.u0 && t.landing.known == (pass == 1) {
				j.rows = append(j.rows, i)
			}
		}
		if pass == 0 {
			fresh = len(j.rows)
		}
	}
	m := len(j.rows)
	if m == 0 {
		return nil
	}
	if err := a.collect(m); err != nil {
		return err
	}
	for i, row := range j.rows {
		a.at(&j.from, i, a.tracks[row].u)
		a.at(&j.to, i, a.tracks[row].u)
	}
	if fresh > 0 {
		if lost, err := j.dominant(&j.from, fresh); err != nil {
			return err
		} else if lost >= 0 {
			t := &a.tracks[j.rows[lost]]
			return a.diverged(t.row, t.steps, t.u)
		}
	}
	for i, row := range j.rows {
		t := &a.tracks[row]
		asked := .5
		if i < fresh {
			j.keepBranch(i, t.row)
			asked = 1
		}
		j.takeBranch(i, t.row)
		a.nfe[t.row] += asked
	}
	if err := j.follow(m, dist.Follow{Others: j.others.rows(m)}); err != nil {
		return err
	}
	if err := j.others.pull(a.e, m); err != nil {
		return err
	}
	near, all := j.rows[:0], append(j.all[:0], j.rows...)
	for i, row := range all {
		t, log := &a.tracks[row], j.others.host[i]
		if log <= threshold {
			near = append(near, row)
			continue
		}
		t.landing.known = log < 0 // else another component may have come to the front
		a.look(&t.landing, a.theta(t.u), log, threshold)
	}
	j.all, j.rows = all, near
	rest, err := a.lasting(threshold)
	if err != nil {
		return err
	}
	j.rows = rest
	if len(rest) == 0 {
		return nil
	}
	return a.finish(len(rest))
}

// lasting returns those of the rows j.rows whose own component still has all but the threshold's share where it takes
// them to the data. Between components of different widths the share of a wider one falls and then grows again, far
// from both. The others ask again halfway to the data in tan^2 theta, for the component that is then in front.
func (a *adams) lasting(threshold float64) ([]int, error) {
	j, m := a.jump, len(a.jump.rows)
	if m == 0 {
		return nil, nil
	}
	if err := a.collect(m); err != nil {
		return nil, err
	}
	for i, row := range j.rows {
		t := &a.tracks[row]
		a.at(&j.from, i, t.u)
		a.at(&j.to, i, a.u0)
		j.takeBranch(i, t.row)
	}
	if err := j.follow(m, dist.Follow{Others: j.others.rows(m)}); err != nil {
		return nil, err
	}
	if err := j.others.pull(a.e, m); err != nil {
		return nil, err
	}
	rest := j.rows[:0]
	for i, row := range j.rows {
		t := &a.tracks[row]
		a.nfe[t.row] += .5
		if j.others.host[i] <= threshold {
			rest = append(rest, row)
			continue
		}
		t.landing.known = false
		t.landing.u = a.Path.U(math.Atan(math.Tan(a.theta(t.u)) / math.Sqrt2))
	}
	return rest, nil
}

// finish takes the rows j.rows to the data in closed form.
func (a *adams) finish(m int) error {
	j := a.jump
	if err := a.collect(m); err != nil {
		return err
	}
	for i, row := range j.rows {
		t := &a.tracks[row]
		a.at(&j.from, i, t.u)
		a.at(&j.to, i, a.u0)
		j.takeBranch(i, t.row)
		t.u = a.u0
	}
	f := dist.Follow{Y: j.y.rows(m), T: j.tan.rows(m), TY: j.ty.rows(m)}
	if a.ell {
		f.LogDet = j.logDet.rows(m)
	}
	if err := j.follow(m, f); err != nil {
		return err
	}
	if a.ell { // the volume adds to the integral so far, which collect left in f
		ell := a.div.rows(m)
		if err := a.e.Copy2D(ell, 0, 1, a.f.rows(m), a.s-1, a.s, m, 1); err != nil {
			return err
		}
		if err := a.e.Axpby(ell, 1, ell, 1, f.LogDet); err != nil {
			return err
		}
		f.LogDet = ell
	}
	if err := a.join(a.f.rows(m), f.Y, f.TY, f.LogDet, m); err != nil {
		return err
	}
	dst, err := j.index.push(a.e, m)
	if err != nil {
		return err
	}
	return a.e.CopyRows(a.flat.base, dst, a.f.rows(m), nil)
}

// collect puts the states of the rows j.rows into f, and their points and tangents into the batch.
func (a *adams) collect(m int) error {
	j := a.jump
	for i, row := range j.rows {
		j.index.host[i] = float64(row * historySlots)
	}
	src, err := j.index.push(a.e, m)
	if err != nil {
		return err
	}
	if err := a.e.CopyRows(a.f.rows(m), nil, a.flat.base, src); err != nil {
		return err
	}
	return a.system.split(j.x.rows(m), j.tan.rows(m), a.f.rows(m), m)
}
