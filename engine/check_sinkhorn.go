package engine

import "math"

// SinkhornDims are the sizes of a Sinkhorn: B problems of N and M points in D dimensions, S values of eps,
// K places for errors.
type SinkhornDims struct{ B, N, M, D, S, K int }

// CheckSinkhorn checks the arguments of SinkhornLoop.Sinkhorn. Mistakes wrap ErrShape, ErrDtype or, of Tol,
// ErrUnsupported.
func CheckSinkhorn(a *Sinkhorn) (s SinkhornDims, err error) {
	c := checker{op: "Sinkhorn"}
	for _, x := range [...]struct {
		name string
		buf  Buffer
	}{{"X", a.X}, {"Y", a.Y}, {"LogA", a.LogA}, {"LogB", a.LogB}, {"Eps", a.Eps}, {"F", a.F}, {"G", a.G}, {"State", a.State}, {"Trace", a.Trace}} {
		if !c.need(x.name, x.buf) {
			return s, c.err
		}
	}
	s.B, s.N, s.D = a.X.Shape()
	_, s.M, _ = a.Y.Shape()
	_, s.S, _ = a.Eps.Shape()
	_, s.K, _ = a.Trace.Shape()
	c.shape("X", a.X, s.B, s.N, s.D)
	c.shape("Y", a.Y, s.B, s.M, s.D)
	c.t, c.set = F64, true
	c.shared("LogA", a.LogA, s.B, s.N, 1)
	c.shared("LogB", a.LogB, s.B, s.M, 1)
	c.shared("Eps", a.Eps, s.B, s.S, 1)
	c.shape("F", a.F, s.B, s.N, 1)
	c.shape("G", a.G, s.B, s.M, 1)
	c.shape("Trace", a.Trace, s.B, s.K, 1)
	c.index("State", a.State, s.B, 2, 1)
	if s.N == 0 || s.M == 0 || s.S == 0 {
		c.failf(ErrShape, "%d and %d points, %d values of eps", s.N, s.M, s.S)
	}
	if a.Limit < 0 || a.Passes < 0 || s.K < a.Passes || a.Limit > math.MaxInt32 {
		c.failf(ErrShape, "%d passes of at most %d iterations, with a trace of %d", a.Passes, a.Limit, s.K)
	}
	if math.IsNaN(a.Tol) {
		c.failf(ErrUnsupported, "tolerance %v", a.Tol)
	}
	return s, c.err
}
