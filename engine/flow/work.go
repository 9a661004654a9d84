package flow

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// work is one call's points and results on the host.
type work struct {
	*plan
	n, d, p  int // p tangents a row: first those given, then the identity
	given    int
	points   []float64 // [N, D]
	mean     []float64 // what is taken off the law, so that states are x - alpha mean; nil = 0
	tangents []float64 // [N, given, D]

	x, tan, jac, logp []float64
	nfe               []float64
	rejected          int
}

func (w *work) readTangents() error {
	if t := w.Tangents; t != nil {
		sh := t.Shape()
		if len(sh) != 3 || sh[0] != w.n || sh[2] != w.d {
			return fmt.Errorf("flow: Tangents of shape %v, want [%d, P, %d]: %w", sh, w.n, w.d, engine.ErrShape)
		}
		v, err := stacked(t)
		if err != nil {
			return fmt.Errorf("flow: Tangents: %w", err)
		}
		w.tangents, w.given = v, sh[1]
	}
	w.p = w.given
	if w.Jacobian {
		w.p += w.d
	}
	return nil
}

// results makes the arrays of the results.
func (w *work) results() {
	w.x = make([]float64, w.n*w.d)
	w.nfe = make([]float64, w.n)
	w.tan = make([]float64, w.n*w.given*w.d)
	if w.Jacobian {
		w.jac = make([]float64, w.n*w.d*w.d)
	}
	if w.LogP {
		w.logp = make([]float64, w.n)
	}
}

// open makes the arrays of a chunk and the method on them.
func (w *work) open(e engine.Engine, t engine.Dtype, f dist.Field, rows int) (*run, solver, error) {
	q, err := newSystem(e, t, f, w.Path, w.p, w.LogP, rows)
	if err != nil {
		return nil, nil, err
	}
	r := &run{system: q, plan: w.plan}
	r.in, r.out = q.mem.alloc(t, rows, 0, q.s), q.mem.alloc(t, rows, 0, q.s)
	if err = q.mem.err; err == nil {
		var s solver
		if s, err = newSolver(r); err == nil {
			return r, s, nil
		}
	}
	q.mem.free()
	return nil, nil, err
}

func newSolver(r *run) (solver, error) {
	switch r.Method {
	case "adams":
		return newAdams(r)
	case "dopri5":
		return newRungeKutta(r, dopri5())
	case "heun":
		return newRungeKutta(r, heun())
	case "rk4":
		return newRungeKutta(r, rk4())
	case "euler":
		return newRungeKutta(r, euler())
	case "dpm1":
		return newDPM(r, 1)
	case "dpm2":
		return newDPM(r, 2)
	}
	return newDPM(r, 3)
}

// A chunk of more than hostChunk numbers of history falls out of a processor's own cache and gains nothing, but
// laws of many components want hostRows rows at a time; a device wants as many rows as fit.
const (
	hostChunk = 1 << 17
	hostRows  = 128
)

// chunk returns the count of rows that are integrated together by each of so many lanes, all of which get chunks
// of about the same size, and equally many.
func (w *work) chunk(e engine.Engine, t engine.Dtype, lanes int) int {
	info := e.Info()
	budget := w.MaxMemory
	if budget <= 0 {
		budget = min(max(info.Free/4, 1<<20), 1<<30)
	}
	s := stateSize(w.d, w.p, w.LogP)
	per := 2*s + 2*w.d + 2*w.p*w.d + 8*engine.CoefCount
	switch w.Method {
	case "adams":
		per += adamsSize(w.d, w.p, w.LogP) + jumperSize(w.d, w.p) + 6*historySlots + wholeSize
	default:
		per += 10*s + wholeSize
	}
	rows := int(max(1, min(budget/int64(per*t.Size())/int64(lanes), int64(w.n))))
	if info.Threads == 0 {
		return rows
	}
	rows = min(rows, max(hostChunk/(historySlots*s), hostRows)*max(1, info.Threads/lanes))
	each := lanes * rows
	rounds := (w.n + each - 1) / each
	return (w.n + rounds*lanes - 1) / (rounds * lanes)
}

// one takes rows lo to hi through the flow.
func (w *work) one(ctx context.Context, r *run, s solver, lo, hi int) error {
	n := hi - lo
	host := make([]float64, n*r.s)
	scale := 1.0 // of the path's state over the variance preserving one, at the start
	if r.dir < 0 {
		scale = w.norm()
	}
	alpha, _, _, _ := w.Path.At(r.start())
	for i := range n {
		state := host[i*r.s:]
		for k, v := range w.points[(lo+i)*w.d : (lo+i+1)*w.d] {
			state[k] = scale * v
		}
		for k, m := range w.mean {
			state[k] -= alpha * m
		}
		tan := state[w.d:]
		for k, v := range w.tangents[(lo+i)*w.given*w.d : (lo+i+1)*w.given*w.d] {
			tan[k] = scale * v
		}
		if w.Jacobian {
			for k := range w.d {
				tan[(w.given+k)*w.d+k] = scale
			}
		}
	}
	if err := r.e.Write(r.in.base, 0, host); err != nil {
		return err
	}
	if err := s.solve(ctx, n); err != nil {
		return err
	}
	if w.LogP {
		if err := w.density(r, lo, n); err != nil {
			return err
		}
	}
	if err := r.e.Read(host, r.out.base, 0); err != nil {
		return err
	}
	scale = 1
	if r.dir > 0 {
		scale = 1 / w.norm()
	}
	alpha, _, _, _ = w.Path.At(r.end())
	for i := range n {
		state := host[i*r.s : (i+1)*r.s]
		for _, v := range state {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return r.diverged(i, w.Steps, r.end())
			}
		}
		for k, m := range w.mean {
			state[k] += alpha * m
		}
		w.unpack(lo+i, state, scale)
		if w.LogP { // d log p_t(x_t) = -div v dt along the flow
			w.logp[lo+i] += r.dir * state[r.s-1]
		}
	}
	return nil
}

// density puts the log density of the rows' states at the horizon into logp.
func (w *work) density(r *run, lo, n int) error {
	last := r.out
	if r.dir < 0 {
		last = r.in
	}
	for i := range n {
		r.at(&r.coef, i, r.u1)
		if !w.limit() {
			r.nfe[i] += .5
		}
	}
	coef, err := r.coef.push(r.e, n)
	if err != nil {
		return err
	}
	x, out := r.x.rows(n), r.div.rows(n)
	if err := r.split(x, nil, last.base, n); err != nil {
		return err
	}
	if w.limit() { // N(0, I): the law is not asked
		if err := r.e.RowDot(out, x, x); err != nil {
			return err
		}
	} else if err := r.f.Eval(&dist.Request{Coef: coef, X: x, LogP: out}); err != nil {
		return err
	}
	logp := w.logp[lo : lo+n]
	if err := r.e.Read(logp, out, 0); err != nil {
		return err
	}
	if w.limit() {
		for i, v := range logp {
			logp[i] = -v/2 - float64(w.d)/2*math.Log(2*math.Pi)
		}
	}
	return nil
}

// unpack puts a row's final state, times scale, into the results.
func (w *work) unpack(row int, state []float64, scale float64) {
	for k := range w.d {
		w.x[row*w.d+k] = scale * state[k]
	}
	tan := state[w.d:]
	for k := range w.given * w.d {
		w.tan[row*w.given*w.d+k] = scale * tan[k]
	}
	if !w.Jacobian {
		return
	}
	tan = tan[w.given*w.d:]
	jac := w.jac[row*w.d*w.d:]
	for b := range w.d { // tangent b is the Jacobian's column b
		for a := range w.d {
			jac[a*w.d+b] = scale * tan[b*w.d+a]
		}
	}
}

func (w *work) result() *Result {
	res := &Result{X: engine.Points(w.x, w.n, w.d), LogP: w.logp}
	if w.Tangents != nil {
		res.Tangents = tensor.New(tensor.WithShape(w.n, w.given, w.d), tensor.WithBacking(w.tan))
	}
	if w.Jacobian {
		res.Jacobian = tensor.New(tensor.WithShape(w.n, w.d, w.d), tensor.WithBacking(w.jac))
	}
	for _, v := range w.nfe {
		res.Stats.NFEMean += v
		res.Stats.NFEMax = math.Max(res.Stats.NFEMax, v)
	}
	if w.n > 0 {
		res.Stats.NFEMean /= float64(w.n)
	}
	res.Stats.Rejected = w.rejected
	return res
}
