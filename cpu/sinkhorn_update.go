package cpu

import (
	"math"
	"unsafe"

	"monge/engine"
)

// finish makes what a pass comes to: the errors, whether the problem ends, and both potentials.
func (p *sinkhornProblem[T]) finish() {
	if p.stop.Load() {
		return
	}
	if p.z != nil {
		p.kept.filled[p.at], p.filled = true, true
	}
	cols := len(p.u)
	p.columns = p.parts[:cols]
	for part := p.parts[cols:]; len(part) > 0; part = part[cols:] {
		p.e.level.AddScaled(p.columns, part[:cols], 1)
	}
	iterate, ended := p.op.Advance(p.SinkhornDims, p.count, p.trace, p.rowError, p.columnError)
	if ended {
		p.state[1] = 1
	}
	if iterate {
		p.state[0]++
		p.update()
	}
}

// rowError returns sum_i a_i |exp(f_i / eps + l_i) - 1|.
func (p *sinkhornProblem[T]) rowError() float64 {
	const small = 0x1p-10
	var total float64
	for i, a := range p.a {
		if a == 0 {
			continue
		}
		// exp(f / eps + l) = 2^rest r, where rest is the reference's rounding but for rows done again.
		r := p.sums[i]
		rest := p.f[i]*p.inverse - float64(p.ref[i])
		x := rest * math.Ln2
		if math.Abs(rest) < small {
			x += x * x * (1./2 + x/6) // and less than 1e-14
		} else {
			x = math.Expm1(x)
		}
		if v := r - 1 + r*x; !math.IsNaN(v) || math.IsNaN(r) || math.IsNaN(rest) {
			total += a * math.Abs(v)
		} else { // 0 times infinity
			total += a * math.Abs(math.Expm1((rest+math.Log2(r))*math.Ln2))
		}
	}
	return total
}

// columnError returns sum_j |c_j - b_j| after the rows' half.
func (p *sinkhornProblem[T]) columnError() float64 {
	var total float64
	for j, b := range p.b {
		total += math.Abs(p.columns[j] - b)
	}
	return total
}

// update sets both potentials.
func (p *sinkhornProblem[T]) update() {
	p.e.level.Log(p.sums, p.sums)
	for i, l := range p.sums[:p.N] {
		p.f[i] = p.eps * (float64(p.ref[i])*math.Ln2 - l)
	}
	// Below this a column's sum may have lost digits to underflow in its terms, which are at most 2^20 a_i times
	// numbers of the type.
	least := 0x1p-940
	if unsafe.Sizeof(T(0)) == 4 {
		least = 0x1p-80
	}
	p.again = p.again[:0]
	p.e.level.Log(p.logs, p.columns[:p.M])
	for j, l := range p.logs {
		switch {
		case p.b[j] == 0 && math.IsInf(p.logB[j], -1):
		case p.columns[j] < least:
			p.again = append(p.again, j)
		default:
			p.g[j] += p.eps * (p.logB[j] - l)
		}
	}
	if len(p.again) > 0 {
		p.columnsAlone()
	}
}

// columnsAlone sets the potentials of some columns from f by a log-sum-exp over the rows.
func (p *sinkhornProblem[T]) columnsAlone() {
	if p.biasOfRows == nil {
		p.biasOfRows = make([]T, p.N)
	}
	for i, f := range p.f {
		p.biasOfRows[i] = T(f/p.eps + p.logA[i])
	}
	k := len(p.again)
	p.run((*columnsTask[T])(p), (k+againRows-1)/againRows, float64(k)*float64(p.N)*float64(p.D+10))
}

// columnsTask does some columns again.
type columnsTask[T float] sinkhornProblem[T]

func (p *columnsTask[T]) do(w *worker, item int) {
	some := p.again[item*againRows : min((item+1)*againRows, len(p.again))]
	points, lse := scratch[T](w, len(some)*p.D), scratch[T](w, len(some))
	for q, j := range some {
		copy(points[q*p.D:(q+1)*p.D], p.y[j*p.D:])
	}
	factor := T(2 / p.eps)
	s := softmaxTask[T]{
		SoftmaxDims: engine.SoftmaxDims{B: 1, N: len(some), M: p.N, D: p.D},
		q:           points, k: p.x, u: p.biasOfRows, lse: lse, scale: float64(factor),
	}
	s.streamPanel(w, 0, 0, len(some))
	for q, j := range some {
		p.g[j] = -p.eps * float64(lse[q])
	}
}
