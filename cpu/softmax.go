package cpu

import (
	"monge/cpu/tile"
	"monge/engine"
)

// Sizes of the softmax. None depends on the goroutines, since column sums depend on the panels.
const (
	tileKeys    = 384     // keys that are worked on at a time
	panelStore  = 1 << 19 // numbers z that a panel of rows keeps at most, as long as it has 8 rows
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

	ld              int       // numbers from one row of weights to the next
	norms           []float64 // |v_j|^2 [B or 1, M]
	nStr            int
	first           int       // problem of item 0
	groups          int       // items a problem
	rows            int       // rows of a panel
	panels          int       // panels a problem
	sums            []float64 // partial column sums [items, M]
	blocks          bool      // means and second moments, tile after tile
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
	p.ld = weightsStride(s.M)
	p.stored = a.TMean != nil || a.ColSum != nil
	p.blocks = !p.stored && (a.Mean != nil || a.Second != nil)
	p.rows = panelRows
	switch {
	case p.stored:
		p.rows = min(panelRows, max(8, panelStore/max(1, s.M)))
	case p.blocks:
		p.rows = blockRows
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

// weightsStride returns the distance of rows of m weights: whole blocks, and not a multiple of a page, as
// first-level caches keep only a few lines of equal place in their pages.
func weightsStride(m int) int {
	ld := (m + tile.Block - 1) / tile.Block * tile.Block
	if ld%64 == 0 {
		ld += tile.Block
	}
	return ld
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
		switch {
		case p.stored:
			p.storedPanel(w, b, row, n, sums)
		case p.blocks:
			p.blockPanel(w, b, row, n)
		default:
			p.streamPanel(w, b, row, n)
		}
	}
}
