package dist

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Every law that is exactly Gaussian knows its mean, its eigenvalues and functions of its covariance, however it is put
// together: copies, products, rotations of them.
func TestGaussianLaw(t *testing.T) {
	seen := 0
	for _, c := range lawCases() {
		law, ok := c.law.(GaussianLaw)
		if !ok {
			continue
		}
		seen++
		ref := c.whole()
		d := law.Dim()
		cov := ref.covs[0]
		mean, l := law.Spectrum()
		checkClose(t, c.name+" mean", mean, ref.means[0], 1e-14)
		// Traces of powers tell d eigenvalues apart.
		var got, want []float64
		power := mat.DenseCopyOf(cov)
		for k := 1; k <= d; k++ {
			var sum float64
			for _, v := range l {
				sum += math.Pow(v, float64(k))
			}
			got, want = append(got, sum), append(want, mat.Trace(power))
			power.Mul(power, cov)
		}
		if len(l) != d {
			t.Errorf("%s: %d eigenvalues of a law in %d dimensions", c.name, len(l), d)
		}
		for k := range got { // roundings of d^2 terms of up to the trace itself
			checkClose(t, c.name+" traces of powers", got[k:k+1], want[k:k+1], 1e-12*math.Max(1, want[k]))
		}
		// The covariance itself, and the inverse of its root, which whitens it.
		rnd := newSource(8)
		x, y := make([]float64, d), make([]float64, d)
		for i := range x {
			x[i] = rnd.NormFloat64()
		}
		var product mat.VecDense
		product.MulVec(cov, mat.NewVecDense(d, x))
		law.Apply(y, x, func(l float64) float64 { return l })
		checkClose(t, c.name+" C x", y, product.RawVector().Data, 1e-12)
		law.Apply(y, product.RawVector().Data, func(l float64) float64 { return 1 / math.Sqrt(l) })
		law.Apply(y, y, func(l float64) float64 { return 1 / math.Sqrt(l) }) // in place
		checkClose(t, c.name+" C^-1/2 C^-1/2 C x", y, x, 1e-11)
	}
	if seen < 8 { // Gaussians of three forms, their copies, products and rotations
		t.Errorf("%d of the cases are Gaussian", seen)
	}
}

// A random mixture is made of what its description says, and of the same numbers every time.
func TestRandomMixture(t *testing.T) {
	const k, d = 5, 4
	m, again, other := must(RandomMixture(k, d, 7)), must(RandomMixture(k, d, 7)), must(RandomMixture(k, d, 8))
	var total float64
	for i := range k {
		w, mean, cov := m.Component(i)
		total += w
		if w < .5/(1.5*k) || w > 1.5/(.5*k) {
			t.Errorf("weight %v of component %d", w, i)
		}
		for _, l := range cov.Eigenvalues() {
			if l < .05 || l > 2 {
				t.Errorf("eigenvalue %v of component %d, want .05 to 2", l, i)
			}
		}
		q := mat.NewDense(d, d, cov.dense())
		var gram mat.Dense
		gram.Mul(q.T(), q)
		if !mat.EqualApprox(&gram, mat.NewDiagDense(d, []float64{1, 1, 1, 1}), 1e-14) {
			t.Errorf("the basis of component %d is not orthonormal: %v", i, mat.Formatted(&gram))
		}
		w2, mean2, cov2 := again.Component(i)
		if w != w2 || !mat.Equal(mat.NewVecDense(d, mean), mat.NewVecDense(d, mean2)) || !cov.equal(cov2) {
			t.Errorf("component %d differs between two laws of one seed", i)
		}
		if _, mean3, _ := other.Component(i); mean3[0] == mean[0] {
			t.Errorf("component %d has the mean of another seed's", i)
		}
	}
	if math.Abs(total-1) > 1e-15 {
		t.Errorf("weights sum to %v", total)
	}
}

// A velocity's work is counted in multiplications: d of a diagonal covariance, 2 d^2 of a basis, d and 2 d more for each
// reflection, a sum over the parts, twice d^2 more for a rotation.
func TestWork(t *testing.T) {
	const d = 3
	rnd := newSource(2)
	full := must(NewGaussian(make([]float64, d), must(Full(randomSPD(rnd, d)))))
	mixed := must(NewMixture(nil, [][]float64{{0, 0, 0}, {1, 1, 1}}, []*Covariance{full.cov, must(Isotropic(d, 1))}))
	shared := must(NewMixture(nil, [][]float64{{0, 0, 0}, {1, 1, 1}}, []*Covariance{full.cov}))
	for _, c := range []struct {
		name string
		law  Distribution
		want float64
	}{
		{"isotropic", must(NewGaussian(make([]float64, d), must(Isotropic(d, 2)))), d},
		{"full", full, 2 * d * d},
		{"reflections", must(RandomGaussian(9, 1)), 9 + 3*2*9},
		{"mixture", mixed, 2*d*d + d},
		{"shared covariance", shared, 2 * 2 * d * d},
		{"points", must(Moons(11, .1)), 11 * 2},
		{"copies", must(NewCopies(mixed, 4)), 4 * (2*d*d + d)},
		{"Gaussian copies", must(NewCopies(full, 4)), 4 * 2 * d * d},
		{"product", must(NewProduct(mixed, G2())), 2*d*d + d + 3*2},
		{"Gaussian product", must(NewProduct(full, must(RandomGaussian(9, 1)))), 2*d*d + 9 + 3*2*9},
		{"rotation", must(NewRotation(mixed, randomRotation(rnd, d))), 2*d*d + 2*d*d + d},
		{"Gaussian rotation", must(NewRotation(full, randomRotation(rnd, d))), 2*d*d + 2*d*d},
	} {
		if got := Work(c.law); got != c.want {
			t.Errorf("%s: %v multiplications, want %v", c.name, got, c.want)
		}
	}
	p := banana(t)
	if got, want := Work(p), float64(2*len(p.grid.logp)); got != want {
		t.Errorf("density: %v multiplications, want two coordinates of %v points", got, want/2)
	}
}
