package ot

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
)

// minPlus makes min-plus passes over the pairs of two clouds with n rows: for rows i of one of them
//
//	min over columns j != skip_i of c_ij - g_j,   c_ij = |x_i - y_j|^2
//
// as a proved lower bound and the column that gave it. It stores O(n) numbers on the host and a copy of the
// points, in the passes' type, on the engine.
//
// The bound holds for the exact differences of the points and their shifts, whatever computed it. With u the
// unit roundoff of the products, e that of float64, b_j = g_j - |y_j|^2, kappa = (d + 8) u / (1 - (d + 8) u):
//
//   - A dot product of rounded points is off by at most (kappa + 16 u) |x_i| |y_j|, in whatever order its d
//     terms are added (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), and twice that in c_ij.
//     The error has rank one, so it is added to every pair inside the reduction, as the bias C_i W_j of
//     [engine.Softmax]: distant points worsen their own pairs and no others.
//   - Rounding the bias and adding it costs 20 u |b_j|, and forming the squares and b_j in float64
//     (d + 16) e of each: these are added to the column's bias and to the row.
//   - Passes over differences have an error of (d + 12) e c_ij, and what rounding of the shifted points
//     makes: 2 e sqrt(c_ij) (|x_i| + |y_j|), at most e (t c_ij + (|x_i| + |y_j|)^2 / t) for any t.
//   - Numbers below the type's normal range lose (d + 16) times the least number besides.
type minPlus struct {
	cloud   [2]*shifted
	squares [2][]float64 // |x_i|^2
	n, d    int
	threads int
	t       float64 // about the size of the points over the length of the pairing's steps
	engine  engine.Engine
	device  *deviceClouds
	pairs   float64 // evaluated so far
}

// precision is what a pass computes in, in increasing order of accuracy.
type precision uint8

const (
	single      precision = iota // products in float32 on the engine
	double                       // products in float64 on the engine
	differences                  // differences of coordinates in float64 on the host
)

// sweep is one pass: rows of one side against columns, which are rows of the other.
type sweep struct {
	side       int
	rows, cols []int32   // nil = all
	g          []float64 // of all columns
	off        []float64 // how far g_j may be from the potential that it stands for; nil = 0
	skip       []int32   // column that each row of the side leaves out; nil = none
	// low holds numbers that are at most the rows' minima, +Inf before the first sweep: a sweep lowers them to
	// at most the minima over its columns too, and notes the columns that do so in arg.
	low []float64
	arg []int32
}

// errPrecision says that a precision can not be had: no engine, no memory, or numbers out of its range.
var errPrecision = errors.New("no passes of this precision")

func newMinPlus(ctx context.Context, s *CertifySettings, p *problem) (*minPlus, error) {
	q := &minPlus{n: p.n, d: p.d, threads: s.Threads, t: 1, engine: s.Engine}
	for side, points := range [2][]float64{p.x, p.y} {
		c, err := newShifted(ctx, points, p.d, s.Threads)
		if err != nil {
			return nil, err
		}
		q.cloud[side], q.squares[side] = c, make([]float64, p.n)
		err = eachPanel(ctx, p.n, max(1, 1<<16/p.d), s.Threads, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				q.squares[side][i] = c.square(i)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

// setStep tells the length of the pairing's steps.
func (q *minPlus) setStep(meanSquare float64) {
	size := 0.0
	for side := range q.squares {
		for _, v := range q.squares[side] {
			size += v / float64(q.n)
		}
	}
	q.t = max(1, min(math.Sqrt(size/meanSquare), 1<<26))
}

// coarsest returns the precision that first passes are worth: few dimensions or pairs gain nothing from float32.
func (q *minPlus) coarsest() precision {
	const dims, work = 8, 1e7
	switch {
	case q.engine == nil:
		return differences
	case q.d < dims || float64(q.n)*float64(q.n)*float64(q.d) < work:
		return double
	}
	return single
}

func (q *minPlus) free() {
	if q.device != nil {
		q.device.free()
		q.device = nil
	}
}

// pair returns c_ij and a bound of its rounding.
func (q *minPlus) pair(i, j int) (c, rounding float64) {
	c = q.cloud[rowsOfX].distance(i, q.cloud[rowsOfY], j)
	reach := math.Sqrt(q.squares[rowsOfX][i]) + math.Sqrt(q.squares[rowsOfY][j])
	return c, engine.F64.Eps()*(float64(q.d+12)*c+4*math.Sqrt(c)*reach) + q.underflow()
}

// underflow bounds what squares and sums of them below the normal range lose besides.
func (q *minPlus) underflow() float64 { return float64(q.d+16) * math.SmallestNonzeroFloat64 }

// run makes the pass in the given precision, or in the next that can be had.
func (q *minPlus) run(ctx context.Context, p precision, s *sweep) error {
	rows, cols := q.n, q.n
	if s.rows != nil {
		rows = len(s.rows)
	}
	if s.cols != nil {
		cols = len(s.cols)
	}
	q.pairs += float64(rows) * float64(cols)
	for ; p < differences; p++ {
		err := q.onDevice(ctx, p, s)
		if !errors.Is(err, errPrecision) {
			return err
		}
	}
	return q.onHost(ctx, s)
}

func (q *minPlus) onDevice(ctx context.Context, p precision, s *sweep) error {
	t := engine.F64
	if p == single {
		t = engine.F32
	}
	if q.device == nil || q.device.t != t {
		if q.engine == nil {
			return errPrecision
		}
		q.free()
		var err error
		q.device, err = newDeviceClouds(ctx, q, t)
		if errors.Is(err, engine.ErrOutOfMemory) || errors.Is(err, engine.ErrUnsupported) {
			return errPrecision
		}
		if err != nil {
			return err
		}
	}
	return q.device.pass(ctx, q, s)
}

// Sizes of a pass over differences: rows and columns whose costs are kept at a time, and coordinates that are
// summed in one piece.
const (
	hostRows  = 32
	hostCols  = 1024
	hostDepth = 1024
)

func (q *minPlus) onHost(ctx context.Context, s *sweep) error {
	unit := engine.F64.Eps()
	relative := 1 - unit*(float64(q.d+12)+2*q.t)
	absolute := 4*unit/q.t + 8*unit*unit
	m, column := q.columns(s)
	h := make([]float64, m)
	for k := range h {
		j := column(k)
		h[k] = s.g[j] + 8*unit*math.Abs(s.g[j]) + absolute*q.squares[1-s.side][j] + q.underflow()
		if s.off != nil {
			h[k] += s.off[j]
		}
	}
	rows, row := q.n, func(k int) int { return k }
	if s.rows != nil {
		rows, row = len(s.rows), func(k int) int { return int(s.rows[k]) }
	}
	x, y := q.cloud[s.side], q.cloud[1-s.side]
	err := eachPanel(ctx, rows, hostRows, q.threads, func(lo, hi int) {
		r := hi - lo
		depth := min(hostDepth, q.d)
		cost := make([]float64, hostRows*hostCols)
		points, point, keys := make([]float64, (r+1)*depth), make([]float64, depth), make([]float64, depth*tileCols)
		for j0 := 0; j0 < m; j0 += hostCols {
			nj := min(hostCols, m-j0)
			clear(cost)
			for t0 := 0; t0 < q.d; t0 += depth {
				if ctx.Err() != nil {
					return
				}
				k := min(depth, q.d-t0)
				for i := range r {
					x.part(points[i*depth:i*depth+k], row(lo+i), t0)
				}
				for j := 0; j < nj; j += tileCols {
					for c := range min(tileCols, nj-j) {
						y.part(point[:k], column(j0+j+c), t0)
						for t, v := range point[:k] {
							keys[t*tileCols+c] = v
						}
					}
					addDistances(points, depth, keys[:k*tileCols], r, k, cost[j:])
				}
			}
			for i := range r {
				at := row(lo + i)
				skip := -1
				if s.skip != nil {
					skip = int(s.skip[at])
				}
				shift := absolute * q.squares[s.side][at]
				best := s.low[at] + shift
				for k, c := range cost[i*hostCols : i*hostCols+nj] {
					if v := c*relative - h[j0+k]; v < best {
						if j := column(j0 + k); j != skip {
							best = v
							s.low[at], s.arg[at] = v-shift, int32(j)
						}
					}
				}
			}
		}
	})
	if err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}

// addDistances adds the squared distances in k coordinates of r points to the points of one panel to cost.
func addDistances(points []float64, ld int, panel []float64, r, k int, cost []float64) {
	var scratch [tileCols]float64 // of the row after the last, where r is odd
	for i := 0; i < r; i += tileRows {
		second := &scratch
		if i+1 < r {
			second = (*[tileCols]float64)(cost[(i+1)*hostCols:])
		}
		tile(points[i*ld:i*ld+k], points[(i+1)*ld:(i+1)*ld+k], panel, (*[tileCols]float64)(cost[i*hostCols:]), second)
	}
}

// columns returns the sweep's count of columns, and which they are.
func (q *minPlus) columns(s *sweep) (int, func(k int) int) {
	if s.cols == nil {
		return q.n, func(k int) int { return k }
	}
	return len(s.cols), func(k int) int { return int(s.cols[k]) }
}

func notFiniteCost(v float64) error {
	return fmt.Errorf("ot: mean cost %v: %w", v, ErrNotFinite)
}
