package dist

import (
	"math"
	"sort"

	"monge/engine"
	"monge/engine/rng"
)

// rejection samples a smooth density exactly: it proposes a grid point with probability p0 and a normal
// step of 1.5 grid steps about it, and accepts with probability p0/(M q), q the proposal's density.
// p0 convolved with a normal has heavier tails than p0, so p0/q is bounded; M is its maximum over the
// grid's points with a margin for what lies between them.
type rejection struct {
	p     smooth
	g     *grid
	width []float64 // standard deviation of the step on each axis
	cum   []float64 // cumulative weights of the atoms
	atoms []float64 // [n, d]
	logM  float64
}

const (
	proposalSteps = 1.5
	proposalReach = 9    // grid steps beyond which a proposal's kernel is below e^-18 of its top
	proposalSlack = 0.05 // ln of the margin on M
)

func newRejection(p smooth, g *grid) *rejection {
	s := &rejection{p: p, g: g, width: make([]float64, g.d), logM: math.Inf(-1)}
	for t, h := range g.step {
		s.width[t] = proposalSteps * h
	}
	var sum float64
	rows, weights, n := g.atoms()
	s.atoms, s.cum = rows, make([]float64, n)
	for i, w := range weights {
		sum += w
		s.cum[i] = sum
	}
	q := s.gridq()
	for i, l := range g.logp {
		if l > -60*math.Ln2 { // what is rarer is never drawn
			s.logM = math.Max(s.logM, l-math.Log(q[i]))
		}
	}
	s.logM += proposalSlack
	return s
}

// gridq returns exp(logq) at the grid's points: the kernel is a product over the axes, so that one pass along
// each does what takes logq a whole box of neighbours a point.
func (s *rejection) gridq() []float64 {
	g := s.g
	q := make([]float64, len(g.logp))
	for i, l := range g.logp {
		q[i] = math.Exp(l)
	}
	var kernel [proposalReach + 1]float64
	for k := range kernel {
		z := float64(k) / proposalSteps
		kernel[k] = math.Exp(-z * z / 2)
	}
	stride := 1
	for t := g.d - 1; t >= 0; t-- {
		n := g.n[t]
		line := make([]float64, n)
		for first := range q {
			if first/stride%n != 0 { // not the first point of a line along the axis
				continue
			}
			for i := range line {
				line[i] = q[first+i*stride]
			}
			for i := range line {
				sum := 0.0
				for j := max(0, i-proposalReach); j <= min(n-1, i+proposalReach); j++ {
					sum += line[j] * kernel[max(i-j, j-i)]
				}
				q[first+i*stride] = sum
			}
		}
		stride *= n
	}
	return q
}

// logq returns the log density of the proposal up to the constant that ln M shares.
func (s *rejection) logq(y []float64) float64 {
	g := s.g
	lo, n := make([]int, g.d), make([]int, g.d)
	count := 1
	for t := range y {
		c := int(math.Round((y[t] - g.lo[t]) / g.step[t]))
		lo[t] = max(0, c-proposalReach)
		n[t] = min(g.n[t]-1, c+proposalReach) - lo[t] + 1
		if n[t] <= 0 {
			return math.Inf(-1)
		}
		count *= n[t]
	}
	var sum float64
	for i := range count {
		index, stride, e := 0, 1, 0.0
		for t, k := g.d-1, i; t >= 0; t-- {
			j := lo[t] + k%n[t]
			k /= n[t]
			index += stride * j
			stride *= g.n[t]
			z := (y[t] - g.lo[t] - float64(j)*g.step[t]) / s.width[t]
			e += z * z
		}
		sum += math.Exp(g.logp[index] - e/2)
	}
	return engine.Ln(sum)
}

func (s *rejection) sample(y []float64, r *rng.Source) {
	for {
		u := r.Float64() * s.cum[len(s.cum)-1]
		i := min(sort.SearchFloat64s(s.cum, u), len(s.cum)-1)
		for t := range y {
			y[t] = s.atoms[i*s.g.d+t] + s.width[t]*r.Normal()
		}
		if math.Log(r.Float64()) < s.p.logp(y, nil, nil)-s.g.max-s.logq(y)-s.logM {
			return
		}
	}
}
