package ot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// iteration is the state of the iterations that one type of a run makes.
type iteration struct {
	*sinkhorn
	loop     *loop
	result   *Result
	progress func(int, float64)
	residual float64 // the last error; +Inf before
	goal     float64
	limit    int
}

// iterate runs iterations until the row marginal's error is at most goal or limit of them are done.
func (k *sinkhorn) iterate(ctx context.Context, e engine.Engine, l *loop, r *Result, goal float64, limit int, progress func(int, float64)) error {
	defer func() { r.Note += fmt.Sprintf("; %v: %s", k.reduction.t, l.how()) }()
	it := &iteration{sinkhorn: k, loop: l, result: r, progress: progress, residual: math.Inf(1), goal: goal, limit: limit}
	resumed := k.resumed
	if k.resumed = nil; resumed != nil {
		it.residual = resumed.Size
	}
	if k.mixing == nil {
		return it.plain(ctx)
	}
	return it.accelerated(ctx, e, resumed != nil)
}

// plain makes Sinkhorn's own iterations, as many as the engine takes in a call.
func (it *iteration) plain(ctx context.Context) error {
	l := it.loop
	if err := l.start(it.f, it.g, []int{it.done}); err != nil {
		return err
	}
	for it.rough.on && it.done < it.limit-1 {
		l.op.Fast = true
		if err := it.run(ctx, nil, it.rough.goal, it.limit-1); err != nil {
			return err
		}
		last := it.residual
		l.op.Fast = false
		if err := it.run(ctx, nil, it.goal, it.done); err != nil { // a pass that only measures
			return err
		}
		if it.rough.compare(last, it.residual, it.goal); it.residual <= it.goal {
			return l.read(it.f, it.g)
		}
	}
	if err := it.run(ctx, nil, it.goal, it.limit); err != nil {
		return err
	}
	return l.read(it.f, it.g)
}

// accelerated makes iterations one by one, each followed by a step of Newton's or by the mixing of the last ones.
//
// The column marginal's error after the rows' half bounds the row marginal's after the columns', so where the iterates
// are accelerated, or eps still falls, it is what is measured; the last iteration is then a plain one. Otherwise the row
// marginal's own error follows from the next pass.
func (it *iteration) accelerated(ctx context.Context, e engine.Engine, resumed bool) error {
	l := it.loop
	l.op.Columns = true
	if it.newton != nil { // residuals of the type before
		it.newton.best, it.newton.since, it.newton.slow = math.Inf(1), 0, 0
	}
	if !resumed {
		it.mixing.reset()
	} else if err := l.start(it.f, nil, []int{it.done}); err != nil { // engines may shift their exponents by F
		return err
	}
	if it.done < len(it.steps) {
		l.op.Fast = it.rough.on
		if err := it.run(ctx, it.g, -1, len(it.steps)); err != nil {
			return err
		}
		if err := l.read(it.f, it.g); err != nil {
			return err
		}
	}
	for it.done < it.limit {
		copy(it.before, it.g)
		last := it.residual
		l.op.Fast = it.rough.on && last > it.rough.goal && it.done+1 < it.limit
		if err := it.run(ctx, it.g, it.goal, it.done+1); err != nil {
			return err
		}
		if err := l.read(it.f, it.g); err != nil || !l.op.Fast && it.residual <= it.goal || it.done == it.limit {
			return err
		}
		for j, g := range it.before {
			it.step[j] = it.g[j] - g
		}
		copy(it.g, it.before)
		if stepped, err := it.newtonStep(ctx, e, it.residual); err != nil || stepped {
			if err != nil {
				return err
			}
			continue
		}
		if it.rough.on && !l.op.Fast && it.rough.compare(last, it.residual, it.goal) {
			it.mixing.reset() // the steps so far were another map's
		}
		it.mixing.next(it.g, it.step, it.residual)
		if it.keep != nil {
			if err := l.read(it.f, nil); err != nil {
				return err
			}
			it.checkpoint()
		}
	}
	return nil
}

// run makes iterations from the potentials g, nil = from the last, until the error is at most tol or limit are done.
func (it *iteration) run(ctx context.Context, g []float64, tol float64, limit int) error {
	l := it.loop
	l.op.Tol, l.op.Limit = tol, limit
	if err := l.start(nil, g, []int{it.done}); err != nil {
		return err
	}
	var failed error
	err := l.run(ctx, func(_, iteration int, residual float64) {
		it.residual = residual
		it.note(it.result, iteration, residual, it.progress)
	}, func() {
		if it.keep == nil || it.mixing != nil || failed != nil { // accelerated iterates are kept once mixed
			return
		}
		if failed = l.read(it.f, it.g); failed == nil {
			it.done = l.counts[0]
			it.checkpoint()
		}
	})
	it.done = l.counts[0]
	return errors.Join(err, failed)
}

// checkpoint offers the state of the run to its keeper.
func (it *iteration) checkpoint() {
	it.keep(func() *SinkhornState { return it.state(it.result, it.residual) })
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
