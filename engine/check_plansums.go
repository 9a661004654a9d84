package engine

// CheckPlanSums checks the arguments of PlanSummer.PlanSums. Mistakes wrap ErrShape or ErrDtype.
func CheckPlanSums(a *PlanSums) (s SinkhornDims, err error) {
	c := checker{op: "PlanSums"}
	if a.Of == nil {
		c.failf(ErrShape, "Of is nil")
		return s, c.err
	}
	if !c.need("X", a.Of.X) || !c.need("Y", a.Of.Y) || !c.need("Eps", a.Of.Eps) {
		return s, c.err
	}
	s.B, s.N, s.D = a.Of.X.Shape()
	_, s.M, _ = a.Of.Y.Shape()
	_, s.S, _ = a.Of.Eps.Shape()
	c.shape("X", a.Of.X, s.B, s.N, s.D)
	c.shape("Y", a.Of.Y, s.B, s.M, s.D)
	c.t, c.set = F64, true
	c.shared("Eps", a.Of.Eps, s.B, s.S, 1)
	if s.N == 0 || s.M == 0 || s.S == 0 {
		c.failf(ErrShape, "%d and %d points, %d values of eps", s.N, s.M, s.S)
	}
	for _, x := range [...]struct {
		name string
		buf  Buffer
		n    int
		part bool // of an output that is wanted
	}{
		{"U", a.U, s.M, a.LSE != nil || a.Score != nil || a.ColSum != nil},
		{"H", a.H, s.M, false},
		{"P", a.P, s.M, a.RowMax != nil},
		{"A", a.A, s.N, a.ColSum != nil},
		{"R", a.R, s.N, false},
		{"Q", a.Q, s.N, a.ColMax != nil},
		{"LSE", a.LSE, s.N, false},
		{"Score", a.Score, s.N, false},
		{"ColSum", a.ColSum, s.M, false},
		{"RowMax", a.RowMax, s.N, false},
		{"ColMax", a.ColMax, s.M, false},
	} {
		if x.part && !c.need(x.name, x.buf) {
			return s, c.err
		}
		c.shape(x.name, x.buf, s.B, x.n, 1)
	}
	return s, c.err
}
