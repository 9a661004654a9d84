package ot

import (
	"cmp"
	"math"
	"slices"
)

// treeDim is the largest dimension where a k-d tree finds the nearest columns faster than rows of costs.
const treeDim = 4

// tree is a balanced k-d tree over points y in tree order: node 1 is the root, 2q and 2q+1 are the children
// of q. A node holds its box and an affine minorant of w_j = |y_j|² - v_j over its points,
//
//	w_j ≥ w + <g, y_j - c>,   so that   |x - y_j|² - v_j ≥ |x|² + w - 2<x, c> - Σ_t |g_t - 2 x_t| h_t,
//
// c and h being the box's centre and half widths. It stays a bound while v falls. w and, in the bound, |x|² are lowered
// by what rounding may have made of the terms and of the keys that they bound.
type tree struct {
	d          int
	y          []float64
	start, end []int32
	node       []float64 // centre, half width, gradient g and constant w of every node
	leaves     int
}

const (
	leafPoints = 8
	treeRows   = 64   // that a goroutine looks up at a time
	treeFrom   = 1024 // points and look-ups from which a tree pays
)

// newTree builds the tree and returns the permutation into tree order: perm[new] = old.
func newTree(y []float64, d int) (*tree, []int32) {
	n := len(y) / d
	leaves := 1
	for n/leaves > leafPoints {
		leaves *= 2
	}
	t := &tree{d: d, start: make([]int32, 2*leaves), end: make([]int32, 2*leaves), leaves: leaves}
	t.node = make([]float64, 2*leaves*t.stride())
	perm := make([]int32, n)
	for i := range perm {
		perm[i] = int32(i)
	}
	t.split(y, perm, 1, 0)
	t.y = gather(y, perm, d)
	return t, perm
}

func (t *tree) stride() int { return 3*t.d + 1 }

// split builds node q over the points perm, which start at position lo of the tree order.
func (t *tree) split(y []float64, perm []int32, q, lo int) {
	d := t.d
	t.start[q], t.end[q] = int32(lo), int32(lo+len(perm))
	node := t.node[q*t.stride():]
	axis, widest := 0, -1.
	for c := range d {
		low, high := math.Inf(1), math.Inf(-1)
		for _, p := range perm {
			v := y[int(p)*d+c]
			low, high = min(low, v), max(high, v)
		}
		node[c], node[d+c] = (low+high)/2, (high-low)/2*(1+0x1p-40) // room for the rounding of the centre
		if high-low > widest {
			axis, widest = c, high-low
		}
	}
	if q >= t.leaves {
		return
	}
	slices.SortStableFunc(perm, func(a, b int32) int { return cmp.Compare(y[int(a)*d+axis], y[int(b)*d+axis]) })
	mid := len(perm) / 2
	t.split(y, perm[:mid], 2*q, lo)
	t.split(y, perm[mid:], 2*q+1, lo+mid)
}

// gather returns the rows y[perm].
func gather(y []float64, perm []int32, d int) []float64 {
	r := make([]float64, 0, len(perm)*d)
	for _, p := range perm {
		r = append(r, y[int(p)*d:int(p+1)*d]...)
	}
	return r
}

// refit fits every node's minorant to v, with the least-squares gradient.
func (t *tree) refit(v []float64) {
	d := t.d
	mean, S, g := make([]float64, d), make([]float64, d*d), make([]float64, d)
	w := make([]float64, len(v))
	for j := range w {
		for _, z := range t.y[j*d : (j+1)*d] {
			w[j] += z * z
		}
		w[j] -= v[j]
	}
	for q := 2*t.leaves - 1; q > 0; q-- {
		lo, hi := int(t.start[q]), int(t.end[q])
		scale := 1 / float64(hi-lo)
		clear(mean)
		clear(S)
		clear(g)
		var wm float64
		for j := lo; j < hi; j++ {
			for a := range mean {
				mean[a] += t.y[j*d+a] * scale
			}
			wm += w[j] * scale
		}
		for j := lo; j < hi; j++ {
			for a := range mean {
				z := t.y[j*d+a] - mean[a]
				g[a] += z * (w[j] - wm)
				for b := 0; b <= a; b++ {
					S[a*d+b] += z * (t.y[j*d+b] - mean[b])
				}
			}
		}
		solveSPD(S, g)
		node := t.node[q*t.stride():][:t.stride()]
		copy(node[2*d:], g)
		least, size := math.Inf(1), 0.
		for j := lo; j < hi; j++ {
			e := w[j]
			for a, ga := range g {
				e -= ga * (t.y[j*d+a] - node[a])
			}
			least, size = min(least, e), max(size, math.Abs(v[j]))
		}
		for a, ga := range g {
			far := math.Abs(node[a]) + node[d+a]
			size += math.Abs(ga)*far + 2*far*far
		}
		node[3*d] = least - t.rounding()*size
	}
}

// rounding is what the terms of a bound, and a key, may be off by relative to their sizes.
func (t *tree) rounding() float64 { return float64(4*t.d+16) * 0x1p-53 }

// solveSPD overwrites r with S⁻¹ r by Cholesky's factors of the lower triangle, small pivots raised: any
// gradient gives a bound, so a rough one will do where the points lie in a plane.
func solveSPD(S, r []float64) {
	d := len(r)
	var trace float64
	for a := range d {
		trace += S[a*d+a]
	}
	for a := range d {
		for b := 0; b <= a; b++ {
			e := S[a*d+b]
			for c := range b {
				e -= S[a*d+c] * S[b*d+c]
			}
			if a == b {
				S[a*d+a] = math.Sqrt(max(e, 1e-6*trace) + 1e-300)
			} else {
				S[a*d+b] = e / S[b*d+b]
			}
		}
	}
	for a := range d {
		for c := range a {
			r[a] -= S[a*d+c] * r[c]
		}
		r[a] /= S[a*d+a]
	}
	for a := d - 1; a >= 0; a-- {
		for c := a + 1; c < d; c++ {
			r[a] -= S[c*d+a] * r[c]
		}
		r[a] /= S[a*d+a]
	}
}

// bound is a lower bound of |x - y_j|² - v_j over node q.
func (t *tree) bound(x []float64, xx float64, q int32) float64 {
	d := t.d
	if d == 2 {
		b := (*[7]float64)(t.node[7*int(q):])
		return xx + b[6] - 2*(x[0]*b[0]+x[1]*b[1]) - math.Abs(b[4]-2*x[0])*b[2] - math.Abs(b[5]-2*x[1])*b[3]
	}
	b := t.node[int(q)*t.stride():][:t.stride()]
	s := xx + b[3*d]
	for c, xc := range x {
		s -= 2*xc*b[c] + math.Abs(b[2*d+c]-2*xc)*b[d+c]
	}
	return s
}

// nearest writes into s the k points of least |x - y_j|² - v_j below limit.
func (t *tree) nearest(x, v []float64, k int, limit float64, s *scratch) {
	type visit struct {
		bound float64
		q     int32
	}
	s.begin(k, limit)
	last := limit
	var stack [64]visit
	stack[0] = visit{math.Inf(-1), 1}
	top := 1
	d := t.d
	var xx float64
	for _, z := range x {
		xx += z * z
	}
	xx *= 1 - 4*t.rounding()
next:
	for top > 0 {
		top--
		if stack[top].bound >= last {
			continue
		}
		q := stack[top].q
		for int(q) < t.leaves {
			near, far := 2*q, 2*q+1
			l, r := t.bound(x, xx, near), t.bound(x, xx, far)
			if r < l {
				l, r, near, far = r, l, far, near
			}
			if r < last {
				stack[top] = visit{r, far}
				top++
			}
			if l >= last {
				continue next
			}
			q = near
		}
		for j := t.start[q]; j < t.end[q]; j++ {
			var c float64
			if d == 2 {
				e, f := x[0]-t.y[2*j], x[1]-t.y[2*j+1]
				c = float64(e*e) + float64(f*f)
			} else {
				c = squaredDistance(x, t.y[int(j)*d:int(j+1)*d])
			}
			if w := c - v[j]; w < last {
				last = s.insert(w, c, j)
			}
		}
	}
}

// treePairs serves costs from a tree over the columns.
type treePairs struct {
	*tree
	x []float64
}

// newTreePairs sorts both clouds of the instance into tree order: neighbours then follow each other.
func newTreePairs(in *instance) *treePairs {
	_, px := newTree(in.x, in.d)
	t, py := newTree(in.y, in.d)
	in.permute(px, py)
	return &treePairs{tree: t, x: in.x}
}

func (p *treePairs) cost(i, j int32) float64 {
	d := p.d
	return squaredDistance(p.x[int(i)*d:][:d], p.y[int(j)*d:][:d])
}

func (p *treePairs) nearest(i int32, v []float64, k int, limit float64, s *scratch) {
	p.tree.nearest(p.x[int(i)*p.d:int(i+1)*p.d], v, k, limit, s)
}

// cTransform is the function of that name on the tree's points.
func (p *treePairs) cTransform(w *work, v []float64) ([]float64, error) {
	p.refit(v)
	u := make([]float64, len(p.x)/p.d)
	return u, w.each(len(u), treeRows, func(lo, hi int, s *scratch) {
		for i := lo; i < hi; i++ {
			p.nearest(int32(i), v, 1, math.Inf(1), s)
			u[i] = s.key[0]
		}
	})
}

// treeTransform is cTransform by a tree over y.
func treeTransform(w *work, x, y []float64, d int, v []float64, arg []int32) ([]float64, error) {
	t, perm := newTree(y, d)
	v = taken(v, perm)
	t.refit(v)
	u := make([]float64, len(x)/d)
	return u, w.each(len(u), treeRows, func(lo, hi int, s *scratch) {
		for i := lo; i < hi; i++ {
			t.nearest(x[i*d:(i+1)*d], v, 1, math.Inf(1), s)
			u[i] = s.key[0]
			if arg != nil {
				arg[i] = perm[s.idx[0]]
			}
		}
	})
}

func (p *treePairs) all(i int32, s *scratch) []float64 {
	n := len(p.y) / p.d
	if len(s.row) < n {
		s.row = make([]float64, n)
	}
	for j := range n {
		s.row[j] = p.cost(i, int32(j))
	}
	return s.row[:n]
}
