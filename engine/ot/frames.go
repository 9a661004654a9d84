package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Frame is a set of orthonormal directions in R^d, along which [MarginalAlong] takes marginals.
type Frame struct {
	d          int
	directions []float64 // [k, d]; nil = all d axes
	excess     float64   // by how much the squares of a vector's products with the directions may exceed its own
}

const (
	principalExact  = 256 // dimensions up to which all principal axes are taken
	principalAxes   = 64  // axes beyond
	principalPowers = 3   // a marginal's bound is one in any directions
)

// Axes is the frame of the d coordinate axes.
func Axes(d int) Frame { return Frame{d: d} }

// Directions is the frame of orthonormal rows v [k, d]. Rows whose products differ from the identity by more than
// 1e-8 wrap [ErrSettings], counts of numbers that are no rows of d engine.ErrShape.
func Directions(v []float64, d int) (Frame, error) {
	if d <= 0 || len(v)%d != 0 || len(v) > d*d {
		return Frame{}, fmt.Errorf("ot: frame: %d numbers for directions in %d dimensions: %w", len(v), d, engine.ErrShape)
	}
	f := Frame{d: d, directions: v}
	k := len(v) / d
	for a := range k {
		for b := range a + 1 {
			off := floats.Dot(v[a*d:(a+1)*d], v[b*d:(b+1)*d])
			if a == b {
				off--
			}
			if !(math.Abs(off) < 1e-8) {
				return Frame{}, fmt.Errorf("ot: frame: directions %d and %d are not orthonormal: off by %g: %w", b, a, off, ErrSettings)
			}
			f.excess = math.Hypot(f.excess, math.Sqrt2*off)
		}
	}
	f.excess += 4 * float64(d) * engine.F64.Eps()
	return f, nil
}

// PrincipalAxes is the frame of the principal axes of both clouds together: all of them up to 256 dimensions, the
// 64 leading ones beyond by [Leading], in O((n + m) d) memory. Where a map stretches along axes of its own they are often near these.
func PrincipalAxes(ctx context.Context, c Clouds, seed uint64) (Frame, error) {
	p, err := c.check()
	if err != nil {
		return Frame{}, err
	}
	x, y := momentsOf(p.x, p.a, p.d), momentsOf(p.y, p.b, p.d)
	// Deviations from the pooled mean are those from the own one and half the way to the other's, in both clouds.
	between := separation(x, y)
	floats.Scale(math.Sqrt2/2, between)
	d := p.d
	scale := func(m moments, w []float64) *mat.Dense {
		for i, v := range w {
			floats.Scale(math.Sqrt(v), m.centred[i*d:(i+1)*d])
		}
		return mat.NewDense(len(w), d, m.centred)
	}
	clouds := []*mat.Dense{scale(x, p.a), scale(y, p.b), mat.NewDense(1, d, between)}
	var v []float64
	if d <= principalExact {
		v, err = eigenvectors(clouds, d)
	} else {
		v, _, err = Leading(ctx, clouds, min(principalAxes, d), principalPowers, seed)
	}
	if err != nil {
		return Frame{}, err
	}
	return Directions(v, d)
}

// eigenvectors returns those of the sum of z^T z as rows [d, d].
func eigenvectors(clouds []*mat.Dense, d int) ([]float64, error) {
	cov := mat.NewSymDense(d, nil)
	for _, z := range clouds {
		cov.SymRankK(cov, 1, z.T())
	}
	var e mat.EigenSym
	var q mat.Dense
	if !e.Factorize(cov, true) {
		return nil, fmt.Errorf("ot: principal axes: the eigenvalues of a %d x %d covariance did not converge", d, d)
	}
	e.VectorsTo(&q)
	return mat.DenseCopyOf(q.T()).RawMatrix().Data, nil
}

// count returns how many directions the frame has.
func (f Frame) count() int {
	if f.directions != nil {
		return len(f.directions) / f.d
	}
	return f.d
}

// projector returns a function that writes the products of the points x [n, d] with direction k.
func (f Frame) projector(x []float64) func(dst []float64, k int) {
	d := f.d
	if f.directions == nil {
		return func(dst []float64, k int) {
			for i := range dst {
				dst[i] = x[i*d+k]
			}
		}
	}
	return func(dst []float64, k int) {
		v := f.directions[k*d : (k+1)*d]
		for i := range dst {
			dst[i] = dot(v, x[i*d:(i+1)*d])
		}
	}
}
