package ot

import (
	"cmp"
	"math"
	"slices"
)

// solveApart solves an instance in two parts between which nothing is moved, each with a centre and a scale of its
// own; nil where [instance.apart] finds none. The potentials of far parts would else hide the costs of near ones.
func (in *instance) solveApart(w *work, limit int64) (*solution, error) {
	parts := in.apart()
	if parts == nil {
		return nil, nil
	}
	whole := &solution{v: make([]float64, in.m)}
	rowOf, colOf := inverse(in.rows), inverse(in.cols)
	for _, part := range parts {
		if err := part.place(); err != nil {
			return nil, err
		}
		s, _, err := solve(w, part, limit)
		if err != nil {
			return nil, err
		}
		whole.iterations += s.iterations
		for _, e := range s.plan {
			whole.plan = append(whole.plan, flow{rowOf[part.rows[e.i]], colOf[part.cols[e.j]], e.units})
		}
		// |x - y|² is |x' - y'|²/scale² + 2<cx - cy, x - cx> - 2<cx - cy, y - cy> and a constant, in the
		// part's coordinates as in the whole's.
		for j, v := range s.v {
			var linear float64
			for t, y := range part.y[j*in.d : (j+1)*in.d] {
				linear += ((in.cx[t] - in.cy[t]) - (part.cx[t] - part.cy[t])) * y
			}
			whole.v[colOf[part.cols[j]]] = (v/part.scale + 2*linear) / part.scale * in.scale * in.scale
		}
	}
	if in.uniform && in.n == in.m {
		slices.SortFunc(whole.plan, func(p, q flow) int { return cmp.Compare(p.i, q.i) })
	}
	if err := in.measure(w, nil, whole); err != nil {
		return nil, err
	}
	return whole, in.loosen(w, nil, whole)
}

func inverse(rows []int) map[int]int32 {
	r := make(map[int]int32, len(rows))
	for i, p := range rows {
		r[p] = int32(i)
	}
	return r
}

// apart returns two parts of an instance that have equal masses in both clouds and that an optimal plan does not
// leave: for all points x, y of one and x', y' of the other
//
//	|x - y'|² + |x' - y|² - |x - y|² - |x' - y'|² = 2 <x - x', y - y'> ≥ 0,
//
// which the boxes around the parts tell. Parts are cut at the widest gap of a coordinate where masses are equal.
func (in *instance) apart() []*instance {
	type point struct {
		z    float64
		mass int64 // of a row, less that of a column
	}
	all := make([]point, in.n+in.m)
	at := func(k, t int) point {
		if k < in.n {
			return point{in.given[0][in.rows[k]*in.d+t], in.a[k]}
		}
		return point{in.given[1][in.cols[k-in.n]*in.d+t], -in.b[k-in.n]}
	}
	widest, axis, cut := 0., -1, 0.
	for t := range in.d {
		for k := range all {
			all[k] = at(k, t)
		}
		slices.SortFunc(all, func(p, q point) int { return cmp.Compare(p.z, q.z) })
		var balance int64
		for k, p := range all[:len(all)-1] {
			balance += p.mass
			if gap := all[k+1].z - p.z; balance == 0 && gap > widest {
				widest, axis, cut = gap, t, p.z
			}
		}
	}
	if axis < 0 {
		return nil
	}
	parts := []*instance{in.empty(), in.empty()}
	side := func(z float64) *instance {
		if z <= cut {
			return parts[0]
		}
		return parts[1]
	}
	for i, p := range in.rows {
		q := side(in.given[0][p*in.d+axis])
		q.rows, q.a = append(q.rows, p), append(q.a, in.a[i])
	}
	for j, p := range in.cols {
		q := side(in.given[1][p*in.d+axis])
		q.cols, q.b = append(q.cols, p), append(q.b, in.b[j])
	}
	for _, q := range parts {
		q.n, q.m = len(q.rows), len(q.cols)
	}
	var least float64 // of <x - x', y - y'>
	for t := range in.d {
		var low, high [2]float64
		for cloud := range 2 {
			p, q := parts[0].box(cloud, t), parts[1].box(cloud, t)
			low[cloud], high[cloud] = p[0]-q[1], p[1]-q[0]
		}
		least += min(low[0]*low[1], low[0]*high[1], high[0]*low[1], high[0]*high[1])
	}
	if !(least >= 0) {
		return nil
	}
	return parts
}

// empty is an instance of the same clouds without rows.
func (in *instance) empty() *instance {
	return &instance{d: in.d, uniform: in.uniform, given: in.given, weights: in.weights}
}

// box returns the least and the largest coordinate t of a cloud.
func (in *instance) box(cloud, t int) [2]float64 {
	rows := in.rows
	if cloud == 1 {
		rows = in.cols
	}
	b := [2]float64{math.Inf(1), math.Inf(-1)}
	for _, p := range rows {
		z := in.given[cloud][p*in.d+t]
		b[0], b[1] = min(b[0], z), max(b[1], z)
	}
	return b
}
