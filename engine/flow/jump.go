package flow

import (
	"math"

	"monge/engine"
	"monge/engine/dist"
)

// jumper follows rows along the closed-form flow of their own component.
type jumper struct {
	*run
	field    dist.Jumper
	branches int
	single   bool    // one component alone: the closed form is the whole flow, and closed follows it
	latent   float64 // ln of the other components' share at the latent end, as a guess for all rows

	branch         staging // I32 [1, N, Branches]
	own            []float64
	from, to       staging // [1, N, CoefCount]
	x, y           array   // [1, N, D]
	tan, ty        array   // [N, P, D]
	logDet, others staging // [1, N, 1]
	index          staging // I32 [1, N, 1]: the rows below, on the engine
	rows, all      []int   // of the chunk, for the batch at hand
	search         []search
}

func newJumper(r *run, f dist.Jumper) (*jumper, error) {
	j := &jumper{run: r, field: f, branches: f.Branches()}
	m, n := &r.mem, r.cap
	j.branch = m.stage(engine.I32, n, 0, j.branches)
	j.own = make([]float64, n*j.branches)
	j.from, j.to = m.stage(r.t, n, 0, engine.CoefCount), m.stage(r.t, n, 0, engine.CoefCount)
	j.x, j.y = m.alloc(r.t, n, 0, r.d), m.alloc(r.t, n, 0, r.d)
	if r.p > 0 {
		j.tan, j.ty = m.alloc(r.t, n, r.p, r.d), m.alloc(r.t, n, r.p, r.d)
	}
	j.logDet, j.others = m.stage(r.t, n, 0, 1), m.stage(r.t, n, 0, 1)
	j.index = m.stage(engine.I32, n, 0, 1)
	j.rows, j.all, j.search = make([]int, 0, n), make([]int, 0, n), make([]search, n)
	if m.err != nil {
		return nil, m.err
	}
	// At the latent end all components are N(0, I) and responsibilities are weights, whatever x.
	for _, c := range []*staging{&j.from, &j.to} {
		copy(c.row(0), []float64{engine.CoefSigma: 1, engine.CoefCount - 1: 0})
	}
	if err := j.follow(1, dist.Follow{Others: j.others.rows(1)}); err != nil {
		return nil, err
	}
	if err := j.others.pull(r.e, 1); err != nil {
		return nil, err
	}
	v := j.others.host[0]
	j.single = math.IsInf(v, -1)
	j.latent = math.Min(math.Max(v, -3), 12)
	return j, nil
}

func jumperSize(d, p int) int { return 2*d + 2*p*d } // numbers a row

// follow fills in what every request holds, for the first n rows of the batch.
func (j *jumper) follow(n int, f dist.Follow) (err error) {
	if f.Branch, err = j.branch.push(j.e, n); err != nil {
		return err
	}
	if f.From, err = j.from.push(j.e, n); err != nil {
		return err
	}
	if f.To, err = j.to.push(j.e, n); err != nil {
		return err
	}
	f.X = j.x.rows(n)
	return j.field.Follow(&f)
}

// threshold is the logarithm of the share of the other components below which a row moves with its own
// alone: .3 of the tolerance, a hundredth where derivatives are carried, whose slopes weigh the others
// by their distance.
func (j *jumper) threshold() float64 {
	part := .3
	if j.s > j.d {
		part = .01
	}
	return math.Log(part * j.tol())
}

// dominant finds the components of the first n rows of the batch. It returns the first row that has none, as
// its numbers are not finite, or -1.
func (j *jumper) dominant(c *staging, n int) (lost int, err error) {
	coef, err := c.push(j.e, n)
	if err != nil {
		return -1, err
	}
	if err := j.field.Dominant(j.branch.rows(n), coef, j.x.rows(n)); err != nil {
		return -1, err
	}
	if err := j.branch.pull(j.e, n); err != nil {
		return -1, err
	}
	for i, k := range j.branch.host[:n*j.branches] {
		if k < 0 {
			return i / j.branches, nil
		}
	}
	return -1, nil
}

// keepBranch and takeBranch move the components of a row between the batch and the chunk.
func (j *jumper) keepBranch(i, row int) {
	copy(j.own[row*j.branches:(row+1)*j.branches], j.branch.row(i))
}

func (j *jumper) takeBranch(i, row int) {
	copy(j.branch.row(i), j.own[row*j.branches:(row+1)*j.branches])
}

// leap moves the first n rows along their own component as far as it holds, gives those that moved the
// slopes behind their new start, and returns the count of the rows that are not at the end.
func (a *adams) leap(n int) (live int, err error) {
	j := a.jump
	if err := a.system.split(j.x.rows(n), j.tan.rows(n), a.in.rows(n), n); err != nil {
		return 0, err
	}
	for i := range n {
		a.at(&j.from, i, a.u0)
	}
	if lost, err := j.dominant(&j.from, n); err != nil {
		return 0, err
	} else if lost >= 0 {
		return 0, a.diverged(lost, 0, a.u0)
	}
	copy(j.own, j.branch.host[:n*j.branches])
	if err := j.bracket(n); err != nil {
		return 0, err
	}
	// All rows go from the data to where their search ended.
	if err := a.system.split(j.x.rows(n), j.tan.rows(n), a.in.rows(n), n); err != nil {
		return 0, err
	}
	for i := range n {
		a.at(&j.from, i, a.u0)
		a.at(&j.to, i, j.search[i].lo)
		j.takeBranch(i, i)
		a.tracks[i].u = j.search[i].lo
	}
	if err := j.follow(n, dist.Follow{Y: j.y.rows(n), T: j.tan.rows(n), TY: j.ty.rows(n), LogDet: j.logDet.rows(n)}); err != nil {
		return 0, err
	}
	z := a.z.rows(n)
	if err := a.join(z, j.y.rows(n), j.ty.rows(n), j.logDet.rows(n), n); err != nil {
		return 0, err
	}
	if err := a.e.Copy2D(a.hist.base, 0, historySlots*a.s, z, 0, a.s, n, a.s); err != nil {
		return 0, err
	}
	if err := a.prepend(n); err != nil {
		return 0, err
	}
	return a.retire(n)
}

// bracket searches, for the first n rows, the last grid time up to which the row's own component holds, and
// leaves it in search.lo.
func (j *jumper) bracket(n int) error {
	threshold := j.threshold()
	j.rows = j.rows[:0]
	for i := range n {
		j.search[i] = search{u: math.Min(8*searchGrid*j.grid(), j.u1), hi: math.Inf(1)}
		j.nfe[i] += .5
		j.rows = append(j.rows, i)
	}
	for m := len(j.rows); m > 0; m = len(j.rows) {
		if m < n {
			if err := j.gather(m); err != nil {
				return err
			}
		}
		for i, row := range j.rows {
			j.at(&j.from, i, j.u0)
			j.at(&j.to, i, j.search[row].u)
			j.takeBranch(i, row)
		}
		if err := j.follow(m, dist.Follow{LogDet: j.logDet.rows(m), Others: j.others.rows(m)}); err != nil {
			return err
		}
		if err := j.logDet.pull(j.e, m); err != nil {
			return err
		}
		if err := j.others.pull(j.e, m); err != nil {
			return err
		}
		rest := j.rows[:0]
		for i, row := range j.rows {
			s := &j.search[row]
			j.nfe[row] += .5
			s.observe(j.run, j.latent, threshold, j.others.host[i], j.logDet.host[i])
			if !s.settled {
				rest = append(rest, row)
			}
		}
		j.rows = rest
	}
	return nil
}

// gather puts the points of the rows j.rows into the batch.
func (j *jumper) gather(m int) error {
	for i, row := range j.rows {
		j.index.host[i] = float64(row)
	}
	idx, err := j.index.push(j.e, m)
	if err != nil {
		return err
	}
	if j.s == j.d {
		return j.e.CopyRows(j.x.rows(m), nil, j.in.base, idx)
	}
	if err := j.e.CopyRows(j.out.rows(m), nil, j.in.base, idx); err != nil { // out is free until rows finish
		return err
	}
	return j.split(j.x.rows(m), nil, j.out.rows(m), m)
}
