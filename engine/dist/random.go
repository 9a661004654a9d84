package dist

import (
	"math"

	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
)

// RandomGaussian returns a Gaussian of d dimensions with a standard normal mean and a covariance given by its
// factors: eigenvalues log-uniform over [.1, 10] and up to three random reflections, so that no
// eigen-decomposition is needed at any d.
func RandomGaussian(d int, seed uint64) (*Gaussian, error) {
	numbers := make([]float64, 4*d)
	rng.Normals(numbers, seed, streamNamed, 0)
	values := make([]float64, d)
	rng.Uniforms(values, seed, streamNamed+1, 0)
	for i, u := range values {
		values[i] = math.Pow(10, 2*u-1)
	}
	var vectors [][]float64
	for r := 1; r <= min(3, d-1); r++ {
		vectors = append(vectors, numbers[r*d:(r+1)*d])
	}
	cov, err := Reflected(values, vectors)
	if err != nil {
		return nil, err
	}
	return NewGaussian(numbers[:d], cov)
}

// RandomMixture returns a mixture of k Gaussians of d dimensions with full covariances: weights uniform over
// [.5, 1.5] before they are normalised, standard normal means, eigenvalues log-uniform over [.05, 2] and
// eigenvectors uniform over the orthogonal matrices.
func RandomMixture(k, d int, seed uint64) (*Mixture, error) {
	weights := make([]float64, k)
	rng.Uniforms(weights, seed, streamNamed+1, 0)
	values := make([]float64, k*d)
	rng.Uniforms(values, seed, streamNamed+2, 0)
	normals := make([]float64, k*d*(d+1))
	rng.Normals(normals, seed, streamNamed, 0)
	means := make([][]float64, k)
	covs := make([]*Covariance, k)
	for i := range k {
		weights[i] += .5
		means[i] = normals[i*d : (i+1)*d]
		var qr mat.QR
		qr.Factorize(mat.NewDense(d, d, normals[k*d+i*d*d:k*d+(i+1)*d*d]))
		var q mat.Dense
		qr.QTo(&q)
		l := values[i*d : (i+1)*d]
		for j, u := range l {
			l[j] = .05 * math.Pow(40, u)
		}
		covs[i] = &Covariance{d: d, values: l, basis: q.RawMatrix().Data}
	}
	return NewMixture(weights, means, covs)
}
