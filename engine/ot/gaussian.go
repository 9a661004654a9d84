package ot

import (
	"context"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Gaussian solves the transport problem between the normal laws that have the clouds' weighted means
// and covariances (with 1/n, not 1/(n-1)), the squared Bures-Wasserstein distance
//
//	W2^2 = |mx - my|^2 + tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2.
//
// Cost, Lower, Upper and Dual are all that number: they refer to the two normal laws, and by Gelbrich's
// inequality it is a lower bound for the clouds themselves. Covariances may be singular (n <= d, constant
// columns, one point).
//
// The last trace is the sum of the singular values of A^1/2 B^1/2. With A = X'X and B = Y'Y, X and Y the
// centred points scaled by the roots of their weights, these are the singular values of Rx Ry', where
// X = Qx Rx and Y = Qy Ry: no covariance is formed, and nothing is lost by squaring. Time O((n + m) d^2 +
// d^3), or O(n m d + min(n, m)^2 max(n, m)) where n and m are below d; memory O((n + m) d). The context is looked at
// before each of the three decompositions, which go on to their end.
//
// Errors: those of [Exact] for the clouds, [ErrNotFinite] for a cost beyond float64, and ctx.Err().
//
// Source: Gelbrich, Mathematische Nachrichten 147 (1990); Olkin and Pukelsheim (1982).
func Gaussian(ctx context.Context, c Clouds) (*Result, error) {
	start := time.Now()
	p, err := c.check()
	if err != nil {
		return nil, err
	}
	x, y := momentsOf(p.x, p.a, p.d), momentsOf(p.y, p.b, p.d)
	rx, err := factor(ctx, x, p.a, p.d)
	if err != nil {
		return nil, err
	}
	ry, err := factor(ctx, y, p.b, p.d)
	if err != nil {
		return nil, err
	}
	common, err := nuclearNorm(ctx, rx, ry)
	if err != nil {
		return nil, err
	}
	// Two clouds of equal moments leave a rounding error of either sign.
	delta := separation(x, y)
	cost := dot(delta, delta) + max(0, x.square+y.square-2*common)
	if math.IsInf(cost, 0) || math.IsNaN(cost) {
		return nil, fmt.Errorf("ot: gaussian: cost %v: %w", cost, ErrNotFinite)
	}
	return &Result{
		Solver: "gaussian", Status: Optimal, Cost: cost, Lower: cost, Upper: cost, Dual: cost,
		Eps: math.NaN(), MarginalError: math.NaN(),
		Note:    "between the normal laws of the clouds' means and covariances",
		Seconds: time.Since(start).Seconds(),
	}, nil
}

// factor returns a matrix R with R'R = the covariance of m, of at most d rows. It takes the memory of m's points.
func factor(ctx context.Context, m moments, w []float64, d int) (*mat.Dense, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("ot: gaussian: %w", ctx.Err())
	}
	rows := 0
	data := m.centred
	for i, v := range w {
		if v == 0 {
			continue
		}
		s := math.Sqrt(v)
		for t, z := range data[i*d : i*d+d] {
			data[rows*d+t] = s * z
		}
		rows++
	}
	scaled := mat.NewDense(rows, d, data[:rows*d])
	if rows <= d {
		return scaled, nil
	}
	var qr mat.QR
	qr.Factorize(scaled)
	var r mat.Dense
	qr.RTo(&r)
	return mat.DenseCopyOf(r.Slice(0, d, 0, d)), nil
}

// nuclearNorm returns the sum of the singular values of x y'.
func nuclearNorm(ctx context.Context, x, y *mat.Dense) (float64, error) {
	if ctx.Err() != nil {
		return 0, fmt.Errorf("ot: gaussian: %w", ctx.Err())
	}
	// Scaling to largest entries near 1 keeps products of tiny or huge points in range.
	sx, sy := mat.Norm(x, math.Inf(1)), mat.Norm(y, math.Inf(1))
	if sx == 0 || sy == 0 {
		return 0, nil
	}
	x.Apply(func(_, _ int, v float64) float64 { return v / sx }, x) // 1/sx may overflow
	y.Apply(func(_, _ int, v float64) float64 { return v / sy }, y)
	var product mat.Dense
	product.Mul(x, y.T())
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDNone) {
		return 0, fmt.Errorf("ot: gaussian: the singular values of a %d x %d product did not converge", product.RawMatrix().Rows, product.RawMatrix().Cols)
	}
	values := svd.Values(nil)
	return sx * sy * blas64.Asum(blas64.Vector{N: len(values), Data: values, Inc: 1}), nil
}
