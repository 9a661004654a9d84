package cpu

import "math"

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
			p.logits(zi, t, b, row+i, i, j)
			// From the maximum so far, which later tiles seldom raise: a branch that is foreseen.
			if mx, at := maximum(zi, m[i]); at >= 0 {
				sum[i] *= exp1(m[i] - mx)
				m[i], arg[i] = mx, int32(j+at)
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
			sum[i] += expTo(zi, zi, m[i])
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
	e, inv := w.f64.take(n*p.M), w.f64.take(n)
	t := p.newTile(w, n)
	for j := 0; j < p.M; j += tileKeys {
		nj := min(tileKeys, p.M-j)
		p.products(w, t, b, row, n, j, nj)
		for i := range n {
			p.logits(e[i*p.M+j:i*p.M+j+nj], t, b, row+i, i, j)
		}
	}
	for i := range n {
		inv[i] = p.weights(e[i*p.M:(i+1)*p.M], b*p.N+row+i)
	}
	if p.second != nil {
		norms := p.norms[b*p.nStr:]
		for i := range n {
			p.second[b*p.N+row+i] = T(dot64(e[i*p.M:(i+1)*p.M], norms) * inv[i])
		}
	}
	if p.mean != nil {
		p.means(w, e, inv, b, row, n)
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
				for j, x := range e[i*p.M : (i+1)*p.M] {
					sums[j] += f * x
				}
			}
		}
	}
}

// weights turns a row's z into e^(z - max), writes the results that need no more, and returns one over
// the sum, or 0 where all z are -Inf.
func (p *softmaxTask[T]) weights(z []float64, i int) (inv float64) {
	m, at := maximum(z, math.Inf(-1))
	var sum float64
	if math.IsInf(m, -1) {
		if hasNaN(z) {
			sum = math.NaN()
		}
		clear(z)
	} else {
		for j := 0; j < len(z); j += tileKeys {
			part := z[j:min(j+tileKeys, len(z))]
			sum += expTo(part, part, m)
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

// maximum returns the largest of m and the z, and the first index of a larger z than m, -1 where there is
// none. NaNs are passed over.
func maximum(z []float64, m float64) (float64, int) {
	at := -1
	for j, v := range z {
		if v > m {
			m, at = v, j
		}
	}
	return m, at
}

func hasNaN(z []float64) bool {
	for _, v := range z {
		if v != v {
			return true
		}
	}
	return false
}

// dot64 returns <x, y>, a sum for each run of 192 numbers.
func dot64(x, y []float64) float64 {
	var total float64
	for len(x) > 0 {
		n := min(tileKeys, len(x))
		var sum float64
		for j, v := range x[:n] {
			sum += v * y[j]
		}
		total += sum
		x, y = x[n:], y[n:]
	}
	return total
}
