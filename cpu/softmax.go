package cpu

import (
	"math"

	"monge/engine"
)

// Sizes of the softmax. None depends on the goroutines, since column sums depend on the panels.
const (
	tileKeys    = 192     // keys that are worked on at a time
	panelStore  = 1 << 20 // numbers z that a panel of rows keeps at most, as long as it has 8 rows
	colGroups   = 32      // parts that a problem's rows are cut into for the column sums, at most
	colStore    = 4 << 20 // numbers of partial column sums at a time, as long as one problem fits
	colSumChunk = 1024    // columns merged by one item
)

// Softmax implements engine.Engine.
func (e *Engine) Softmax(a *engine.Softmax) error {
	s, err := engine.CheckSoftmax(a)
	if err != nil {
		return err
	}
	if err := own(a.Q, a.K, a.V, a.S, a.U, a.C, a.W, a.Skip, a.T, a.A, a.LSE, a.Mean, a.Second, a.TMean, a.ColSum, a.Max, a.Arg); err != nil {
		return err
	}
	if a.Q.Dtype() == engine.F32 {
		softmax[float32](e, a, s)
	} else {
		softmax[float64](e, a, s)
	}
	return nil
}

// softmaxTask does the softmax for a group of panels of rows of one problem an item.
type softmaxTask[T float] struct {
	engine.SoftmaxDims
	q, k, v, s, u, c, w, t, a       []T
	lse, mean, second, tmean, max   []T
	skip, arg                       []int32
	scale                           float64
	kStride, vStride, uStride, wStr int // numbers from one problem to the next; 0 = shared

	none            [tileKeys]T // no biases
	norms           []float64   // |v_j|^2 [B or 1, M]
	nStr            int
	first           int       // problem of item 0
	groups          int       // items a problem
	rows            int       // rows of a panel
	panels          int       // panels a problem
	sums            []float64 // partial column sums [items, M]
	stored, columns bool      // a panel keeps its weights; column sums are wanted
}

func softmax[T float](e *Engine, a *engine.Softmax, s engine.SoftmaxDims) {
	k := kernelsOf[T](e)
	p := &k.softmax
	*p = softmaxTask[T]{
		SoftmaxDims: s,
		q:           data[T](a.Q), k: data[T](a.K), v: data[T](a.V),
		s: data[T](a.S), u: data[T](a.U), c: data[T](a.C), w: data[T](a.W), t: data[T](a.T), a: data[T](a.A),
		lse: data[T](a.LSE), mean: data[T](a.Mean), second: data[T](a.Second), tmean: data[T](a.TMean), max: data[T](a.Max),
		skip: data[int32](a.Skip), arg: data[int32](a.Arg),
		scale: a.Scale, norms: p.norms, sums: p.sums,
		kStride: stride(a.K), uStride: stride(a.U), wStr: stride(a.W),
	}
	defer func() { *p = softmaxTask[T]{norms: p.norms, sums: p.sums} }()
	if p.scale == 0 {
		p.scale = 1
	}
	if a.V == nil {
		p.v, p.vStride = p.k, p.kStride
	} else {
		p.vStride = stride(a.V)
	}
	colSum := data[T](a.ColSum)
	if s.N == 0 || s.B == 0 {
		clear(colSum)
		return
	}
	p.stored = a.Mean != nil || a.Second != nil || a.TMean != nil || a.ColSum != nil
	p.rows = panelRows
	if p.stored {
		p.rows = min(panelRows, max(8, panelStore/max(1, s.M)))
	}
	if a.ColSum == nil {
		p.rows = e.share(p.rows, s.B*s.N)
	}
	p.panels = (s.N + p.rows - 1) / p.rows
	p.groups = p.panels
	if a.Second != nil {
		p.squares()
	}
	work := float64(s.N) * float64(s.M) * float64(s.D*(1+s.P)+10)
	if a.ColSum == nil {
		e.run(p, s.B*p.groups, work*float64(s.B))
		return
	}
	p.groups = min(p.panels, colGroups)
	wave := min(s.B, max(1, colStore/max(1, p.groups*s.M)))
	if n := wave * p.groups * s.M; len(p.sums) < n {
		p.sums = make([]float64, n)
	}
	p.columns = true
	for ; p.first < s.B; p.first += wave {
		n := min(wave, s.B-p.first)
		e.run(p, n*p.groups, work*float64(n))
		k.colSum = colSumTask[T]{sums: p.sums[:n*p.groups*s.M], out: colSum[p.first*s.M:], groups: p.groups, m: s.M}
		e.run(&k.colSum, n*k.colSum.chunks(), float64(len(k.colSum.sums)))
	}
	k.colSum = colSumTask[T]{}
	if len(p.sums) > colStore {
		p.sums = nil
	}
}

// stride returns the numbers from one problem of a parameter to the next, 0 for a shared one.
func stride(x engine.Buffer) int {
	if x == nil {
		return 0
	}
	b, n, d := x.Shape()
	if b == 1 {
		return 0
	}
	return n * d
}

// squares sets norms = |v_j|^2.
func (p *softmaxTask[T]) squares() {
	if p.Dv == 0 {
		p.norms = append(p.norms[:0], make([]float64, p.M)...)
		return
	}
	p.norms = p.norms[:0]
	for v := p.v; len(v) > 0; v = v[p.Dv:] {
		var sum float64
		for _, x := range v[:p.Dv] {
			sum += float64(x) * float64(x)
		}
		p.norms = append(p.norms, sum)
	}
	if p.vStride != 0 {
		p.nStr = p.M
	}
}

func (p *softmaxTask[T]) do(w *worker, item int) {
	b, g := p.first+item/p.groups, item%p.groups
	var sums []float64
	if p.columns {
		sums = p.sums[item*p.M : (item+1)*p.M]
		clear(sums)
	}
	for i := g * p.panels / p.groups; i < (g+1)*p.panels/p.groups; i++ {
		w.reset()
		row := i * p.rows
		n := min(p.rows, p.N-row)
		if p.stored {
			p.storedPanel(w, b, row, n, sums)
		} else {
			p.streamPanel(w, b, row, n)
		}
	}
}

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
			if mx, at := maximum(zi); mx > m[i] {
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
	m, at := maximum(z)
	var sum float64
	if math.IsInf(m, -1) {
		at = -1
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

// maximum returns the largest z and its first index; NaNs are passed over.
func maximum(z []float64) (m float64, at int) {
	m = math.Inf(-1)
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

// colSumTask merges partial column sums [.., groups, m] in the order of the groups.
type colSumTask[T float] struct {
	sums      []float64
	out       []T
	groups, m int
}

func (p *colSumTask[T]) chunks() int { return (p.m + colSumChunk - 1) / colSumChunk }

func (p *colSumTask[T]) do(_ *worker, item int) {
	b, j0 := item/p.chunks(), item%p.chunks()*colSumChunk
	for j := j0; j < min(j0+colSumChunk, p.m); j++ {
		var sum float64
		for g := range p.groups {
			sum += p.sums[(b*p.groups+g)*p.m+j]
		}
		p.out[b*p.m+j] = T(sum)
	}
}
