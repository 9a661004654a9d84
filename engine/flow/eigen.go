package flow

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/rng"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// SmallestEigenvalue returns the smallest eigenvalue of the symmetric part (J + J^T)/2 of each Jacobian of j
// [N, d, d]. An optimal map's is at least 0 everywhere (Brenier). It panics where j is not [N, d, d] of float64.
func SmallestEigenvalue(j *tensor.Dense) []float64 {
	s := j.Shape()
	if len(s) != 3 || s[1] != s[2] {
		panic(fmt.Sprintf("flow: Jacobians of shape %v, want [N, d, d]", s))
	}
	v := cube(j)
	n, d := s[0], s[1]
	least := make([]float64, n)
	for i := range least {
		least[i] = smallest(d, func(a, b int) float64 { return v[i*d*d+a*d+b] })
	}
	return least
}

// smallest returns the smallest eigenvalue of the symmetric part of the matrix [d, d] of entries at(a, b), NaN
// where one of them is not finite.
func smallest(d int, at func(a, b int) float64) float64 {
	m := mat.NewSymDense(d, nil)
	for a := range d {
		for b := a; b < d; b++ {
			v := (at(a, b) + at(b, a)) / 2
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return math.NaN()
			}
			m.SetSym(a, b, v)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(m, false) {
		return math.NaN()
	}
	return eig.Values(nil)[0]
}

// EigenSettings are the settings of KrylovEigenvalue. nil and the zero value are the defaults.
type EigenSettings struct {
	Dims int      // of the space, of D at most; 0 = 12
	Seed uint64   // of the first directions
	Flow Settings // Tangents, Jacobian and LogP are set here
}

// streamEigen is the stream of random numbers of the first directions.
const streamEigen = 0x6569676e

// KrylovEigenvalue estimates the smallest eigenvalue of the symmetric part of the encoder's Jacobian J at every
// row of x [N, D], with products with J (the encoder's tangents) and J^-1 (the decoder's) alone: it is that of
// Q^T J Q, Q an orthonormal basis of the Krylov space
//
//	span(v, J^-1 v, J^-2 v, ...),
//
// which finds small eigenvalues first. So it is never below the true one but for the flow's errors, falls with
// every dimension, and is exact at D of them. Dims - 1 decodings with one tangent, and one encoding with Dims.
// Errors are those of Encode.
func KrylovEigenvalue(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, s *EigenSettings) ([]float64, error) {
	if s == nil {
		s = new(EigenSettings)
	}
	dims := s.Dims
	if dims == 0 {
		dims = 12
	}
	if dims < 0 {
		return nil, fmt.Errorf("flow: a Krylov space of %d dimensions: %w", dims, ErrSettings)
	}
	_, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	dims = min(dims, d)
	fs := s.Flow
	fs.Tangents, fs.Jacobian, fs.LogP = nil, false, false
	z, err := Encode(ctx, e, t, law, x, &fs)
	if err != nil {
		return nil, err
	}
	k := &krylov{n: n, d: d, dims: dims, q: make([]float64, n*dims*d)}
	last := make([]float64, n*d)
	rng.Normals(last, s.Seed, streamEigen, 0)
	for b := range dims {
		if b > 0 {
			fs.Tangents = tensor.New(tensor.WithShape(n, 1, d), tensor.WithBacking(last))
			r, err := Decode(ctx, e, t, law, z.X, &fs)
			if err != nil {
				return nil, err
			}
			last = cube(r.Tangents)
		}
		k.add(b, last)
	}
	fs.Tangents = tensor.New(tensor.WithShape(n, dims, d), tensor.WithBacking(k.q))
	r, err := Encode(ctx, e, t, law, x, &fs)
	if err != nil {
		return nil, err
	}
	images := cube(r.Tangents)
	least := make([]float64, n)
	for i := range least {
		least[i] = smallest(dims, func(a, b int) float64 {
			at := (i*dims + b) * d
			return dot(k.row(i, a), images[at:at+d])
		})
	}
	return least, nil
}

// krylov holds an orthonormal basis for every row.
type krylov struct {
	n, d, dims int
	q          []float64 // [N, dims, D]
}

func (k *krylov) row(i, b int) []float64 {
	at := (i*k.dims + b) * k.d
	return k.q[at : at+k.d]
}

// add makes v [N, D] orthonormal to the first b vectors and appends it; v becomes the appended one. Three times
// for a vector that lies in the space but for rounding, which then is any direction across it.
func (k *krylov) add(b int, v []float64) {
	for i := range k.n {
		row := v[i*k.d : (i+1)*k.d]
		for range 3 {
			for c := range b {
				q := k.row(i, c)
				h := dot(q, row)
				for a := range row {
					row[a] -= h * q[a]
				}
			}
			norm := math.Sqrt(dot(row, row))
			if norm == 0 { // nothing is left, not even rounding: the next coordinate axis
				row[b%k.d], norm = 1, 1
			}
			for a := range row {
				row[a] /= norm
			}
		}
		copy(k.row(i, b), row)
	}
}
