package dist

import (
	"math"
	"testing"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
)

// TestWidth: of mixtures and what is made of them the least standard deviation of all parts, in every direction; of
// densities, which do not say it, no more than that of their narrowest term, and no less than a tenth.
func TestWidth(t *testing.T) {
	thin, err := Full(mat.NewSymDense(2, []float64{1, .99, .99, 1})) // eigenvalues .01 and 1.99
	if err != nil {
		t.Fatal(err)
	}
	wide := must(Isotropic(2, 4))
	mixture := must(NewMixture(nil, [][]float64{{0, 0}, {3, 1}}, []*Covariance{wide, thin}))
	points := must(NewPoints(engine.Points([]float64{0, 1, 5}, 3, 1), nil, .03))
	turn := mat.NewDense(2, 2, []float64{.6, -.8, .8, .6})
	for _, c := range []struct {
		name string
		law  Distribution
		want float64
	}{
		{"Gaussian", must(NewGaussian([]float64{5, 5}, wide)), 2}, {"mixture", mixture, .1}, {"points", points, .03},
		{"copies", must(NewCopies(mixture, 3)), .1}, {"rotated", must(NewRotation(mixture, turn)), .1},
		{"product", must(NewProduct(mixture, points)), .03}, {"G2", G2(), math.Sqrt(.05)},
	} {
		if got := Width(c.law); !(math.Abs(got-c.want) <= 1e-12) {
			t.Errorf("%s: width %v, want %v", c.name, got, c.want)
		}
	}
	for _, s := range []float64{2, .3, .01} {
		narrow := Term{Weight: 1, Poly: []Monomial{{-1 / (2 * s * s), []int{2}}}}
		broad := Term{Weight: .1, Poly: []Monomial{{-.5, []int{2}}}}
		for _, terms := range [][]Term{{narrow}, {narrow, broad}} {
			want := s
			if len(terms) > 1 {
				want = math.Min(s, 1)
			}
			if got := Width(must(NewDensity(terms))); !(got <= want && got >= want/10) {
				t.Errorf("%d terms, the narrowest of width %v: %v", len(terms), want, got)
			}
		}
	}
	if got := Width(must(NewBrenier(.04))); !(got <= 1 && got >= .1) {
		t.Errorf("Brenier: width %v", got)
	}
	if got := Width(unknown{mixture}); got != 0 {
		t.Errorf("a law that does not say: %v", got)
	}
}

// unknown is a law that says nothing of its width.
type unknown struct{ Distribution }
