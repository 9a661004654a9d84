package flow

import (
	"monge/engine"
	"monge/engine/dist"
	"monge/engine/schedule"
)

// system is the ordinary differential equation of one chunk of rows on an engine. A row's state is
//
//	[ x (D) | tangents (P D) | ell (1, with the likelihood) ]
//
// and its slope in the path's variable u is [ v | (dv/dx) t | div v ].
type system struct {
	e    engine.Engine
	t    engine.Dtype
	f    dist.Field
	path schedule.Path
	d, p int
	ell  bool
	s    int // numbers of a state
	cap  int // rows that the arrays hold

	mem  arena
	coef staging // [1, N, CoefCount]
	// The parts of a state and of its slope as the field wants them; nil where the state is x alone.
	x, tan, v, tv, div array
	request            dist.Request // kept, as it would escape at every call
}

func newSystem(e engine.Engine, t engine.Dtype, f dist.Field, path schedule.Path, p int, ell bool, rows int) (*system, error) {
	q := &system{e: e, t: t, f: f, path: path, d: f.Dim(), p: p, ell: ell, cap: rows, mem: arena{e: e}}
	q.s = stateSize(q.d, p, ell)
	q.coef = q.mem.stage(t, rows, 0, engine.CoefCount)
	if q.s > q.d {
		q.x = q.mem.alloc(t, rows, 0, q.d)
		q.v = q.mem.alloc(t, rows, 0, q.d)
		if p > 0 {
			q.tan = q.mem.alloc(t, rows, p, q.d)
			q.tv = q.mem.alloc(t, rows, p, q.d)
		}
		if ell {
			q.div = q.mem.alloc(t, rows, 0, 1)
		}
	}
	if q.mem.err != nil {
		q.mem.free()
		return nil, q.mem.err
	}
	return q, nil
}

func stateSize(d, p int, ell bool) int {
	s := d + p*d
	if ell {
		s++
	}
	return s
}

// at puts the path's coefficients at u into row i of c.
func (q *system) at(c *staging, i int, u float64) {
	r := c.row(i)
	r[engine.CoefAlpha], r[engine.CoefSigma], r[engine.CoefMean], r[engine.CoefScore] = q.path.At(u)
}

// eval evaluates the slopes f [1, N, S] of the states z [1, N, S] at the coefficients in q.coef.
func (q *system) eval(f, z engine.Buffer, n int) error {
	coef, err := q.coef.push(q.e, n)
	if err != nil {
		return err
	}
	return q.evalAt(coef, f, z, n)
}

// evalAt is eval at coefficients that the engine has already.
func (q *system) evalAt(coef, f, z engine.Buffer, n int) error {
	if q.s == q.d {
		q.request = dist.Request{Coef: coef, X: z, V: f}
		return q.f.Eval(&q.request)
	}
	if err := q.split(q.x.rows(n), q.tan.rows(n), z, n); err != nil {
		return err
	}
	r := &q.request
	*r = dist.Request{Coef: coef, X: q.x.rows(n), V: q.v.rows(n), Div: q.div.rows(n)}
	if q.p > 0 {
		r.T, r.TV = q.tan.rows(n), q.tv.rows(n)
	}
	if err := q.f.Eval(r); err != nil {
		return err
	}
	return q.join(f, r.V, r.TV, r.Div, n)
}

// split copies the points x [1, N, D] and tangents t [N, P, D] out of states z; nil parts are left.
func (q *system) split(x, t, z engine.Buffer, n int) error {
	if err := q.e.Copy2D(x, 0, q.d, z, 0, q.s, n, q.d); err != nil || q.p == 0 || t == nil {
		return err
	}
	return q.e.Copy2D(t, 0, q.p*q.d, z, q.d, q.s, n, q.p*q.d)
}

// join copies points, tangents and integrals into states z; nil parts are left.
func (q *system) join(z, x, t, ell engine.Buffer, n int) error {
	if x != nil {
		if err := q.e.Copy2D(z, 0, q.s, x, 0, q.d, n, q.d); err != nil {
			return err
		}
	}
	if q.p > 0 && t != nil {
		if err := q.e.Copy2D(z, q.d, q.s, t, 0, q.p*q.d, n, q.p*q.d); err != nil {
			return err
		}
	}
	if q.ell && ell != nil {
		return q.e.Copy2D(z, q.s-1, q.s, ell, 0, 1, n, 1)
	}
	return nil
}
