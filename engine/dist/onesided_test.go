package dist

import (
	"math"
	"testing"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// TestOneSided compares the bound with the largest eigenvalue of Hess log p at points of the noised law: no point may
// pass it, and half-way between two equal components it is reached.
func TestOneSided(t *testing.T) {
	full, err := Full(mat.NewSymDense(2, []float64{.5, .4, .4, .6}))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := NewMixture([]float64{.5, .5}, [][]float64{{1, .5}, {-1, -.5}}, []*Covariance{full})
	if err != nil {
		t.Fatal(err)
	}
	product, err := NewProduct(G2(), shared)
	if err != nil {
		t.Fatal(err)
	}
	moons, err := Moons(32, .1)
	if err != nil {
		t.Fatal(err)
	}
	turned, err := NewRotation(G2(), mat.NewDense(2, 2, []float64{.6, -.8, .8, .6}))
	if err != nil {
		t.Fatal(err)
	}
	gaussian, err := NewGaussian([]float64{1, 2}, full)
	if err != nil {
		t.Fatal(err)
	}
	for name, law := range map[string]Distribution{"G2": G2(), "shared": shared, "product": product, "points": moons, "rotation": turned, "gaussian": gaussian, "copies": must(NewCopies(shared, 2))} {
		bound := law.(OneSided).OneSided()
		for _, at := range [][2]float64{{1, 0}, {.99, .141067}, {.8, .6}, {.1, .99498743710662}} {
			if name == "points" && at[1] == 0 {
				at[1] = 1e-9
			}
			largest := largestCurvature(t, law, at[0], at[1])
			limit := bound(at[0], at[1])
			tol := 1e-9 * (1 + math.Abs(limit)) // rounding of the eigenvalue
			if largest > limit+tol {
				t.Errorf("%s at %v: an eigenvalue %v above the bound %v", name, at, largest, limit)
			}
			if name == "gaussian" && largest < limit-tol {
				t.Errorf("%s at %v: eigenvalue %v, bound %v: want them equal", name, at, largest, limit)
			}
		}
	}
	if G1().OneSided() == nil {
		t.Error("G1 has one covariance, but no bound")
	}
	other, err := Isotropic(2, 1)
	if err != nil {
		t.Fatal(err)
	}
	unequal, err := NewMixture(nil, [][]float64{{0, 0}, {1, 1}}, []*Covariance{full, other})
	if err != nil {
		t.Fatal(err)
	}
	if unequal.OneSided() != nil {
		t.Error("a bound for unequal covariances")
	}
}

// largestCurvature returns the largest eigenvalue of Hess log p over samples of the noised law and the origin.
func largestCurvature(t *testing.T, law Distribution, alpha, sigma float64) float64 {
	t.Helper()
	d := law.Dim()
	const n = 200
	x0, _, _, err := engine.Matrix(law.Sample(3, n))
	if err != nil {
		t.Fatal(err)
	}
	e, _, _, err := engine.Matrix(law.Sample(4, n)) // any numbers spread the points
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, n*d)
	for i := range x[d:] { // the first row stays the origin
		x[d+i] = alpha*x0[d+i] + sigma*e[d+i]
	}
	engn := openEngine(t)
	field, err := law.Bind(engn, engine.F64)
	if err != nil {
		t.Fatal(err)
	}
	defer field.Free()
	coef, axes := make([]float64, 0, n*engine.CoefCount), make([]float64, n*d*d)
	for i := range n {
		coef = append(coef, alpha, sigma, 0, 1) // the score itself
		for a := range d {
			axes[(i*d+a)*d+a] = 1
		}
	}
	products := zeros(t, engn, n, d, d)
	r := Request{Coef: upload(t, engn, 1, n, engine.CoefCount, coef), X: upload(t, engn, 1, n, d, x), T: upload(t, engn, n, d, d, axes), TV: products}
	if err := field.Eval(&r); err != nil {
		t.Fatal(err)
	}
	jacobian := download(t, engn, products)
	var most float64
	for i := range n {
		h := mat.NewSymDense(d, nil)
		for a := range d {
			for b := a; b < d; b++ {
				h.SetSym(a, b, jacobian[(i*d+a)*d+b])
			}
		}
		var eig mat.EigenSym
		if !eig.Factorize(h, false) {
			t.Fatal("no eigenvalues")
		}
		l := eig.Values(nil)
		if i == 0 || l[d-1] > most {
			most = l[d-1]
		}
	}
	return most
}
