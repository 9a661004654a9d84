package ot

import (
	"fmt"
	"math"
	"slices"
)

// instance is a transport problem made ready for the exact solvers: rows without mass left out, masses whole
// units, and the clouds moved so that their offsets cancel, then scaled by a power of two.
//
// With x' = scale (x - cx), y' = scale (y - cy), δ = cx - cy: |x - y|² = |x' - y'|²/scale² +
// 2<δ, x'>/scale - 2<δ, y'>/scale + |δ|²; the terms that are not |x' - y'|² depend on one point only and
// belong to the potentials.
type instance struct {
	n, m, d    int
	x, y       []float64 // rows that carry mass, [n, d] and [m, d]
	a, b       []int64   // units, of equal sums
	rows, cols []int     // the caller's row of each
	uniform    bool      // all weights of each cloud are equal

	given          [2][]float64 // the caller's points [N, d], [M, d]
	weights        [2][]float64 // normalised, for the caller's rows
	cx, cy         []float64
	scale          float64
	spareX, spareY []int // the caller's rows without units
}

func newInstance(c Clouds) (*instance, error) {
	p, err := c.check()
	if err != nil {
		return nil, err
	}
	n, m := p.n, p.m
	in := &instance{d: p.d, given: [2][]float64{p.x, p.y}, weights: [2][]float64{p.a, p.b}}
	in.uniform = equal(p.a) && equal(p.b)
	var a, b []int64
	if in.uniform {
		g := gcd(n, m)
		a, b = slices.Repeat([]int64{int64(m / g)}, n), slices.Repeat([]int64{int64(n / g)}, m)
	} else {
		a, b = units(p.a), units(p.b)
	}
	in.rows, in.spareX, in.a = carrying(a)
	in.cols, in.spareY, in.b = carrying(b)
	in.n, in.m = len(in.rows), len(in.cols)
	return in, in.place()
}

func equal(w []float64) bool { return slices.Min(w) == slices.Max(w) }

// massUnits is the mass of every cloud in units: 2^-62 is far below the rounding of a weight.
const massUnits = 1 << 62

// units rounds weights of sum 1 to whole units. The residual, at most a unit a row and the sum's rounding,
// goes to the largest weight.
func units(w []float64) []int64 {
	r := make([]int64, len(w))
	left, top := int64(massUnits), 0
	for i, v := range w {
		r[i] = int64(math.Round(v * massUnits))
		left -= r[i]
		if v > w[top] {
			top = i
		}
	}
	r[top] += left
	return r
}

// carrying splits rows into those with and without units.
func carrying(p []int64) (rows, spare []int, mass []int64) {
	for i, u := range p {
		if u > 0 {
			rows, mass = append(rows, i), append(mass, u)
		} else {
			spare = append(spare, i)
		}
	}
	return
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// place moves and scales the points that carry mass. The centre is a median, which is near the bulk whatever
// the outliers, so that the subtraction is exact there; clouds that overlap share it, so that equal points
// stay at distance zero, or stay where they are, if that is not far from the origin, so that no point is rounded.
func (in *instance) place() error {
	d := in.d
	in.cx, in.cy = make([]float64, d), make([]float64, d)
	var far float64
	for t := range d {
		lo, mid, hi := quartiles(in.given[0], in.rows, d, t)
		lo2, mid2, hi2 := quartiles(in.given[1], in.cols, d, t)
		if math.Abs(mid-mid2) <= 4*((hi-lo)+(hi2-lo2)) {
			p, q := in.box(0, t), in.box(1, t)
			if math.Abs(mid) <= 2*(max(p[1], q[1])-min(p[0], q[0])) {
				mid = 0 // no cloud far from the origin: moving it would only round
			}
			mid2 = mid
		}
		in.cx[t], in.cy[t] = mid, mid2
	}
	for _, i := range in.rows {
		for t, v := range in.given[0][i*d : (i+1)*d] {
			far = max(far, math.Abs(v-in.cx[t]))
		}
	}
	for _, j := range in.cols {
		for t, v := range in.given[1][j*d : (j+1)*d] {
			far = max(far, math.Abs(v-in.cy[t]))
		}
	}
	if math.IsInf(4*far*far*float64(d), 1) {
		return fmt.Errorf("ot: coordinates %g from their median, squared distances are: %w", far, ErrNotFinite)
	}
	in.scale = 1
	if far > 0 {
		_, e := math.Frexp(far)
		_, most := math.Frexp(max(far, in.spareReach()))
		in.scale = math.Ldexp(1, min(-e, 480-most, 1023)) // squares of points without mass are to stay finite
	}
	in.x, in.y = in.moved(0, in.rows), in.moved(1, in.cols)
	return nil
}

// spareReach is the largest distance of a point without units from its cloud's centre, in one coordinate.
func (in *instance) spareReach() (far float64) {
	for cloud, rows := range [][]int{in.spareX, in.spareY} {
		centre := in.cx
		if cloud == 1 {
			centre = in.cy
		}
		for _, i := range rows {
			for t, v := range in.given[cloud][i*in.d : (i+1)*in.d] {
				far = max(far, math.Abs(v-centre[t]))
			}
		}
	}
	return far
}

// moved returns the rows of a cloud in the solver's coordinates.
func (in *instance) moved(cloud int, rows []int) []float64 {
	c := in.cx
	if cloud == 1 {
		c = in.cy
	}
	r := make([]float64, len(rows)*in.d)
	for i, p := range rows {
		for t, v := range in.given[cloud][p*in.d : (p+1)*in.d] {
			r[i*in.d+t] = (v - c[t]) * in.scale
		}
	}
	return r
}

// quartiles estimates those of coordinate t from at most 1024 rows, fewer in thousands of dimensions.
func quartiles(x []float64, rows []int, d, t int) (lo, mid, hi float64) {
	n := min(len(rows), max(64, min(1024, 1<<22/d)))
	s := make([]float64, n)
	for k := range s {
		s[k] = x[rows[k*len(rows)/n]*d+t]
	}
	slices.Sort(s)
	return s[n/4], s[n/2], s[3*n/4]
}

// permute reorders the rows: new row i is old row px[i].
func (in *instance) permute(px, py []int32) {
	in.x, in.y = gather(in.x, px, in.d), gather(in.y, py, in.d)
	in.rows, in.cols = taken(in.rows, px), taken(in.cols, py)
	in.a, in.b = taken(in.a, px), taken(in.b, py)
}

func taken[T any](a []T, perm []int32) []T {
	r := make([]T, len(perm))
	for i, p := range perm {
		r[i] = a[p]
	}
	return r
}
