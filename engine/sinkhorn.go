package engine

import "context"

// SinkhornLoop is an Engine that makes iterations of Sinkhorn's method by itself, without the host between
// them. Package ot has the same loop over [Softmax] for engines without one.
type SinkhornLoop interface {
	Engine
	// Sinkhorn makes passes of the iteration; see [Sinkhorn]. Where one pass takes long it comes back
	// with ctx.Err() in the middle of it; F, G, State and Trace are then of no use.
	Sinkhorn(ctx context.Context, a *Sinkhorn) error
}

// Sinkhorn is a run of Sinkhorn's method in the log domain on B problems: points x_i with weights a_i, points
// y_j with weights b_j, and potentials f and g of the plan
//
//	P_ij = a_i b_j exp((2 <x_i, y_j> + f_i + g_j) / eps),
//
// that is of the cost |x_i - y_j|^2 with its squares in the potentials. An iteration is
//
//	l_i = ln sum_j exp(2 <x_i, y_j> / eps + g_j / eps + ln b_j),   f_i = -eps l_i,
//	g_j = -eps ln sum_i exp(2 <x_i, y_j> / eps + f_i / eps + ln a_i)   where b_j > 0,
//
// and iteration k = 0, 1, ... has eps = Eps[min(k, S-1)]. Columns without weight keep their g_j. Engines may
// find g_j += eps ln(b_j / c_j) instead, from the sums c_j = sum_i P_ij after the rows' half, which is the
// same number: both halves are then made of one exponential a pair.
//
// A call makes Passes passes of every problem that has not ended. With k iterations made, a pass
//
//   - finds l_i from G. Iteration k-1, if it was one at the last eps, leaves the error
//     sum_i a_i |exp(f_i / eps + l_i) - 1| of the rows' marginal, in L1: where that is at most Tol, or k is
//     Limit, the problem ends and keeps F and G;
//   - otherwise makes iteration k.
//
// So Limit iterations take Limit + 1 passes. While eps falls, k < S-1, the error of iteration k is that of
// the columns' marginal after the rows' half, sum_j |c_j - b_j|, which bounds the rows' after the columns'
// and needs no further pass; with Columns that is the error of every iteration, tested after it, and Limit
// iterations take Limit passes. A negative Tol makes Limit iterations.
//
// What a problem comes to does not depend on the others, nor on how its passes are divided into calls.
//
// Source: Cuturi, NeurIPS 2013; Schmitzer, SIAM J. Sci. Comput. 41 (2019), for the log domain.
type Sinkhorn struct {
	X Buffer // points [B, N, D]
	Y Buffer // points [B, M, D], of X's type
	// The rest is F64 whatever the points are.
	LogA Buffer // ln a_i [B or 1, N, 1]; -Inf is weight zero
	LogB Buffer // ln b_j [B or 1, M, 1]
	Eps  Buffer // [B or 1, S, 1], S > 0
	F, G Buffer // [B, N, 1] and [B, M, 1], in and out; F is read where iterations were made before
	// State is I32 [B, 2, 1], in and out: the iterations made, and 1 for a problem that has ended.
	State Buffer
	// Trace [B, K, 1] takes the error of iteration k at place k mod K; K at least Passes.
	Trace Buffer

	Tol     float64
	Limit   int
	Passes  int
	Columns bool
	// Store says what becomes of the products <x_i, y_j> between passes, and Memory bounds in bytes what an engine
	// may take to keep them; 0 = a quarter of what it has free. Neither changes a bit of what comes out.
	Store  SinkhornStore
	Memory int64
	// Kept is what an engine keeps from call to call of what follows from X and Y alone, nil for nothing. A call
	// sets it and uses it again; the caller frees it, and sets nil, after the last call and before X or Y change.
	Kept SinkhornKept
	// Fast lets an engine round the points' numbers to the eleven bits of TF32 and fp16 where their products
	// then take less time. Errors are those of the rounded problem.
	Fast bool
}

// SinkhornStore says what becomes of the products of all pairs between passes.
type SinkhornStore uint8

const (
	StoreAuto   SinkhornStore = iota // what takes less time and fits
	StoreNone                        // they are made again in every pass: O((N + M) D) memory
	StoreAlways                      // they are kept: O(N M) memory; ErrOutOfMemory where they do not fit
)

// SinkhornKept is an engine's own memory for a run of Sinkhorn's method.
type SinkhornKept interface {
	Free()
	// String tells what is kept, and why.
	String() string
}

// Advance decides what a pass makes of a problem that has not ended after k iterations, and writes the error that
// became known to the problem's places of the trace: rowError and columnError find those of the rows' marginal of
// the plan (F, G), and of the columns' after the rows' half. iterate says that iteration k is to be made, ended that
// the problem ends, after it where both are set.
func (a *Sinkhorn) Advance(s SinkhornDims, k int, trace []float64, rowError, columnError func() float64) (iterate, ended bool) {
	if !a.Columns && k >= s.S {
		residual := rowError()
		if trace[(k-1)%s.K] = residual; residual <= a.Tol {
			return false, true
		}
	}
	if k >= a.Limit {
		return false, true
	}
	if a.Columns || k < s.S-1 {
		residual := columnError()
		trace[k%s.K] = residual
		ended = a.Columns && (k+1 >= a.Limit || k >= s.S-1 && residual <= a.Tol)
	}
	return true, ended
}
