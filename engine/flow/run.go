package flow

import (
	"context"

	"monge/engine"
)

// run is one chunk of rows on its way through a method: the system, the plan, and the states at both ends.
type run struct {
	*system
	*plan
	in, out  array // states [1, N, S]
	base     int   // row of the input that is the chunk's first
	nfe      []float64
	rejected int
	finished func(rows int) // told of rows that are done
}

// solver integrates the first n rows of run.in into run.out.
type solver interface {
	solve(ctx context.Context, n int) error
}

// start and end are the path's variable where the integration begins and stops.
func (r *run) start() float64 {
	if r.dir > 0 {
		return r.u0
	}
	return r.u1
}

func (r *run) end() float64 {
	if r.dir > 0 {
		return r.u1
	}
	return r.u0
}

// gridSteps is the count of steps of the time grid over the whole path. Steps end on it so that engines whose
// rounding differs take the same steps, and agree to rounding rather than to the tolerance; the price is about a
// fortieth more evaluations.
const gridSteps = 2048

func (r *run) grid() float64 { return r.Path.End() / gridSteps }

// snap returns the last time of the grid not after u.
func (r *run) snap(u float64) float64 {
	c := engine.StepControl{Start: r.start(), End: r.end(), Grid: r.grid()}
	return c.Snap(u)
}

// underflow is the step below which an integration has broken down: u + h is hardly u any more.
func (r *run) underflow() float64 { return 1e-14 * r.Path.End() }

func (r *run) diverged(row, steps int, u float64) error {
	return &engine.DivergedError{Row: r.base + row, Step: steps, Time: r.theta(u)}
}

// node returns the k-th of the Steps + 1 equally spaced nodes of a method without control.
func (r *run) node(k int) float64 {
	if k >= r.Steps {
		return r.end()
	}
	return r.start() + (r.end()-r.start())*float64(k)/float64(r.Steps)
}

// firstStep is the first step of rows without slopes.
func (r *run) firstStep() float64 {
	h := .01
	if r.tol() < 1e-5 {
		h = .004
	}
	return h * r.unit()
}
