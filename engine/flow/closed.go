package flow

import (
	"context"

	"monge/engine/dist"
)

// closed is the flow of a law of one component, along its own Gaussian's closed form from end to end.
type closed struct{ *jumper }

func (c closed) solve(_ context.Context, n int) error {
	if err := c.split(c.x.rows(n), c.tan.rows(n), c.in.rows(n), n); err != nil {
		return err
	}
	for i := range n {
		c.at(&c.from, i, c.start())
		c.at(&c.to, i, c.end())
	}
	clear(c.branch.host[:n*c.branches])
	f := dist.Follow{Y: c.y.rows(n), T: c.tan.rows(n), TY: c.ty.rows(n)}
	if c.ell {
		f.LogDet = c.logDet.rows(n)
	}
	if err := c.follow(n, f); err != nil {
		return err
	}
	if err := c.join(c.out.rows(n), f.Y, f.TY, f.LogDet, n); err != nil {
		return err
	}
	c.finished(n)
	return nil
}
