package engine

// SoftmaxDims are the sizes of a Softmax: B problems of N queries and M keys in D dimensions, values in
// Dv, P tangents a row.
type SoftmaxDims struct{ B, N, M, D, Dv, P int }

// CheckSoftmax checks the arguments of Engine.Softmax. Mistakes wrap ErrShape or ErrDtype.
func CheckSoftmax(a *Softmax) (s SoftmaxDims, err error) {
	c := checker{op: "Softmax"}
	if !c.need("Q", a.Q) || !c.need("K", a.K) {
		return s, c.err
	}
	s.B, s.N, s.D = a.Q.Shape()
	_, s.M, _ = a.K.Shape()
	s.Dv = s.D
	if a.V != nil {
		_, _, s.Dv = a.V.Shape()
	}
	c.shape("Q", a.Q, s.B, s.N, s.D)
	c.shared("K", a.K, s.B, s.M, s.D)
	c.shared("V", a.V, s.B, s.M, s.Dv)
	c.shape("S", a.S, s.B, s.N, 1)
	c.shared("U", a.U, s.B, s.M, 1)
	c.shape("C", a.C, s.B, s.N, 1)
	c.shared("W", a.W, s.B, s.M, 1)
	if (a.C == nil) != (a.W == nil) {
		c.failf(ErrShape, "one of C and W without the other")
	}
	c.index("Skip", a.Skip, s.B, s.N, 1)
	if a.TMean != nil && c.need("T", a.T) {
		_, s.P, _ = a.T.Shape()
		c.shape("T", a.T, s.B*s.N, s.P, s.D)
		c.shape("TMean", a.TMean, s.B*s.N, s.P, s.Dv)
	}
	c.shape("A", a.A, s.B, s.N, 1)
	c.shape("LSE", a.LSE, s.B, s.N, 1)
	c.shape("Mean", a.Mean, s.B, s.N, s.Dv)
	c.shape("Second", a.Second, s.B, s.N, 1)
	c.shape("ColSum", a.ColSum, s.B, s.M, 1)
	c.shape("Max", a.Max, s.B, s.N, 1)
	c.index("Arg", a.Arg, s.B, s.N, 1)
	return s, c.err
}
