package ot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"monge/engine"
)

// SinkhornBatch solves problems of equal sizes as [Sinkhorn] does, all at a time: for many small ones, which by
// themselves would leave most of a device idle. EpsRel is of each problem's own mean cost, and each stops by
// itself; EachEps and EachEpsRel give every problem its own. The iterations are not accelerated, and none ends by its
// tolerance before the longest schedule has. In float64 a result's bits do not depend on the other problems where there
// is no schedule or the tolerance is negative: they are those of [Sinkhorn]. Seconds is that of all.
//
// Progress is told the most iterations of a problem so far and the largest of the errors last measured. F0 and G0
// are an error, as are problems of different sizes; the others are Sinkhorn's, with the problem's number.
func SinkhornBatch(ctx context.Context, e engine.Engine, problems []Clouds, s *SinkhornSettings) ([]*Result, error) {
	if len(problems) == 0 {
		return nil, nil
	}
	start := time.Now()
	b, err := newBatch(e, problems, s)
	if err != nil {
		return nil, err
	}
	limit, tol := s.limits()
	for _, k := range b.runs {
		k.schedule(k.scheduled(s, limit))
		b.steps = max(b.steps, len(k.steps))
	}
	for i, stage := range b.plan.stages {
		goal := tol
		if tol >= 0 {
			goal = max(tol, stage.floor)
		}
		if err := b.iterate(ctx, stage.dtype, goal, limit, s.Progress, i == len(b.plan.stages)-1); err != nil {
			return nil, err
		}
	}
	for _, r := range b.results {
		if r.MarginalError <= tol {
			r.Status = Converged
		}
		r.Seconds = time.Since(start).Seconds()
	}
	return b.results, nil
}

// batch is the state of a batch's runs.
type batch struct {
	e       engine.Engine
	runs    []*sinkhorn
	results []*Result
	plan    *sinkhornPlan
	steps   int // of the longest schedule
}

func newBatch(e engine.Engine, problems []Clouds, s *SinkhornSettings) (*batch, error) {
	if s == nil {
		s = new(SinkhornSettings)
	}
	if s.F0 != nil || s.G0 != nil {
		return nil, fmt.Errorf("ot: sinkhorn: potentials to start from, for %d problems: %w", len(problems), ErrSettings)
	}
	for _, each := range [][]float64{s.EachEps, s.EachEpsRel} {
		if each != nil && len(each) != len(problems) {
			return nil, fmt.Errorf("ot: sinkhorn: %d values of eps for %d problems: %w", len(each), len(problems), ErrSettings)
		}
	}
	b := &batch{e: e}
	for i, c := range problems {
		one := *s
		if s.EachEps != nil {
			one.Eps = s.EachEps[i]
		}
		if s.EachEpsRel != nil {
			one.EpsRel = s.EachEpsRel[i]
		}
		k, err := newSinkhorn(c, &one)
		if err != nil {
			return nil, fmt.Errorf("problem %d: %w", i, err)
		}
		if first := append(b.runs, k)[0]; k.n != first.n || k.m != first.m || k.d != first.d {
			return nil, fmt.Errorf("ot: sinkhorn: problem %d has %d and %d points in %d dimensions, the first %d and %d in %d: %w",
				i, k.n, k.m, k.d, first.n, first.m, first.d, engine.ErrShape)
		}
		b.runs = append(b.runs, k)
	}
	info := e.Info()
	for _, k := range b.runs {
		plan, err := planSinkhorn(info, k, s, len(problems))
		if err != nil {
			return nil, err
		}
		// What float32 cannot do for one problem it does for none, and the coarsest floor is everyone's.
		switch {
		case b.plan == nil || len(plan.stages) < len(b.plan.stages) || plan.stages[0].dtype == engine.F64:
			b.plan = plan
		case b.plan.stages[0].dtype != engine.F64:
			b.plan.stages[0].floor = max(b.plan.stages[0].floor, plan.stages[0].floor)
		}
		b.results = append(b.results, &Result{Solver: "sinkhorn", Status: IterationLimit, Eps: k.eps, Note: plan.note})
	}
	return b, nil
}

// join returns the vectors of all problems, one after the other.
func (b *batch) join(of func(k *sinkhorn) []float64) []float64 {
	var all []float64
	for _, k := range b.runs {
		all = append(all, of(k)...)
	}
	return all
}

// open puts all problems onto the engine, for iterations in one type.
func (b *batch) open(t engine.Dtype) (l *loop, free func(), err error) {
	var points [2]engine.Buffer
	free = func() {
		if l != nil {
			l.free()
		}
		for _, x := range points {
			if x != nil {
				x.Free()
			}
		}
	}
	defer func() {
		if err != nil {
			free()
			err = fmt.Errorf("ot: %w", err)
		}
	}()
	first := b.runs[0]
	for side, n := range []int{first.n, first.m} {
		if points[side], err = b.e.Alloc(t, len(b.runs), n, first.d); err != nil {
			return nil, nil, err
		}
		for i, k := range b.runs {
			from := [2][]float64{k.mx.centred, k.my.centred}[side]
			err = errors.Join(err, b.e.Write(points[side], i*n*first.d, from))
		}
		if err != nil {
			return nil, nil, err
		}
	}
	l, err = newLoop(b.e, points[rowsOfX], points[rowsOfY],
		b.join(func(k *sinkhorn) []float64 { return k.logA }), b.join(func(k *sinkhorn) []float64 { return k.logB }),
		b.join(func(k *sinkhorn) []float64 {
			eps := k.steps[:len(k.steps):len(k.steps)]
			for len(eps) <= b.steps {
				eps = append(eps, k.eps)
			}
			return eps
		}), b.steps)
	if err == nil {
		b.plan.tell(l)
	}
	return l, free, err
}

// iterate runs the iterations of all problems in one type, and after the last ones evaluates the results.
func (b *batch) iterate(ctx context.Context, t engine.Dtype, goal float64, limit int, progress func(int, float64), final bool) error {
	counts := make([]int, len(b.runs))
	for i, k := range b.runs {
		if err := k.start(ctx, new(SinkhornSettings)); err != nil {
			return err
		}
		counts[i] = k.done
	}
	l, free, err := b.open(t)
	if err != nil {
		return err
	}
	defer func() {
		for _, r := range b.results {
			r.Note += fmt.Sprintf("; %v: %s", t, l.how())
		}
		free()
	}()
	l.op.Tol, l.op.Limit = goal, limit
	f, g := b.join(func(k *sinkhorn) []float64 { return k.f }), b.join(func(k *sinkhorn) []float64 { return k.g })
	if err := l.start(f, g, counts); err != nil {
		return err
	}
	last := make([]float64, len(b.runs))
	err = l.run(ctx, func(i, iteration int, residual float64) {
		b.runs[i].note(b.results[i], iteration, residual, nil)
		last[i] = residual
	}, func() {
		if progress != nil {
			progress(slices.Max(l.counts), slices.Max(last))
		}
	})
	if err == nil {
		err = l.read(f, g)
	}
	if err != nil {
		return err
	}
	for i, k := range b.runs {
		k.done = l.counts[i]
		copy(k.f, f[i*k.n:])
		copy(k.g, g[i*k.m:])
	}
	if !final {
		return nil
	}
	return b.finish(ctx, l)
}

// finish evaluates all results together, and once more in float64 those for which the products of l are too rough.
func (b *batch) finish(ctx context.Context, l *loop) error {
	if err := b.spareColumns(ctx, l); err != nil {
		return err
	}
	enough, err := finishAll(ctx, b.e, b.runs, b.results, l)
	if err != nil {
		return err
	}
	rest := &batch{e: b.e, plan: b.plan, steps: b.steps}
	for i, k := range b.runs {
		if !enough[i] {
			rest.runs, rest.results = append(rest.runs, k), append(rest.results, b.results[i])
		}
	}
	if len(rest.runs) == 0 {
		return nil
	}
	wide, free, err := rest.open(engine.F64)
	if err != nil {
		return err
	}
	defer free()
	_, err = finishAll(ctx, rest.e, rest.runs, rest.results, wide)
	return err
}

// spareColumns gives columns without weight the potentials that an iteration would, in float64: where there are such, it
// finds those of all columns.
func (b *batch) spareColumns(ctx context.Context, l *loop) error {
	if !slices.ContainsFunc(b.runs, func(k *sinkhorn) bool { return slices.Contains(k.b, 0) }) {
		return nil
	}
	if l.op.X.Dtype() != engine.F64 {
		wide, free, err := b.open(engine.F64)
		if err != nil {
			return err
		}
		defer free()
		l = wide
	}
	p := &pass{side: rowsOfY, lse: make([]float64, l.b*l.m)}
	for _, k := range b.runs {
		p.scale = append(p.scale, 2/k.eps)
		for i, f := range k.f {
			p.bias = append(p.bias, f/k.eps+k.logA[i])
		}
	}
	r := overPoints(b.e, l.op.X, l.op.Y)
	defer r.free()
	if err := r.run(ctx, p); err != nil {
		return err
	}
	for i, k := range b.runs {
		for j, w := range k.b {
			if w == 0 {
				k.g[j] = -k.eps * p.lse[i*l.m+j]
			}
		}
	}
	return nil
}
