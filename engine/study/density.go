package study

import (
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
)

// banana is the law of density proportional to exp(-(x^4/4 - x^2/2 + .3 x) - (y - x^2/2)^2 - .05 y^4): the
// exponent is quadratic plus quartic, the class for which the encoder was reported to be optimal.
func banana() (*dist.Density, error) {
	return dist.NewDensity([]dist.Term{{Weight: 1, Poly: []dist.Monomial{
		{Coef: -.5, Powers: []int{4, 0}}, {Coef: .5, Powers: []int{2, 0}}, {Coef: -.3, Powers: []int{1, 0}},
		{Coef: -1, Powers: []int{0, 2}}, {Coef: 1, Powers: []int{2, 1}}, {Coef: -.05, Powers: []int{0, 4}}}}})
}

// densityCase is E09: the test of the paper that claimed optimality, on its own class of densities. At small n
// the assignment's statistic is 0; it leaves 0 as n grows, and the Jacobian is not symmetric at a single point.
// Source: Khrulkov, Ryzhakov, Chertkov and Oseledets, arXiv 2202.07477, section 5.
func densityCase(t *trial) error {
	law, err := banana()
	if err != nil {
		return err
	}
	t.row("ln Z", 1.87815135608, law.LogZ(), 1e-10)
	golden := []struct {
		x    [2]float64
		e    [2]float64
		j    [4]float64
		asym float64
	}{
		{[2]float64{.5, -.3}, [2]float64{.763727147938, -.832292885961}, [4]float64{1.063081, -.164053, -.184901, 1.398648}, .016618},
		{[2]float64{1, .8}, [2]float64{1.039057341595, .562289878467}, [4]float64{1.227983, -.333497, -.419971, 1.452861}, .061875},
	}
	for _, g := range golden {
		s := strict()
		s.Jacobian = true
		r, err := t.encode(law, engine.Points(g.x[:], 1, 2), s)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("(%g,%g)", g.x[0], g.x[1])
		// Twelve digits of the map and six of its Jacobian, as given.
		for k, e := range g.e {
			t.row(fmt.Sprintf("%s E%d", name, k+1), e, numbers(r.X)[k], t.within(1e-10, 100))
		}
		for k, j := range g.j {
			t.row(fmt.Sprintf("%s J%d%d", name, k/2+1, k%2+1), j, cells(r.Jacobian)[k], t.within(1e-6, 100))
		}
		t.row(name+" asym", g.asym, flow.Asymmetry(r.Jacobian)[0], t.within(1e-6, 100))
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	if err := t.densityLoops(law); err != nil {
		return err
	}
	if err := t.sevenDensity(); err != nil {
		return err
	}
	if err := t.densityClouds(law); err != nil || t.s.Quick {
		return err
	}
	return t.solidDensity()
}

// densityLoops lays loops around (1, .8): more than 93 points cost less re-paired, although no cloud of a thousand
// points shows anything.
func (t *trial) densityLoops(law dist.Distribution) error {
	counts, changes := []int{80, 130, 200}, []float64{6.4e-5, -6.8e-5, -8.3e-5}
	for i, k := range counts[:of(t, 2, 3)] {
		l, err := LoopCertificate(t.ctx, t.e, law, LoopSettings{At: []float64{1, .8}, Points: k, Radius: .05})
		if err != nil {
			return err
		}
		// Half of the last digit that is known.
		t.row(fmt.Sprintf("(1,.8) loop of %d points", k), changes[i], l.Change, 5.1e-7, "relative change of its cost when re-paired")
		if k == 80 {
			t.row("(1,.8) points that a loop needs", 93, math.Floor(l.Threshold), 0)
		}
	}
	return nil
}

// solidDensity takes a mixture of two exponentials of quartics in three dimensions.
func (t *trial) solidDensity() error {
	term := func(w float64, squares, fourths [3]float64, more ...dist.Monomial) dist.Term {
		p := dist.Term{Weight: w, Poly: more}
		for k := range 3 {
			two, four := make([]int, 3), make([]int, 3)
			two[k], four[k] = 2, 4
			p.Poly = append(p.Poly, dist.Monomial{Coef: squares[k], Powers: two}, dist.Monomial{Coef: fourths[k], Powers: four})
		}
		return p
	}
	law, err := dist.NewDensity([]dist.Term{
		term(1, [3]float64{-.5, -.5, -.5}, [3]float64{-.05, -.05, -.05}, dist.Monomial{Coef: .4, Powers: []int{1, 1, 0}}),
		term(.5, [3]float64{-1, -.5, -1}, [3]float64{-.1, -.02, -.05}, dist.Monomial{Coef: 1.5, Powers: []int{1, 0, 0}}, dist.Monomial{Coef: .6, Powers: []int{0, 1, 1}}),
	})
	if err != nil {
		return err
	}
	const n = 100
	x := t.sample(law, n)
	r, err := t.encode(law, x, flow.Settings{Rtol: 1e-6, Atol: 1e-6})
	if err != nil {
		return err
	}
	g, err := t.gap(x, r.X)
	if err != nil {
		return err
	}
	asym, err := t.asymmetry(law, firstRows(x, 8), flow.Settings{Rtol: 1e-8, Atol: 1e-8})
	if err != nil {
		return err
	}
	t.zero("d=3 gap", g, t.within(1e-9, .3), "n = %d; asym %.3g at 8 points, largest %.3g", n, asym.Mean, asym.Max)
	t.row("d=3 asym that stands above the flow's error", 1, indicator(asym.Mean > t.within(1e-4, 100)), 0)
	return nil
}

// densityClouds takes clouds of the banana: where the statistic is 0 it says nothing.
func (t *trial) densityClouds(law dist.Distribution) error {
	fig := Figure{Title: "quartic banana: what n points see", X: "n", Y: "relative gap", LogX: true, Curves: []Curve{{Name: "gap"}}}
	sizes := of(t, []int{100, 300}, []int{100, 300, 1000, 3000, 10000})
	for i, n := range sizes {
		x := t.sample(law, n)
		r, err := t.encode(law, x, flow.Settings{Rtol: 1e-7, Atol: 1e-7})
		if err != nil {
			return err
		}
		g, err := t.gap(x, r.X)
		if err != nil {
			return err
		}
		// Zero but for a stray loop up to 3000 points, and for float32 near ties; two draws of 10^4 had 2.0e-5
		// and 2.5e-5.
		want, tol := 0., t.within(2e-6, .3)
		if n >= 10000 {
			want, tol = 2.3e-5, t.within(1.5e-5, .3)
		}
		t.row(fmt.Sprintf("n=%d gap", n), want, g, tol)
		fig.Curves[0].X, fig.Curves[0].Y = append(fig.Curves[0].X, float64(n)), append(fig.Curves[0].Y, seen(g))
		if err := t.done(i+1, len(sizes)); err != nil {
			return err
		}
	}
	t.figure(fig)
	return nil
}

// sevenDensity takes a function of rank 2 times the Gaussian in seven dimensions. Its terms one by one are products,
// whose encoder is the quantile map of every coordinate; together they are not, although no cloud of up to 10^4
// points shows it.
func (t *trial) sevenDensity() error {
	const d = 7
	slopes := [][d]float64{{.8, -.5, .6, .7, -.4, .5, .9}, {-.6, .9, -.7, -.5, .8, -.6, -.7}}
	law := &lowRank{d: d, w: []float64{.6, .4}}
	for _, b := range slopes {
		var cores []hermiteSeries
		for _, v := range b {
			cores = append(cores, squared(v, .2))
		}
		law.cores = append(law.cores, cores)
	}
	product := &lowRank{d: d, w: []float64{1}, cores: law.cores[:1]}
	x := t.sample(product, 100)
	s := strict()
	r, err := t.encode(product, x, s)
	if err != nil {
		return err
	}
	want := eachRow(x, func(dst, row []float64) {
		for k, v := range row {
			dst[k] = lineLaw(product.cores[0][k].masses).quantile(v)
		}
	})
	t.zero("d=7 rank 1, quantile map", farthest(numbers(r.X), want), t.within(1e-9, 100))
	x = t.sample(law, 100)
	s.LogP = true
	if r, err = t.encode(law, x, s); err != nil {
		return err
	}
	var logp []float64
	for i := 0; i < 100*d; i += d {
		logp = append(logp, law.logp(numbers(x)[i:i+d]))
	}
	t.zero("d=7 rank 2, ln p by the flow", farthest(r.LogP, logp), t.within(1e-9, 100))
	asym, err := t.asymmetry(law, x, flow.Settings{Rtol: 1e-10, Atol: 1e-10})
	if err != nil {
		return err
	}
	for _, n := range of(t, []int{100}, []int{100, 1000, 10000}) {
		x := t.sample(law, n)
		r, err := t.encode(law, x, flow.Settings{Rtol: 1e-7, Atol: 1e-7})
		if err != nil {
			return err
		}
		c, err := t.certify(x, r.X)
		if err != nil {
			return err
		}
		t.zero(fmt.Sprintf("d=7 n=%d gap", n), c.RelativeUpper, t.within(1e-9, .3), "moved %g, slack margin %.3g; asym %.3g at 100 points, largest %.3g", c.MovedFraction, c.SlackMargin, asym.Mean, asym.Max)
	}
	t.row("d=7 asym that stands above the flow's error", 1, indicator(asym.Mean > t.within(1e-4, 100)), 0)
	return nil
}
