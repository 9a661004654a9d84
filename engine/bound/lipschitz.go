package bound

import (
	"context"
	"fmt"
	"math"

	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
)

// Pairs returns the largest (s(x) - s(y)).(x - y)/|x - y|^2 over all pairs of the rows x [n, d] with scores s: a
// lower estimate of L_s, since a law's steepest places may lie between its samples. It is -Inf for one row.
func Pairs(s, x []float64, d int) float64 {
	most := math.Inf(-1)
	n := len(x) / d
	for i := range n {
		for j := range i {
			var up, down float64
			for k := range d {
				e := x[i*d+k] - x[j*d+k]
				up += (s[i*d+k] - s[j*d+k]) * e
				down += e * e
			}
			if down > 0 {
				most = max(most, up/down)
			}
		}
	}
	return most
}

// Grid returns Pairs over the points of a square grid of d coordinates, each lo, lo + step, .. up to hi. Only
// neighbours along an axis are compared: the quotient of any two points of the grid is the average of theirs along
// a path of such steps where the score's coordinates depend on one coordinate each, and otherwise an estimate.
func Grid(m Model, t Time, lo, hi, step float64) (float64, error) {
	side := int(math.Floor((hi-lo)/step+1e-9)) + 1
	d := m.Dim()
	n := 1
	for range d {
		if n > 1<<22/side {
			return 0, fmt.Errorf("bound: a grid of %d^%d points: want at most %d", side, d, 1<<22)
		}
		n *= side
	}
	x, s := make([]float64, n*d), make([]float64, n*d)
	for i := range n {
		for k, at := d-1, i; k >= 0; k, at = k-1, at/side {
			x[i*d+k] = lo + step*float64(at%side)
		}
	}
	if err := m.Scores(s, x, t); err != nil {
		return 0, err
	}
	most := math.Inf(-1)
	stride := 1
	for k := d - 1; k >= 0; k-- {
		for i := range n {
			if j := i + stride; i/stride%side+1 < side {
				most = max(most, (s[j*d+k]-s[i*d+k])/(x[j*d+k]-x[i*d+k]))
			}
		}
		stride *= side
	}
	return most, nil
}

// exactDim is the largest d at which the eigenvalues of the symmetrised Jacobian itself are found.
const exactDim = 16

// power finds the largest eigenvalue of the symmetrised Jacobian at points that move with the process, from the
// directions found at the node before.
type power struct {
	m        Model
	n, d     int
	v, y     []float64
	directed bool
}

func newPower(m Model, n int, seed uint64) *power {
	d := m.Dim()
	q := &power{m: m, n: n, d: d, v: make([]float64, n*d), y: make([]float64, n*d)}
	rng.Normals(q.v, seed, streamPower, 0)
	return q
}

// largest returns the largest eigenvalue over the points x [n, d] at t: all of them up to exactDim, else Rayleigh
// quotients of power iterations, which lie below it.
func (q *power) largest(ctx context.Context, x []float64, t Time) (float64, error) {
	if q.d <= exactDim {
		return q.exact(ctx, x, t)
	}
	// The first iterations find the largest eigenvalue by size, which as a shift makes the wanted one that. The
	// first node iterates longer than those that start from its directions.
	count := 8
	if !q.directed {
		count = 40
	}
	q.directed = true
	shift := make([]float64, q.n)
	if err := q.iterate(ctx, x, t, 12, nil, shift); err != nil {
		return 0, err
	}
	for i := range shift {
		shift[i] = 1.05 * math.Abs(shift[i])
	}
	value := make([]float64, q.n)
	if err := q.iterate(ctx, x, t, count, shift, value); err != nil {
		return 0, err
	}
	most := math.Inf(-1)
	for _, l := range value {
		most = max(most, l)
	}
	return most, nil
}

// iterate makes power iterations with H + shift and returns the last Rayleigh quotients of H.
func (q *power) iterate(ctx context.Context, x []float64, t Time, count int, shift, value []float64) error {
	for range count {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("bound: power iteration: %w", err)
		}
		for i := range q.n {
			row := q.v[i*q.d : (i+1)*q.d]
			size := norm(row)
			if size == 0 { // the image of a Jacobian of 0, whose quotient is 0
				continue
			}
			for k := range row {
				row[k] /= size
			}
		}
		if err := q.m.Symmetric(q.y, x, q.v, t); err != nil {
			return err
		}
		for i := range q.n {
			v, y := q.v[i*q.d:(i+1)*q.d], q.y[i*q.d:(i+1)*q.d]
			value[i] = 0
			for k := range v {
				value[i] += v[k] * y[k]
				if shift != nil {
					y[k] += shift[i] * v[k]
				}
			}
		}
		q.v, q.y = q.y, q.v
	}
	return nil
}

func (q *power) exact(ctx context.Context, x []float64, t Time) (float64, error) {
	columns := make([][]float64, q.d)
	for k := range columns {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("bound: eigenvalues of the score's Jacobian: %w", err)
		}
		clear(q.v)
		for i := range q.n {
			q.v[i*q.d+k] = 1
		}
		columns[k] = make([]float64, len(x))
		if err := q.m.Symmetric(columns[k], x, q.v, t); err != nil {
			return 0, err
		}
	}
	most := math.Inf(-1)
	h := mat.NewSymDense(q.d, nil)
	for i := range q.n {
		for a := range q.d {
			for b := a; b < q.d; b++ {
				h.SetSym(a, b, (columns[a][i*q.d+b]+columns[b][i*q.d+a])/2)
			}
		}
		var eig mat.EigenSym
		if !eig.Factorize(h, false) {
			return 0, fmt.Errorf("bound: the eigenvalues of the score's Jacobian at step %d were not found", t.Step)
		}
		l := eig.Values(nil)
		most = max(most, l[q.d-1])
	}
	return most, nil
}
