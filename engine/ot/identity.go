package ot

import (
	"context"
)

const (
	identityFrom   = 256 // points from which the given pairing is tried
	identitySample = 64  // rows that tell whether it is worth passes
	identityPasses = 2   // over all pairs, that its potentials may take to settle
)

// identity solves an instance whose given pairing, row i with row i, is optimal or nearly so, as that of points with an
// encoder's images is: from this pairing and the potentials of a quadratic guess only what violates them is touched, in
// passes that [Certify] describes. The solution is nil where the guess fails for most of a sample of the rows, or where
// the passes do not settle.
func (in *instance) identity(w *work) (*solution, string, error) {
	if !w.aligned || !in.uniform || in.n != in.m || in.n < identityFrom || in.d <= treeDim {
		return nil, "", nil
	}
	p := &problem{n: in.n, m: in.m, d: in.d, x: in.x, y: in.y, a: in.weights[0], b: in.weights[1], uniform: true}
	c, err := newCertifier(w.ctx, p, &CertifySettings{Engine: w.engine, Threads: w.threads})
	if err != nil {
		return nil, "", err
	}
	defer c.free()
	if c.cost == 0 {
		return nil, "", nil
	}
	if err := c.quadratic(w.ctx); err != nil {
		return nil, "", err
	}
	if fits, err := c.fits(w.ctx); !fits || err != nil {
		return nil, "", err
	}
	if err := c.improve(w.ctx, identityPasses); err != nil {
		return nil, "", err
	}
	if !c.settled {
		return nil, "", nil
	}
	s := &solution{iterations: c.sweeps}
	for i, j := range c.sigma {
		s.plan = append(s.plan, flow{int32(i), j, in.a[i]})
	}
	s.u, s.v = c.uncentred()
	in.weigh(s)
	if s.loose() {
		return nil, "", nil
	}
	c.describe()
	return s, "given pairing; " + c.note, nil
}

// fits says whether most of a sample of the rows keep to the given pairing under the potentials f.
func (c *certifier) fits(ctx context.Context) (bool, error) {
	for j := range c.n {
		c.match(int32(j))
	}
	rows := make([]int32, min(identitySample, c.n))
	for k := range rows {
		rows[k] = int32(k * c.n / len(rows))
	}
	if err := c.resweep(ctx, c.at, rows); err != nil {
		return false, err
	}
	violated := 0
	for _, i := range rows {
		if c.low[i] < c.f[i]-settledTolerance*c.scale {
			violated++
		}
	}
	return 2*violated <= len(rows), nil
}
