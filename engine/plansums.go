package engine

import "context"

// PlanSummer is a SinkhornLoop that also evaluates plans over the points of a run, from the products that the run has
// kept. Package ot has the same over [Softmax] for engines that do not.
type PlanSummer interface {
	SinkhornLoop
	// PlanSums makes the sums of a; see [PlanSums]. Where it takes long it comes back with ctx.Err() in the middle;
	// the outputs are then of no use.
	PlanSums(ctx context.Context, a *PlanSums) error
}

// PlanSums is an evaluation of B plans between the points x_i and y_j of a run of Sinkhorn's method, at its last eps.
// With
//
//	z_ij = 2 <x_i, y_j> / eps + u_j
//
// it finds any of
//
//	l_i = ln sum_j exp z_ij                                                              LSE    [B, N, 1]
//	s_i = sum_j exp(z_ij - l_i) (2 <x_i, y_j> + h_j)                                     Score  [B, N, 1]
//	c_j = sum_i w_i exp(z_ij - l_i),   w_i = a_i min(1, exp(l_i - r_i))                  ColSum [B, M, 1]
//	M_i = max_j (2 <x_i, y_j> + p_j)                                                     RowMax [B, N, 1]
//	m_j = max_i (2 <x_i, y_j> + q_i)                                                     ColMax [B, M, 1]
//
// where u_j, p_j, q_i = -Inf leave a point out. Rows with nothing in them have l_i = -Inf, s_i = 0 and no part in c.
//
// Products and maxima have the accuracy of the points' type, as those of [Softmax]; an engine's own exponentials and sums
// are float64 whatever that is. What comes out does not depend on whether products are kept.
type PlanSums struct {
	// Of is the run: its X, Y, last Eps, Store and Memory are read, and Kept is used and set as by a pass.
	Of *Sinkhorn
	// The rest is F64. Inputs are needed where an output is wanted that they are part of.
	U, H, P Buffer // [B, M, 1]; H nil = 0
	A, R, Q Buffer // [B, N, 1]; R nil: w_i = a_i

	LSE, Score, ColSum, RowMax, ColMax Buffer // outputs; nil = not wanted
}
