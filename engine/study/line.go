package study

import (
	"math"

	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
)

// lineCase is E02: on the line the optimal map is Phi^-1(F(x)), and every flow is monotone, so the encoder
// is that map. Laplace's and Student's laws, smoothed, are mixtures over scales for the flow, and are
// compared with their own distribution functions.
func lineCase(t *trial) error {
	heavy, heavyLaw := student(.3)
	peak, peakLaw := laplace(.7, .2)
	three := lineMixture{w: []float64{.5, .3, .2}, m: []float64{-2, .5, 3}, s: []float64{.3, .8, .15}}
	narrow := lineMixture{w: []float64{.6, .4}, m: []float64{-1, 1}, s: []float64{.02, .05}}
	random := randomLine(of(t, 6, 40), 1+t.s.Seed)
	laws := []struct {
		name string
		mix  lineMixture
		f    lineLaw
		tol  float64
	}{
		// A component of width s expands the flow's error by 1/s: 1e-12 a step over about a hundred steps.
		{"three components", three, three.masses, 1e-9},
		{"scales of .02", narrow, narrow.masses, 1e-8},
		{"random mixture", random, random.masses, 1e-9},
		// The same, and the two quadratures' 1e-13.
		{"Laplace", peak, peakLaw, 1e-9},
		{"Student", heavy, heavyLaw, 1e-9},
	}
	for i, l := range laws {
		law, err := l.mix.law()
		if err != nil {
			return err
		}
		if err := t.lineMap(l.name, law, l.f, l.tol); err != nil {
			return err
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) lineMap(name string, law dist.Distribution, f lineLaw, tol float64) error {
	x := t.sample(law, of(t, 200, 2000))
	s := strict()
	s.Jacobian = true
	r, err := t.encode(law, x, s)
	if err != nil {
		return err
	}
	t.zero(name+": map", farthest(numbers(r.X), eachRow(x, func(dst, row []float64) { dst[0] = f.quantile(row[0]) })), t.within(tol, 1000))
	// J = p(x)/phi(E(x)).
	logp, err := flow.LogDensity(t.ctx, t.e, t.s.Dtype, law, x)
	if err != nil {
		return err
	}
	worst := 0.0
	for i, z := range numbers(r.X) {
		worst = math.Max(worst, math.Abs(math.Log(cells(r.Jacobian)[i])-logp[i]-z*z/2-math.Log(2*math.Pi)/2))
	}
	t.zero(name+": log of the slope", worst, t.within(100*tol, 1e4))
	// The map keeps the order, so no pairing of the two samples is cheaper.
	c, err := ot.OneDim(t.ctx, ot.Clouds{X: x, Y: r.X})
	if err != nil {
		return err
	}
	cost, _ := meanSquare(numbers(x), numbers(r.X), 1)
	t.zero(name+": eps_rel", cost/c.Cost-1, 1e-12, "n = %d", x.Shape()[0])
	return nil
}
