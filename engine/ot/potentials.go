package ot

import (
	"math"
	"slices"
)

// flow is mass between a row and a column of an instance, in units.
type flow struct {
	i, j  int32
	units int64
}

// solution is a plan with the potentials of the columns, and its certificate.
type solution struct {
	plan       []flow
	v          []float64
	iterations int

	u                []float64
	cost, gap, scale float64 // Σ P c, Σ P (c - u - v), Σ P (c + |u| + |v|), with Σ P = 1
}

// units is the plan's mass.
func (s *solution) units() (total int64) {
	for _, e := range s.plan {
		total += e.units
	}
	return total
}

// gapRounding is the largest gap, relative to scale, that counts as rounding. The solvers aim at tightGap.
const (
	gapRounding = 0x1p-45
	tightGap    = 0x1p-49
)

func (s *solution) optimal() bool { return s.gap <= max(gapRounding*s.scale, looseGap*s.cost) }
func (s *solution) tight() bool   { return s.gap <= tightGap*s.scale }

// certify moves v to 0 at its median, where its rounding is least, and sets u_i = min over all j of c_ij - v_j,
// the largest feasible u, and the gap of the plan to it.
func (in *instance) certify(w *work, src pairs, s *solution) error {
	middle := median(s.v)
	for j := range s.v {
		s.v[j] -= middle
	}
	return in.measure(w, src, s)
}

// measure sets u and the gap for v as it is.
func (in *instance) measure(w *work, src pairs, s *solution) error {
	var err error
	if c, ok := src.(interface {
		cTransform(*work, []float64) ([]float64, error)
	}); ok {
		s.u, err = c.cTransform(w, s.v)
	} else {
		s.u, err = cTransform(w, in.x, in.y, in.d, s.v, nil)
	}
	if err != nil {
		return err
	}
	in.weigh(s)
	return nil
}

// weigh sets the plan's cost, gap and scale under u and v.
func (in *instance) weigh(s *solution) {
	s.cost, s.gap, s.scale = 0, 0, 0
	total := float64(s.units())
	for _, e := range s.plan {
		p := float64(e.units) / total
		c := in.pair(e)
		u, v := s.u[e.i], s.v[e.j]
		s.cost += p * c
		s.gap += p * (c - v - u)
		s.scale += p * (c + math.Abs(u) + math.Abs(v))
	}
}

// pair is the cost of a plan's entry.
func (in *instance) pair(e flow) float64 {
	d := in.d
	return squaredDistance(in.x[int(e.i)*d:int(e.i+1)*d], in.y[int(e.j)*d:int(e.j+1)*d])
}

// polish certifies, and while the gap is more than rounding tries other v: first lower by an ulp, since v
// rounded up at a far column of little mass holds back rows that carry much; then raised to the c-transform of
// u, which mends potentials that reached a part of the tree by way of a far point.
func (in *instance) polish(w *work, src pairs, s *solution) error {
	if err := in.certify(w, src, s); err != nil {
		return err
	}
	for range polishPasses {
		if s.tight() {
			return nil
		}
		for _, raise := range []bool{false, true} {
			v := slices.Clone(s.v)
			if raise {
				var err error
				if v, err = cTransform(w, in.y, in.x, in.d, s.u, nil); err != nil {
					return err
				}
			}
			for j := range v {
				v[j] -= 0x1p-52 * math.Abs(v[j])
			}
			next := &solution{plan: s.plan, v: v}
			if err := in.certify(w, src, next); err != nil {
				return err
			}
			if next.gap < s.gap {
				s.take(next)
			}
		}
	}
	return nil
}

const polishPasses = 3

// take makes the potentials of another solution with the same plan those of s.
func (s *solution) take(other *solution) {
	s.u, s.v, s.cost, s.gap, s.scale = other.u, other.v, other.cost, other.gap, other.scale
}

// cTransform returns min over j of |x_i - y_j|² - v_j for each row, over all pairs, and writes the minimising
// columns into arg unless it is nil.
func cTransform(w *work, x, y []float64, d int, v []float64, arg []int32) ([]float64, error) {
	if d == 1 {
		return lineTransform(w, x, y, v, arg)
	}
	n := len(x) / d
	if d <= treeDim && min(n, len(y)/d) >= treeFrom {
		return treeTransform(w, x, y, d, v, arg)
	}
	u := make([]float64, n)
	for i := range u {
		u[i] = math.Inf(1)
	}
	p := newPanels(y, d)
	err := w.each(n, stripRows, func(lo, hi int, s *scratch) {
		p.eachBlock(x[lo*d:hi*d], s, func(e, first int, c []float64) {
			best, j := least(c, v[first:first+len(c)])
			if best < u[lo+e] {
				u[lo+e] = best
				if arg != nil {
					arg[lo+e] = int32(first + j)
				}
			}
		})
	})
	return u, err
}

// cTransform is the function of that name on the costs in memory, which have the same bits.
func (c *stored) cTransform(w *work, v []float64) ([]float64, error) {
	u := make([]float64, c.n)
	err := w.each(c.n, stripRows, func(lo, hi int, _ *scratch) {
		for i := lo; i < hi; i++ {
			u[i], _ = least(c.c[i*c.ld:i*c.ld+c.m], v)
		}
	})
	return u, err
}

// least returns the least c - v and its first place.
func least(c, v []float64) (float64, int) {
	best, at := math.Inf(1), 0
	for j := 0; j < len(c); {
		j += firstBelow(c[j:], v[j:], best)
		for end := min(j+8, len(c)); j < end; j++ {
			if key := c[j] - v[j]; key < best {
				best, at = key, j
			}
		}
	}
	return best, at
}

// median returns the upper median.
func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
