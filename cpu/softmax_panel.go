package cpu

import (
	"math"
	"slices"
	"unsafe"

	"monge/cpu/tile"
)

// streamPanel finds maxima and sums of n rows from row on, tile of keys after tile.
func (p *softmaxTask[T]) streamPanel(w *worker, b, row, n int) {
	m, sum, z := w.f64.take(n), w.f64.take(n), w.f64.take(tileKeys)
	arg := w.i32.take(n)
	for i := range n {
		m[i], sum[i], arg[i] = math.Inf(-1), 0, -1
	}
	t := p.newTile(w, n)
	for j := 0; j < p.M; j += tileKeys {
		nj := min(tileKeys, p.M-j)
		p.products(w, t, b, row, n, j, nj)
		for i := range n {
			zi := z[:nj]
			mx := p.logits(w, zi, t, b, row+i, i, j, m[i])
			// From the maximum so far, which later tiles seldom raise: a branch that is foreseen.
			if mx > m[i] {
				sum[i] *= tile.Exp1(m[i] - mx)
				m[i] = mx
				if p.arg != nil {
					arg[i] = int32(j + slices.Index(zi, mx))
				}
			}
			if p.lse == nil {
				continue
			}
			if math.IsInf(m[i], 0) { // only NaNs count beside an infinite maximum
				if hasNaN(zi) {
					sum[i] = math.NaN()
				}
				continue
			}
			sum[i] += exps[T](w, zi, m[i])
		}
	}
	for i := range n {
		p.finish(b*p.N+row+i, m[i], sum[i], arg[i])
	}
}

// finish writes what needs the maximum and the sum alone.
func (p *softmaxTask[T]) finish(i int, m, sum float64, arg int32) {
	if p.lse != nil {
		l := m
		if !math.IsInf(m, 0) || math.IsNaN(sum) {
			l = m + math.Log(sum)
		}
		p.lse[i] = T(l)
	}
	if p.max != nil {
		p.max[i] = T(m)
	}
	if p.arg != nil {
		p.arg[i] = arg
	}
}

// storedPanel does the same with the weights of all keys kept, for the sums that they weight.
func (p *softmaxTask[T]) storedPanel(w *worker, b, row, n int, sums []float64) {
	e, m, inv := w.f64.take(n*p.ld), w.f64.take(n), w.f64.take(n)
	for i := range m {
		m[i] = math.Inf(-1)
	}
	t := p.newTile(w, n)
	for j := 0; j < p.M; j += tileKeys {
		nj := min(tileKeys, p.M-j)
		p.products(w, t, b, row, n, j, nj)
		for i := range n {
			m[i] = p.logits(w, e[i*p.ld+j:][:nj], t, b, row+i, i, j, m[i])
		}
	}
	for i := range n {
		inv[i] = p.weights(w, e[i*p.ld:][:p.M], m[i], b*p.N+row+i)
	}
	if p.second != nil {
		norms := p.norms[b*p.nStr:]
		for i := range n {
			p.second[b*p.N+row+i] = T(w.level.Dot(e[i*p.ld:][:p.M], norms) * inv[i])
		}
	}
	if p.mean != nil {
		s := p.newMeans(w, n)
		p.addMeans(w, s, e, p.ld, p.v[b*p.vStride:], n, p.M)
		p.writeMeans(s, inv, b, row, n)
	}
	if p.tmean != nil {
		p.tangents(w, e, inv, b, row, n)
	}
	if sums != nil {
		for i := range n {
			f := inv[i]
			if p.a != nil {
				f *= float64(p.a[b*p.N+row+i])
			}
			if f != 0 {
				w.level.AddScaled(sums, e[i*p.ld:][:p.M], f)
			}
		}
	}
}

// weights turns a row's z, the largest of which is m, into e^(z - m), writes the results that need no more,
// and returns one over the sum, or 0 where all z are -Inf.
func (p *softmaxTask[T]) weights(w *worker, z []float64, m float64, i int) (inv float64) {
	at := -1
	if p.arg != nil && !math.IsInf(m, -1) {
		at = slices.Index(z, m)
	}
	var sum float64
	if math.IsInf(m, -1) {
		if hasNaN(z) {
			sum = math.NaN()
		}
		clear(z)
	} else {
		for j := 0; j < len(z); j += tileKeys {
			sum += exps[T](w, z[j:min(j+tileKeys, len(z))], m)
		}
		inv = 1 / sum
	}
	if math.IsInf(m, 1) && math.IsNaN(sum) {
		p.finish(i, m, 0, int32(at))
	} else {
		p.finish(i, m, sum, int32(at))
	}
	return inv
}

// exps turns z into e^(z - m), in the accuracy of T, and returns the sum.
func exps[T float](w *worker, z []float64, m float64) float64 {
	if unsafe.Sizeof(*new(T)) == 4 {
		return w.level.Exp32(z, z, m)
	}
	return w.level.Exp(z, z, m)
}

func hasNaN(z []float64) bool {
	for _, v := range z {
		if v != v {
			return true
		}
	}
	return false
}
