package study

import (
	"math"

	"monge/engine"
	"monge/engine/ot"
	"monge/engine/rng"
)

// rectifiedCase is E22: couplings that rectification does not improve although they are not optimal. The
// rectified flow of a coupling (X0, X1) follows v(x, t) = E[X1 - X0 | (1-t) X0 + t X1 = x]; where the paths of
// the pieces never meet, v is each piece's own displacement, the flow reproduces the coupling in straight
// lines, and no further rectification changes it. Source: Hertrich, Chambolle and Delon, On the relation
// between rectified flows and optimal transport, arXiv 2505.19712.
func rectifiedCase(t *trial) error {
	if err := t.rectify("disconnected supports", discs(of(t, 400, 2000)), 16, 4, 1e-9); err != nil {
		return err
	}
	if err := t.done(1, 2); err != nil {
		return err
	}
	n := of(t, 1500, 6000)
	// The optimum of a cloud against its own image; single clouds of this size vary by .01.
	return t.rectify("X0 + sign(x1)(2, -2)", halves(n, t.s.Seed), 8, 2.65*2.65, .08)
}

// pieces is a coupling that moves every piece of a law of known density by a displacement of its own.
type pieces struct {
	x     [][2]float64 // draws of X0
	shift [][2]float64 // displacement of each piece
	// density of X0 at x within piece k, up to a factor; 0 outside of the piece.
	density func(k int, x [2]float64) float64
}

// discs are two discs of radius 1/2 about (0, 0) and (4, 2), drawn at the same places, that pass each other:
// by (4, 0) and by (-4, 0). The other way round each would go by 2.
func discs(n int) *pieces {
	p := &pieces{shift: [][2]float64{{4, 0}, {-4, 0}}}
	centres := [][2]float64{{0, 0}, {4, 2}}
	for i := range n / 2 {
		// Vogel's spiral: equal areas.
		r, a := .5*math.Sqrt((float64(i)+.5)/float64(n/2)), 2.399963229728653*float64(i)
		for _, c := range centres {
			p.x = append(p.x, [2]float64{c[0] + r*math.Cos(a), c[1] + r*math.Sin(a)})
		}
	}
	p.density = func(k int, x [2]float64) float64 {
		if math.Hypot(x[0]-centres[k][0], x[1]-centres[k][1]) > .5 {
			return 0
		}
		return 1
	}
	return p
}

// halves is N(0, I) in the plane, of which the right half goes by (2, -2) and the left half by (-2, 2).
func halves(n int, seed uint64) *pieces {
	p := &pieces{shift: [][2]float64{{2, -2}, {-2, 2}}}
	z := make([]float64, 2*n)
	rng.Normals(z, seed, lineStream, 0)
	for i := range n {
		p.x = append(p.x, [2]float64{z[2*i], z[2*i+1]})
	}
	p.density = func(k int, x [2]float64) float64 {
		if (x[0] > 0) != (k == 0) {
			return 0
		}
		return math.Exp(-(x[0]*x[0] + x[1]*x[1]) / 2)
	}
	return p
}

// velocity is E[X1 - X0 | X_t = x]: the pieces that reach x at time t, weighted by their densities there.
func (p *pieces) velocity(x [2]float64, t float64) (v [2]float64) {
	var total float64
	for k, s := range p.shift {
		w := p.density(k, [2]float64{x[0] - t*s[0], x[1] - t*s[1]})
		v[0] += w * s[0]
		v[1] += w * s[1]
		total += w
	}
	if total > 0 {
		v[0] /= total
		v[1] /= total
	}
	return v
}

// end returns the image of x under the coupling.
func (p *pieces) end(x [2]float64) [2]float64 {
	v := p.velocity(x, 0)
	return [2]float64{x[0] + v[0], x[1] + v[1]}
}

// rectify follows the rectified flow of a coupling and compares where it arrives, and its cost, with the
// coupling itself and with the optimum between the same two clouds.
func (t *trial) rectify(name string, p *pieces, cost, best, tol float64) error {
	n := len(p.x)
	x, z := make([]float64, 0, 2*n), make([]float64, 0, 2*n)
	var differ, bend float64
	for _, at := range p.x {
		const steps = 50
		y, first := at, p.velocity(at, 0)
		for i := range steps { // Euler's method follows a straight path exactly
			// At the step's middle: on the border between two pieces the ends may belong to either.
			v := p.velocity([2]float64{y[0] + first[0]/(2*steps), y[1] + first[1]/(2*steps)}, (float64(i)+.5)/steps)
			bend = math.Max(bend, math.Hypot(v[0]-first[0], v[1]-first[1]))
			y[0] += v[0] / steps
			y[1] += v[1] / steps
		}
		want := p.end(at)
		differ = math.Max(differ, math.Hypot(y[0]-want[0], y[1]-want[1]))
		x, z = append(x, at[:]...), append(z, y[:]...)
	}
	clouds := ot.Clouds{X: engine.Points(x, n, 2), Y: engine.Points(z, n, 2)}
	got, _ := meanSquare(x, z, 2)
	t.zero(name+": the rectified flow's ends less the coupling's", differ, 1e-12)
	t.zero(name+": velocity's change along a path", bend, 1e-12)
	t.row(name+": root of the coupling's cost", math.Sqrt(cost), math.Sqrt(got), 1e-12, "n = %d", n)
	opt, err := ot.Exact(t.ctx, clouds, &ot.ExactSettings{Threads: t.e.Info().Threads})
	if err != nil {
		return err
	}
	t.row(name+": root of the optimal cost", math.Sqrt(best), math.Sqrt(opt.Cost), tol, "squares %.6g against %.6g", got, opt.Cost)
	return nil
}
