package dist

import (
	"math"

	"monge/engine"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// Brenier is the Lavenant-Santambrogio family in the plane, made exact: with the convex potential
//
//	u(x) = |x|^2/2 + eps (x1 x2 + x1^4) exp(-|x|^2/2)
//
// the law is (grad u)^-1 # N(0, I), so grad u is its optimal map to the standard normal by construction,
// while the encoder differs from it by O(eps^2). Source: Lavenant, Santambrogio, "The flow map of the
// Fokker-Planck equation does not provide optimal transport", Appl. Math. Lett. 133 (2022).
type Brenier struct {
	eps  float64
	phi  [brenierOrder + 1][brenierOrder + 1][]Monomial // phi's derivative of order (a, b) is this times exp(-|x|^2/2)
	grid *grid
}

const brenierOrder = 4 // the Hessian of ln det D^2 u takes four derivatives of u

// NewBrenier prepares the law. eps must be so small that u is convex; an error names it otherwise.
func NewBrenier(eps float64) (*Brenier, error) {
	if math.IsNaN(eps) || math.IsInf(eps, 0) {
		return nil, bad("eps = %v is not finite", eps)
	}
	p := &Brenier{eps: eps}
	p.phi[0][0] = []Monomial{{1, []int{1, 1}}, {1, []int{4, 0}}}
	for a := range brenierOrder + 1 {
		for b := 0; a+b <= brenierOrder; b++ {
			if a > 0 {
				p.phi[a][b] = gaussianDerivative(p.phi[a-1][b], 0)
			} else if b > 0 {
				p.phi[a][b] = gaussianDerivative(p.phi[a][b-1], 1)
			}
		}
	}
	const side, n = 8, 401 // beyond, eps phi is below 1e-11 and its derivatives likewise
	x := make([]float64, 2)
	for i := range n * n {
		x[0], x[1] = side*(2*float64(i/n)/(n-1)-1), side*(2*float64(i%n)/(n-1)-1)
		h := p.potential(x)
		if xx, xy, yy := h.at(2, 0), h.at(1, 1), h.at(0, 2); !(xx > 0 && xx*yy-xy*xy > 0) {
			return nil, bad("eps = %v is too large: the potential is not convex at (%.3g, %.3g)", eps, x[0], x[1])
		}
	}
	var err error
	p.grid, err = newGrid(p)
	return p, err
}

// gaussianDerivative returns Q with d/dx_t (P exp(-|x|^2/2)) = Q exp(-|x|^2/2).
func gaussianDerivative(p []Monomial, t int) (q []Monomial) {
	for _, m := range p {
		up := append([]int(nil), m.Powers...)
		up[t]++
		q = append(q, Monomial{-m.Coef, up})
		if m.Powers[t] > 0 {
			down := append([]int(nil), m.Powers...)
			down[t]--
			q = append(q, Monomial{m.Coef * float64(m.Powers[t]), down})
		}
	}
	return q
}

// potentials holds the derivatives of u at a point, by orders.
type potentials [brenierOrder + 1][brenierOrder + 1]float64

func (h *potentials) at(a, b int) float64 { return h[a][b] }

func (p *Brenier) potential(x []float64) *potentials {
	var h potentials
	r2 := x[0]*x[0] + x[1]*x[1]
	w := p.eps * math.Exp(-r2/2)
	for a := range brenierOrder + 1 {
		for b := 0; a+b <= brenierOrder; b++ {
			for _, m := range p.phi[a][b] {
				h[a][b] += w * m.Coef * derivative(m.Powers, x, -1, -1)
			}
		}
	}
	h[0][0] += r2 / 2
	h[1][0] += x[0]
	h[0][1] += x[1]
	h[2][0]++
	h[0][2]++
	return &h
}

// Map returns the optimal map to the standard normal, grad u(x).
func (p *Brenier) Map(x []float64) []float64 {
	h := p.potential(x)
	return []float64{h.at(1, 0), h.at(0, 1)}
}

// Inverse returns the x with Map(x) = z, to rounding.
func (p *Brenier) Inverse(z []float64) []float64 {
	x := []float64{z[0], z[1]}
	p.invert(x)
	return x
}

// Dim returns 2.
func (p *Brenier) Dim() int { return 2 }

// logp is ln N(grad u(y); 0, I) + ln det D^2 u(y), without the normal's constant.
func (p *Brenier) logp(y, grad, hess []float64) float64 {
	h := p.potential(y)
	// second derivatives by index, and of those the first and second derivatives
	second := func(i, j int, more ...int) float64 {
		o := [2]int{}
		o[i]++
		o[j]++
		for _, k := range more {
			o[k]++
		}
		return h.at(o[0], o[1])
	}
	u := [2]float64{h.at(1, 0), h.at(0, 1)}
	a, b, c := h.at(2, 0), h.at(1, 1), h.at(0, 2)
	det := a*c - b*b
	if grad == nil && hess == nil {
		return -(u[0]*u[0]+u[1]*u[1])/2 + math.Log(det)
	}
	inv := [2][2]float64{{c / det, -b / det}, {-b / det, a / det}}
	// s[k] = A^-1 d_k A
	var s [2][2][2]float64
	for k := range 2 {
		for i := range 2 {
			for j := range 2 {
				s[k][i][j] = inv[i][0]*second(0, j, k) + inv[i][1]*second(1, j, k)
			}
		}
	}
	for k := range 2 {
		if grad != nil {
			grad[k] = s[k][0][0] + s[k][1][1] - u[0]*second(0, k) - u[1]*second(1, k)
		}
		if hess == nil {
			continue
		}
		for l := range 2 {
			var v float64
			for i := range 2 {
				v -= second(i, k)*second(i, l) + u[i]*second(i, k, l)
				for j := range 2 {
					v += inv[i][j]*second(j, i, k, l) - s[k][i][j]*s[l][j][i]
				}
			}
			hess[k*2+l] = v
		}
	}
	return -(u[0]*u[0]+u[1]*u[1])/2 + math.Log(det)
}

// Sample inverts grad u at standard normal points by Newton's method.
func (p *Brenier) Sample(seed uint64, n int) *tensor.Dense {
	x := make([]float64, 2*n)
	rng.Normals(x, seed, 0, 0)
	for i := range n {
		p.invert(x[2*i : 2*i+2])
	}
	return engine.Points(x, n, 2)
}

// invert replaces z by the x with grad u(x) = z. u is strongly convex and close to |x|^2/2, so Newton
// from z, halved where the residual grows, settles in a few steps.
func (p *Brenier) invert(z []float64) {
	x := []float64{z[0], z[1]}
	residual := func(x []float64) (h *potentials, r0, r1 float64) {
		h = p.potential(x)
		return h, h.at(1, 0) - z[0], h.at(0, 1) - z[1]
	}
	h, r0, r1 := residual(x)
	for range 100 {
		size := math.Hypot(r0, r1)
		if size <= 1e-15*(1+math.Hypot(z[0], z[1])) {
			break
		}
		a, b, c := h.at(2, 0), h.at(1, 1), h.at(0, 2)
		det := a*c - b*b
		d0, d1 := (c*r0-b*r1)/det, (a*r1-b*r0)/det
		moved := false
		for t := 1.0; t > 1e-9; t /= 2 {
			y := []float64{x[0] - t*d0, x[1] - t*d1}
			if hn, s0, s1 := residual(y); math.Hypot(s0, s1) < size {
				x, h, r0, r1, moved = y, hn, s0, s1, true
				break
			}
		}
		if !moved { // rounding is all that is left
			break
		}
	}
	copy(z, x)
}

// Bind makes the velocity field.
func (p *Brenier) Bind(e engine.Engine, t engine.Dtype) (Field, error) {
	return bindSmooth(e, t, p, p.grid)
}
