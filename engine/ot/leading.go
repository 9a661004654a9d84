package ot

import (
	"context"
	"fmt"
	"math"

	"monge/engine/rng"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

const (
	streamPrincipal = 0x70636178
	oversampling    = 6 // directions beyond those wanted, which the last of these converge by
)

// Leading returns the k leading eigenvectors of the sum of zᵀz over matrices z [n, d], at least one, as orthonormal rows
// [k, d], and their eigenvalues, the largest first. Of clouds about their means they are the principal axes, and n
// times the variances along them. k must be at most d.
//
// It is the randomised subspace iteration of Halko, Martinsson and Tropp (SIAM Review 53, 2011): powers products of
// k + 6 directions with every matrix and its transpose, O(n d k) each, from directions that seed draws. An eigenvector's
// error shrinks by l_out / l with each, of its eigenvalue l and the largest left out. The error is ctx's, or that no
// eigenvalues were found, as where the products are not finite.
func Leading(ctx context.Context, z []*mat.Dense, k, powers int, seed uint64) (vectors, values []float64, err error) {
	_, d := z[0].Dims()
	wide := min(d, k+oversampling)
	q := mat.NewDense(wide, d, nil)
	rng.Normals(q.RawMatrix().Data, seed, streamPrincipal, 0)
	for range powers {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("ot: %w", err)
		}
		next := mat.NewDense(wide, d, nil)
		for _, z := range z {
			var image, back mat.Dense
			image.Mul(q, z.T())
			back.Mul(&image, z)
			next.Add(next, &back)
		}
		q = next
		orthonormalise(q.RawMatrix().Data, d)
	}
	within := mat.NewSymDense(wide, nil) // the sum in the directions' span, whose eigenvectors are the best in it
	for _, z := range z {
		var image mat.Dense
		image.Mul(q, z.T())
		within.SymRankK(within, 1, &image)
	}
	var e mat.EigenSym
	if !e.Factorize(within, true) {
		return nil, nil, fmt.Errorf("ot: principal axes: the eigenvalues of a %d x %d matrix did not converge", wide, wide)
	}
	ascending := e.Values(nil)
	var turn, axes mat.Dense
	e.VectorsTo(&turn)
	axes.Mul(turn.T(), q)
	for a := range k {
		vectors = append(vectors, axes.RawRowView(wide-1-a)...)
		values = append(values, math.Max(0, ascending[wide-1-a]))
	}
	return vectors, values, nil
}

// orthonormalise makes the rows of v [k, d] orthonormal; rows without anything of their own become random ones.
func orthonormalise(v []float64, d int) {
	for k := 0; k*d < len(v); k++ {
		row := v[k*d : (k+1)*d]
		for try := uint64(0); ; try++ {
			before := floats.Norm(row, 2)
			for range 2 { // once more for what rounding left
				for l := range k {
					w := v[l*d : (l+1)*d]
					floats.AddScaled(row, -floats.Dot(w, row), w)
				}
			}
			if norm := floats.Norm(row, 2); norm > 1e-12*before && norm > 0 {
				floats.Scale(1/norm, row)
				break
			}
			rng.Normals(row, try, streamPrincipal, uint64((k+1)*d))
		}
	}
}
