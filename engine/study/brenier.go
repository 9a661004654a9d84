package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gonum.org/v1/gonum/integrate/quad"
)

// brenierCase is E08: the family whose optimal map T = grad u is known by construction, while the encoder S
// differs from it: |S - T| and the asymmetry of S are O(eps^2), the gap of its cost O(eps^4). Source:
// Lavenant and Santambrogio, Appl. Math. Lett. 133 (2022).
func brenierCase(t *trial) error {
	eps := []float64{.01, .02, .04, .08}
	// |S - T|/eps^2 and (D12 - D21)/eps^2 at (.7, .4).
	distance := []float64{.166109, .160887, .150932, .132750}
	quoted := []float64{.16636, .16101, .15099, .13277}
	curl := []float64{-.2421, -.2396, -.2342, -.2227}
	var far, asym, gaps []float64
	for i, e := range eps {
		law, err := dist.NewBrenier(e)
		if err != nil {
			return err
		}
		x := []float64{.7, .4}
		s := flow.Settings{Rtol: 1e-13, Atol: 1e-13, Jacobian: true}
		r, err := t.encode(law, engine.Points(x, 1, 2), s)
		if err != nil {
			return err
		}
		at, j := numbers(r.X), cells(r.Jacobian)
		m := law.Map(x)
		far = append(far, math.Hypot(at[0]-m[0], at[1]-m[1]))
		asym = append(asym, math.Abs(j[1]-j[2]))
		// The digits known of these: the velocity's quadrature is good to 1e-12, and eps^2 divides it.
		t.row(fmt.Sprintf("eps=%g |S-T|/eps^2", e), distance[i], far[i]/(e*e), t.within(2e-6, .5/(e*e)),
			"three independent quadratures agree on these digits; also quoted as %v", quoted[i])
		t.row(fmt.Sprintf("eps=%g (D12-D21)/eps^2", e), curl[i], (j[1]-j[2])/(e*e), t.within(6e-5, .5/(e*e)))
		g, err := t.brenierGap(law)
		if err != nil {
			return err
		}
		gaps = append(gaps, g)
		if err := t.done(i+1, len(eps)); err != nil {
			return err
		}
	}
	// The constants move by a tenth or two along the sweep, .2 of a slope between the outer values.
	t.row("order of |S-T| in eps", 2, slope(eps, far), t.within(.15, 1e5))
	t.row("order of the asymmetry in eps", 2, slope(eps, asym), t.within(.15, 1e5))
	t.row("order of the cost's gap in eps", 4, slope(eps, gaps), t.within(.25, 1e5), "gaps %.3g to %.3g", gaps[0], gaps[len(gaps)-1])
	t.figure(Figure{Title: "encoder against the Brenier map", X: "eps", Y: "distance, curl, gap of the cost", LogX: true, LogY: true, Curves: []Curve{
		{Name: "|S - T|", X: eps, Y: far}, {Name: "|J12 - J21|", X: eps, Y: asym}, {Name: "cost gap", X: eps, Y: gaps},
		{Name: "eps^2/5", X: eps, Y: powers(eps, 2), Dashed: true}, {Name: "eps^4/50", X: eps, Y: powers(eps, 4), Dashed: true}}})
	return nil
}

func powers(x []float64, p float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = 2 * math.Pow(v/math.Sqrt(10), p)
	}
	return y
}

// brenierGap returns E|x - S(x)|^2 - E|x - T(x)|^2. Both maps reach N(0, I), so with u's conjugate the gap is
// twice the mean of u(x) + u*(y) - <x, y> at y = S(x), that is of Bregman's divergence of u from T^-1(y) to x:
//
//	int_0^1 <T(p + s (x - p)) - T(p), x - p> ds,  p = T^-1(S(x)),
//
// which is of fourth order by itself and cancels nowhere. x is drawn from the law by Gauss-Hermite nodes.
func (t *trial) brenierGap(law *dist.Brenier) (float64, error) {
	n := of(t, 8, 24)
	nodes, weights := make([]float64, n), make([]float64, n)
	quad.Hermite{}.FixedLocations(nodes, weights, math.Inf(-1), math.Inf(1))
	var x, w []float64
	for i, a := range nodes {
		for j, b := range nodes {
			// The rule of exp(-z^2) in its node's own weight, gonum's convention.
			v := weights[i] * weights[j] * math.Exp(-a*a-b*b) / math.Pi
			if v < 1e-17 { // does not count, and is far out in the tails
				continue
			}
			x = append(x, law.Inverse([]float64{math.Sqrt2 * a, math.Sqrt2 * b})...)
			w = append(w, v)
		}
	}
	r, err := t.encode(law, engine.Points(x, len(w), 2), flow.Settings{Rtol: 1e-9, Atol: 1e-9})
	if err != nil {
		return 0, err
	}
	var sum float64
	for i, v := range w {
		at, end := x[2*i:2*i+2], numbers(r.X)[2*i:2*i+2]
		p := law.Inverse(end)
		d := [2]float64{at[0] - p[0], at[1] - p[1]}
		sum += 2 * v * quad.Fixed(func(s float64) float64 {
			m := law.Map([]float64{p[0] + s*d[0], p[1] + s*d[1]})
			return (m[0]-end[0])*d[0] + (m[1]-end[1])*d[1]
		}, 0, 1, 4, quad.Legendre{}, 0)
	}
	return sum, nil
}
