package cpu

import "monge/cpu/tile"

// tangentRows is how many tangents meet a component's axes together.
const tangentRows = 96

// ownTangents writes sum_k r_k (A_k t + (u_k - v) <g_k - g, t>) for the tangents of n rows.
func (p *mixtureTask[T]) ownTangents(w *worker, row, n int, r []float64, ts tables, us, gs []T, v, g []float64) {
	acc := w.f64.take(n * p.P * p.D)
	clear(acc)
	p.spread(w, row, n, r, us, gs, v, g, acc)
	p.stretch(w, row, n, r, ts, acc)
	convert(p.tv[row*p.P*p.D:(row+n)*p.P*p.D], acc)
}

// spread adds sum_k r_k (u_k - v) <g_k - g, t>: two products of a row's tangents with what its components add.
func (p *mixtureTask[T]) spread(w *worker, row, n int, r []float64, us, gs []T, v, g, acc []float64) {
	D, P := p.D, p.P
	du, dg, weights := scratch[T](w, p.K*D), scratch[T](w, p.K*D), w.f64.take(p.K)
	dots, part := scratch[T](w, P*p.K), scratch[T](w, P*D)
	for i := range n {
		k := 0 // components with a weight
		for c := range p.K {
			rk, o := r[i*p.K+c], (c*n+i)*D
			if rk == 0 {
				continue
			}
			weights[k] = rk
			tile.Less(w.level, du[k*D:(k+1)*D], us[o:], v[i*D:])
			tile.Less(w.level, dg[k*D:(k+1)*D], gs[o:], g[i*D:])
			k++
		}
		gemm(w, true, false, P, k, D, p.t[(row+i)*P*D:], D, dg, D, dots, p.K)
		for q := range P {
			for l, rk := range weights[:k] {
				dots[q*p.K+l] *= T(rk)
			}
		}
		gemm(w, false, false, P, D, k, dots, p.K, du, D, part, D)
		tile.Add(w.level, acc[i*P*D:(i+1)*P*D], part)
	}
}

// stretch adds sum_k r_k A_k t, component by component.
func (p *mixtureTask[T]) stretch(w *worker, row, n int, r []float64, ts tables, acc []float64) {
	D, P := p.D, p.P
	in, z := scratch[T](w, tangentRows*D), scratch[T](w, tangentRows*D)
	list := w.i32.take(n * P)
	for k := range p.K {
		left := list[:0]
		for i := range n {
			if r[i*p.K+k] == 0 {
				continue
			}
			for q := range P {
				left = append(left, int32(i*P+q))
			}
		}
		q := p.basis[k*D*D : (k+1)*D*D]
		for len(left) > 0 {
			c := left[:min(tangentRows, len(left))]
			left = left[len(c):]
			t := p.t[(row*P+int(c[0]))*D:]
			if int(c[len(c)-1]-c[0]) >= len(c) { // not side by side
				for l, iq := range c {
					copy(in[l*D:(l+1)*D], p.t[(row*P+int(iq))*D:])
				}
				t = in
			}
			gemm(w, false, false, len(c), D, D, t, D, q, D, z, D)
			for l, iq := range c {
				i := int(iq) / P
				tile.Scale(w.level, in[l*D:(l+1)*D], z[l*D:], p.of(ts.of(i).a, k), r[i*p.K+k])
			}
			gemm(w, true, false, len(c), D, D, in, D, q, D, z, D)
			for l, iq := range c {
				tile.Add(w.level, acc[int(iq)*D:(int(iq)+1)*D], z[l*D:])
			}
		}
	}
}
