// Package ot solves and certifies optimal transport between clouds of points under the cost |x - y|^2.
package ot

import (
	"gorgonia.org/tensor"
)

// Clouds is a transport problem: rows of X [n, D] with weights A [n] to rows of Y [m, D] with weights B [m].
// nil weights are uniform. Weights are of any scale, none negative and not all zero; the solvers normalise them.
type Clouds struct {
	X, Y *tensor.Dense
	A, B []float64
}

// Entry is mass moved from row I of X to row J of Y.
type Entry struct {
	I, J int
	Mass float64
}

// Status says how a solver ended.
type Status string

const (
	Optimal        Status = "optimal"         // the optimum, proved
	Converged      Status = "converged"       // within the tolerance asked for
	IterationLimit Status = "iteration_limit" // not; Result says how far it came
	Estimate       Status = "estimate"        // of random directions: no solution to prove
)

// Result of a transport solver. Costs are totals under weights that sum to 1; what does not apply is NaN
// or nil.
type Result struct {
	Solver        string
	Cost          float64 // of the returned plan
	Lower, Upper  float64 // bracket of the unregularised optimum
	Dual          float64 // the solver's dual value
	Eps           float64 // regularisation
	Iterations    int
	MarginalError float64 // L1 norm of the row marginal's error
	Status        Status
	F, G          []float64 // potentials; see each solver
	Assignment    []int64   // row of Y for each row of X, where the plan is a permutation
	Plan          []Entry   // the plan's entries, for exact with weights
	Trace         []Residual
	Note          string // what the planner chose and why
	Seconds       float64
}

// Residual is one point of a solver's trace.
type Residual struct {
	Iteration int
	Eps       float64
	Error     float64
}
