package study

import (
	"fmt"

	"monge/engine/dist"
	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
)

// productCase is E03: independent coordinates with a mixture each, turned by a random orthogonal R. Optimal
// maps of products act coordinate by coordinate and turn with the law: the encoder is R T(R^T x).
func productCase(t *trial) error {
	dims := of(t, []int{2, 16, 64}, []int{2, 16, 64, 784, 3072})
	for i, d := range dims {
		if err := t.product(d); err != nil {
			return err
		}
		if err := t.done(i+1, len(dims)); err != nil {
			return err
		}
	}
	return nil
}

// lines is the count of different coordinates of a product: each is repeated over a run of coordinates.
const lines = 4

// lineProduct returns the law of d independent coordinates, their distribution functions, and the law's
// factors as copies of a few lines.
func lineProduct(d int, seed uint64) (dist.Distribution, []lineLaw, error) {
	var factors []dist.Distribution
	var each []lineLaw
	for i := range min(lines, d) {
		mix := randomLine(2+i, seed+uint64(i))
		law, err := mix.law()
		if err != nil {
			return nil, nil, err
		}
		m := (d + i) / min(lines, d) // counts that add up to d
		if law, err = dist.NewCopies(law, m); err != nil {
			return nil, nil, err
		}
		factors = append(factors, law)
		for range m {
			each = append(each, mix.masses)
		}
	}
	law, err := dist.NewProduct(factors...)
	return law, each, err
}

func (t *trial) product(d int) error {
	plain, each, err := lineProduct(d, 1+t.s.Seed)
	if err != nil {
		return err
	}
	turn := reflections(d, 1+t.s.Seed)
	law, err := dist.NewRotation(plain, turn.matrix())
	if err != nil {
		return err
	}
	n := 16
	if d > 1000 {
		n = 4
	}
	x := t.sample(law, n)
	r, err := t.encode(law, x, strict())
	if err != nil {
		return err
	}
	want := eachRow(x, func(dst, row []float64) {
		copy(dst, row)
		turn.transposed(dst)
		for k, f := range each {
			dst[k] = f.quantile(dst[k])
		}
		turn.apply(dst)
	})
	// Scales of .3 expand the error of a step by 3, and a hundred steps add up.
	t.zero(fmt.Sprintf("d=%d map", d), farthest(numbers(r.X), want), t.within(1e-8, 1000))
	// The Jacobian is R diag R^T whatever the steps: rounding alone.
	asym, err := t.asymmetry(law, t.sample(law, 4), strict())
	if err != nil {
		return err
	}
	t.zero(fmt.Sprintf("d=%d asym", d), asym.Max, t.within(1e-12, 1))
	return nil
}

// turns is an orthogonal matrix as a product of reflections H_1 H_2 .. along unit vectors: any d costs
// O(d) numbers.
type turns [][]float64

// reflections returns the product of three random reflections of d coordinates, of one for d = 1.
func reflections(d int, seed uint64) turns {
	var q turns
	for r := range min(3, d) {
		v := make([]float64, d)
		rng.Normals(v, seed, turnStream+uint64(r), 0)
		norm := mat.Norm(mat.NewVecDense(d, v), 2)
		for i := range v {
			v[i] /= norm
		}
		q = append(q, v)
	}
	return q
}

const turnStream = 0x7475_726e_0000

func reflect(x, v []float64) {
	var s float64
	for i, c := range v {
		s += c * x[i]
	}
	for i, c := range v {
		x[i] -= 2 * s * c
	}
}

// apply turns x in place.
func (q turns) apply(x []float64) {
	for i := len(q) - 1; i >= 0; i-- {
		reflect(x, q[i])
	}
}

// transposed turns x back in place.
func (q turns) transposed(x []float64) {
	for _, v := range q {
		reflect(x, v)
	}
}

// matrix returns the dense matrix.
func (q turns) matrix() *mat.Dense {
	d := len(q[0])
	m := mat.NewDense(d, d, nil)
	for i := range d { // row i of H_1 H_2 .. is e_i^T H_1 H_2 ..
		row := m.RawRowView(i)
		row[i] = 1
		q.transposed(row)
	}
	return m
}
