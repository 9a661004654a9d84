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

// pass is one reduction of z_ij = scale <q_i, k_j> + bias_j over the keys: q the points of one side (or
// some of them), k those of the other. Outputs that are nil are not computed.
type pass struct {
	side   int
	some   []int // the queries, as rows of the side; nil = all
	scale  float64
	bias   []float64
	weight []float64 // row weights of the column sums

	lse    []float64
	colSum []float64
	max    []float64
	values engine.Buffer               // [1, m, dv]
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

// buffer returns the slot's buffer with shape [1, n, d]; its memory is kept and grows as needed.
func (r *reduction) buffer(s slot, t engine.Dtype, n, d int) (engine.Buffer, error) {
	b := r.held[s]
	if b == nil || engine.Len(b) < n*d {
		if b != nil {
			b.Free()
			delete(r.held, s)
		}
		var err error
		if b, err = r.e.Alloc(t, 1, n*d, 1); err != nil {
			return nil, err
		}
		r.held[s] = b
	}
	return b.View(0, 1, n, d), nil
}

func (r *reduction) write(s slot, v []float64) (engine.Buffer, error) {
	b, err := r.buffer(s, r.t, len(v), 1)
	if err == nil {
		err = r.e.Write(b, 0, v)
	}
	return b, err
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

func (r *reduction) reduce(ctx context.Context, p *pass) error {
	queries, keys := r.device[p.side], r.device[1-p.side]
	_, n, d := queries.Shape()
	_, m, _ := keys.Shape()
	if p.some != nil {
		n = len(p.some)
	}
	bias, err := r.write(slotBias, p.bias)
	if err != nil {
		return err
	}
	clear(p.colSum)
	partial := make([]float64, len(p.colSum))
	step := min(n, rowsPerCall(r.e, m, r.d))
	for lo := 0; lo < n; lo += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(n, lo+step)
		a := &engine.Softmax{K: keys, Scale: p.scale, U: bias}
		if p.some == nil {
			a.Q = queries.View(lo*d, 1, hi-lo, d)
		} else if a.Q, err = r.gather(p.side, p.some[lo:hi]); err != nil {
			return err
		}
		if err := r.prepare(a, p, lo, hi, m); err != nil {
			return err
		}
		if err := r.e.Softmax(a); err != nil {
			return err
		}
		if err := r.collect(a, p, lo, hi, partial); err != nil {
			return err
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
	b, err := r.buffer(slotGather, r.t, len(rows), d)
	if err != nil {
		return nil, err
	}
	return b, r.e.Write(b, 0, data)
}

// prepare adds the buffers of rows lo..hi that the pass asks for.
func (r *reduction) prepare(a *engine.Softmax, p *pass, lo, hi, m int) (err error) {
	need := func(out *engine.Buffer, wanted bool, s slot, t engine.Dtype, n, d int) {
		if wanted && err == nil {
			*out, err = r.buffer(s, t, n, d)
		}
	}
	k := hi - lo
	need(&a.LSE, p.lse != nil, slotLSE, r.t, k, 1)
	if p.mean != nil {
		_, _, dv := p.values.Shape()
		a.V = p.values
		need(&a.Mean, true, slotMean, r.t, k, dv)
	}
	need(&a.ColSum, p.colSum != nil, slotColSum, r.t, m, 1)
	need(&a.Max, p.max != nil, slotMax, r.t, k, 1)
	if err != nil {
		return err
	}
	if p.weight != nil {
		if a.A, err = r.write(slotRowWeight, p.weight[lo:hi]); err != nil {
			return err
		}
	}
	return nil
}

// collect copies the results of rows lo..hi to the host.
func (r *reduction) collect(a *engine.Softmax, p *pass, lo, hi int, partial []float64) error {
	if p.lse != nil {
		if err := r.e.Read(p.lse[lo:hi], a.LSE, 0); err != nil {
			return err
		}
	}
	if p.max != nil {
		if err := r.e.Read(p.max[lo:hi], a.Max, 0); err != nil {
			return err
		}
	}
	if p.colSum != nil {
		if err := r.e.Read(partial, a.ColSum, 0); err != nil {
			return err
		}
		for j, v := range partial {
			p.colSum[j] += v
		}
	}
	if p.mean != nil {
		_, _, dv := a.Mean.Shape()
		mean := make([]float64, (hi-lo)*dv)
		if err := r.e.Read(mean, a.Mean, 0); err != nil {
			return err
		}
		for i := range hi - lo {
			p.mean(lo+i, mean[i*dv:(i+1)*dv])
		}
	}
	return nil
}
