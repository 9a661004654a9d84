package cpu

import (
	"unsafe"

	"monge/cpu/tile"
)

// meanKeys is how many keys a float32 product sums before its float64 merge.
const meanKeys = 192

// meanSum holds the sums sum_j e_ij v_j of n rows in the making.
type meanSum[T float] struct {
	acc     []float64 // [n, Dv]
	c, part []T       // of float32: the weights of meanKeys keys, and their products
}

func (p *softmaxTask[T]) newMeans(w *worker, n int) meanSum[T] {
	s := meanSum[T]{acc: w.f64.take(n * p.Dv)}
	clear(s.acc)
	if unsafe.Sizeof(T(0)) == 4 {
		s.c, s.part = scratch[T](w, n*meanKeys), scratch[T](w, n*p.Dv)
	}
	return s
}

// addMeans adds sum_j e_ij v_j over m keys for n rows, e [n, ld].
func (p *softmaxTask[T]) addMeans(w *worker, s meanSum[T], e []float64, ld int, v []T, n, m int) {
	if unsafe.Sizeof(T(0)) == 8 {
		gemm(w, false, true, n, p.Dv, m, e, ld, any(v).([]float64), p.Dv, s.acc, p.Dv)
		return
	}
	for j := 0; j < m; j += meanKeys {
		nj := min(meanKeys, m-j)
		for i := range n {
			w.level.Narrow(any(s.c[i*meanKeys:][:nj]).([]float32), e[i*ld+j:][:nj])
		}
		gemm(w, false, false, n, p.Dv, nj, s.c, meanKeys, v[j*p.Dv:], p.Dv, s.part, p.Dv)
		tile.Add(w.level, s.acc, s.part)
	}
}

// writeMeans writes the sums times inv_i for n rows from row on.
func (p *softmaxTask[T]) writeMeans(s meanSum[T], inv []float64, b, row, n int) {
	out := p.mean[(b*p.N+row)*p.Dv:]
	for i := range n {
		for l := range p.Dv {
			out[i*p.Dv+l] = T(s.acc[i*p.Dv+l] * inv[i])
		}
	}
}

// tangents writes t_ip = sum_j e_ij v_j <k_j, T_ip> inv_i for n rows from row on.
func (p *softmaxTask[T]) tangents(w *worker, e, inv []float64, b, row, n int) {
	t := p.t[(b*p.N+row)*p.P*p.D:]
	out := p.tmean[(b*p.N+row)*p.P*p.Dv:]
	k, v := p.k[b*p.kStride:], p.v[b*p.vStride:]
	rows := min(panelRows, n*p.P) // of tangents, that are all treated as rows
	c, part := scratch[T](w, rows*tileKeys), scratch[T](w, rows*p.Dv)
	acc := w.f64.take(rows * p.Dv)
	for r0 := 0; r0 < n*p.P; r0 += rows {
		nr := min(rows, n*p.P-r0)
		clear(acc)
		for j := 0; j < p.M; j += tileKeys {
			nj := min(tileKeys, p.M-j)
			gemm(w, true, false, nr, nj, p.D, t[r0*p.D:], p.D, k[j*p.D:], p.D, c, tileKeys)
			for r := range nr {
				ei := e[(r0+r)/p.P*p.ld+j:][:nj]
				cr := c[r*tileKeys:][:nj]
				for l, x := range ei {
					if x == 0 || unsafe.Sizeof(T(0)) == 4 && x < 0x1p-110 {
						cr[l] = 0
					} else {
						cr[l] = T(x * float64(cr[l]))
					}
				}
			}
			gemm(w, false, false, nr, p.Dv, nj, c, tileKeys, v[j*p.Dv:], p.Dv, part, p.Dv)
			for l, x := range part[:nr*p.Dv] {
				acc[l] += float64(x)
			}
		}
		for r := range nr {
			f := inv[(r0+r)/p.P]
			for l := range p.Dv {
				out[(r0+r)*p.Dv+l] = T(acc[r*p.Dv+l] * f)
			}
		}
	}
}
