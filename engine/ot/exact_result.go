package ot

import (
	"fmt"
	"math"
	"slices"
)

// result writes a certified solution in the caller's rows, coordinates and weights.
func (in *instance) result(w *work, s *solution) (*Result, error) {
	r := &Result{Solver: "exact", Eps: math.NaN(), Iterations: s.iterations, Status: IterationLimit}
	if s.optimal() {
		r.Status = Optimal
	}
	extra, err := in.potentials(w, s, r)
	if err != nil {
		return nil, err
	}
	if in.uniform && in.n == in.m {
		r.Assignment = make([]int64, in.n)
		for _, e := range s.plan {
			i, j := in.rows[e.i], in.cols[e.j]
			r.Assignment[i] = int64(j)
			r.Cost += in.distance(i, j)
		}
		r.Cost /= float64(in.n)
	} else {
		total := s.units()
		for _, e := range s.plan {
			r.Plan = append(r.Plan, Entry{in.rows[e.i], in.cols[e.j], float64(e.units) / float64(total)})
		}
		r.Plan = append(r.Plan, extra...)
		r.Plan = byRow(r.Plan, len(r.F))
		left := slices.Clone(in.weights[0])
		for _, e := range r.Plan {
			left[e.I] -= e.Mass
			r.Cost += e.Mass * in.distance(e.I, e.J)
		}
		for _, e := range left {
			r.MarginalError += math.Abs(e)
		}
	}
	r.Upper = r.Cost
	r.Lower = max(0, r.Cost-max(s.gap, 0)/in.scale/in.scale)
	r.Dual = r.Lower
	for _, p := range [][]float64{{r.Cost, r.Lower}, r.F, r.G} {
		for i, v := range p {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("cost or potential %d is %g: %w", i, v, ErrNotFinite)
			}
		}
	}
	return r, nil
}

// byRow returns the entries of a plan with n rows in the order of (I, J).
func byRow(plan []Entry, n int) []Entry {
	next := make([]int, n+1)
	for _, e := range plan {
		next[e.I+1]++
	}
	for i := range n {
		next[i+1] += next[i]
	}
	r := make([]Entry, len(plan))
	for _, e := range plan {
		r[next[e.I]] = e
		next[e.I]++
	}
	lo := 0
	for _, hi := range next[:n] {
		slices.SortFunc(r[lo:hi], func(p, q Entry) int { return p.J - q.J })
		lo = hi
	}
	return r
}

// distance is |x_i - y_j|² between the caller's rows.
func (in *instance) distance(i, j int) float64 {
	d := in.d
	return squaredDistance(in.given[0][i*d:(i+1)*d], in.given[1][j*d:(j+1)*d])
}

// potentials writes F and G for all rows of the caller. Rows without units get theirs by c-transforms; the
// masses among them that are positive go to the minimising partner.
func (in *instance) potentials(w *work, s *solution, r *Result) ([]Entry, error) {
	r.F, r.G = make([]float64, len(in.weights[0])), make([]float64, len(in.weights[1]))
	var extra []Entry
	x, rows, u := in.x, in.rows, s.u
	if len(in.spareX) > 0 {
		spare := in.moved(0, in.spareX)
		arg := make([]int32, len(in.spareX))
		us, err := cTransform(w, spare, in.y, in.d, s.v, arg)
		if err != nil {
			return nil, err
		}
		for k, i := range in.spareX {
			if mass := in.weights[0][i]; mass > 0 {
				extra = append(extra, Entry{i, in.cols[arg[k]], mass})
			}
		}
		x, rows, u = slices.Concat(x, spare), slices.Concat(rows, in.spareX), slices.Concat(u, us)
	}
	y, cols, v := in.y, in.cols, s.v
	if len(in.spareY) > 0 {
		spare := in.moved(1, in.spareY)
		arg := make([]int32, len(in.spareY))
		vs, err := cTransform(w, spare, x, in.d, u, arg)
		if err != nil {
			return nil, err
		}
		for k, j := range in.spareY {
			if mass := in.weights[1][j]; mass > 0 {
				extra = append(extra, Entry{rows[arg[k]], j, mass})
			}
		}
		y, cols, v = slices.Concat(y, spare), slices.Concat(cols, in.spareY), slices.Concat(v, vs)
	}
	delta := make([]float64, in.d)
	var offset float64
	for t := range delta {
		delta[t] = in.cx[t] - in.cy[t]
		offset += delta[t] * delta[t]
	}
	linear := func(z []float64, i int) float64 {
		var l float64
		for t, e := range delta {
			l += e * z[i*in.d+t]
		}
		return 2 * l / in.scale
	}
	for i, p := range rows {
		r.F[p] = u[i]/in.scale/in.scale + linear(x, i) + offset
	}
	for j, p := range cols {
		r.G[p] = v[j]/in.scale/in.scale - linear(y, j)
	}
	return extra, nil
}
