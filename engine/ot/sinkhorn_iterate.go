package ot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// iterate runs iterations until the row marginal's error is at most goal or limit of them are done.
//
// The column marginal's error after the rows' half bounds the row marginal's after the columns', so where
// the iterates are accelerated, or eps still falls, it is what is measured; the last iteration is then a
// plain one. Otherwise the row marginal's own error follows from the next pass.
func (k *sinkhorn) iterate(ctx context.Context, e engine.Engine, l *loop, r *Result, goal float64, limit int, progress func(int, float64)) error {
	defer func() { r.Note += fmt.Sprintf("; %v: %s", k.reduction.t, l.how()) }()
	size := math.Inf(1)
	resumed := k.resumed
	if k.resumed = nil; resumed != nil {
		size = resumed.Size
	}
	between := func() error { // calls of the engine, of the plain iteration
		if k.keep == nil {
			return nil
		}
		if err := l.read(k.f, k.g); err != nil {
			return err
		}
		k.done = l.counts[0]
		k.keep(func() *SinkhornState { return k.state(r, size) })
		return nil
	}
	called := func() error { return nil }
	run := func(g []float64, tol float64, limit int) error {
		l.op.Tol, l.op.Limit = tol, limit
		if err := l.start(nil, g, []int{k.done}); err != nil {
			return err
		}
		var failed error
		err := l.run(ctx, func(_, iteration int, residual float64) {
			size = residual
			k.note(r, iteration, residual, progress)
		}, func() {
			if failed == nil {
				failed = called()
			}
		})
		k.done = l.counts[0]
		return errors.Join(err, failed)
	}
	if k.mixing == nil {
		called = between
		if err := l.start(k.f, k.g, []int{k.done}); err != nil {
			return err
		}
		for k.rough.on && k.done < limit-1 {
			l.op.Fast = true
			if err := run(nil, k.rough.goal, limit-1); err != nil {
				return err
			}
			last := size
			l.op.Fast = false
			if err := run(nil, goal, k.done); err != nil { // a pass that only measures
				return err
			}
			if k.rough.compare(last, size, goal); size <= goal {
				return l.read(k.f, k.g)
			}
		}
		if err := run(nil, goal, limit); err != nil {
			return err
		}
		return l.read(k.f, k.g)
	}
	l.op.Columns = true
	if k.newton != nil { // residuals of the type before
		k.newton.best, k.newton.since, k.newton.slow = math.Inf(1), 0, 0
	}
	if resumed == nil {
		k.mixing.reset()
	} else if err := l.start(k.f, nil, []int{k.done}); err != nil { // engines may shift their exponents by F
		return err
	}
	if k.done < len(k.steps) {
		l.op.Fast = k.rough.on
		if err := run(k.g, -1, len(k.steps)); err != nil {
			return err
		}
		if err := l.read(k.f, k.g); err != nil {
			return err
		}
	}
	for k.done < limit {
		copy(k.before, k.g)
		last := size
		l.op.Fast = k.rough.on && last > k.rough.goal && k.done+1 < limit
		if err := run(k.g, goal, k.done+1); err != nil {
			return err
		}
		if !l.op.Fast && size <= goal || k.done == limit {
			return l.read(k.f, k.g)
		}
		if err := l.read(k.f, k.g); err != nil {
			return err
		}
		for j, g := range k.before {
			k.step[j] = k.g[j] - g
		}
		copy(k.g, k.before)
		if stepped, err := k.newtonStep(ctx, e, size); err != nil || stepped {
			if err != nil {
				return err
			}
			continue
		}
		if k.rough.on && !l.op.Fast && k.rough.compare(last, size, goal) {
			k.mixing.reset() // the steps so far were another map's
		}
		k.mixing.next(k.g, k.step, size)
		if k.keep != nil {
			if err := l.read(k.f, nil); err != nil {
				return err
			}
			k.keep(func() *SinkhornState { return k.state(r, size) })
		}
	}
	return nil
}

// note adds an iteration's error to the trace, in place of what another type found for it.
func (k *sinkhorn) note(r *Result, iteration int, residual float64, progress func(int, float64)) {
	if n := len(r.Trace); n > 0 && r.Trace[n-1].Iteration == iteration+1 {
		r.Trace = r.Trace[:n-1]
	}
	r.Trace = append(r.Trace, Residual{Iteration: iteration + 1, Eps: k.at(iteration), Error: residual})
	if progress != nil {
		progress(iteration+1, residual)
	}
}

func (k *sinkhorn) setBias(eps float64) {
	for j, g := range k.g {
		k.bias[j] = g/eps + k.logB[j]
	}
}

// columnsAlone sets the potentials of some columns (nil = all) from f by a log-sum-exp over the rows.
func (k *sinkhorn) columnsAlone(ctx context.Context, eps float64, some []int) error {
	bias := make([]float64, k.n)
	for i, f := range k.f {
		bias[i] = f/eps + k.logA[i]
	}
	count := k.m
	if some != nil {
		count = len(some)
	}
	lse := make([]float64, count)
	if err := k.reduction.run(ctx, &pass{side: rowsOfY, some: some, scale: []float64{2 / eps}, bias: bias, lse: lse}); err != nil {
		return err
	}
	for q, l := range lse {
		j := q
		if some != nil {
			j = some[q]
		}
		k.g[j] = -eps * l
	}
	return nil
}
