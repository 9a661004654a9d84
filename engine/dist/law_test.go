package dist

import (
	"math"
	"slices"
	"testing"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// lawCase is a law and the same law as independent explicit blocks in a rotated frame.
type lawCase struct {
	name   string
	law    Distribution
	blocks []explicit
	rot    *mat.Dense
}

func (c lawCase) whole() explicit {
	m := c.blocks[0]
	for _, b := range c.blocks[1:] {
		m = m.times(b)
	}
	if c.rot != nil {
		m = m.rotated(c.rot)
	}
	return m
}

// fullOf returns a covariance as a matrix.
func fullOf(c *Covariance) *mat.SymDense {
	d := c.Dim()
	out := mat.NewSymDense(d, nil)
	for i := range d {
		col := make([]float64, d)
		col[i] = 1
		c.Apply(col, col, func(l float64) float64 { return l })
		for j := i; j < d; j++ {
			out.SetSym(i, j, col[j])
		}
	}
	return out
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func lawCases() []lawCase {
	rnd := newSource(3)
	vec := func(d int, scale float64) []float64 {
		x := make([]float64, d)
		for i := range x {
			x[i] = scale * rnd.NormFloat64()
		}
		return x
	}
	equal := func(k int) []float64 {
		w := make([]float64, k)
		for i := range w {
			w[i] = 1 / float64(k)
		}
		return w
	}
	var cases []lawCase
	add := func(name string, law Distribution, blocks ...explicit) {
		cases = append(cases, lawCase{name: name, law: law, blocks: blocks})
	}

	mean, spd := vec(3, 2), randomSPD(rnd, 3)
	full := must(NewGaussian(mean, must(Full(spd))))
	fullX := explicit{[]float64{1}, [][]float64{mean}, []*mat.SymDense{spd}}
	add("gaussian/full", full, fullX)
	diag := must(NewGaussian([]float64{1, -2}, must(Diagonal([]float64{.3, 2}))))
	diagX := explicit{[]float64{1}, [][]float64{{1, -2}}, []*mat.SymDense{mat.NewSymDense(2, []float64{.3, 0, 0, 2})}}
	add("gaussian/diag", diag, diagX)
	reflected := must(RandomGaussian(5, 4))
	add("gaussian/reflected", reflected, explicit{[]float64{1}, [][]float64{reflected.Mean()}, []*mat.SymDense{fullOf(reflected.Covariance())}})

	g1c := mat.NewSymDense(2, []float64{.5, .4, .4, .5})
	g1X := explicit{equal(2), [][]float64{{1.5, 0}, {-1.5, 0}}, []*mat.SymDense{g1c, g1c}}
	add("mixture/G1", G1(), g1X)
	means := [][]float64{vec(3, 1), vec(3, 1), vec(3, 1)}
	covs := []*mat.SymDense{randomSPD(rnd, 3), scaled(3, .2), mat.NewSymDense(3, []float64{.3, 0, 0, 0, .1, 0, 0, 0, .5})}
	var factored []*Covariance
	for _, c := range covs {
		factored = append(factored, must(Full(c)))
	}
	add("mixture/uneven", must(NewMixture([]float64{1, 3, 4}, means, factored)), explicit{[]float64{.125, .375, .5}, means, covs})
	add("mixture/zero-weight", must(NewMixture([]float64{1, 0, 4}, means, factored)),
		explicit{[]float64{.2, .8}, [][]float64{means[0], means[2]}, []*mat.SymDense{covs[0], covs[2]}})
	values := []float64{.3, .6, .1}
	mirrors := [][]float64{vec(3, 1), vec(3, 1)}
	shared := []*Covariance{must(Reflected(values, mirrors)), must(Reflected([]float64{1, .2, .4}, mirrors))}
	add("mixture/shared-mirrors", must(NewMixture(nil, means[:2], shared)),
		explicit{equal(2), means[:2], []*mat.SymDense{fullOf(shared[0]), fullOf(shared[1])}})
	add("mixture/diagonal", must(NewMixture([]float64{.7, .3}, means[:2], []*Covariance{must(Diagonal(values)), must(Isotropic(3, .4))})),
		explicit{[]float64{.7, .3}, means[:2], []*mat.SymDense{mat.NewSymDense(3, []float64{.3, 0, 0, 0, .6, 0, 0, 0, .1}), scaled(3, .4)}})
	add("mixture/scales", must(NewScaleMixture(4, []float64{.6, .4}, []float64{.5, 2})),
		explicit{[]float64{.6, .4}, [][]float64{make([]float64, 4), make([]float64, 4)}, []*mat.SymDense{scaled(4, .25), scaled(4, 4)}})

	// Points far from the origin, with duplicates, an outlier and a zero weight.
	const m, h = 37, .3
	var rows []float64
	var pm [][]float64
	var pc []*mat.SymDense
	w := make([]float64, m)
	total := 0.0
	for j := range m {
		y := vec(3, 1)
		y[0] += 20
		if j == 5 {
			y = slices.Clone(pm[4])
		}
		if j == 6 {
			y[1] = -9
		}
		w[j] = float64(j % 4)
		total += w[j]
		rows = append(rows, y...)
		pm = append(pm, y)
		pc = append(pc, scaled(3, h*h))
	}
	px := explicit{}
	for j := range m {
		if w[j] > 0 {
			px.w, px.means, px.covs = append(px.w, w[j]/total), append(px.means, pm[j]), append(px.covs, pc[j])
		}
	}
	pts := must(NewPoints(engine.Points(rows, m, 3), w, h))
	add("points", pts, px)
	many := must(NewMixture(nil, pm, []*Covariance{must(Isotropic(3, h*h))}))
	add("points/from-mixture", many, explicit{equal(m), pm, pc})
	one := must(NewPoints(engine.Points([]float64{3, -1}, 1, 2), nil, .5))
	add("points/one", one, explicit{equal(1), [][]float64{{3, -1}}, []*mat.SymDense{scaled(2, .25)}})
	far := must(NewPoints(engine.Points([]float64{0, 0, 300, 0, 300, .2}, 3, 2), nil, .1))
	add("points/far", far, explicit{equal(3), [][]float64{{0, 0}, {300, 0}, {300, .2}}, []*mat.SymDense{scaled(2, .01), scaled(2, .01), scaled(2, .01)}})

	few := must(NewPoints(engine.Points([]float64{0, 1, 2.5}, 3, 1), []float64{1, 2, 1}, .2))
	fewX := explicit{[]float64{.25, .5, .25}, [][]float64{{0}, {1}, {2.5}}, []*mat.SymDense{scaled(1, .04), scaled(1, .04), scaled(1, .04)}}
	add("copies/G1", must(NewCopies(G1(), 3)), g1X, g1X, g1X)
	add("copies/points", must(NewCopies(few, 2)), fewX, fewX)
	add("copies/copies", must(NewCopies(must(NewCopies(few, 2)), 2)), fewX, fewX, fewX, fewX)
	add("copies/gaussian", must(NewCopies(full, 2)), fullX, fullX)
	add("copies/diagonal", must(NewCopies(diag, 3)), diagX, diagX, diagX)
	add("product", must(NewProduct(few, G1(), G1(), full)), fewX, g1X, g1X, fullX)
	add("product/diagonal", must(NewProduct(diag, diag)), diagX, diagX)
	add("product/gaussian", must(NewProduct(diag, full)), diagX, fullX)
	nested := must(NewProduct(must(NewCopies(few, 2)), G1()))
	add("product/nested", nested, fewX, fewX, g1X)
	rot := randomRotation(rnd, 4)
	cases = append(cases, lawCase{"rotation/product", must(NewRotation(nested, rot)), []explicit{fewX, fewX, g1X}, rot})
	rot3 := randomRotation(rnd, 3)
	cases = append(cases, lawCase{"rotation/gaussian", must(NewRotation(full, rot3)), []explicit{fullX}, rot3})
	again := must(NewCopies(must(NewRotation(full, rot3)), 2))
	fullR := fullX.rotated(rot3)
	add("copies/rotation", again, fullR, fullR)
	return cases
}

// testTimes are (alpha, sigma, c1, c2): near data, in between, the score, the posterior mean, far.
var testTimes = [][]float64{
	{1, 0, 0, 1}, {.98, .2, -.2, -.19}, {.6, .8, -.8, -.48}, {.6, .8, 0, 1}, {.7, .3, 1, 0}, {.05, 1, -1, -.05},
}

// checkClose fails where |got - want| exceeds tol (1 + |want|).
func checkClose(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tol*(1+math.Abs(want[i]))) && !(math.IsInf(want[i], -1) && got[i] == want[i]) {
			t.Errorf("%s[%d] = %.15g, want %.15g", what, i, got[i], want[i])
			return
		}
	}
}

func TestEval(t *testing.T) {
	for _, c := range lawCases() {
		t.Run(c.name, func(t *testing.T) {
			e := openEngine(t)
			f := must(c.law.Bind(e, engine.F64))
			defer f.Free()
			ref := c.whole()
			d := c.law.Dim()
			if d != ref.dim() || f.Dim() != d {
				t.Fatalf("dimension %d, field %d, want %d", d, f.Dim(), ref.dim())
			}
			// Two sizes in a row on one field: scratch is used again, larger and then smaller.
			for _, n := range []int{2, 9, 5} {
				evalCase(t, e, f, c.law, ref, n, 3)
			}
			evalCase(t, e, f, c.law, ref, 9, 1)
		})
	}
}

func evalCase(t *testing.T, e engine.Engine, f Field, law Distribution, ref explicit, n, p int) {
	rnd := newSource(uint64(n))
	d := law.Dim()
	data, _, _, err := engine.Matrix(law.Sample(5, n))
	if err != nil {
		t.Fatal(err)
	}
	var x, coef, tang []float64
	for i := range n {
		c := testTimes[i%len(testTimes)]
		coef = append(coef, c...)
		for j := range d {
			x = append(x, c[0]*data[i*d+j]+(c[1]+.05)*rnd.NormFloat64())
		}
		for range p * d {
			tang = append(tang, rnd.NormFloat64())
		}
	}
	r := &Request{
		Coef: upload(t, e, 1, n, 4, coef), X: upload(t, e, 1, n, d, x), T: upload(t, e, n, p, d, tang),
		V: zeros(t, e, 1, n, d), TV: zeros(t, e, n, p, d), Div: zeros(t, e, 1, n, 1), LogP: zeros(t, e, 1, n, 1),
	}
	if err := f.Eval(r); err != nil {
		t.Fatal(err)
	}
	var v, tv, div, logp []float64
	for i := range n {
		xi, ci := x[i*d:(i+1)*d], coef[i*4:i*4+4]
		v = append(v, ref.velocity(xi, ci)...)
		logp = append(logp, ref.logp(xi, ci[0], ci[1]))
		for j := range p {
			tv = append(tv, ref.along(xi, ci, tang[(i*p+j)*d:(i*p+j+1)*d])...)
		}
		trace := 0.0
		for j := range d {
			unit := make([]float64, d)
			unit[j] = 1
			trace += ref.along(xi, ci, unit)[j]
		}
		div = append(div, trace)
	}
	// Cholesky factors of covariances with condition up to 1e3; posterior means divide by alpha >= .05.
	checkClose(t, "V", download(t, e, r.V), v, 1e-10)
	checkClose(t, "LogP", download(t, e, r.LogP), logp, 1e-10)
	// Central differences at h = 1e-5: truncation h^2 times third derivatives of up to 1e3, rounding 1e-13/h.
	checkClose(t, "TV", download(t, e, r.TV), tv, 3e-6)
	checkClose(t, "Div", download(t, e, r.Div), div, 3e-6)

	// Asked for one at a time, every output is the same up to the rounding of another order of sums.
	for _, o := range []struct {
		name string
		all  engine.Buffer
		pick func(*Request, engine.Buffer)
	}{
		{"V", r.V, func(q *Request, b engine.Buffer) { q.V = b }},
		{"TV", r.TV, func(q *Request, b engine.Buffer) { q.TV, q.T = b, r.T }},
		{"Div", r.Div, func(q *Request, b engine.Buffer) { q.Div = b }},
		{"LogP", r.LogP, func(q *Request, b engine.Buffer) { q.LogP = b }},
	} {
		b0, n0, d0 := o.all.Shape()
		alone := zeros(t, e, b0, n0, d0)
		q := &Request{Coef: r.Coef, X: r.X}
		o.pick(q, alone)
		if err := f.Eval(q); err != nil {
			t.Fatal(err)
		}
		checkClose(t, o.name+" alone", download(t, e, alone), download(t, e, o.all), 1e-12)
	}
}

// TestPair: with its own defaults a pair is G1, at other angles and anisotropies it has the covariance of the formula.
func TestPair(t *testing.T) {
	for _, c := range []struct {
		separation, anisotropy, angle float64
		cov                           [4]float64
	}{{3, 9, 45, [4]float64{.5, .4, .4, .5}}, {2, 3, 90, [4]float64{.25, 0, 0, .75}}, {1, 1, 30, [4]float64{.5, 0, 0, .5}}} {
		p, err := Pair(c.separation, c.anisotropy, c.angle)
		if err != nil {
			t.Fatal(err)
		}
		if want := []float64{c.separation / 2, 0, -c.separation / 2, 0}; !slices.Equal(p.means, want) {
			t.Errorf("means %v, want %v", p.means, want)
		}
		for i := range 2 {
			var dst, e [2]float64
			e[i] = 1
			p.covs[0].Apply(dst[:], e[:], func(l float64) float64 { return l })
			for j, v := range dst {
				if math.Abs(v-c.cov[2*i+j]) > 1e-15 { // cosines are rounded
					t.Errorf("%+v: covariance [%d,%d] = %v", c, i, j, v)
				}
			}
		}
	}
}
