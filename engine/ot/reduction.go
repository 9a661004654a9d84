package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
)

// reduction runs [engine.Softmax] between two clouds that lie in an engine's memory, with host vectors in
// and out, some rows at a time so that a cancelled context is noticed. Nothing of size n x m is stored.
type reduction struct {
	e      engine.Engine
	t      engine.Dtype
	d      int
	points [2][]float64 // x [n, d] and y [m, d] on the host
	device [2]engine.Buffer
	held   map[slot]engine.Buffer
}

// slot names a buffer that is kept between calls.
type slot uint8

const (
	slotBias slot = iota
	slotScale
	slotRowWeight
	slotLSE
	slotMean
	slotColSum
	slotMax
	slotGather
)

// Sides of a reduction: whose points are the queries.
const (
	rowsOfX = 0
	rowsOfY = 1
)

// pass is one reduction of z_ij = scale <q_i, k_j> + bias_j over the keys of each of B problems: q the points of one side
// (or some of them, of one problem), k those of the other. Vectors hold those of all problems, one after the other. Outputs
// that are nil are not computed.
type pass struct {
	side   int
	some   []int     // the queries, as rows of the side; nil = all
	scale  []float64 // [B], or one for all
	bias   []float64
	weight []float64 // row weights of the column sums

	lse    []float64
	colSum []float64
	max    []float64
	values engine.Buffer               // [B, m, dv]
	mean   func(i int, mean []float64) // row i's softmax mean of the values
}

// newReduction copies the points onto the engine, rounded to t.
func newReduction(e engine.Engine, t engine.Dtype, x, y []float64, d int) (*reduction, error) {
	r := &reduction{e: e, t: t, d: d, points: [2][]float64{x, y}, held: map[slot]engine.Buffer{}}
	for s, p := range r.points {
		var err error
		if r.device[s], err = e.Alloc(t, 1, len(p)/d, d); err != nil {
			r.free()
			return nil, fmt.Errorf("ot: %w", err)
		}
		if err = e.Write(r.device[s], 0, p); err != nil {
			r.free()
			return nil, fmt.Errorf("ot: %w", err)
		}
	}
	return r, nil
}

// overPoints is a reduction over clouds [B, n, d] and [B, m, d] that are on the engine already, and stay there.
func overPoints(e engine.Engine, x, y engine.Buffer) *reduction {
	r := &reduction{e: e, t: x.Dtype(), held: map[slot]engine.Buffer{}}
	for s, p := range [2]engine.Buffer{x, y} {
		b, n, d := p.Shape()
		r.device[s], r.d = p.View(0, b, n, d), d
	}
	return r
}

func (r *reduction) free() {
	for _, b := range r.device {
		if b != nil {
			b.Free()
		}
	}
	for _, b := range r.held {
		b.Free()
	}
	r.held = nil
}

// buffer returns the slot's buffer with shape [b, n, d]; its memory is kept and grows as needed.
func (r *reduction) buffer(s slot, b, n, d int) (engine.Buffer, error) {
	x := r.held[s]
	if x == nil || engine.Len(x) < b*n*d {
		if x != nil {
			x.Free()
			delete(r.held, s)
		}
		var err error
		if x, err = r.e.Alloc(r.t, 1, b*n*d, 1); err != nil {
			return nil, err
		}
		r.held[s] = x
	}
	return x.View(0, b, n, d), nil
}

// write puts b equal vectors, one after the other in v, into the slot.
func (r *reduction) write(s slot, b int, v []float64) (engine.Buffer, error) {
	x, err := r.buffer(s, b, len(v)/b, 1)
	if err == nil {
		err = r.e.Write(x, 0, v)
	}
	return x, err
}

// rowsPerCall bounds the work of one call, so that a cancelled context is noticed in time. On a host it
// depends on sizes alone, as the order in which column sums are merged does.
func rowsPerCall(e engine.Engine, m, d int) int {
	work := int64(2e9)
	if e.Info().Threads == 0 { // a device
		work = 1e12
	}
	return int(min(max(64, work/(int64(m)*int64(d+64))), math.MaxInt32))
}

// run computes the pass.
func (r *reduction) run(ctx context.Context, p *pass) error {
	if err := r.reduce(ctx, p); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}

// panel is some problems of a reduction, or some rows of one.
type panel struct{ problem, problems, row, rows int }

func (r *reduction) reduce(ctx context.Context, p *pass) error {
	queries, keys := r.device[p.side], r.device[1-p.side]
	b, n, d := queries.Shape()
	_, m, _ := keys.Shape()
	if p.some != nil {
		n = len(p.some)
	}
	clear(p.colSum)
	step := rowsPerCall(r.e, m, r.d)
	at := panel{problems: max(1, step/max(1, n)), rows: min(n, step)}
	for ; at.problem < b; at.problem += at.problems {
		at.problems = min(at.problems, b-at.problem)
		bias, err := r.write(slotBias, at.problems, p.bias[at.problem*m:(at.problem+at.problems)*m])
		if err != nil {
			return err
		}
		for at.row = 0; at.row < n; at.row += at.rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			part := at
			part.rows = min(at.rows, n-at.row)
			a := &engine.Softmax{K: keys.View(at.problem*m*d, at.problems, m, d), U: bias}
			if p.some == nil {
				a.Q = queries.View((at.problem*n+at.row)*d, at.problems, part.rows, d)
			} else if a.Q, err = r.gather(p.side, p.some[at.row:at.row+part.rows]); err != nil {
				return err
			}
			if err := r.prepare(a, p, part, n, m); err != nil {
				return err
			}
			if err := r.e.Softmax(a); err != nil {
				return err
			}
			if err := r.collect(a, p, part, n, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather copies some points of a side into a buffer of their own.
func (r *reduction) gather(side int, rows []int) (engine.Buffer, error) {
	d := r.d
	data := make([]float64, 0, len(rows)*d)
	for _, i := range rows {
		data = append(data, r.points[side][i*d:i*d+d]...)
	}
	b, err := r.buffer(slotGather, 1, len(rows), d)
	if err != nil {
		return nil, err
	}
	return b, r.e.Write(b, 0, data)
}

// prepare adds the buffers of a panel that the pass asks for: of problems with n rows and m keys.
func (r *reduction) prepare(a *engine.Softmax, p *pass, at panel, n, m int) (err error) {
	need := func(out *engine.Buffer, wanted bool, s slot, n, d int) {
		if wanted && err == nil {
			*out, err = r.buffer(s, at.problems, n, d)
		}
	}
	need(&a.LSE, p.lse != nil, slotLSE, at.rows, 1)
	if p.mean != nil {
		_, _, dv := p.values.Shape()
		a.V = p.values.View(at.problem*m*dv, at.problems, m, dv)
		need(&a.Mean, true, slotMean, at.rows, dv)
	}
	need(&a.ColSum, p.colSum != nil, slotColSum, m, 1)
	need(&a.Max, p.max != nil, slotMax, at.rows, 1)
	if err != nil {
		return err
	}
	first := at.problem*n + at.row
	if p.weight != nil {
		if a.A, err = r.write(slotRowWeight, at.problems, p.weight[first:first+at.problems*at.rows]); err != nil {
			return err
		}
	}
	// As a buffer of scales holds it, so that a problem's bits do not depend on whether there are others.
	if a.Scale = p.scale[0]; r.t == engine.F32 {
		a.Scale = float64(float32(a.Scale))
	}
	if len(p.scale) == 1 {
		return nil
	}
	scale := make([]float64, 0, at.problems*at.rows)
	for _, v := range p.scale[at.problem : at.problem+at.problems] {
		for range at.rows {
			scale = append(scale, v)
		}
	}
	a.S, err = r.write(slotScale, at.problems, scale)
	return err
}

// collect copies the results of a panel to the host.
func (r *reduction) collect(a *engine.Softmax, p *pass, at panel, n, m int) error {
	first, count := at.problem*n+at.row, at.problems*at.rows
	if p.lse != nil {
		if err := r.e.Read(p.lse[first:first+count], a.LSE, 0); err != nil {
			return err
		}
	}
	if p.max != nil {
		if err := r.e.Read(p.max[first:first+count], a.Max, 0); err != nil {
			return err
		}
	}
	if p.colSum != nil {
		partial := make([]float64, at.problems*m)
		if err := r.e.Read(partial, a.ColSum, 0); err != nil {
			return err
		}
		for j, v := range partial {
			p.colSum[at.problem*m+j] += v
		}
	}
	if p.mean != nil {
		_, _, dv := a.Mean.Shape()
		mean := make([]float64, count*dv)
		if err := r.e.Read(mean, a.Mean, 0); err != nil {
			return err
		}
		for i := range count {
			p.mean(first+i, mean[i*dv:(i+1)*dv])
		}
	}
	return nil
}
