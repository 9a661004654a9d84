package report

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

const (
	fitRows    = 4096 // rows that the axes are fitted to; a picture needs no more
	oversample = 6    // directions iterated beyond the two wanted
	rounds     = 24   // of subspace iteration
)

// principalAxes returns the two leading principal axes of the rows of x [n, d], d >= 2, as unit rows, the
// share of the variance along each, and nothing random: the start is fixed, and the largest entry of an
// axis is positive. It is the subspace iteration of Halko, Martinsson and Tropp (SIAM Review 53, 2011):
// O(n d) a round, where a full decomposition would take O(n d min(n, d)).
func principalAxes(x []float64, n, d int) (axes [2][]float64, share [2]float64) {
	rows := min(n, fitRows)
	c := mat.NewDense(rows, d, nil)
	mean := make([]float64, d)
	for i := range rows {
		src := i * n / rows
		for j, v := range x[src*d : (src+1)*d] {
			c.Set(i, j, v)
			mean[j] += v / float64(rows)
		}
	}
	var total float64
	for i := range rows {
		for j := range d {
			v := c.At(i, j) - mean[j]
			c.Set(i, j, v)
			total += v * v
		}
	}

	k := min(d, 2+oversample)
	src := rand.New(rand.NewPCG(1, 2))
	q := mat.NewDense(d, k, nil)
	for i := range d {
		for j := range k {
			q.Set(i, j, src.NormFloat64())
		}
	}
	var cq, next mat.Dense
	for range rounds {
		orthonormalise(q)
		cq.Mul(c, q)
		next.Mul(c.T(), &cq)
		q.Copy(&next)
	}
	orthonormalise(q)
	cq.Mul(c, q)
	var small mat.SymDense
	small.SymOuterK(1, cq.T())
	var eig mat.EigenSym
	if !eig.Factorize(&small, true) {
		// A cloud without finite variance has no axes; coordinates serve.
		axes[0], axes[1] = unit(d, 0), unit(d, 1)
		return axes, share
	}
	values := eig.Values(nil) // ascending
	var vectors, lead mat.Dense
	eig.VectorsTo(&vectors)
	lead.Mul(q, &vectors)
	for a := range axes {
		axes[a] = mat.Col(nil, k-1-a, &lead)
		orient(axes[a])
		if total > 0 {
			share[a] = math.Max(0, values[k-1-a]) / total
		}
	}
	return axes, share
}

// orthonormalise replaces the columns of q by an orthonormal basis of their span, completed where they
// are dependent.
func orthonormalise(q *mat.Dense) {
	var svd mat.SVD
	if !svd.Factorize(q, mat.SVDThinU) {
		return
	}
	var u mat.Dense
	svd.UTo(&u)
	q.Copy(&u)
}

func orient(v []float64) {
	at := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[at])*(1+1e-9) {
			at = i
		}
	}
	if v[at] < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
}

func unit(d, j int) []float64 {
	v := make([]float64, d)
	v[j] = 1
	return v
}
