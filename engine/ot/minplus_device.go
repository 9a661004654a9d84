package ot

import (
	"context"
	"fmt"
	"math"
	"time"

	"monge/engine"
)

// deviceClouds is two clouds in an engine's memory, each scaled by a power of two to a radius of at most 1, for
// passes by [engine.Softmax] in its hard-maximum form:
//
//	|x|^2 - max_j (2 <x, y_j> + g_j - |y_j|^2 + bound of the rounding).
type deviceClouds struct {
	e        engine.Engine
	t        engine.Dtype
	points   [2]engine.Buffer
	exponent [2]int // points = 2^-exponent times the cloud's
	rows     int    // of a call
}

func newDeviceClouds(ctx context.Context, q *minPlus, t engine.Dtype) (*deviceClouds, error) {
	v := &deviceClouds{e: q.engine, t: t, rows: 256}
	for side, c := range q.cloud {
		radius := 0.0
		for _, s := range q.squares[side] {
			radius = max(radius, math.Sqrt(s))
		}
		_, v.exponent[side] = math.Frexp(max(radius, 0x1p-1000))
		if err := v.load(ctx, side, c, q.n); err != nil {
			v.free()
			return nil, fmt.Errorf("ot: %w", err)
		}
	}
	return v, nil
}

func (v *deviceClouds) load(ctx context.Context, side int, c *shifted, n int) (err error) {
	if v.points[side], err = v.e.Alloc(v.t, 1, n, c.d); err != nil {
		return err
	}
	const numbers = 1 << 18 // written at a time
	rows := max(1, numbers/c.d)
	panel := make([]float64, rows*c.d)
	scale := math.Ldexp(1, -v.exponent[side])
	for lo := 0; lo < n; lo += rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := min(rows, n-lo)
		for i := range k {
			row := panel[i*c.d : (i+1)*c.d]
			c.part(row, lo+i, 0)
			for t := range row {
				row[t] *= scale
			}
		}
		if err := v.e.Write(v.points[side], lo*c.d, panel[:k*c.d]); err != nil {
			return err
		}
	}
	return nil
}

func (v *deviceClouds) free() {
	for _, b := range v.points {
		if b != nil {
			b.Free()
		}
	}
}

// biases are the columns' numbers of a pass: u_j + |x_i| w_j is the bias of pair (i, j), both over 2^scale,
// with the bound of the rounding in it, and middle taken out.
type biases struct {
	u, w   []float64
	middle float64
	scale  int
}

func (v *deviceClouds) biases(q *minPlus, s *sweep) (*biases, error) {
	unit, u := engine.F64.Eps(), v.t.Eps()
	terms := float64(q.d+8) * u
	kappa := terms / (1 - terms)
	// What flushing numbers below the type's range to 0 may lose, of products of coordinates at most 1.
	tiny, most := float64(q.d+4)*0x1p-120, 1e30
	if v.t == engine.F64 {
		tiny, most = float64(q.d+4)*0x1p-1010, 1e290
	}
	other := 1 - s.side
	m, column := q.columns(s)
	b := &biases{u: make([]float64, m), w: make([]float64, m), scale: v.exponent[0] + v.exponent[1]}
	square := q.squares[other]
	for k := range m {
		j := column(k)
		b.u[k] = s.g[j] - square[j]
	}
	b.middle = median(b.u)
	for k := range m {
		j := column(k)
		wide := unit*(float64(q.d+16)*square[j]+4*math.Abs(s.g[j])+4*math.Abs(b.middle)) + q.underflow()
		if s.off != nil {
			wide += s.off[j]
		}
		centred := b.u[k] - b.middle
		b.u[k] = math.Ldexp(centred+wide+20*u*(math.Abs(centred)+wide), -b.scale) + tiny
		b.w[k] = math.Ldexp(math.Sqrt(square[j]), -v.exponent[other]) * 2 * (kappa + 16*u) * (1 + 16*u)
		if !(math.Abs(b.u[k]) < most) || terms > .5 {
			return nil, errPrecision
		}
	}
	return b, nil
}

// pass makes a sweep. A call takes as many rows as take about a tenth of a second, so that a cancelled context
// is noticed, and gathers points in pieces of bounded size; a row's result depends on neither.
func (v *deviceClouds) pass(ctx context.Context, q *minPlus, s *sweep) error {
	b, err := v.biases(q, s)
	if err != nil {
		return err
	}
	const numbers = 1 << 24 // of gathered points
	m, _ := q.columns(s)
	most := m
	if s.cols != nil {
		most = min(m, max(32, numbers/q.d))
	}
	for lo := 0; lo < m; lo += most {
		if err := v.keys(ctx, q, s, b, lo, min(most, m-lo), max(1, numbers/q.d)); err != nil {
			return err
		}
	}
	return nil
}

// keys makes the part of a sweep with count of its columns from first on.
func (v *deviceClouds) keys(ctx context.Context, q *minPlus, s *sweep, b *biases, first, count, gathered int) error {
	h := holder{e: v.e}
	defer h.free()
	keys := v.points[1-s.side]
	position := func(j int32) int32 { return j }
	if s.cols != nil {
		cols := s.cols[first : first+count]
		keys = h.gather(keys, cols)
		at := make(map[int32]int32, count)
		for k, j := range cols {
			at[j] = int32(k)
		}
		position = func(j int32) int32 {
			if k, ok := at[j]; ok {
				return k
			}
			return -1
		}
	}
	u, w := h.vector(v.t, b.u[first:first+count]), h.vector(v.t, b.w[first:first+count])
	rows := q.n
	if s.rows != nil {
		rows = len(s.rows)
	}
	for lo := 0; lo < rows; {
		if h.err == nil {
			h.err = ctx.Err()
		}
		if h.err != nil {
			return fmt.Errorf("ot: %w", h.err)
		}
		k := min(v.rows, rows-lo)
		if s.rows != nil {
			k = min(k, gathered)
		}
		began := time.Now()
		if err := v.call(q, s, b, keys, u, w, position, first, lo, k); err != nil {
			return fmt.Errorf("ot: %w", err)
		}
		switch took := time.Since(began); {
		case took < 40*time.Millisecond && k == v.rows:
			v.rows *= 2
		case took > 160*time.Millisecond && v.rows > 64:
			v.rows /= 2
		}
		lo += k
	}
	return nil
}

// call makes one reduction, for k rows from number lo of the sweep's on, and lowers the sweep's bounds.
func (v *deviceClouds) call(q *minPlus, s *sweep, b *biases, keys, u, w engine.Buffer, position func(int32) int32, first, lo, k int) error {
	h := holder{e: v.e}
	defer h.free()
	row := func(i int) int { return lo + i }
	a := engine.Softmax{K: keys, Scale: 2, U: u, W: w}
	if s.rows == nil {
		a.Q = v.points[s.side].View(lo*q.d, 1, k, q.d)
	} else {
		row = func(i int) int { return int(s.rows[lo+i]) }
		a.Q = h.gather(v.points[s.side], s.rows[lo:lo+k])
	}
	length, skip := make([]float64, k), make([]int32, k)
	square := q.squares[s.side]
	for i := range k {
		length[i] = math.Ldexp(math.Sqrt(square[row(i)]), -v.exponent[s.side])
		skip[i] = -1
		if s.skip != nil {
			skip[i] = position(s.skip[row(i)])
		}
	}
	a.C = h.vector(v.t, length)
	a.Skip = h.indices(skip)
	a.Max, a.Arg = h.alloc(v.t, k, 1), h.alloc(engine.I32, k, 1)
	if h.err != nil {
		return h.err
	}
	if err := v.e.Softmax(&a); err != nil {
		return err
	}
	top, arg := make([]float64, k), make([]float64, k)
	if err := v.e.Read(top, a.Max, 0); err != nil {
		return err
	}
	if err := v.e.Read(arg, a.Arg, 0); err != nil {
		return err
	}
	unit := engine.F64.Eps()
	_, column := q.columns(s)
	for i, z := range top {
		if math.IsInf(z, -1) { // no column
			continue
		}
		at := row(i)
		z = math.Ldexp(z, b.scale)
		low := square[at]*(1-float64(q.d+16)*unit) - z - b.middle - 8*unit*(math.Abs(z)+math.Abs(b.middle)) - q.underflow()
		if math.IsNaN(low) { // nothing is known
			low = math.Inf(-1)
		}
		if low < s.low[at] {
			s.low[at], s.arg[at] = low, int32(column(first+max(0, int(arg[i]))))
		}
	}
	return nil
}

// holder allocates an operation's buffers, which are freed together, and keeps the first error.
type holder struct {
	e    engine.Engine
	held []engine.Buffer
	err  error
}

func (h *holder) free() {
	for _, b := range h.held {
		b.Free()
	}
}

func (h *holder) alloc(t engine.Dtype, n, d int) engine.Buffer {
	if h.err != nil {
		return nil
	}
	b, err := h.e.Alloc(t, 1, n, d)
	if err != nil {
		h.err = err
		return nil
	}
	h.held = append(h.held, b)
	return b
}

func (h *holder) vector(t engine.Dtype, v []float64) engine.Buffer {
	b := h.alloc(t, len(v), 1)
	if h.err == nil {
		h.err = h.e.Write(b, 0, v)
	}
	return b
}

func (h *holder) indices(v []int32) engine.Buffer {
	numbers := make([]float64, len(v))
	for i, k := range v {
		numbers[i] = float64(k)
	}
	return h.vector(engine.I32, numbers)
}

// gather copies rows of b.
func (h *holder) gather(b engine.Buffer, rows []int32) engine.Buffer {
	_, _, d := b.Shape()
	index, out := h.indices(rows), h.alloc(b.Dtype(), len(rows), d)
	if h.err == nil {
		h.err = h.e.CopyRows(out, nil, b, index)
	}
	return out
}
