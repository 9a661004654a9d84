package flow

import (
	"fmt"
	"math"

	"monge/engine"

	"gorgonia.org/tensor"
)

// Asymmetry returns |J - J^T|_F / |J|_F of each Jacobian of j [N, d, d], 0 where J = 0. The encoder is the
// optimal map exactly when its Jacobian is symmetric positive semi-definite everywhere (Brenier). It panics
// where j is not [N, d, d] of float64.
func Asymmetry(j *tensor.Dense) []float64 {
	s := j.Shape()
	if len(s) != 3 || s[1] != s[2] {
		panic(fmt.Sprintf("flow: Jacobians of shape %v, want [N, d, d]", s))
	}
	v := cube(j)
	n, d := s[0], s[1]
	asym := make([]float64, n)
	for i := range asym {
		m := v[i*d*d : (i+1)*d*d]
		var diff, norm frobenius
		for a := range d {
			norm.add(m[a*d+a])
			for b := range a {
				norm.add(m[a*d+b])
				norm.add(m[b*d+a])
				diff.add(m[a*d+b] - m[b*d+a])
			}
		}
		if r := norm.root(); r != 0 { // NaN stays NaN
			asym[i] = math.Sqrt2 * diff.root() / r
		}
	}
	return asym
}

// AsymmetryProbes estimates Asymmetry from Jacobian-vector products alone: v [N, K, d] holds K >= 2
// independent standard normal or Rademacher directions a point, jv [N, K, d] their images J v_k. With
// A_kl = v_k . J v_l
//
//	|J - J^T|_F^2 = E (A_kl - A_lk)^2, k < l     |J|_F^2 = E |J v_k|^2
//
// and both means are over the point's own directions. Tensors that do not fit are errors that wrap
// engine.ErrShape.
func AsymmetryProbes(v, jv *tensor.Dense) ([]float64, error) {
	s := v.Shape()
	if len(s) != 3 || s[1] < 2 || !s.Eq(jv.Shape()) {
		return nil, fmt.Errorf("flow: probes of shape %v and products of shape %v, want both [N, K, d] with K >= 2: %w", s, jv.Shape(), engine.ErrShape)
	}
	n, k, d := s[0], s[1], s[2]
	dirs, images := cube(v), cube(jv)
	asym := make([]float64, n)
	for i := range asym {
		x, y := dirs[i*k*d:(i+1)*k*d], images[i*k*d:(i+1)*k*d]
		var diff, norm frobenius
		for a := range k {
			for _, t := range y[a*d : (a+1)*d] {
				norm.add(t)
			}
			for b := range a {
				diff.add(dot(x[a*d:(a+1)*d], y[b*d:(b+1)*d]) - dot(x[b*d:(b+1)*d], y[a*d:(a+1)*d]))
			}
		}
		if r := norm.root(); r != 0 { // NaN stays NaN
			pairs := float64(k*(k-1)) / 2
			asym[i] = diff.root() / math.Sqrt(pairs) / (r / math.Sqrt(float64(k)))
		}
	}
	return asym, nil
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

// frobenius is the root of a sum of squares that neither over- nor underflows.
type frobenius struct{ scale, sum float64 }

func (f *frobenius) add(v float64) {
	v = math.Abs(v)
	switch {
	case v == 0:
	case v > f.scale: // false for NaN, which the sum below keeps
		r := f.scale / v
		f.sum = 1 + f.sum*r*r
		f.scale = v
	default:
		r := v / f.scale
		f.sum += r * r
	}
}

func (f *frobenius) root() float64 { return f.scale * math.Sqrt(f.sum) }

// cube is stacked of a tensor that the caller says is one.
func cube(t *tensor.Dense) []float64 {
	v, err := stacked(t)
	if err != nil {
		panic("flow: " + err.Error())
	}
	return v
}

// stacked returns the numbers of a tensor [N, K, d] in row-major order, without copying where they lie on the host like
// that already.
func stacked(t *tensor.Dense) ([]float64, error) {
	if t.IsNativelyAccessible() && !t.RequiresIterator() && !t.DataOrder().IsColMajor() && t.DataOrder().IsContiguous() {
		if v, ok := t.Data().([]float64); ok {
			return v, nil
		}
	}
	s := t.Shape()
	flat := t.Clone().(*tensor.Dense)
	if err := flat.Reshape(s[0]*s[1], s[2]); err != nil {
		return nil, err
	}
	v, _, _, err := engine.Matrix(flat)
	return v, err
}
