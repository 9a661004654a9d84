// Package bench holds the workloads that monge is measured on, and their benchmarks:
//
//	go test -run '^$' -bench . -count 6 ./bench | tee new.txt && benchstat new.txt
//
// A benchmark's name ends in /engine=E/dtype=T/n=N/d=D. Inputs come from fixed seeds.
package bench

import (
	"context"
	"math"
	"slices"

	"monge/cpu"
	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// Normals returns n standard normal points, each coordinate times scale plus shift.
func Normals(n, d int, shift, scale float64, seed uint64) *tensor.Dense {
	x := make([]float64, n*d)
	rng.Normals(x, seed, 0, 0)
	for i := range x {
		x[i] = shift + scale*x[i]
	}
	return engine.Points(x, n, d)
}

// SinkhornClouds returns the clouds of SinkhornDense: x ~ N(0, I) and y ~ N(.5, 1.3^2 I).
func SinkhornClouds(n, d int) (x, y *tensor.Dense) {
	return Normals(n, d, 0, 1, 1), Normals(n, d, .5, 1.3, 2)
}

// EncoderPair returns x ~ N(0, S) and y = (S^-1/2 + .05 A) x with A antisymmetric of Frobenius norm
// sqrt(2), a stand-in for an encoder that is nearly a gradient. S has a geometric spectrum from .1 to 2.
func EncoderPair(n, d int) (x, y *tensor.Dense) {
	q := orthogonal(d, 3)
	s := make([]float64, d)
	for i := range s {
		s[i] = .1 * math.Pow(20, float64(i)/math.Max(1, float64(d-1)))
	}
	power := func(e float64) *mat.Dense { // S^e
		var l, out mat.Dense
		l.CloneFrom(q)
		for i := range d {
			for j := range d {
				l.Set(i, j, q.At(i, j)*math.Pow(s[j], e))
			}
		}
		out.Mul(&l, q.T())
		return &out
	}
	skew := make([]float64, d*d)
	rng.Normals(skew, 3, 1, 0)
	var norm float64
	m := power(-.5)
	for i := range d {
		for j := range d {
			a := skew[i*d+j] - skew[j*d+i]
			norm += a * a / 2
		}
	}
	for i := range d {
		for j := range d {
			m.Set(i, j, m.At(i, j)+.05*(skew[i*d+j]-skew[j*d+i])/math.Sqrt(norm))
		}
	}
	var xs, ys mat.Dense
	xs.Mul(mat.NewDense(n, d, Normals(n, d, 0, 1, 4).Data().([]float64)), power(.5))
	ys.Mul(&xs, m.T())
	return engine.Points(xs.RawMatrix().Data, n, d), engine.Points(ys.RawMatrix().Data, n, d)
}

// RotatedPair is a stand-in for an encoder in any dimension at a cost of O(n d): x has independent coordinates
// with a geometric spectrum from .1 to 2, and y_2k, y_2k+1 are x_2k, x_2k+1 over their standard deviations, plus
// .05 times x turned by a right angle in that plane.
func RotatedPair(n, d int) (x, y *tensor.Dense) {
	x = Normals(n, d, 0, 1, 4)
	xs, ys := x.Data().([]float64), make([]float64, n*d)
	s := make([]float64, d)
	for i := range s {
		s[i] = math.Sqrt(.1 * math.Pow(20, float64(i)/math.Max(1, float64(d-1))))
	}
	for i := 0; i < n*d; i += d {
		row, out := xs[i:i+d], ys[i:i+d]
		for j := range row {
			out[j] = row[j] // already x over its standard deviation
			row[j] *= s[j]
		}
		for j := 0; j+1 < d; j += 2 {
			out[j] -= .05 * row[j+1]
			out[j+1] += .05 * row[j]
		}
	}
	return x, engine.Points(ys, n, d)
}

// ImagePair returns the first n rows of a file of images and their latents under the flow of these images, smoothed.
func ImagePair(path string, n int) (x, y *tensor.Dense, err error) {
	file, err := arrayio.ReadPoints(path, arrayio.Options{})
	if err != nil {
		return nil, nil, err
	}
	rows, d := file.Shape[0], file.Shape[1]
	n = min(n, rows)
	pixels := slices.Clone(file.Data[:n*d])
	for i := range pixels {
		pixels[i] /= 255
	}
	x = engine.Points(pixels, n, d)
	law, err := dist.NewPoints(x, nil, 1)
	if err != nil {
		return nil, nil, err
	}
	e := cpu.New(cpu.Options{})
	defer e.Close()
	r, err := flow.Encode(context.Background(), e, engine.F32, law, x, &flow.Settings{Atol: 1e-4, Rtol: -1})
	if err != nil {
		return nil, nil, err
	}
	return x, r.X, nil
}

// EmbeddingClouds returns the clouds of SinkhornEmbeddings: ten classes N(m_c, I) with m_c ~ N(0, I), and
// y = x plus .3 times standard normal noise.
func EmbeddingClouds(n, d int) (x, y *tensor.Dense) {
	const classes = 10
	means := Normals(classes, d, 0, 1, 10).Data().([]float64)
	x, y = Normals(n, d, 0, 1, 11), Normals(n, d, 0, .3, 12)
	xs, ys := x.Data().([]float64), y.Data().([]float64)
	for i := range xs {
		xs[i] += means[i/d%classes*d+i%d]
		ys[i] += xs[i]
	}
	return x, y
}

// NearestNeighbour returns the median distance of the first count rows of x to the nearest other row that differs.
func NearestNeighbour(x *tensor.Dense, count int) float64 {
	n, d := x.Shape()[0], x.Shape()[1]
	data := x.Data().([]float64)
	nearest := make([]float64, min(count, n))
	for i := range nearest {
		least := math.Inf(1)
		for j := range n {
			sum := 0.
			for l := 0; l < d && sum < least; l++ {
				t := data[i*d+l] - data[j*d+l]
				sum += t * t
			}
			if sum > 0 {
				least = min(least, sum)
			}
		}
		nearest[i] = math.Sqrt(least)
	}
	slices.Sort(nearest)
	return nearest[len(nearest)/2]
}

// FlowMixture returns the law of the workload of that name: 16 full covariances in 64 dimensions.
func FlowMixture() (*dist.Mixture, error) { return dist.RandomMixture(16, 64, 7) }

// orthogonal returns the Q of a standard normal d x d matrix's QR factorisation.
func orthogonal(d int, seed uint64) *mat.Dense {
	a := make([]float64, d*d)
	rng.Normals(a, seed, 2, 0)
	var qr mat.QR
	qr.Factorize(mat.NewDense(d, d, a))
	var q mat.Dense
	qr.QTo(&q)
	return &q
}
