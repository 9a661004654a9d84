package dist

import (
	"fmt"
	"math"
	"slices"

	"monge/engine"
)

// pointsField is Points bound to an engine. Points are kept as y' = y - centre, and x' = x - a centre, so that
// the logits z_j = S <x', y'_j> + U_j + c W_j lose little to rounding. With D = a^2 h^2 + s^2, r = softmax z,
// y = centre + sum r_j y'_j and B = (c1 a h^2 - c2)/D, C = c1 - a B:
//
//	v        = B x + C y
//	(dv/dx)t = B t + C (a/D) Cov_r(y) t
//	div v    = d B + C (a/D) tr Cov_r(y)
//	log p    = logsumexp z - |x'|^2/(2D) - d/2 ln(2 pi D)
//
// Functions of a row's time alone come from Gaussians of a few dimensions evaluated at fixed numbers, so that
// nothing is read back to the host.
type pointsField struct {
	*queue
	d, m int
	y    engine.Buffer // keys y' [1, M, D]
	u    engine.Buffer // log w_j - d/2 ln 2 pi [1, M, 1]
	w    engine.Buffer // -|y'_j|^2/2 [1, M, 1]
	c    engine.Buffer // centre [1, 1, D]; nil where it is 0
	row  []float64     // (0, 0, centre), without a centre that is 0
	at   []float64     // where gain is asked: (1, 0, 0), without a centre (1, 0)

	gain engine.MixtureParams // N((0, 1, 1), h^2 I): at (1, 0, 0) its velocity is (B, C, C); without a centre (B, C) in two dimensions
	unit engine.MixtureParams // N(1, h^2): with (c1, c2) = (0, 1), at 0, its velocity is a/D
	inv  engine.MixtureParams // N(0, h^2): with (c1, c2) = (0, 1), at -1, its velocity is 1/D
}

// bind makes the field of the law with its centre moved to the given place.
func (p *Points) bind(e engine.Engine, t engine.Dtype, centre []float64) (*pointsField, error) {
	f := &pointsField{queue: newQueue(e, t), d: p.d}
	y := make([]float64, 0, p.n*p.d)
	var u, w []float64
	for i, weight := range p.w {
		if weight == 0 {
			continue
		}
		s := 0.0
		for j, v := range p.row(i) {
			v -= p.centre[j]
			y = append(y, v)
			s += v * v
		}
		u = append(u, engine.Ln(weight)-float64(p.d)/2*math.Log(2*math.Pi))
		w = append(w, -s/2)
	}
	f.m = len(u)
	f.y = f.constant("y", t, 1, f.m, f.d, y)
	f.u = f.constant("u", t, 1, f.m, 1, u)
	f.w = f.constant("w", t, 1, f.m, 1, w)
	f.row, f.at = make([]float64, 2*p.d, 3*p.d), []float64{1, 0}
	gain := []float64{0, 1}
	if slices.ContainsFunc(centre, func(v float64) bool { return v != 0 }) {
		f.c = f.constant("centre", t, 1, 1, f.d, centre)
		f.row, f.at, gain = append(f.row, centre...), append(f.at, 0), append(gain, 1)
	}
	zero := f.constant("zero", t, 1, 1, 1, []float64{0})
	h2 := f.constant("h2", t, 1, 1, 1, []float64{p.h * p.h})
	f.gain = engine.MixtureParams{LogW: zero, Mean: f.constant("gain", t, 1, 1, len(gain), gain), Var: h2}
	f.unit = engine.MixtureParams{LogW: zero, Mean: f.constant("one", t, 1, 1, 1, []float64{1}), Var: h2}
	f.inv = engine.MixtureParams{LogW: zero, Mean: zero, Var: h2}
	if err := f.done(); err != nil {
		f.Free()
		return nil, fmt.Errorf("binding %d points in %d dimensions: %w", f.m, f.d, err)
	}
	return f, nil
}

func (f *pointsField) Dim() int      { return f.d }
func (f *pointsField) Branches() int { return 1 }
func (f *pointsField) Free()         { f.free() }

// time returns the rows' times with (c1, c2) = (0, 1).
func (f *pointsField) time(coef engine.Buffer, n int) engine.Buffer {
	time := f.pattern("time", n, 0, 0, 0, 1)
	f.copy2D(time, 0, engine.CoefCount, coef, 0, engine.CoefCount, n, 2)
	return time
}

// logits returns the softmax over the points for rows x, without outputs.
func (f *pointsField) logits(coef, x engine.Buffer, n int) engine.Softmax {
	scale := f.buf("a/D", 1, n, 1)
	f.mixture(&engine.Mixture{P: &f.unit, Coef: f.time(coef, n), X: f.pattern("unit x", n, 0), V: scale})
	alpha := f.column("a", coef, engine.CoefAlpha)
	factor := f.buf("a2/D", 1, n, 1)
	f.rowDot(factor, alpha, scale)
	if f.c != nil {
		shifted := f.buf("x'", 1, n, f.d)
		f.matMul(shifted, alpha, f.c, false)
		f.axpby(shifted, 1, x, -1, shifted)
		x = shifted
	}
	return engine.Softmax{Q: x, K: f.y, S: scale, U: f.u, C: factor, W: f.w}
}

// gains returns (B, C, C) [1, N, 3], or (B, C) [1, N, 2] without a centre.
func (f *pointsField) gains(coef engine.Buffer, n int) engine.Buffer {
	out := f.buf("gains", 1, n, len(f.at))
	f.mixture(&engine.Mixture{P: &f.gain, Coef: coef, X: f.pattern("gain x", n, f.at...), V: out})
	return out
}

// affine computes out = coef_0 x + coef_1 y' + coef_2 centre for every row.
func (f *pointsField) affine(out, coef, x, y engine.Buffer, n int) {
	stack, width := f.pattern("stack", n, f.row...), len(f.row)
	f.copy2D(stack, 0, width, x, 0, f.d, n, f.d)
	f.copy2D(stack, f.d, width, y, 0, f.d, n, f.d)
	f.linComb(out, coef, f.view(stack, 0, n, len(f.at), f.d))
}

func (f *pointsField) Eval(r *Request) error {
	n, p, err := checkRequest(r, f.d)
	if err != nil || n == 0 {
		return err
	}
	a := f.logits(r.Coef, r.X, n)
	if r.V != nil || r.Div != nil || r.TV != nil {
		a.Mean = f.buf("posterior y", 1, n, f.d)
	}
	a.Second = f.want(r.Div, "second", 1, n, 1)
	a.TMean = f.want(r.TV, "tmean", n, p, f.d)
	if r.TV != nil {
		a.T = r.T
	}
	if r.LogP != nil {
		a.LSE = r.LogP
	}
	f.softmax(&a)
	if r.LogP != nil {
		f.finishLogP(r.LogP, r.Coef, a.Q, n)
	}
	if a.Mean == nil {
		return f.done()
	}
	gains := f.gains(r.Coef, n)
	if r.V != nil {
		f.affine(r.V, gains, r.X, a.Mean, n)
	}
	if r.Div == nil && r.TV == nil {
		return f.done()
	}
	b, c := f.column("B", gains, 0), f.column("C", gains, 1)
	spread := f.buf("C a/D", 1, n, 1) // what multiplies the covariance
	f.rowDot(spread, c, a.S)
	if r.Div != nil {
		trace := f.buf("trace", 1, n, 1)
		f.rowDot(trace, a.Mean, a.Mean)
		f.axpby(a.Second, 1, a.Second, -1, trace)
		f.rowDot(trace, spread, a.Second)
		f.axpby(r.Div, float64(f.d), b, 1, trace)
	}
	if r.TV != nil {
		f.tangents(r, a.Mean, a.TMean, b, spread, n, p)
	}
	return f.done()
}

// finishLogP turns logsumexp z into log p in place.
func (f *pointsField) finishLogP(logp, coef, shifted engine.Buffer, n int) {
	inv := f.buf("1/D", 1, n, 1)
	f.mixture(&engine.Mixture{P: &f.inv, Coef: f.time(coef, n), X: f.pattern("inv x", n, -1), V: inv})
	t := f.buf("log t", 1, n, 1)
	s := f.buf("log s", 1, n, 1)
	f.rowDot(t, shifted, shifted)
	f.rowDot(s, t, inv)
	f.axpby(logp, 1, logp, -.5, s)
	f.log(s, inv)
	f.axpby(logp, 1, logp, float64(f.d)/2, s)
}

// tangents computes TV = B t + spread (tmean - y <y, t>); it uses tmean up.
func (f *pointsField) tangents(r *Request, mean, tmean, b, spread engine.Buffer, n, p int) {
	y := f.view(mean, 0, n, 1, f.d)
	along := f.buf("<y,t>", n, p, 1)
	outer := f.buf("y<y,t>", n, p, f.d)
	f.matMul(along, r.T, y, true)
	f.matMul(outer, along, y, false)
	f.axpby(tmean, 1, tmean, -1, outer)
	flat := func(x engine.Buffer) engine.Buffer { return f.view(x, 0, 1, n, p*f.d) }
	rows := func(x engine.Buffer) engine.Buffer { return f.view(x, 0, n, 1, p*f.d) }
	f.linComb(flat(outer), spread, rows(tmean))
	f.linComb(flat(r.TV), b, rows(r.T))
	f.axpby(r.TV, 1, r.TV, 1, outer)
}

func (f *pointsField) Dominant(branch, coef, x engine.Buffer) error {
	n, err := checkDominant(branch, coef, x, f.d, 1)
	if err != nil || n == 0 {
		return err
	}
	a := f.logits(coef, x, n)
	a.Arg = branch
	f.softmax(&a)
	return f.done()
}

func (f *pointsField) Follow(a *Follow) error {
	n, p, err := checkFollow(a, f.d, 1)
	if err != nil || n == 0 {
		return err
	}
	// At (1, 0, 0) the one-component flow gives (ratio, alpha1 - ratio alpha0, the same); without a centre at (1, 0).
	zero, _ := f.grow("branch 0", engine.I32, 1, n, 1)
	move := f.buf("move", 1, n, len(f.at))
	log := f.buf("move log", 1, n, 1)
	f.follow(&engine.MixtureFollow{P: &f.gain, Branch: zero, From: a.From, To: a.To,
		X: f.pattern("gain x", n, f.at...), Y: move, LogDet: log})
	if a.LogDet != nil {
		f.axpby(a.LogDet, float64(f.d)/float64(len(f.at)), log, 0, nil)
	}
	if a.TY != nil {
		f.linComb(f.view(a.TY, 0, 1, n, p*f.d), f.column("ratio", move, 0), f.view(a.T, 0, n, 1, p*f.d))
	}
	if a.Y == nil && a.V == nil && a.Others == nil {
		return f.done()
	}
	own := f.buf("own", 1, n, f.d)
	f.copyRows(own, nil, f.y, a.Branch)
	y := a.Y
	if y == nil {
		y = f.buf("moved", 1, n, f.d)
	}
	f.affine(y, move, a.X, own, n)
	if a.V != nil {
		f.affine(a.V, f.gains(a.To, n), y, own, n)
	}
	if a.Others != nil {
		f.others(a.Others, a.Branch, a.To, y, own, n)
	}
	return f.done()
}

// others computes logsumexp over the other points' z, less the own point's z.
func (f *pointsField) others(out, branch, coef, y, own engine.Buffer, n int) {
	a := f.logits(coef, y, n)
	a.Skip, a.LSE = branch, out
	f.softmax(&a)
	t := f.buf("own t", 1, n, 1)
	z := f.buf("own z", 1, n, 1)
	f.rowDot(t, a.Q, own)
	f.rowDot(z, a.S, t)
	f.axpby(out, 1, out, -1, z)
	f.copyRows(t, nil, f.u, branch)
	f.axpby(out, 1, out, -1, t)
	f.copyRows(t, nil, f.w, branch)
	f.rowDot(z, a.C, t)
	f.axpby(out, 1, out, -1, z)
}
