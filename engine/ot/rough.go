package ot

import "monge/engine"

// rough says how long a run makes do with the rounded points of [engine.Sinkhorn].Fast. Iterations on those
// have errors that fall to any tolerance, of a problem that is a little off. So whenever the error has come
// down to a goal it is measured with the points as they are: as long as that gives about the same, the next
// goal is a tenth of it, and once it does not, the rounding is what is left and the run goes on without.
type rough struct {
	on   bool
	goal float64
}

const (
	roughStart = 0.1
	roughStep  = 0.1
	roughOff   = 2 // the ratio of the two errors that ends it
)

// newRough is on for float32 on devices that make iterations by themselves, where the run ends by a tolerance.
func newRough(e engine.Engine, t engine.Dtype, tol float64) rough {
	_, own := e.(engine.SinkhornLoop)
	return rough{on: own && e.Info().Threads == 0 && t == engine.F32 && tol >= 0, goal: roughStart}
}

// compare takes the error of the rounded points and then that of the points, and says whether it ends here.
func (r *rough) compare(rounded, whole, goal float64) (ends bool) {
	r.on = whole <= roughOff*rounded && whole > goal
	r.goal = roughStep * whole
	return !r.on
}
