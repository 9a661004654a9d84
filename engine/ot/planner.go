package ot

import (
	"fmt"

	"monge/engine"
)

// sinkhornPlan is how a problem is run: the types of its iterations and what the note says about it.
type sinkhornPlan struct {
	stages []sinkhornStage
	note   string
	store  engine.SinkhornStore
	spare  int64 // bytes that an engine may take to keep products
}

// sinkhornStage is a run of iterations in one type, which cannot measure marginal errors below floor.
type sinkhornStage struct {
	dtype engine.Dtype
	floor float64
}

// planSinkhorn chooses the types of the iterations, and refuses what does not fit into memory: count problems
// of k's sizes at a time.
func planSinkhorn(info engine.Info, k *sinkhorn, s *SinkhornSettings, count int) (*sinkhornPlan, error) {
	points := int64(k.n+k.m) * int64(k.d)
	vectors := int64(k.n + k.m)
	// Two types at most, one after the other; float64 at the end. A pass over rows of means is the
	// largest temporary.
	asked := 8 * (points + int64(k.n)*int64(k.d) + 8*vectors + 2*mixingDepth*int64(k.m))
	asked *= int64(count)
	free := info.Free
	if s.MaxMemory > 0 {
		free = min(free, s.MaxMemory)
	}
	if asked > free {
		what := fmt.Sprintf("clouds of %d and %d points in %d dimensions", k.n, k.m, k.d)
		if count > 1 {
			what = fmt.Sprintf("%d times %s", count, what)
		}
		return nil, fmt.Errorf("ot: sinkhorn: %w", &engine.MemoryError{What: what, Asked: asked, Free: free})
	}
	p := new(sinkhornPlan)
	if s.Dtype == engine.F32 {
		// z is rounded to its own size, and the error is a sum of exponentials of it.
		floor := 4 * engine.F32.Eps() * (1 + k.scale/k.eps)
		switch {
		case !k.inF32():
			p.note = "the points or eps lie outside the range of f32: iterations in f64; "
		case s.Tol < 0:
			p.stages = []sinkhornStage{{dtype: engine.F32}}
		case floor > 0.1:
			p.note = fmt.Sprintf("eps is %.1e of the cost's scale, too small for f32: iterations in f64; ", k.eps/k.scale)
		default:
			p.stages = []sinkhornStage{{dtype: engine.F32, floor: floor}}
		}
	}
	if len(p.stages) == 0 || s.Tol >= 0 {
		p.stages = append(p.stages, sinkhornStage{dtype: engine.F64})
	}
	// Without a bound of the caller's most of what is left stays free.
	p.store, p.spare = s.Store, free-asked
	if s.MaxMemory == 0 {
		p.spare /= 4
	}
	p.spare = max(1, p.spare)
	p.note += fmt.Sprintf("points and vectors: %d bytes", asked)
	if s.Tol >= 0 && !s.NoSchedule && count == 1 {
		p.note += fmt.Sprintf("; falling eps, then Anderson acceleration of depth %d, and Newton steps where the plan is sparse", mixingDepth)
	}
	return p, nil
}

// inF32 says whether the points, their products and 2/eps are normal numbers of float32, with room to add
// up products.
func (k *sinkhorn) inF32() bool {
	const low, high = 1e-30, 1e30
	within := func(v float64) bool { return v >= low && v <= high }
	return k.mx.radius <= high && k.my.radius <= high && (k.scale == 0 || within(k.scale)) && within(2/k.eps)
}

// tell hands the plan's bounds to a loop.
func (p *sinkhornPlan) tell(l *loop) { l.op.Store, l.op.Memory = p.store, p.spare }
