package dist

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"monge/cpu"
	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// banana is the quartic law with log p0 = -(x^4/4 - x^2/2 + .3 x) - (y - x^2/2)^2 - .05 y^4 + const.
func banana(t testing.TB) *Density {
	t.Helper()
	p, err := NewDensity([]Term{{Weight: 1, Poly: []Monomial{
		{-.25, []int{4, 0}}, {.5, []int{2, 0}}, {-.3, []int{1, 0}},
		{-1, []int{0, 2}}, {1, []int{2, 1}}, {-.25, []int{4, 0}}, {-.05, []int{0, 4}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// evalRow evaluates a law's field at one row, with the identity as tangents.
func evalRow(t testing.TB, p Distribution, x []float64, alpha, sigma, c1, c2 float64) (v, jac []float64, div, logp float64) {
	t.Helper()
	e := cpu.New(cpu.Options{})
	defer e.Close()
	f, err := p.Bind(e, engine.F64)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Free()
	d := p.Dim()
	buf := func(b, n, d int, src []float64) engine.Buffer {
		x, err := e.Alloc(engine.F64, b, n, d)
		if err != nil {
			t.Fatal(err)
		}
		if src != nil {
			if err := e.Write(x, 0, src); err != nil {
				t.Fatal(err)
			}
		}
		return x
	}
	eye := make([]float64, d*d)
	for i := range d {
		eye[i*d+i] = 1
	}
	r := Request{Coef: buf(1, 1, 4, []float64{alpha, sigma, c1, c2}), X: buf(1, 1, d, x), T: buf(1, d, d, eye),
		V: buf(1, 1, d, nil), TV: buf(1, d, d, nil), Div: buf(1, 1, 1, nil), LogP: buf(1, 1, 1, nil)}
	if err := f.Eval(&r); err != nil {
		t.Fatal(err)
	}
	read := func(b engine.Buffer) []float64 {
		out := make([]float64, engine.Len(b))
		if err := e.Read(out, b, 0); err != nil {
			t.Fatal(err)
		}
		return out
	}
	return read(r.V), read(r.TV), read(r.Div)[0], read(r.LogP)[0]
}

func TestDensityNormalisation(t *testing.T) {
	// log Z of the quartic banana, computed independently in double precision.
	if got, want := banana(t).LogZ(), 1.87815135608; math.Abs(got-want) > 1e-11 {
		t.Errorf("log Z = %.14g, want %.14g", got, want)
	}
}

// The two quadratures must agree where both apply, and with a mixture of Gaussians written as a density.
func TestDensityIsAMixture(t *testing.T) {
	quadratic := func(w, mx, my, v float64) Term { // w N((mx, my), v I), unnormalised by v only
		return Term{Weight: w, Poly: []Monomial{
			{-.5 / v, []int{2, 0}}, {-.5 / v, []int{0, 2}}, {mx / v, []int{1, 0}}, {my / v, []int{0, 1}},
			{-.5 * (mx*mx + my*my) / v, []int{0, 0}},
		}}
	}
	p, err := NewDensity([]Term{quadratic(.3, 1, .5, .4), quadratic(.7, -1, 0, .4)})
	if err != nil {
		t.Fatal(err)
	}
	// The same law in closed form.
	law := func(x []float64, a, s float64) (score []float64, logp float64) {
		w, m := []float64{.3, .7}, [][]float64{{1, .5}, {-1, 0}}
		v := a*a*.4 + s*s
		var sum float64
		score = make([]float64, 2)
		for k := range w {
			dx, dy := x[0]-a*m[k][0], x[1]-a*m[k][1]
			r := w[k] * math.Exp(-(dx*dx+dy*dy)/(2*v)) / (2 * math.Pi * v)
			sum += r
			score[0] -= r * dx / v
			score[1] -= r * dy / v
		}
		score[0] /= sum
		score[1] /= sum
		return score, math.Log(sum)
	}
	for _, theta := range []float64{0, .01, .05, .1, .2, .5, 1, 1.4, math.Pi / 2} {
		a, s := math.Cos(theta), math.Sin(theta)
		x := []float64{.7*a - 1.1*s, -.2*a + .9*s}
		v, jac, div, logp := evalRow(t, p, x, a, s, 0, 1)
		want, wantLog := law(x, a, s)
		for i := range v {
			// Quadrature and closed form agree to about 1e-13; the score of the grid form is divided by sigma^2.
			if math.Abs(v[i]-want[i]) > 1e-11 {
				t.Errorf("theta %g: score[%d] = %.15g, want %.15g", theta, i, v[i], want[i])
			}
		}
		if math.Abs(logp-wantLog) > 1e-12 {
			t.Errorf("theta %g: log p = %.15g, want %.15g", theta, logp, wantLog)
		}
		// The Jacobian against central differences of the closed form (h^2 ~ 1e-10 and rounding / h ~ 1e-11).
		const h = 1e-5
		for c := range 2 {
			up, down := append([]float64(nil), x...), append([]float64(nil), x...)
			up[c] += h
			down[c] -= h
			su, _ := law(up, a, s)
			sd, _ := law(down, a, s)
			for r := range 2 {
				if got, want := jac[c*2+r], (su[r]-sd[r])/(2*h); math.Abs(got-want) > 1e-7 {
					t.Errorf("theta %g: J[%d][%d] = %g, want %g", theta, r, c, got, want)
				}
			}
		}
		if math.Abs(div-jac[0]-jac[3]) > 1e-12*(1+math.Abs(div)) {
			t.Errorf("theta %g: div = %g, trace %g", theta, div, jac[0]+jac[3])
		}
	}
}

// A density's field checks its request as all fields do, early rows and late ones in one call.
func TestDensityRequest(t *testing.T) {
	e := openEngine(t)
	f := must(banana(t).Bind(e, engine.F64))
	defer f.Free()
	x, coef := upload(t, e, 1, 2, 2, []float64{.5, -.3, .5, -.3}), upload(t, e, 1, 2, 4, []float64{1, 0, 0, 1, 0, 1, 0, 1})
	tangents := zeros(t, e, 2, 3, 2)
	for what, r := range map[string]*Request{
		"no X":        {Coef: coef, V: x},
		"wide X":      {Coef: coef, X: zeros(t, e, 1, 2, 3)},
		"no tangents": {Coef: coef, X: x, TV: tangents},
		"short V":     {Coef: coef, X: x, V: zeros(t, e, 1, 1, 2)},
	} {
		if err := f.Eval(r); !errors.Is(err, engine.ErrShape) {
			t.Errorf("%s: error %v, want ErrShape", what, err)
		}
	}
	if err := f.Eval(&Request{Coef: zeros(t, e, 1, 0, 4), X: zeros(t, e, 1, 0, 2)}); err != nil {
		t.Errorf("no rows: %v", err)
	}
	v := zeros(t, e, 1, 2, 2)
	if err := f.Eval(&Request{Coef: coef, X: x, T: tangents, V: v}); err != nil {
		t.Fatalf("tangents without products: %v", err)
	}
	// The score at the latent end is that of the standard normal.
	checkClose(t, "score", download(t, e, v)[2:], []float64{-.5, .3}, 1e-12)
}

// A law narrow along one axis and wide along the other: no time is late enough for the wide axis' grid and
// early enough for Gauss-Hermite nodes along the narrow one. Axes of unequal scales in both orders, in d = 2
// and 3, and not Gaussian along the narrow axis.
func TestDensityOfUnequalScales(t *testing.T) {
	if testing.Short() {
		t.Skip("one point, in one goroutine")
	}
	for _, vars := range [][]float64{{.04, 4}, {4, .01}, {.05, 2, .2}} {
		d := len(vars)
		var terms []Term
		var ref explicit
		for _, sign := range []float64{-1, 1} {
			term, mean, cov := Term{Weight: 1}, make([]float64, d), mat.NewSymDense(d, nil)
			for i, v := range vars {
				mean[i] = sign * 1.2 * math.Sqrt(v)
				cov.SetSym(i, i, v)
				square, line := make([]int, d), make([]int, d)
				square[i], line[i] = 2, 1
				term.Poly = append(term.Poly, Monomial{-.5 / v, square}, Monomial{mean[i] / v, line})
			}
			terms = append(terms, term)
			ref.w, ref.means, ref.covs = append(ref.w, .5), append(ref.means, mean), append(ref.covs, cov)
		}
		p, err := NewDensity(terms)
		if err != nil {
			t.Fatal(err)
		}
		for _, theta := range []float64{0, .02, .05, .1, .2, .3, .4, .5, .7, 1} {
			a, s := math.Cos(theta), math.Sin(theta)
			coef := []float64{a, s, -s, -s * a}
			x := make([]float64, d)
			for i, v := range vars {
				x[i] = (.9 - .7*float64(i)) * math.Sqrt(a*a*v+s*s)
			}
			v, jac, div, logp := evalRow(t, p, x, a, s, coef[2], coef[3])
			// The rules are spectral: 1e-13 of the score's size, up to 1/sqrt(v) = 10, in d = 2, and with the
			// fewer nodes of d = 3 about 1e-9.
			tol := 1e-11
			if d == 3 {
				tol = 1e-7
			}
			checkClose(t, fmt.Sprintf("variances %v, theta %g: v", vars, theta), v, ref.velocity(x, coef), tol)
			checkClose(t, fmt.Sprintf("variances %v, theta %g: log p", vars, theta), []float64{logp}, []float64{ref.logp(x, a, s)}, tol)
			trace := 0.0
			for i := range d {
				unit := make([]float64, d)
				unit[i] = 1
				want := ref.along(x, coef, unit)
				// Central differences: h^2 = 1e-10 times third derivatives of up to 1e3.
				checkClose(t, fmt.Sprintf("variances %v, theta %g: J e_%d", vars, theta, i), jac[i*d:(i+1)*d], want, 1e-6)
				trace += want[i]
			}
			checkClose(t, fmt.Sprintf("variances %v, theta %g: div", vars, theta), []float64{div}, []float64{trace}, 1e-6)
		}
	}
}

// Narrow terms beside wide ones: the narrow fall between the points of a grid of the wide.
func TestDensityOfNarrowTerms(t *testing.T) {
	if testing.Short() {
		t.Skip("one point, in one goroutine")
	}
	for d, widths := range map[int][]float64{1: {1, .004, .006}, 2: {1, .1, .15}, 3: {1, .5}} { // grids of more coordinates are not finer
		var terms []Term
		var ref explicit
		for k, sd := range widths {
			term, mean, cov := Term{Weight: math.Pow(sd, -float64(d))}, make([]float64, d), scaled(d, sd*sd)
			for i := range d {
				mean[i] = .37 * float64(k)
				square, line := make([]int, d), make([]int, d)
				square[i], line[i] = 2, 1
				term.Poly = append(term.Poly, Monomial{-.5 / (sd * sd), square}, Monomial{mean[i] / (sd * sd), line},
					Monomial{-.5 * mean[i] * mean[i] / (sd * sd), make([]int, d)})
			}
			terms = append(terms, term)
			ref.w, ref.means, ref.covs = append(ref.w, 1/float64(len(widths))), append(ref.means, mean), append(ref.covs, cov)
		}
		p, err := NewDensity(terms)
		if err != nil {
			t.Fatal(err)
		}
		for _, theta := range []float64{0, .1, .5, 1.2} {
			a, s := math.Cos(theta), math.Sin(theta)
			x := slices.Repeat([]float64{.36*a + .1*s}, d)
			v, _, _, logp := evalRow(t, p, x, a, s, -s, -s*a)
			// The rules are spectral; the exponents, up to 1e3 here, are rounded to 1e-13.
			checkClose(t, fmt.Sprintf("d = %d, theta %g: v", d, theta), v, ref.velocity(x, []float64{a, s, -s, -s * a}), 1e-10)
			checkClose(t, fmt.Sprintf("d = %d, theta %g: log p", d, theta), []float64{logp}, []float64{ref.logp(x, a, s)}, 1e-11)
		}
	}
}

func TestDensitySample(t *testing.T) {
	p := banana(t)
	const n = 20000
	x, _, _, _ := engine.Matrix(p.Sample(3, n))
	// First moments by the grid's own weights.
	rows, w, m := p.grid.atoms()
	var sum, ex, ey, exx float64
	for i := range m {
		sum += w[i]
		ex += w[i] * rows[2*i]
		ey += w[i] * rows[2*i+1]
		exx += w[i] * rows[2*i] * rows[2*i]
	}
	var sx, sy, sxx float64
	for i := range n {
		sx += x[2*i] / n
		sy += x[2*i+1] / n
		sxx += x[2*i] * x[2*i] / n
	}
	// Standard errors are about 1/sqrt(n) = .007; five of them.
	for _, c := range []struct{ got, want float64 }{{sx, ex / sum}, {sy, ey / sum}, {sxx, exx / sum}} {
		if math.Abs(c.got-c.want) > .035 {
			t.Errorf("moment %g, want %g", c.got, c.want)
		}
	}
}

// The proposal's density at the grid's points, axis by axis and point by point.
func TestRejectionGrid(t *testing.T) {
	terms := []Term{{1, []Monomial{{-1, []int{4, 0, 0}}, {.7, []int{2, 1, 0}}, {-1, []int{0, 4, 0}}, {-20, []int{0, 0, 2}}}}}
	p, err := NewDensity(terms)
	if err != nil {
		t.Fatal(err)
	}
	q := p.draw.gridq()
	y := make([]float64, 3)
	for i := 0; i < len(q); i += len(q)/50 + 1 {
		p.grid.point(i, y)
		// The same 19^3 products, summed in another order.
		if want := p.draw.logq(y); math.Abs(math.Log(q[i])-want) > 1e-12*(1+math.Abs(want)) {
			t.Errorf("point %d %v: log q = %.15g, want %.15g", i, y, math.Log(q[i]), want)
		}
	}
}

// Where the grid of a normal law ends at 12.6 standard deviations, points are right up to 11 and refused beyond.
func TestDensityTail(t *testing.T) {
	p, err := NewDensity([]Term{{1, []Monomial{{-.5, []int{2, 0}}, {-.5, []int{0, 2}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, theta := range []float64{0, .2, .8, 1.3} {
		v, _, _, _ := evalRow(t, p, []float64{11, 1}, math.Cos(theta), math.Sin(theta), 0, 1)
		// The score is -x; the tail that is cut off weighs 1e-8 here.
		checkClose(t, fmt.Sprintf("theta %g: score", theta), v, []float64{-11, -1}, 1e-7)
	}
	e := openEngine(t)
	f := must(p.Bind(e, engine.F64))
	defer f.Free()
	r := &Request{Coef: upload(t, e, 1, 1, 4, []float64{1, 0, 0, 1}), X: upload(t, e, 1, 1, 2, []float64{3, -12}), V: zeros(t, e, 1, 1, 2)}
	if err := f.Eval(r); !errors.Is(err, ErrTail) {
		t.Errorf("12 standard deviations out: error %v, want ErrTail", err)
	}
}

func TestDensityErrors(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine")
	}
	for _, c := range []struct {
		name, want string
		terms      []Term
	}{
		{"no terms", "no terms", nil},
		{"weight", "weight -1", []Term{{-1, []Monomial{{-1, []int{2}}}}}},
		{"heavy", "light", []Term{{1, []Monomial{{-1, []int{0}}}}}},
		{"growing", "light", []Term{{1, []Monomial{{1, []int{2}}}}}},
		{"powers", "powers", []Term{{1, []Monomial{{-1, []int{2}}, {1, []int{1, 1}}}}}},
		{"details", "details too fine", []Term{{1, []Monomial{{-.5, []int{2, 0, 0}}, {-.5, []int{0, 2, 0}}, {-.5, []int{0, 0, 2}}}}, {1, []Monomial{{-5e3, []int{2, 0, 0}}, {-5e3, []int{0, 2, 0}}, {-5e3, []int{0, 0, 2}}}}}},
		{"dimension", "dimension 4", []Term{{1, []Monomial{{-1, []int{2, 0, 0, 0}}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewDensity(c.terms)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestBrenierPushesToNormal(t *testing.T) {
	if testing.Short() {
		t.Skip("one point, in one goroutine")
	}
	p, err := NewBrenier(.04)
	if err != nil {
		t.Fatal(err)
	}
	// The normalisation is that of the standard normal without its constant.
	if got, want := p.grid.logZ, math.Log(2*math.Pi); math.Abs(got-want) > 1e-12 {
		t.Errorf("log Z = %.15g, want %.15g", got, want)
	}
	x, n, _, _ := engine.Matrix(p.Sample(1, 100))
	for i := range n {
		y := append([]float64(nil), x[2*i:2*i+2]...)
		z := p.Map(y)
		p.invert(z)
		if math.Hypot(z[0]-y[0], z[1]-y[1]) > 1e-13 { // Newton to rounding, condition near 1
			t.Errorf("point %d: inverse of the map is off by %g", i, math.Hypot(z[0]-y[0], z[1]-y[1]))
		}
	}
	if z := p.Map(p.Inverse([]float64{.3, -1.2})); math.Hypot(z[0]-.3, z[1]+1.2) > 1e-15*4 { // a few roundings
		t.Errorf("the map of the inverse of (.3, -1.2) is %v", z)
	}
	// Derivatives of ln p0 against central differences: h^2 / 6 of a third derivative of order 1.
	grad, hess := make([]float64, 2), make([]float64, 4)
	g1, g2 := make([]float64, 2), make([]float64, 2)
	y := []float64{.7, .4}
	p.logp(y, grad, hess)
	const h = 1e-5
	for k := range 2 {
		up, down := append([]float64(nil), y...), append([]float64(nil), y...)
		up[k] += h
		down[k] -= h
		a, b := p.logp(up, g1, nil), p.logp(down, g2, nil)
		if d := (a - b) / (2 * h); math.Abs(d-grad[k]) > 1e-9 {
			t.Errorf("grad[%d] = %g, want %g", k, grad[k], d)
		}
		for l := range 2 {
			if d := (g1[l] - g2[l]) / (2 * h); math.Abs(d-hess[l*2+k]) > 1e-8 {
				t.Errorf("hess[%d][%d] = %g, want %g", l, k, hess[l*2+k], d)
			}
		}
	}
	// At the data end the field's score is the gradient of ln p0, and its density that of the normal's preimage.
	v, _, _, logp := evalRow(t, p, y, 1, 0, 0, 1)
	checkClose(t, "score at the data", v, grad, 1e-12)
	checkClose(t, "log p at the data", []float64{logp}, []float64{p.logp(y, nil, nil) - math.Log(2*math.Pi)}, 1e-12)
	if _, err := NewBrenier(3); err == nil || !strings.Contains(err.Error(), "convex") {
		t.Errorf("eps = 3: error %v", err)
	}
}

func TestDensityFile(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine")
	}
	for _, c := range []struct{ text, want string }{
		{"kind = \"density\"\n[[terms]]\nweight = 1\npoly = [[-0.5, 2, 0], [-0.5, 0, 2]]\n", ""},
		{"kind = \"brenier\"\neps = 0.04\n", ""},
		{"kind = \"density\"\nterms = [{weight = -1, poly = [[-1, 2]]}]\n", "law.toml: terms[0].weight: -1"},
		{"kind = \"density\"\nterms = [{weight = 1, poly = [[-1, 2.5]]}]\n", "law.toml: terms[0].poly[0][1]: 2.5"},
		{"kind = \"density\"\nterms = [{weight = 1, poly = [[-1, 2]], bias = 3}]\n", "law.toml: terms[0].bias"},
		{"kind = \"density\"\nterms = []\n", "law.toml: terms"},
		{"kind = \"brenier\"\neps = 9.0\n", "law.toml: eps"},
		{"kind = \"brenier\"\n", "law.toml: eps: missing"},
	} {
		law, err := Parse("law.toml", []byte(c.text), nil)
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
			} else if law.Law.Dim() != 2 {
				t.Errorf("%q: dimension %d", c.text, law.Law.Dim())
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want it to say %q", c.text, err, c.want)
		}
	}
}
