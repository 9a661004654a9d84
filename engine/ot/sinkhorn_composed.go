package ot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// ComposedSinkhorn is [engine.Sinkhorn] over engine.Softmax, for engines that are no engine.SinkhornLoop. Both
// halves of an iteration come from one reduction, whose row sums give F and whose column sums c_j of the
// row-normalised plan give G_j += eps ln(b_j / c_j). Columns whose sum is near underflow are done again by
// their own log-sum-exp. A cancelled context is noticed within a fraction of a second.
func ComposedSinkhorn(ctx context.Context, e engine.Engine, a *engine.Sinkhorn) (err error) {
	s, err := engine.CheckSinkhorn(a)
	if err != nil {
		return err
	}
	c := &composed{e: e, op: a, SinkhornDims: s, t: a.X.Dtype()}
	defer c.free()
	if err := c.read(); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	for range a.Passes {
		if err := c.pass(ctx); err != nil {
			return fmt.Errorf("ot: %w", err)
		}
	}
	if err := c.write(); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}

// composed is one call: the state of all problems on the host.
type composed struct {
	engine.SinkhornDims
	e    engine.Engine
	op   *engine.Sinkhorn
	t    engine.Dtype
	held []engine.Buffer

	a, logA      []float64 // [A or B, N]
	b, logB      []float64
	eps          []float64
	f, g         []float64
	state, trace []float64

	lse, columns                  []float64 // of a pass
	bias, weight, scale, sum, out engine.Buffer
}

func (c *composed) free() {
	for _, b := range c.held {
		b.Free()
	}
}

func (c *composed) alloc(t engine.Dtype, b, n, d int) (engine.Buffer, error) {
	x, err := c.e.Alloc(t, b, n, d)
	if err == nil {
		c.held = append(c.held, x)
	}
	return x, err
}

// read brings the operation's vectors to the host and takes the buffers of its passes.
func (c *composed) read() error {
	for _, v := range []struct {
		to   *[]float64
		from engine.Buffer
	}{
		{&c.logA, c.op.LogA},
		{&c.logB, c.op.LogB},
		{&c.eps, c.op.Eps},
		{&c.f, c.op.F},
		{&c.g, c.op.G},
		{&c.state, c.op.State},
		{&c.trace, c.op.Trace},
	} {
		*v.to = make([]float64, engine.Len(v.from))
		if err := c.e.Read(*v.to, v.from, 0); err != nil {
			return err
		}
	}
	c.a, c.b = weights(c.logA), weights(c.logB)
	c.lse, c.columns = make([]float64, c.B*c.N), make([]float64, c.B*c.M)
	for _, v := range []struct {
		to *engine.Buffer
		n  int
	}{{&c.bias, c.M}, {&c.sum, c.M}, {&c.weight, c.N}, {&c.scale, c.N}, {&c.out, c.N}} {
		var err error
		if *v.to, err = c.alloc(c.t, c.B, v.n, 1); err != nil {
			return err
		}
	}
	w := make([]float64, 0, c.B*c.N)
	for b := range c.B {
		w = append(w, row(c.a, b, c.N)...)
	}
	return c.e.Write(c.weight, 0, w)
}

func (c *composed) write() error {
	return errors.Join(c.e.Write(c.op.F, 0, c.f), c.e.Write(c.op.G, 0, c.g), c.e.Write(c.op.State, 0, c.state), c.e.Write(c.op.Trace, 0, c.trace))
}

// weights returns the exponentials of log weights.
func weights(l []float64) []float64 {
	w := make([]float64, len(l))
	for i, v := range l {
		w[i] = math.Exp(v)
	}
	return w
}

// row returns problem b's part of n numbers; problem 0's where all share one.
func row(x []float64, b, n int) []float64 {
	if len(x) == n {
		b = 0
	}
	return x[b*n : b*n+n]
}

// at returns the eps of iteration k.
func (c *composed) at(b, k int) float64 { return row(c.eps, b, c.S)[min(k, c.S-1)] }

// factor returns 2/eps as a buffer of scales holds it, so that a problem's bits do not depend on whether all
// share one.
func (c *composed) factor(eps float64) float64 {
	if c.t == engine.F32 {
		return float64(float32(2 / eps))
	}
	return 2 / eps
}

// ended says whether a problem has.
func (c *composed) ended(b int) bool { return c.state[2*b+1] != 0 }

// pass makes one pass of every problem that has not ended.
func (c *composed) pass(ctx context.Context) error {
	per := max(1, rowsPerCall(c.e, c.M, c.D)/c.N) // problems a reduction
	for lo := 0; lo < c.B; {
		if c.ended(lo) {
			lo++
			continue
		}
		hi := lo + 1
		for hi < c.B && hi-lo < per && !c.ended(hi) {
			hi++
		}
		if err := c.reduce(ctx, lo, hi); err != nil {
			return err
		}
		for b := lo; b < hi; b++ {
			if err := c.step(b); err != nil {
				return err
			}
		}
		lo = hi
	}
	return nil
}

// reduce finds the row and column sums of problems [lo, hi), one problem some rows at a time.
func (c *composed) reduce(ctx context.Context, lo, hi int) error {
	count := hi - lo
	bias := make([]float64, 0, count*c.M)
	scale := make([]float64, 0, count*c.N)
	equal := true
	for b := lo; b < hi; b++ {
		v := c.at(b, int(c.state[2*b]))
		for j, l := range row(c.logB, b, c.M) {
			bias = append(bias, c.g[b*c.M+j]/v+l)
		}
		factor := c.factor(v)
		for range c.N {
			scale = append(scale, factor)
		}
		equal = equal && factor == scale[0]
	}
	a := &engine.Softmax{K: c.op.Y.View(lo*c.M*c.D, count, c.M, c.D), U: c.bias.View(0, count, c.M, 1), ColSum: c.sum.View(0, count, c.M, 1), Scale: scale[0]}
	if err := c.e.Write(a.U, 0, bias); err != nil {
		return err
	}
	columns := c.columns[lo*c.M : hi*c.M]
	clear(columns)
	part := make([]float64, len(columns))
	step := c.N
	if count == 1 {
		step = min(c.N, rowsPerCall(c.e, c.M, c.D))
	}
	for i := 0; i < c.N; i += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(step, c.N-i)
		a.Q = c.op.X.View((lo*c.N+i)*c.D, count, n, c.D)
		a.A = c.weight.View(lo*c.N+i, count, n, 1)
		a.LSE = c.out.View(0, count, n, 1)
		if !equal {
			a.S = c.scale.View(0, count, n, 1)
			if err := c.e.Write(a.S, 0, scale[:count*n]); err != nil {
				return err
			}
		}
		if err := c.e.Softmax(a); err != nil {
			return err
		}
		if err := c.e.Read(c.lse[lo*c.N+i:][:count*n], a.LSE, 0); err != nil {
			return err
		}
		if err := c.e.Read(part, a.ColSum, 0); err != nil {
			return err
		}
		for j, v := range part {
			columns[j] += v
		}
	}
	return nil
}

// step ends problem b, or makes its iteration from the sums of reduce.
func (c *composed) step(b int) error {
	k := int(c.state[2*b])
	eps := c.at(b, k)
	iterate, ended := c.op.Advance(c.SinkhornDims, k, c.trace[b*c.K:][:c.K],
		func() float64 { return c.rowError(b, eps) }, func() float64 { return c.columnError(b) })
	if ended {
		c.state[2*b+1] = 1
	}
	if !iterate {
		return nil
	}
	c.state[2*b] = float64(k + 1)
	return c.update(b, eps)
}

// rowError returns the L1 error of the row marginal of the plan (f, g), from a reduction with g.
func (c *composed) rowError(b int, eps float64) float64 {
	var s engine.Compensated
	a := row(c.a, b, c.N)
	for i, f := range row(c.f, b, c.N) {
		if a[i] > 0 {
			s.Add(a[i] * math.Abs(math.Expm1(f/eps+c.lse[b*c.N+i])))
		}
	}
	return s.Value()
}

// columnError returns the L1 error of the column marginal after the rows' half.
func (c *composed) columnError(b int) float64 {
	var s engine.Compensated
	w := row(c.b, b, c.M)
	for j, v := range c.columns[b*c.M:][:c.M] {
		s.Add(math.Abs(v - w[j]))
	}
	return s.Value()
}

// update sets both potentials from a reduction's row and column sums.
func (c *composed) update(b int, eps float64) error {
	// Below this a column sum has lost digits to underflow in its terms.
	least := 1e-290
	if c.t == engine.F32 {
		least = 1e-30
	}
	f, g := c.f[b*c.N:][:c.N], c.g[b*c.M:][:c.M]
	for i := range f {
		f[i] = -eps * c.lse[b*c.N+i]
	}
	var again []int
	logB := row(c.logB, b, c.M)
	for j, v := range c.columns[b*c.M:][:c.M] {
		switch {
		case math.IsInf(logB[j], -1):
		case v < least:
			again = append(again, j)
		default:
			g[j] += eps * (logB[j] - engine.Ln(v))
		}
	}
	if again == nil {
		return nil
	}
	return c.columnsAlone(b, eps, again)
}

// columnsAlone sets the potentials of some columns from f by a log-sum-exp over the rows.
func (c *composed) columnsAlone(b int, eps float64, some []int) error {
	index := make([]float64, len(some))
	for q, j := range some {
		index[q] = float64(j)
	}
	bias := make([]float64, c.N)
	logA := row(c.logA, b, c.N)
	for i := range bias {
		bias[i] = c.f[b*c.N+i]/eps + logA[i]
	}
	rows, err := c.alloc(engine.I32, 1, len(some), 1)
	if err != nil {
		return err
	}
	points, err := c.alloc(c.t, 1, len(some), c.D)
	if err != nil {
		return err
	}
	lse, err := c.alloc(c.t, 1, len(some), 1)
	if err != nil {
		return err
	}
	u := c.out.View(0, 1, c.N, 1)
	if err := errors.Join(c.e.Write(rows, 0, index), c.e.Write(u, 0, bias)); err != nil {
		return err
	}
	if err := c.e.CopyRows(points, nil, c.op.Y.View(b*c.M*c.D, 1, c.M, c.D), rows); err != nil {
		return err
	}
	if err := c.e.Softmax(&engine.Softmax{Q: points, K: c.op.X.View(b*c.N*c.D, 1, c.N, c.D), U: u, Scale: c.factor(eps), LSE: lse}); err != nil {
		return err
	}
	if err := c.e.Read(index, lse, 0); err != nil {
		return err
	}
	for q, l := range index {
		c.g[b*c.M+some[q]] = -eps * l
	}
	points.Free()
	rows.Free()
	lse.Free()
	c.held = c.held[:len(c.held)-3]
	return nil
}
