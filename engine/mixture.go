package engine

// MixtureParams holds the components N(m_k, C_k), k < K, of a Gaussian mixture on an engine. C_k =
// Q_k diag(l_k) Q_k^T with orthonormal Q_k; at time (alpha, sigma) every C_k becomes
// alpha^2 C_k + sigma^2 I with the same Q_k, so factors are found once.
type MixtureParams struct {
	LogW Buffer // log weights [1, K, 1], normalised
	Mean Buffer // [1, K, D]
	// Var holds the eigenvalues l_k > 0: [1, K or 1, D or 1]. One row serves all components, one column
	// all coordinates (isotropic).
	Var Buffer
	// Basis holds Q_k with the eigenvectors in its columns, [K or 1, D, D]; one serves all components.
	// nil with Reflect nil: Q = I.
	Basis Buffer
	// Reflect gives one Q for all components as a product of R Householder reflections
	// Q = H_1 H_2 ... H_R, H_r = I - 2 v_r v_r^T, unit rows v_r: [1, R, D]. It costs O(R D) a row.
	Reflect Buffer
}

// Columns of the time coefficients of a row.
const (
	CoefAlpha = iota // alpha
	CoefSigma        // sigma
	CoefMean         // c1
	CoefScore        // c2
	CoefCount
)

// Mixture evaluates, for rows x_i that follow x = alpha x0 + sigma e with x0 from the mixture and e
// standard normal, the velocity
//
//	v(x) = c1 E[x0 | x] + c2 grad log p(x)
//
// at the row's own (alpha, sigma, c1, c2), its Jacobian's action on tangents and its divergence, and
// the law of x itself. With y = x - alpha m_k, D_k = alpha^2 l_k + sigma^2, P_k = Q_k diag(1/D_k) Q_k^T:
//
//	log r_k  = log w_k - 1/2 sum ln(2 pi D_k) - 1/2 y^T P_k y - logp     logp: LSE over k of the rest
//	g_k      = -P_k y, g = sum r_k g_k
//	u_k      = c1 (m_k + alpha C_k P_k y) + c2 g_k
//	v        = sum r_k u_k                                               V    [1, N, D]
//	(dv/dx) t = sum r_k (A_k t + u_k <g_k - g, t>)                       TV   [N, P, D]
//	div v    = sum r_k (tr A_k + <u_k, g_k - g>)                         Div  [1, N, 1]
//
// with A_k = Q_k diag((c1 alpha l_k - c2)/D_k) Q_k^T. Both ends are regular: nothing is divided by
// alpha or sigma alone, as long as every D_k > 0. (0, 1) gives the score, (1, 0) the posterior mean.
// Source: Tweedie's formula; Khrulkov et al., arXiv 2202.07477.
type Mixture struct {
	P    *MixtureParams
	Coef Buffer // [1, N, CoefCount]
	X    Buffer // [1, N, D]
	T    Buffer // tangents [N, P, D], with TV

	V, TV, Div Buffer // outputs; nil = not wanted
	LogP       Buffer // log density of x [1, N, 1]
	LogR       Buffer // log r_k [1, N, K]
}

// MixtureFollow moves rows along the flow of one component's own Gaussian, from From's (alpha, sigma) to
// To's. With ratio_k = sqrt((alpha1^2 l_k + sigma1^2) / (alpha0^2 l_k + sigma0^2)),
//
//	y_i  = alpha1 m_k + Q_k diag(ratio_k) Q_k^T (x_i - alpha0 m_k),  k = Branch_i     Y      [1, N, D]
//	v_i  = the component's velocity u_k at y_i with To's coefficients                 V      [1, N, D]
//	ty_i = Q_k diag(ratio_k) Q_k^T t_i                                                TY     [N, P, D]
//	log |det dy/dx| = sum ln ratio_k                                                  LogDet [1, N, 1]
//	ln (sum_{l != k} r_l(y_i) / r_k(y_i))                                             Others [1, N, 1]
//
// Others sums the other components and never forms 1 - r_k; it is -Inf for K = 1.
type MixtureFollow struct {
	P        *MixtureParams
	Branch   Buffer // I32 [1, N, 1]
	From, To Buffer // [1, N, CoefCount]; only To's c1 and c2 are used, for V
	X        Buffer // [1, N, D]
	T        Buffer // [N, P, D], with TY

	Y, V, TY, LogDet, Others Buffer // outputs; nil = not wanted
}
