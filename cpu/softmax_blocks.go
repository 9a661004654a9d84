package cpu

import (
	"math"
	"slices"

	"monge/cpu/tile"
)

// blockRows is how many rows of queries meet the keys together where means are wanted: enough that turning and
// reading the keys costs little beside the products, few enough that weights and sums stay near the processor.
const blockRows = 180

// blockPanel computes means and second moments of n rows from row on, tile of keys after tile, relative to the
// largest z so far: where it grows, what is summed shrinks accordingly.
// Source: Milakov and Gimelshein, Online normalizer calculation for softmax, 2018.
func (p *softmaxTask[T]) blockPanel(w *worker, b, row, n int) {
	m, sum, second := w.f64.take(n), w.f64.take(n), w.f64.take(n)
	arg := w.i32.take(n)
	for i := range n {
		m[i], sum[i], second[i], arg[i] = math.Inf(-1), 0, 0, -1
	}
	var means meanSum[T]
	if p.mean != nil {
		means = p.newMeans(w, n)
	}
	const ld = tileKeys + tile.Block // not a multiple of a page
	e := w.f64.take(n * ld)
	t := p.newTile(w, n)
	for j := 0; j < p.M; j += tileKeys {
		nj := min(tileKeys, p.M-j)
		p.products(w, t, b, row, n, j, nj)
		for i := range n {
			z := e[i*ld:][:nj]
			mx := p.logits(w, z, t, b, row+i, i, j, m[i])
			if mx > m[i] {
				if p.arg != nil {
					arg[i] = int32(j + slices.Index(z, mx))
				}
				if !math.IsInf(m[i], -1) {
					f := tile.Exp1(m[i] - mx)
					sum[i] *= f
					second[i] *= f
					if p.mean != nil {
						acc := means.acc[i*p.Dv : (i+1)*p.Dv]
						for l, x := range acc {
							acc[l] = f * x
						}
					}
				}
				m[i] = mx
			}
			if math.IsInf(mx, -1) { // only NaNs count
				if hasNaN(z) {
					sum[i] = math.NaN()
				}
				clear(z)
				continue
			}
			sum[i] += exps[T](w, z, mx)
			if p.second != nil {
				second[i] += w.level.Dot(z, p.norms[b*p.nStr+j:][:nj])
			}
		}
		if p.mean != nil {
			p.addMeans(w, means, e, ld, p.v[b*p.vStride+j*p.Dv:], n, nj)
		}
	}
	inv := w.f64.take(n)
	for i := range n {
		r := b*p.N + row + i
		inv[i] = 0
		if !math.IsInf(m[i], -1) {
			inv[i] = 1 / sum[i]
		}
		if math.IsInf(m[i], 1) && math.IsNaN(sum[i]) {
			p.finish(r, m[i], 0, arg[i])
		} else {
			p.finish(r, m[i], sum[i], arg[i])
		}
		if p.second != nil {
			p.second[r] = T(second[i] * inv[i])
		}
	}
	if p.mean != nil {
		p.writeMeans(means, inv, b, row, n)
	}
}
