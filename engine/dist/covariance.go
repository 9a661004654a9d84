package dist

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Covariance is a factored symmetric positive definite matrix C = Q diag(l) Q^T of size d. It is immutable.
type Covariance struct {
	d       int
	values  []float64   // l: d eigenvalues, or one for all
	basis   []float64   // Q [d, d] row-major, eigenvectors in its columns; nil = no dense factor
	reflect [][]float64 // unit v_r of Q = H_1 .. H_R, H_r = I - 2 v_r v_r^T; nil = none
}

// Isotropic returns C = v I of size d.
func Isotropic(d int, v float64) (*Covariance, error) {
	if d < 1 {
		return nil, bad("dimension %d: want at least 1", d)
	}
	if !(v > 0) || math.IsInf(v, 0) {
		return nil, bad("variance %v: want a finite number above 0", v)
	}
	return &Covariance{d: d, values: []float64{v}}, nil
}

// Diagonal returns C = diag(vars), as an isotropic one where all are equal.
func Diagonal(vars []float64) (*Covariance, error) {
	for i, v := range vars {
		if !(v > 0) || math.IsInf(v, 0) {
			return nil, bad("variance [%d] = %v: want a finite number above 0", i, v)
		}
	}
	if len(vars) > 0 && !slices.ContainsFunc(vars, func(v float64) bool { return v != vars[0] }) {
		return Isotropic(len(vars), vars[0])
	}
	if len(vars) == 0 {
		return Isotropic(0, 1)
	}
	return &Covariance{d: len(vars), values: slices.Clone(vars)}, nil
}

// Full factors a symmetric matrix once, into a diagonal or isotropic form where it is one. A smallest
// eigenvalue that is not above rounding is an error: d 2^-52 times the largest.
func Full(c mat.Symmetric) (*Covariance, error) {
	d := c.SymmetricDim()
	diagonal := true
	vars := make([]float64, d)
	for i := range d {
		vars[i] = c.At(i, i)
		for j := range i {
			v := c.At(i, j)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, bad("covariance [%d,%d] = %v", i, j, v)
			}
			diagonal = diagonal && v == 0
		}
		if math.IsNaN(vars[i]) || math.IsInf(vars[i], 0) {
			return nil, bad("covariance [%d,%d] = %v", i, i, vars[i])
		}
	}
	if diagonal && (d == 0 || slices.Min(vars) > 0) {
		return Diagonal(vars)
	}
	var eig mat.EigenSym
	if !eig.Factorize(c, true) {
		return nil, bad("covariance: the eigenvalues were not found")
	}
	l := eig.Values(nil)
	if least := l[0]; !(least > float64(d)*0x1p-52*l[d-1]) {
		return nil, bad("covariance is not positive definite: its smallest eigenvalue is %.6g", least)
	}
	var q mat.Dense
	eig.VectorsTo(&q)
	return &Covariance{d: d, values: l, basis: slices.Clone(q.RawMatrix().Data)}, nil
}

// Reflected returns C = Q diag(values) Q^T with Q = H_1 H_2 ... H_R, the reflections H_r = I - 2 v v^T/|v|^2
// along the given nonzero vectors: O(R d) numbers, however large d is.
func Reflected(values []float64, vectors [][]float64) (*Covariance, error) {
	c, err := Diagonal(values)
	if err != nil || len(c.values) == 1 { // every basis diagonalises an isotropic matrix
		return c, err
	}
	for r, v := range vectors {
		norm := blas64.Nrm2(blas64.Vector{N: len(v), Data: v, Inc: 1})
		if len(v) != c.d || !(norm > 0) || math.IsInf(norm, 0) {
			return nil, bad("reflection %d: want a nonzero vector of %d numbers", r, c.d)
		}
		unit := make([]float64, c.d)
		for i := range v {
			unit[i] = v[i] / norm
		}
		c.reflect = append(c.reflect, unit)
	}
	return c, nil
}

// Dim returns d.
func (c *Covariance) Dim() int { return c.d }

// Eigenvalues returns all d eigenvalues, in the order of the factors.
func (c *Covariance) Eigenvalues() []float64 {
	l := make([]float64, c.d)
	for i := range l {
		l[i] = c.value(i)
	}
	return l
}

func (c *Covariance) value(i int) float64 {
	if len(c.values) == 1 {
		return c.values[0]
	}
	return c.values[i]
}

// Apply computes dst = Q diag(f(l)) Q^T x, a function of the matrix: f(l) = 1/sqrt(l) whitens. dst may be x.
// It panics where the lengths are not d.
func (c *Covariance) Apply(dst, x []float64, f func(l float64) float64) {
	if len(dst) != c.d || len(x) != c.d {
		panic(fmt.Sprintf("dist: vectors of %d and %d numbers for a covariance of size %d", len(dst), len(x), c.d))
	}
	y := slices.Clone(x)
	for _, v := range c.reflect { // Q^T = H_R .. H_1
		reflectRow(y, v)
	}
	vec := func(x []float64) blas64.Vector { return blas64.Vector{N: c.d, Data: x, Inc: 1} }
	q := blas64.General{Rows: c.d, Cols: c.d, Stride: c.d, Data: c.basis}
	if c.basis != nil {
		z := make([]float64, c.d)
		blas64.Gemv(blas.Trans, 1, q, vec(y), 0, vec(z))
		y = z
	}
	for i := range y {
		y[i] *= f(c.value(i))
	}
	if c.basis != nil {
		z := make([]float64, c.d)
		blas64.Gemv(blas.NoTrans, 1, q, vec(y), 0, vec(z))
		y = z
	}
	for _, v := range slices.Backward(c.reflect) {
		reflectRow(y, v)
	}
	copy(dst, y)
}

// colour turns n rows of standard normal numbers into rows of N(0, C): each becomes Q diag(sqrt l) z.
func (c *Covariance) colour(z []float64, n int) []float64 {
	if c.basis != nil {
		// A^T = diag(sqrt l) Q^T. A product of plain matrices adds up each row in the order of the
		// coordinates, so a row does not depend on how many others there are.
		at := make([]float64, c.d*c.d)
		for j := range c.d {
			s := math.Sqrt(c.value(j))
			for i := range c.d {
				at[j*c.d+i] = s * c.basis[i*c.d+j]
			}
		}
		out := make([]float64, len(z))
		rows := func(n int, x []float64) blas64.General {
			return blas64.General{Rows: n, Cols: c.d, Stride: c.d, Data: x}
		}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, rows(n, z), rows(c.d, at), 0, rows(n, out))
		return out
	}
	for i := range n {
		row := z[i*c.d : (i+1)*c.d]
		for j := range row {
			row[j] *= math.Sqrt(c.value(j))
		}
		for _, v := range slices.Backward(c.reflect) {
			reflectRow(row, v)
		}
	}
	return z
}

// reflectRow computes x -= 2 v <v, x> for a unit vector v.
func reflectRow(x, v []float64) {
	a := blas64.Vector{N: len(v), Data: v, Inc: 1}
	b := blas64.Vector{N: len(x), Data: x, Inc: 1}
	blas64.Axpy(-2*blas64.Dot(a, b), a, b)
}

// equal says whether two covariances have the same factors.
func (c *Covariance) equal(o *Covariance) bool {
	return c == o || c.d == o.d && slices.Equal(c.values, o.values) && c.sameBasis(o)
}

// sameBasis says whether the orthonormal factors are the same.
func (c *Covariance) sameBasis(o *Covariance) bool {
	return slices.Equal(c.basis, o.basis) && slices.EqualFunc(c.reflect, o.reflect, slices.Equal[[]float64])
}

// plain says that Q = I.
func (c *Covariance) plain() bool { return c.basis == nil && len(c.reflect) == 0 }

// dense returns Q [d, d] whatever its form.
func (c *Covariance) dense() []float64 {
	if c.basis != nil {
		return c.basis
	}
	q := make([]float64, c.d*c.d)
	for i := range c.d {
		row := q[i*c.d : (i+1)*c.d]
		row[i] = 1
		for _, v := range c.reflect { // row i of Q = e_i^T H_1 .. H_R
			reflectRow(row, v)
		}
	}
	return q
}
