package cpu

import (
	"fmt"
	"math"

	"monge/cpu/tile"
	"monge/engine"
)

// MixtureFollow implements engine.Engine. A branch that is no component is an error that wraps
// engine.ErrShape.
func (e *Engine) MixtureFollow(a *engine.MixtureFollow) error {
	s, err := engine.CheckMixtureFollow(a)
	if err != nil {
		return err
	}
	if err := own(a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect, a.Branch, a.From, a.To, a.X, a.T, a.Y, a.V, a.TY, a.LogDet, a.Others); err != nil {
		return err
	}
	for i, k := range data[int32](a.Branch) {
		if k < 0 || int(k) >= s.K {
			return fmt.Errorf("cpu: MixtureFollow: branch %d of row %d with %d components: %w", k, i, s.K, engine.ErrShape)
		}
	}
	if a.X.Dtype() == engine.F32 {
		follow[float32](e, a, s)
	} else {
		follow[float64](e, a, s)
	}
	return nil
}

// followTask moves a panel of rows an item.
type followTask[T float] struct {
	model[T]
	branch                   []int32
	from, to, x, t           []T
	y, v, ty, logDet, others []T
	rows                     int
}

func follow[T float](e *Engine, a *engine.MixtureFollow, s engine.MixtureDims) {
	if s.N == 0 {
		return
	}
	p := &kernelsOf[T](e).follow
	p.branch, p.from, p.to = data[int32](a.Branch), data[T](a.From), data[T](a.To)
	p.x, p.t = data[T](a.X), data[T](a.T)
	p.y, p.v, p.ty = data[T](a.Y), data[T](a.V), data[T](a.TY)
	p.logDet, p.others = data[T](a.LogDet), data[T](a.Others)
	w := e.worker(0)
	w.reset()
	p.ready(w, a.P, s)
	p.rows = e.share(p.panel(), s.N)
	e.run(p, (s.N+p.rows-1)/p.rows, p.work())
	p.release()
	*p = followTask[T]{model: p.model}
}

func (p *followTask[T]) do(w *worker, item int) {
	row := item * p.rows
	n := min(p.rows, p.N-row)
	if p.own {
		p.ownPanel(w, row, n)
	} else {
		p.axesPanel(w, row, n)
	}
}

// move is what a row's times and component alone make of its flow:
// ratio_j = sqrt((alpha1^2 l_j + sigma1^2)/(alpha0^2 l_j + sigma0^2)), and half the sum of their squares' logarithms.
type move struct {
	ratio          []float64
	logDet         float64
	a0, s0, a1, s1 float64
	branch         int32 // -1 = none yet
}

// moveOf fills the move of row i, which is often that of the row before, and writes the row's log determinant.
func (p *followTask[T]) moveOf(m *move, i int) {
	a0, s0, _, _ := timeOf(p.from, i)
	a1, s1, _, _ := timeOf(p.to, i)
	if k := p.branch[i]; m.branch != k || m.a0 != a0 || m.s0 != s0 || m.a1 != a1 || m.s1 != s1 {
		m.branch, m.a0, m.s0, m.a1, m.s1 = k, a0, s0, a1, s1
		for j, l := range p.model.of(p.lam, int(k)) {
			m.ratio[j] = (a1*a1*l + s1*s1) / (a0*a0*l + s0*s0)
		}
		if p.logDet != nil {
			m.logDet = 0.5 * tile.SumLog(m.ratio)
		}
		for j, q := range m.ratio {
			m.ratio[j] = math.Sqrt(q)
		}
	}
	if p.logDet != nil {
		p.logDet[i] = T(m.logDet)
	}
}

// velocityFactor returns (c1 alpha1 l_j - c2)/D_j of row i's component at its new time.
func (p *followTask[T]) velocityFactor(i, j int) float64 {
	alpha, sigma, c1, c2 := timeOf(p.to, i)
	l := p.model.of(p.lam, int(p.branch[i]))[j]
	return (c1*alpha*l - c2) / (alpha*alpha*l + sigma*sigma)
}

// ratioOthers writes ln (sum_{l != k} r_l / r_k) from the row's log weights.
func (p *followTask[T]) ratioOthers(i int, z []float64) {
	k := p.branch[i]
	zk := z[k]
	z[k] = math.Inf(-1)
	p.others[i] = T(lse(z) - zk)
}

func (p *followTask[T]) axesPanel(w *worker, row, n int) {
	D := p.D
	x := w.f64.take(n * D)
	m := move{ratio: w.f64.take(D), branch: -1}
	p.toAxes(w, n, p.x[row*D:], x)
	v := w.f64.take(n * D)
	z, t := w.f64.take(p.K), p.newTable(w)
	var tan []float64
	if p.ty != nil {
		tan = w.f64.take(p.P * D)
	}
	for i := range n {
		k := int(p.branch[row+i])
		a0, _, _, _ := timeOf(p.from, row+i)
		a1, s1, c1, _ := timeOf(p.to, row+i)
		p.moveOf(&m, row+i)
		ratio := m.ratio
		mk := p.axes[k*D : (k+1)*D]
		xi, vi := x[i*D:(i+1)*D], v[i*D:(i+1)*D]
		for j, xj := range xi {
			y := ratio[j] * (xj - a0*mk[j])
			xi[j] = a1*mk[j] + y
			if p.v != nil {
				vi[j] = c1*mk[j] + p.velocityFactor(row+i, j)*y
			}
		}
		if p.others != nil {
			p.at(w, &t, a1, s1)
			p.axesLogits(&t, xi, z)
			p.ratioOthers(row+i, z)
		}
		if p.ty != nil {
			p.toAxes(w, p.P, p.t[(row+i)*p.P*D:], tan)
			for q := range p.P {
				for j := range D {
					tan[q*D+j] *= ratio[j]
				}
			}
			p.fromAxes(w, p.P, tan, p.ty[(row+i)*p.P*D:])
		}
	}
	if p.y != nil {
		p.fromAxes(w, n, x, p.y[row*D:])
	}
	if p.v != nil {
		p.fromAxes(w, n, v, p.v[row*D:])
	}
}

func (p *followTask[T]) ownPanel(w *worker, row, n int) {
	D, P := p.D, p.P
	rows := w.i32.take(n)[:0]
	m := move{ratio: w.f64.take(D), branch: -1}
	in, z, back := scratch[T](w, n*D), scratch[T](w, n*D), scratch[T](w, n*D)
	y, ratio := scratch[T](w, n*D), w.f64.take(n*D)
	var tan, tz []T
	if p.ty != nil {
		tan, tz = scratch[T](w, panelRows*D), scratch[T](w, panelRows*D)
	}
	for k := range p.K {
		rows = rows[:0]
		for i := range n {
			if int(p.branch[row+i]) == k {
				rows = append(rows, int32(i))
			}
		}
		if len(rows) == 0 {
			continue
		}
		mk, q := p.mean[k*D:(k+1)*D], p.basis[k*D*D:(k+1)*D*D]
		for l, i := range rows {
			i := int(i)
			a0, _, _, _ := timeOf(p.from, row+i)
			p.moveOf(&m, row+i)
			copy(ratio[l*D:(l+1)*D], m.ratio)
			for j, xj := range p.x[(row+i)*D : (row+i+1)*D] {
				in[l*D+j] = T(float64(xj) - a0*float64(mk[j]))
			}
		}
		gemm(w, false, false, len(rows), D, D, in, D, q, D, z, D)
		for l := range len(rows) * D {
			z[l] = T(ratio[l] * float64(z[l]))
		}
		if p.y != nil || p.others != nil {
			gemm(w, true, false, len(rows), D, D, z, D, q, D, back, D)
			for l, i := range rows {
				i := int(i)
				a1, _, _, _ := timeOf(p.to, row+i)
				for j, b := range back[l*D : (l+1)*D] {
					y[i*D+j] = T(a1*float64(mk[j]) + float64(b))
				}
			}
		}
		if p.v != nil {
			for l, i := range rows {
				i := int(i)
				for j := range D {
					in[l*D+j] = T(p.velocityFactor(row+i, j) * float64(z[l*D+j]))
				}
			}
			gemm(w, true, false, len(rows), D, D, in, D, q, D, back, D)
			for l, i := range rows {
				i := int(i)
				_, _, c1, _ := timeOf(p.to, row+i)
				for j, b := range back[l*D : (l+1)*D] {
					p.v[(row+i)*D+j] = T(c1*float64(mk[j]) + float64(b))
				}
			}
		}
		for l0 := 0; p.ty != nil && l0 < len(rows)*P; l0 += panelRows {
			c := min(panelRows, len(rows)*P-l0)
			at := func(l int) int { return ((row+int(rows[(l0+l)/P]))*P + (l0+l)%P) * D }
			for l := range c {
				copy(tan[l*D:(l+1)*D], p.t[at(l):])
			}
			gemm(w, false, false, c, D, D, tan, D, q, D, tz, D)
			for l := range c {
				f := ratio[(l0+l)/P*D:][:D]
				for j := range D {
					tz[l*D+j] = T(f[j] * float64(tz[l*D+j]))
				}
			}
			gemm(w, true, false, c, D, D, tz, D, q, D, tan, D)
			for l := range c {
				copy(p.ty[at(l):][:D], tan[l*D:(l+1)*D])
			}
		}
	}
	if p.y != nil {
		copy(p.y[row*D:(row+n)*D], y)
	}
	if p.others != nil {
		zs, logits := scratch[T](w, p.K*n*D), w.f64.take(n*p.K)
		p.ownLogits(w, n, y, p.timesOf(w, p.to, row, n, false), zs, logits)
		for i := range n {
			p.ratioOthers(row+i, logits[i*p.K:(i+1)*p.K])
		}
	}
}
