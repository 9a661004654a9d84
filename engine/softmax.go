package engine

// Softmax is the one reduction behind the score of smoothed points and log-domain Sinkhorn. For queries
// q_i and keys k_j of problem b
//
//	z_ij = s_i <q_i, k_j> + u_j + c_i w_j
//
// and, with r_ij = exp(z_ij - L_i), any of
//
//	L_i = ln sum_j exp z_ij                 LSE     [B, N, 1]
//	m_i = sum_j r_ij v_j                    Mean    [B, N, Dv]
//	e_i = sum_j r_ij |v_j|^2                Second  [B, N, 1]
//	t_ip = sum_j r_ij v_j <k_j, T_ip>       TMean   [B N, P, Dv]
//	c_j = sum_i a_i r_ij                    ColSum  [B, M, 1]
//	M_i = max_j z_ij, and its first j       Max     [B, N, 1], Arg [B, N, 1] of I32
//
// A row whose z are all -Inf (or that has no keys) has L = M = -Inf, Arg = -1 and zeros elsewhere; it
// adds nothing to ColSum. u_j = -Inf removes key j. Logarithms are natural.
//
// Products are computed in the accuracy of their type: <q, k> is off by at most (D + 16) Eps |q| |k|, as
// with D rounded terms added in any order, and each further operation behind M_i by Eps of its result. Proofs
// rest on it (ot.Certify).
type Softmax struct {
	Q Buffer // queries [B, N, D]
	K Buffer // keys [B or 1, M, D]
	V Buffer // values [B or 1, M, Dv]; nil = the keys

	S     Buffer  // scale of each row [B, N, 1]; nil = Scale for all
	Scale float64 // used where S is nil; 0 = 1
	U     Buffer  // bias of each key [B or 1, M, 1]; nil = 0
	C     Buffer  // factor of the rank-one bias [B, N, 1]; with W
	W     Buffer  // rank-one bias [B or 1, M, 1]; with C
	Skip  Buffer  // I32 [B, N, 1]: a key that the row leaves out; negative = none; nil = none

	T Buffer // tangents [B N, P, D], with TMean
	A Buffer // row weights [B, N, 1], with ColSum; nil = 1

	LSE, Mean, Second, TMean, ColSum, Max, Arg Buffer // outputs; nil = not wanted
}
