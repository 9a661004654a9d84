package flow

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine"
	"monge/engine/dist"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
	"gorgonia.org/tensor"
)

// TestGaussian compares the encoder with S^-1/2 (x - c), its Jacobian with S^-1/2 and log p with the law's.
func TestGaussian(t *testing.T) {
	for _, c := range []struct {
		name    string
		d, rows int
		method  string
		within  float64
	}{
		{"d=2/closed", 2, 50, "adams", 1e-12},
		{"d=2/dopri5", 2, 5, "dopri5", 1e-8}, // the tolerance is 1e-10, the smallest deviation a tenth
		{"d=64/closed", 64, 20, "adams", 1e-11},
		{"d=64/dopri5", 64, 3, "dopri5", 1e-8},
	} {
		t.Run(c.name, func(t *testing.T) {
			law, err := dist.RandomGaussian(c.d, 3)
			if err != nil {
				t.Fatal(err)
			}
			x := law.Sample(2, c.rows)
			r := encode(t, law, x, Settings{Method: c.method, Rtol: 1e-10, Atol: 1e-10, Jacobian: true, LogP: true})
			root, det := inverseRoot(t, law)
			want := make([]float64, c.rows*c.d)
			jac := make([]float64, 0, c.rows*c.d*c.d)
			logp := make([]float64, c.rows)
			for i := range c.rows {
				y := mat.NewVecDense(c.d, want[i*c.d:(i+1)*c.d])
				diff := make([]float64, c.d)
				for k := range diff {
					diff[k] = floats(x)[i*c.d+k] - law.Mean()[k]
				}
				y.MulVec(root, mat.NewVecDense(c.d, diff))
				jac = append(jac, root.RawMatrix().Data...)
				logp[i] = -mat.Dot(y, y)/2 - det/2 - float64(c.d)/2*math.Log(2*math.Pi)
			}
			if e := worst(t, floats(r.X), want); e > c.within {
				t.Errorf("error %g", e)
			}
			if e := worst(t, floats(r.Jacobian), jac); e > 10*c.within {
				t.Errorf("Jacobian's error %g", e)
			}
			if e := worst(t, r.LogP, logp); e > 1e2*c.within { // a sum over d coordinates
				t.Errorf("log density's error %g", e)
			}
			if c.method == "adams" && r.Stats.NFEMax != 0 {
				t.Errorf("%g evaluations of a closed form", r.Stats.NFEMax)
			}
			back := decode(t, law, r.X, Settings{Method: c.method, Rtol: 1e-10, Atol: 1e-10})
			if e := worst(t, floats(back.X), floats(x)); e > 10*c.within {
				t.Errorf("round trip off by %g", e)
			}
		})
	}
}

// inverseRoot returns S^-1/2 and ln det S.
func inverseRoot(t *testing.T, law *dist.Gaussian) (*mat.Dense, float64) {
	t.Helper()
	d := law.Dim()
	cov := mat.NewSymDense(d, nil)
	for i := range d {
		unit, col := make([]float64, d), make([]float64, d)
		unit[i] = 1
		law.Covariance().Apply(col, unit, func(l float64) float64 { return l })
		for j, v := range col[:i+1] {
			cov.SetSym(i, j, v)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(cov, true) {
		t.Fatal("no eigenvalues")
	}
	var v, s, root mat.Dense
	eig.VectorsTo(&v)
	l := eig.Values(nil)
	det := 0.0
	inv := make([]float64, d)
	for i, x := range l {
		inv[i] = 1 / math.Sqrt(x)
		det += math.Log(x)
	}
	s.Mul(&v, mat.NewDiagDense(d, inv))
	root.Mul(&s, v.T())
	return &root, det
}

// TestGaussian3072 integrates a diagonal Gaussian in 3072 dimensions, whose map is one scale a coordinate.
func TestGaussian3072(t *testing.T) {
	const d, rows = 3072, 2
	vars, mean := make([]float64, d), make([]float64, d)
	for i := range vars {
		vars[i] = .05 + 3*float64(i%97)/97
		mean[i] = math.Sin(float64(i))
	}
	cov, err := dist.Diagonal(vars)
	if err != nil {
		t.Fatal(err)
	}
	law, err := dist.NewGaussian(mean, cov)
	if err != nil {
		t.Fatal(err)
	}
	x := law.Sample(1, rows)
	want := make([]float64, rows*d)
	for i := range want {
		want[i] = (floats(x)[i] - mean[i%d]) / math.Sqrt(vars[i%d])
	}
	for _, method := range []string{"adams", "dopri5"} {
		r := encode(t, law, x, Settings{Method: method, Rtol: 1e-10, Atol: 1e-10})
		if e := worst(t, floats(r.X), want); e > 1e-8 { // one hundred steps at 1e-10
			t.Errorf("%s: error %g", method, e)
		}
	}
}

// quantileMap is the one-dimensional encoder Phi^-1(F(x)), by the smaller tail.
func quantileMap(w, m, s []float64, x float64) float64 {
	lower, upper := 0.0, 0.0
	for k := range w {
		n := distuv.Normal{Mu: m[k], Sigma: s[k]}
		lower += w[k] * n.CDF(x)
		upper += w[k] * n.Survival(x)
	}
	if lower < upper {
		return distuv.UnitNormal.Quantile(lower)
	}
	return -distuv.UnitNormal.Quantile(upper)
}

func mixture1D(t testing.TB) (law *dist.Mixture, w, m, s []float64) {
	t.Helper()
	w, m, s = []float64{.5, .2, .3}, []float64{-1.5, 0, 2}, []float64{.4, .15, .9}
	covs := make([]*dist.Covariance, len(w))
	means := make([][]float64, len(w))
	for k := range w {
		var err error
		if covs[k], err = dist.Isotropic(1, s[k]*s[k]); err != nil {
			t.Fatal(err)
		}
		means[k] = m[k : k+1]
	}
	law, err := dist.NewMixture(w, means, covs)
	if err != nil {
		t.Fatal(err)
	}
	return law, w, m, s
}

func TestQuantileMap(t *testing.T) {
	law, w, m, s := mixture1D(t)
	x := []float64{-3, -1.6, -.7, -.1, 0, .2, .9, 2.1, 5}
	want := make([]float64, len(x))
	for i, v := range x {
		want[i] = quantileMap(w, m, s, v)
	}
	for _, method := range []string{"adams", "dopri5"} {
		r := encode(t, law, engine.Points(x, len(x), 1), Settings{Method: method, Rtol: 1e-11, Atol: 1e-11})
		if e := worst(t, floats(r.X), want); e > 1e-9 { // expansion 1/.15 over a hundred steps
			t.Errorf("%s: error %g", method, e)
		}
		back := decode(t, law, engine.Points(want, len(x), 1), Settings{Method: method, Rtol: 1e-11, Atol: 1e-11})
		if e := worst(t, floats(back.X), x); e > 1e-9 {
			t.Errorf("%s: decoder's error %g", method, e)
		}
	}
}

// TestRadial compares an isotropic scale mixture with x/|x| chi_d^-1(F_R(|x|)).
func TestRadial(t *testing.T) {
	const d = 5
	w, s := []float64{.3, .7}, []float64{.3, 1.5}
	law, err := dist.NewScaleMixture(d, w, s)
	if err != nil {
		t.Fatal(err)
	}
	x := law.Sample(4, 12)
	want := make([]float64, 12*d)
	chi2 := distuv.ChiSquared{K: d}
	for i := range 12 {
		p := floats(x)[i*d : (i+1)*d]
		r2 := dot(p, p)
		f := 0.0
		for k := range w {
			f += w[k] * chi2.CDF(r2/(s[k]*s[k]))
		}
		scale := math.Sqrt(chi2.Quantile(f) / r2)
		for k, v := range p {
			want[i*d+k] = scale * v
		}
	}
	r := encode(t, law, x, Settings{Rtol: 1e-11, Atol: 1e-11})
	if e := worst(t, floats(r.X), want); e > 1e-8 { // gonum's chi-squared quantile is good to 1e-9
		t.Errorf("error %g", e)
	}
}

// TestProduct compares a product of one-dimensional mixtures, and a rotated one, with their blocks' maps.
func TestProduct(t *testing.T) {
	one, w, m, s := mixture1D(t)
	law, err := dist.NewProduct(one, one, one)
	if err != nil {
		t.Fatal(err)
	}
	x := law.Sample(7, 9)
	want := make([]float64, 27)
	for i, v := range floats(x) {
		want[i] = quantileMap(w, m, s, v)
	}
	set := Settings{Rtol: 1e-10, Atol: 1e-10, Jacobian: true}
	r := encode(t, law, x, set)
	if e := worst(t, floats(r.X), want); e > 1e-8 {
		t.Errorf("error %g", e)
	}
	q := rotation(3, 5)
	rot, err := dist.NewRotation(law, q)
	if err != nil {
		t.Fatal(err)
	}
	rr := encode(t, rot, turn(x, q), set)
	if e := worst(t, floats(rr.X), floats(turn(r.X, q))); e > 1e-8 {
		t.Errorf("rotated: error %g", e)
	}
	for i, a := range Asymmetry(rr.Jacobian) { // products are optimal in any frame
		if a > 1e-7 {
			t.Errorf("asymmetry of row %d is %g", i, a)
		}
	}
}

// rotation returns a random orthogonal matrix.
func rotation(d int, seed uint64) *mat.Dense {
	r := rand.New(rand.NewPCG(seed, 1))
	a := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			a.Set(i, j, r.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(a)
	var q mat.Dense
	qr.QTo(&q)
	return &q
}

// turn returns the points R x.
func turn(x *tensor.Dense, r mat.Matrix) *tensor.Dense {
	n, d := x.Shape()[0], x.Shape()[1]
	var y mat.Dense
	y.Mul(mat.NewDense(n, d, floats(x)), r.T())
	return engine.Points(y.RawMatrix().Data, n, d)
}
