package ot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// ComposedPlanSums is [engine.PlanSums] over engine.Softmax, for engines that are no engine.PlanSummer: one reduction for
// the rows, one more for the columns where r is given, and one for each maximum, of all problems.
func ComposedPlanSums(ctx context.Context, e engine.Engine, a *engine.PlanSums) error {
	s, err := engine.CheckPlanSums(a)
	if err != nil {
		return err
	}
	if s.B == 0 {
		return nil
	}
	eps := make([]float64, engine.Len(a.Of.Eps))
	if err := e.Read(eps, a.Of.Eps, 0); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	c := &composedSums{SinkhornDims: s, e: e, op: a, r: overPoints(e, a.Of.X, a.Of.Y)}
	defer c.r.free()
	for b := range s.B {
		c.scale = append(c.scale, 2/row(eps, b, s.S)[s.S-1])
	}
	return c.run(ctx)
}

// composedSums is one call.
type composedSums struct {
	engine.SinkhornDims
	e     engine.Engine
	op    *engine.PlanSums
	scale []float64
	r     *reduction
	err   error
}

// read returns the n numbers of each problem in x, zeros where there is none.
func (c *composedSums) read(x engine.Buffer, n int) []float64 {
	v := make([]float64, c.B*n)
	if x != nil && c.err == nil {
		c.err = c.e.Read(v, x, 0)
	}
	return v
}

func (c *composedSums) write(x engine.Buffer, v []float64) {
	if x != nil && c.err == nil {
		c.err = c.e.Write(x, 0, v)
	}
}

func (c *composedSums) run(ctx context.Context) error {
	op := c.op
	if op.LSE != nil || op.Score != nil || op.ColSum != nil {
		if err := c.sums(ctx); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		side    int
		from    engine.Buffer
		keys, n int
		out     engine.Buffer
	}{{rowsOfX, op.P, c.M, c.N, op.RowMax}, {rowsOfY, op.Q, c.N, c.M, op.ColMax}} {
		if m.out == nil {
			continue
		}
		out, bias := make([]float64, c.B*m.n), c.read(m.from, m.keys)
		if c.err == nil {
			c.err = c.r.run(ctx, &pass{side: m.side, scale: []float64{2}, bias: bias, max: out})
		}
		c.write(m.out, out)
	}
	if c.err != nil {
		return fmt.Errorf("ot: %w", c.err)
	}
	return nil
}

// sums finds what needs exponentials.
func (c *composedSums) sums(ctx context.Context) error {
	op := c.op
	lse, score := make([]float64, c.B*c.N), make([]float64, c.B*c.N)
	p := &pass{scale: c.scale, bias: c.read(op.U, c.M), lse: lse}
	if op.Score != nil {
		values, points, err := c.values()
		if err != nil {
			return err
		}
		defer values.Free()
		p.values = values
		p.mean = func(i int, mean []float64) {
			score[i] = 2*dot(points[i*c.D:(i+1)*c.D], mean) + mean[c.D]
		}
	}
	columns := make([]float64, c.B*c.M)
	if weight := c.read(op.A, c.N); op.ColSum != nil {
		p.weight = weight
		if op.R == nil {
			p.colSum = columns
		}
	}
	if c.err == nil {
		c.err = c.r.run(ctx, p)
	}
	if op.ColSum != nil && op.R != nil {
		for i, r := range c.read(op.R, c.N) {
			p.weight[i] *= math.Exp(min(0, lse[i]-r))
		}
		if c.err == nil {
			c.err = c.r.run(ctx, &pass{scale: p.scale, bias: p.bias, weight: p.weight, colSum: columns})
		}
	}
	c.write(op.LSE, lse)
	c.write(op.Score, score)
	c.write(op.ColSum, columns)
	return c.err
}

// values returns the points y_j with h_j as one more coordinate, whose means make a score, and the points x on the host.
func (c *composedSums) values() (values engine.Buffer, x []float64, err error) {
	x, y, h := c.read(c.op.Of.X, c.N*c.D), c.read(c.op.Of.Y, c.M*c.D), c.read(c.op.H, c.M)
	if c.err != nil {
		return nil, nil, c.err
	}
	v := make([]float64, 0, c.B*c.M*(c.D+1))
	for j, last := range h {
		v = append(append(v, y[j*c.D:(j+1)*c.D]...), last)
	}
	values, err = c.e.Alloc(c.r.t, c.B, c.M, c.D+1)
	if err != nil {
		return nil, nil, err
	}
	if err := c.e.Write(values, 0, v); err != nil {
		values.Free()
		return nil, nil, err
	}
	return values, x, nil
}

// plans holds the vectors of [engine.PlanSums] for a few problems of equal sizes.
type plans struct {
	e    engine.Engine
	op   engine.PlanSums
	held []engine.Buffer

	lse, score, rowMax []float64 // [B, n]
	columns, colMax    []float64 // [B, m]
}

func newPlans(e engine.Engine, of *engine.Sinkhorn) (*plans, error) {
	b, n, _ := of.X.Shape()
	_, m, _ := of.Y.Shape()
	p := &plans{e: e, op: engine.PlanSums{Of: of}}
	for _, v := range []struct {
		to *engine.Buffer
		n  int
	}{
		{&p.op.U, m}, {&p.op.H, m}, {&p.op.P, m}, {&p.op.A, n}, {&p.op.R, n}, {&p.op.Q, n},
		{&p.op.LSE, n}, {&p.op.Score, n}, {&p.op.ColSum, m}, {&p.op.RowMax, n}, {&p.op.ColMax, m},
	} {
		x, err := e.Alloc(engine.F64, b, v.n, 1)
		if err != nil {
			p.free()
			return nil, fmt.Errorf("ot: %w", err)
		}
		p.held = append(p.held, x)
		*v.to = x
	}
	p.lse, p.score, p.rowMax = make([]float64, b*n), make([]float64, b*n), make([]float64, b*n)
	p.columns, p.colMax = make([]float64, b*m), make([]float64, b*m)
	return p, nil
}

func (p *plans) free() {
	for _, x := range p.held {
		x.Free()
	}
}

func (p *plans) write(x engine.Buffer, v []float64) error {
	if err := p.e.Write(x, 0, v); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}

// run evaluates a, which has some of the inputs and outputs of p.op.
func (p *plans) run(ctx context.Context, a engine.PlanSums) error {
	err := ctx.Err()
	if err == nil {
		if s, ok := p.e.(engine.PlanSummer); ok {
			err = s.PlanSums(ctx, &a)
		} else {
			err = ComposedPlanSums(ctx, p.e, &a)
		}
	}
	for _, v := range []struct {
		to   []float64
		from engine.Buffer
	}{{p.lse, a.LSE}, {p.score, a.Score}, {p.columns, a.ColSum}, {p.rowMax, a.RowMax}, {p.colMax, a.ColMax}} {
		if v.from != nil && err == nil {
			err = errors.Join(err, p.e.Read(v.to, v.from, 0))
		}
	}
	if err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}
