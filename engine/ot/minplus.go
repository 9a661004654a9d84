package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
)

// minPlus makes passes over all pairs of two clouds with centred points [n, d]: the least |x_i - y_j|^2 -
// g_j of every row but for one column. It stores O(n d) numbers.
type minPlus struct {
	x, y      []float64
	n, d      int
	threads   int
	host      [2]*panels // the keys of each side's rows, made when first needed
	device    *reduction
	norms     [2][]float64
	radius    [2]float64
	bias, out []float64
}

func newMinPlus(s *CertifySettings, x, y []float64, d int) (*minPlus, error) {
	q := &minPlus{x: x, y: y, n: len(x) / d, d: d, threads: s.Threads}
	for side, p := range [2][]float64{x, y} {
		q.norms[side] = make([]float64, q.n)
		for i := range q.n {
			q.norms[side][i] = dot(p[i*d:i*d+d], p[i*d:i*d+d])
			q.radius[side] = max(q.radius[side], math.Sqrt(q.norms[side][i]))
		}
	}
	if s.Engine == nil {
		return q, nil
	}
	var err error
	q.device, err = newReduction(s.Engine, engine.F64, x, y, d)
	q.bias, q.out = make([]float64, q.n), make([]float64, q.n)
	return q, err
}

func (q *minPlus) free() {
	if q.device != nil {
		q.device.free()
	}
}

// rows writes v_i = min over j != skip_i (nil = over all j) of |x_i - y_j|^2 - g_j, the first j that attains it, and a bound of
// the rounding: v_i - rounding_i is at most the true minimum.
func (q *minPlus) rows(ctx context.Context, g []float64, skip []int32, v []float64, arg []int32, rounding []float64) error {
	return q.pass(ctx, rowsOfX, g, skip, v, arg, rounding)
}

// columns is rows with the clouds' roles exchanged: f holds the potentials of x.
func (q *minPlus) columns(ctx context.Context, f []float64, skip []int32, v []float64, arg []int32, rounding []float64) error {
	return q.pass(ctx, rowsOfY, f, skip, v, arg, rounding)
}

func (q *minPlus) pass(ctx context.Context, side int, g []float64, skip []int32, v []float64, arg []int32, rounding []float64) error {
	top := 0.0
	for _, u := range g {
		top = max(top, math.Abs(u))
	}
	if q.device != nil {
		return q.onDevice(ctx, side, g, top, skip, v, arg, rounding)
	}
	return q.onHost(ctx, side, g, top, skip, v, arg, rounding)
}

// onDevice uses |x - y|^2 - g = |x|^2 - (2 <x, y> + g - |y|^2).
func (q *minPlus) onDevice(ctx context.Context, side int, g []float64, top float64, skip []int32, v []float64, arg []int32, rounding []float64) error {
	other := 1 - side
	for j := range q.bias {
		q.bias[j] = g[j] - q.norms[other][j]
	}
	if err := q.device.run(ctx, &pass{side: side, scale: 2, bias: q.bias, skip: skip, max: q.out, arg: arg}); err != nil {
		return err
	}
	unit := engine.F64.Eps()
	for i, m := range q.out {
		v[i] = q.norms[side][i] - m
		reach := math.Sqrt(q.norms[side][i]) + q.radius[other]
		rounding[i] = unit * (2*float64(q.d+8)*reach*reach + 8*top)
	}
	return nil
}

// onHost uses differences of the coordinates, whose rounding is relative to each cost.
func (q *minPlus) onHost(ctx context.Context, side int, g []float64, top float64, skip []int32, v []float64, arg []int32, rounding []float64) error {
	points, keys := q.x, q.y
	if side == rowsOfY {
		points, keys = q.y, q.x
	}
	if q.host[side] == nil {
		q.host[side] = newPanels(keys, q.d)
	}
	p := q.host[side]
	unit := engine.F64.Eps()
	width := p.width()
	// A strip's costs stay in cache only if the strip is short; the kernel takes two rows at a time.
	return eachPanel(ctx, q.n, stripRows, q.threads, func(lo, hi int) {
		costs := make([]float64, tileRows*width)
		for i := lo; i < hi; i += tileRows {
			r := min(tileRows, hi-i)
			p.distances(points[i*q.d:(i+r)*q.d], costs[:r*width])
			for k := range r {
				row := costs[k*width : k*width+len(g)]
				if skip != nil {
					row[skip[i+k]] = math.Inf(1)
				}
				best, at := math.Inf(1), 0
				for j, c := range row {
					if key := c - g[j]; key < best {
						best, at = key, j
					}
				}
				v[i+k], arg[i+k] = best, int32(at)
				// A column with a larger cost c that rounding hides has c - g_j >= best in rounded
				// numbers, so its true value falls short by the rounding of c, which is at most best +
				// top, and by that of the centred points.
				c := math.Abs(best) + top
				rounding[i+k] = unit * (float64(q.d+4)*c + 8*top + 4*math.Sqrt(c)*(math.Sqrt(q.norms[side][i+k])+q.radius[1-side]))
			}
		}
	})
}

func notFiniteCost(v float64) error {
	return fmt.Errorf("ot: mean cost %v: %w", v, ErrNotFinite)
}
