package ot

import (
	"context"
	"fmt"
	"math"
	"time"

	"monge/engine"

	"monge/engine/rng"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// SlicedSettings are the settings of [Sliced]. nil and the zero value are the defaults.
type SlicedSettings struct {
	Projections int    // directions; 0 = 256
	Seed        uint64 // of the directions; stream streamSliced of package rng
	Threads     int    // 0 = GOMAXPROCS; the result does not depend on it
}

// streamSliced is the stream of random numbers that the directions come from.
const streamSliced = 0x736c6963

// Sliced estimates d times the squared sliced Wasserstein distance,
//
//	Cost = d mean over the directions of W2^2(<theta, X>, <theta, Y>),
//
// whose expectation is a lower bound of W2^2(X, Y). Directions are uniform on the sphere and drawn in
// orthonormal frames of d (the last may have fewer), which has less variance than independent ones and
// makes the bound hold for the very directions drawn: every frame's sum is at most W2^2. Lower is the mean
// over the whole frames, or the sum over the directions where there are fewer than d, and always a lower
// bound; Upper and Dual are NaN, Status is Estimate. Note gives the estimate's standard error where two
// or more whole frames were drawn. Time O(P (n d + n log n) + P d^2), memory O(n + m + P d).
// Source: Rabin, Peyre, Delon, Bernot, SSVM 2011; Rowland et al., AISTATS 2019 (orthogonal directions).
func Sliced(ctx context.Context, c Clouds, s *SlicedSettings) (*Result, error) {
	start := time.Now()
	if s == nil {
		s = new(SlicedSettings)
	}
	count := s.Projections
	if count == 0 {
		count = 256
	}
	if count < 0 {
		return nil, fmt.Errorf("ot: sliced: %d projections, want at least 1", count)
	}
	p, err := c.check()
	if err != nil {
		return nil, err
	}
	// The means' distance is projected by itself, so that offsets of the clouds cost no digits.
	x, y := momentsOf(p.x, p.a, p.d), momentsOf(p.y, p.b, p.d)
	shift := separation(x, y)
	theta, err := RandomDirections(ctx, count, p.d, s.Seed, s.Threads)
	if err != nil {
		return nil, err
	}
	f := Frame{d: p.d, directions: theta}
	costs, err := p.alongAxes(ctx, count, s.Threads, [2]func([]float64, int){f.projector(x.centred), f.projector(y.centred)})
	if err != nil {
		return nil, err
	}
	var all, whole, frame, squares engine.Compensated
	complete := 0
	for k, v := range costs {
		along := dot(theta[k*p.d:k*p.d+p.d], shift)
		v += along * along
		all.Add(v)
		frame.Add(v)
		if (k+1)%p.d == 0 {
			complete++
			whole.Add(frame.Value())
			squares.Add(frame.Value() * frame.Value())
			frame = engine.Compensated{}
		}
	}
	r := &Result{
		Solver: "sliced", Status: Estimate, Upper: math.NaN(), Dual: math.NaN(), Eps: math.NaN(), MarginalError: math.NaN(),
		Cost:  float64(p.d) * all.Value() / float64(count),
		Lower: frame.Value(),
	}
	if complete > 0 {
		r.Lower = whole.Value() / float64(complete)
	}
	if k := float64(complete); complete > 1 {
		r.Note = fmt.Sprintf("%d directions; standard error %.2g", count,
			math.Sqrt(max(0, squares.Value()-k*r.Lower*r.Lower)/(k*(k-1))))
	} else {
		r.Note = fmt.Sprintf("%d directions", count)
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// RandomDirections returns count unit vectors [count, d]: consecutive ones make orthonormal frames of d, each uniform
// (Haar), the last one possibly incomplete. Threads is as in [SlicedSettings]. The error is ctx's.
func RandomDirections(ctx context.Context, count, d int, seed uint64, threads int) ([]float64, error) {
	out := make([]float64, count*d)
	for lo := 0; lo < count; lo += d {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("ot: %w", err)
		}
		k := min(d, count-lo)
		rows := out[lo*d : (lo+k)*d]
		rng.Normals(rows, seed, streamSliced, uint64(lo*d))
		if d == 1 {
			rows[0] = math.Copysign(1, rows[0])
			continue
		}
		if 4*k <= d {
			if err := cholesky(ctx, rows, k, d, threads); err != nil {
				return nil, err
			}
			continue
		}
		// The columns of Q, one direction each; their signs do not matter to a projection's W2^2.
		a := blas64.General{Rows: d, Cols: k, Stride: k, Data: make([]float64, d*k)}
		for i := range k {
			for t := range d {
				a.Data[t*k+i] = rows[i*d+t]
			}
		}
		tau, work := make([]float64, k), make([]float64, 1)
		lapack64.Geqrf(a, tau, work, -1)
		work = make([]float64, int(work[0]))
		lapack64.Geqrf(a, tau, work, len(work))
		lapack64.Orgqr(a, tau, work[:1], -1)
		work = make([]float64, int(work[0]))
		lapack64.Orgqr(a, tau, work, len(work))
		for i := range k {
			for t := range d {
				rows[i*d+t] = a.Data[t*k+i]
			}
		}
	}
	return out, nil
}

// cholesky makes the rows of v [k, d] orthonormal, L⁻¹ V with V Vᵀ = L Lᵀ: those of Householder's reflections but for
// signs, in two passes over panels of coordinates. Normal rows of four times their count of coordinates and more
// have a V Vᵀ of condition 9 at most, about, so that nothing is lost.
func cholesky(ctx context.Context, v []float64, k, d, threads int) error {
	const coords, groups = 512, 16
	panels := (d + coords - 1) / coords
	columns := func(p int) blas64.General {
		lo := p * coords
		return blas64.General{Rows: k, Cols: min(coords, d-lo), Stride: d, Data: v[lo:]}
	}
	parts := make([]blas64.Symmetric, groups)
	err := eachPanel(ctx, groups, 1, threads, func(g, _ int) {
		parts[g] = blas64.Symmetric{N: k, Stride: k, Data: make([]float64, k*k), Uplo: blas.Lower}
		for p := g; p < panels && ctx.Err() == nil; p += groups {
			blas64.Syrk(blas.NoTrans, 1, columns(p), 1, parts[g])
		}
	})
	if err != nil {
		return err
	}
	gram := parts[0]
	for _, part := range parts[1:] {
		blas64.Axpy(1, blas64.Vector{N: k * k, Data: part.Data, Inc: 1}, blas64.Vector{N: k * k, Data: gram.Data, Inc: 1})
	}
	l, ok := lapack64.Potrf(gram)
	if !ok {
		return fmt.Errorf("ot: sliced: %d random directions in %d dimensions are dependent", k, d)
	}
	return eachPanel(ctx, panels, 1, threads, func(p, _ int) {
		blas64.Trsm(blas.Left, blas.NoTrans, 1, l, columns(p))
	})
}
