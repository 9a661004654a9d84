package ot

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// denseMoments is the largest dimension where a start takes whole covariances; beyond, the variances.
const denseMoments = 256

// gaussianPotential sets v to the Kantorovich potential between the Gaussians of the clouds' first two
// moments,
//
//	v(y) = |y|² - (y - b)ᵀ B (y - b) - 2<a, y>,   B = Σy^-1/2 (Σy^1/2 Σx Σy^1/2)^1/2 Σy^-1/2,
//
// B being the optimal map from y's Gaussian N(b, Σy) to x's N(a, Σx). It is the exact potential where one
// cloud is the image of the other under a symmetric positive map, and a start everywhere.
//
// Points farther from the origin than 8 times the median are left out of the moments; all says that there
// were none.
func gaussianPotential(w *work, in *instance, v []float64) (all bool, err error) {
	d := in.d
	x, wx, far := bulk(in.x, in.a, d)
	y, wy, farY := bulk(in.y, in.b, d)
	a, sx := axisMoments(x, wx, d)
	b, sy := axisMoments(y, wy, d)
	var B *mat.SymDense
	axes := make([]float64, d)
	if d <= denseMoments {
		B = mat.NewSymDense(d, nil)
		optimalMap(B, covariance(mat.NewDense(len(x)/d, d, x), wx), covariance(mat.NewDense(len(y)/d, d, y), wy))
	} else {
		for t := range d {
			if sy[t] > 0 {
				axes[t] = math.Sqrt(sx[t] / sy[t])
			}
		}
	}
	err = w.each(in.m, 64, func(lo, hi int, _ *scratch) {
		z := mat.NewVecDense(d, nil)
		for j := lo; j < hi; j++ {
			var q float64
			for t, yt := range in.y[j*d : (j+1)*d] {
				z.SetVec(t, yt-b[t])
				q += yt*yt - 2*a[t]*yt
			}
			if d <= denseMoments {
				v[j] = q - mat.Inner(z, B, z)
				continue
			}
			for t := range d {
				q -= axes[t] * z.AtVec(t) * z.AtVec(t)
			}
			v[j] = q
		}
	})
	if err != nil {
		return false, err
	}
	// Near-identity clouds have a potential of nearly 0, up to a constant whose rounding would be all of it.
	middle := median(v)
	for j := range v {
		v[j] -= middle
	}
	return !far && !farY, nil
}

// momentFlops bounds the work of a covariance: larger clouds are represented by every k-th point.
const momentFlops = 1 << 28

// bulk returns the points without outliers, their units as weights for moments, nil where all are equal, and
// whether there are outliers.
func bulk(x []float64, mass []int64, d int) (kept, w []float64, far bool) {
	square := make([]float64, len(mass))
	for i := range square {
		p := x[i*d : (i+1)*d]
		square[i] = dot(p, p)
	}
	limit := 64 * median(square)
	stride := 1 + len(mass)/max(4*d, momentFlops/(d*d))
	var rows []int32
	even, seen := true, 0
	for i, q := range square {
		if q > limit {
			far = true
			continue
		}
		if seen++; seen%stride == 0 || stride == 1 {
			rows, w = append(rows, int32(i)), append(w, float64(mass[i]))
			even = even && mass[i] == mass[0]
		}
	}
	if even {
		w = nil
	}
	if len(rows) == len(mass) {
		return x, w, far
	}
	return gather(x, rows, d), w, far
}

// covariance is the covariance with divisor Σ w. gonum divides by Σ w - 1: with units as weights that is
// the same number.
func covariance(x *mat.Dense, w []float64) *mat.SymDense {
	n, d := x.Dims()
	if n == 1 {
		return mat.NewSymDense(d, nil)
	}
	S := new(mat.SymDense)
	stat.CovarianceMatrix(S, x, w)
	if w == nil {
		S.ScaleSym(float64(n-1)/float64(n), S)
	}
	return S
}

// axisMoments returns the weighted mean and variance of each coordinate.
func axisMoments(x, w []float64, d int) (mean, variance []float64) {
	mean, variance = make([]float64, d), make([]float64, d)
	var sum float64
	for i := range len(x) / d {
		u := 1.
		if w != nil {
			u = w[i]
		}
		sum += u
		for t, v := range x[i*d : (i+1)*d] {
			e := v - mean[t] // Welford, with weights
			mean[t] += e * u / sum
			variance[t] += e * (v - mean[t]) * u
		}
	}
	for t := range variance {
		variance[t] /= sum
	}
	return mean, variance
}

// optimalMap sets B to the linear map that carries N(0, Sy) to N(0, Sx) at least cost, small eigenvalues of
// Sy raised. B is left 0 where the factorisation fails.
func optimalMap(B, Sx, Sy *mat.SymDense) {
	r, inverse, ok := squareRoots(Sy)
	if !ok {
		return
	}
	mid, _, ok := squareRoots(sandwich(r, Sx))
	if !ok {
		return
	}
	B.CopySym(sandwich(inverse, mid))
}

// sandwich returns P S P.
func sandwich(P, S *mat.SymDense) *mat.SymDense {
	var q, r mat.Dense
	q.Mul(P, S)
	r.Mul(&q, P)
	d := P.SymmetricDim()
	out := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			out.SetSym(i, j, (r.At(i, j)+r.At(j, i))/2)
		}
	}
	return out
}

// squareRoots returns S^1/2 and S^-1/2 with eigenvalues at least 1e-10 of their mean.
func squareRoots(S *mat.SymDense) (root, inverse *mat.SymDense, ok bool) {
	var e mat.EigenSym
	if !e.Factorize(S, true) {
		return nil, nil, false
	}
	var V mat.Dense
	e.VectorsTo(&V)
	values := e.Values(nil)
	d := len(values)
	least := 1e-10*mat.Trace(S)/float64(d) + 1e-300
	root, inverse = mat.NewSymDense(d, nil), mat.NewSymDense(d, nil)
	for k, l := range values {
		l = math.Sqrt(max(l, least))
		root.SymRankOne(root, l, V.ColView(k))
		inverse.SymRankOne(inverse, 1/l, V.ColView(k))
	}
	return root, inverse, true
}
