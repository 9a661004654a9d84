package cpu

import "monge/cpu/tile"

// ownLogits computes for n rows x, in every component's own axes, Z_k = (x - alpha m_k) Q_k [K, n, D],
// and ln w_k + ln N(x; alpha m_k, D_k) [n, K].
func (m *model[T]) ownLogits(w *worker, n int, x []T, ts tables, zs []T, logits []float64) {
	D := m.D
	y := scratch[T](w, n*D)
	for k := range m.K {
		mk := m.mean[k*D : (k+1)*D]
		for i := range n {
			alpha := ts.of(i).alpha
			tile.Centre(w.level, y[i*D:(i+1)*D], x[i*D:], mk, alpha)
		}
		z := zs[k*n*D : (k+1)*n*D]
		gemm(w, false, false, n, D, D, y, D, m.basis[k*D*D:], D, z, D)
		for i := range n {
			t := ts.of(i)
			logits[i*m.K+k] = m.logW[k] - 0.5*(m.logDet(t, k)+tile.Weighted(w.level, z[i*D:(i+1)*D], m.of(t.inv, k)))
		}
	}
}

// tables holds one table a time, and which one each row of a panel uses.
type tables struct {
	list []table
	row  []int32
}

func (t *tables) of(i int) *table { return &t.list[t.row[i]] }

// timesOf makes the tables of n rows from row on, with or without those of a; consecutive rows of one time share theirs.
func (m *model[T]) timesOf(w *worker, coef []T, row, n int, ratios bool) tables {
	ts := tables{w.tables[:0], w.i32.take(n)}
	for i := range n {
		alpha, sigma, c1, c2 := timeOf(coef, row+i)
		last := len(ts.list) - 1
		if last < 0 || !ts.list[last].is(alpha, sigma, c1, c2) {
			t := m.newTable(w)
			m.at(w, &t, alpha, sigma)
			if t.c1, t.c2 = c1, c2; ratios {
				t.a = w.f64.take(m.VarK * m.D)
				w.level.Ratios(t.a, m.lam, t.inv, c1*alpha, c2)
			}
			ts.list = append(ts.list, t)
			last++
		}
		ts.row[i] = int32(last)
	}
	w.tables = ts.list
	return ts
}

func (t *table) is(alpha, sigma, c1, c2 float64) bool {
	return t.alpha == alpha && t.sigma == sigma && t.c1 == c1 && t.c2 == c2
}

// ownPanel evaluates n rows from row on where every component has its own axes.
func (p *mixtureTask[T]) ownPanel(w *worker, row, n int) {
	D, K := p.D, p.K
	ts := p.timesOf(w, p.coef, row, n, p.tv != nil || p.div != nil)
	zs, r := scratch[T](w, K*n*D), w.f64.take(n*K)
	p.ownLogits(w, n, p.x[row*D:], ts, zs, r)
	for i := range n {
		p.law(w, row+i, r[i*K:(i+1)*K])
	}
	if p.v == nil && p.tv == nil && p.div == nil {
		return
	}
	if p.tv == nil && p.div == nil {
		p.ownVelocity(w, row, n, ts, zs, r)
		return
	}
	v := w.f64.take(n * D)
	clear(v)
	rows := w.i32.take(n)[:0] // those that component k has a weight for
	in, back := scratch[T](w, n*D), scratch[T](w, n*D)
	g := w.f64.take(n * D)
	clear(g)
	us, gs := scratch[T](w, K*n*D), scratch[T](w, K*n*D) // u_k and g_k
	for k := range K {
		mk := p.mean[k*D : (k+1)*D]
		if rows = p.alive(rows, r, k); len(rows) == 0 {
			continue
		}
		for pass := range 2 {
			for l, i := range rows {
				i := int(i)
				f, sign := p.of(ts.of(i).a, k), 1.0
				if pass == 1 {
					f, sign = p.of(ts.of(i).inv, k), -1
				}
				tile.Scale(w.level, in[l*D:(l+1)*D], zs[(k*n+i)*D:], f, sign)
			}
			gemm(w, true, false, len(rows), D, D, in, D, p.basis[k*D*D:], D, back, D)
			for l, i := range rows {
				i := int(i)
				rk, b := r[i*K+k], back[l*D:(l+1)*D]
				if pass == 1 {
					copy(gs[(k*n+i)*D:], b)
					for j, x := range b {
						g[i*D+j] += rk * float64(x)
					}
					continue
				}
				u := us[(k*n+i)*D:][:D]
				for j, x := range b {
					uj := ts.of(i).c1*float64(mk[j]) + float64(x)
					u[j] = T(uj)
					v[i*D+j] += rk * uj
				}
			}
		}
	}
	if p.v != nil {
		convert(p.v[row*D:(row+n)*D], v)
	}
	if p.div != nil {
		for i := range n {
			p.div[row+i] = T(p.ownDivergence(i, n, r, ts.of(i), us, gs, v, g))
		}
	}
	if p.tv != nil {
		p.ownTangents(w, row, n, r, ts, us, gs, v, g)
	}
}

// ownVelocity writes v = c1 sum_k r_k m_k + sum_k Q_k r_k A_k z_k for n rows from row on: one product of the weights with
// the means, to which those with every component's axes add.
func (p *mixtureTask[T]) ownVelocity(w *worker, row, n int, ts tables, zs []T, r []float64) {
	D, K := p.D, p.K
	v := p.v[row*D : (row+n)*D]
	weights := scratch[T](w, n*K)
	for i := range n {
		c1 := ts.of(i).c1
		for k, rk := range r[i*K : (i+1)*K] {
			weights[i*K+k] = T(c1 * rk)
		}
	}
	gemm(w, false, false, n, D, K, weights, K, p.mean, D, v, D)
	rows := w.i32.take(n)[:0]
	in, some := scratch[T](w, n*D), scratch[T](w, n*D)
	for k := range K {
		if rows = p.alive(rows, r, k); len(rows) == 0 {
			continue
		}
		lam := p.of(p.lam, k)
		for l, i := range rows {
			i := int(i)
			t, rk := ts.of(i), r[i*K+k]
			tile.Rescale(w.level, in[l*D:(l+1)*D], zs[(k*n+i)*D:], lam, p.of(t.inv, k), rk*t.c1*t.alpha, rk*t.c2)
		}
		sum := v
		if len(rows) < n {
			sum = some
			for l, i := range rows {
				copy(sum[l*D:(l+1)*D], v[int(i)*D:])
			}
		}
		gemm(w, true, true, len(rows), D, D, in, D, p.basis[k*D*D:], D, sum, D)
		if len(rows) < n {
			for l, i := range rows {
				copy(v[int(i)*D:(int(i)+1)*D], sum[l*D:])
			}
		}
	}
}

// alive lists the rows in which component k has a weight.
func (p *mixtureTask[T]) alive(rows []int32, r []float64, k int) []int32 {
	rows = rows[:0]
	for i := range len(r) / p.K {
		if r[i*p.K+k] != 0 {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// ownDivergence returns sum_k r_k (tr A_k + <u_k - v, g_k - g>) for row i of n.
func (p *mixtureTask[T]) ownDivergence(i, n int, r []float64, t *table, us, gs []T, v, g []float64) float64 {
	var div float64
	for k := range p.K {
		rk := r[i*p.K+k]
		if rk == 0 {
			continue
		}
		a, o := p.of(t.a, k), (k*n+i)*p.D
		var part float64
		for j := range p.D {
			part += a[j] + (float64(us[o+j])-v[i*p.D+j])*(float64(gs[o+j])-g[i*p.D+j])
		}
		div += rk * part
	}
	return div
}
