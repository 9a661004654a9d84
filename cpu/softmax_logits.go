package cpu

import (
	"math"

	"monge/cpu/tile"
)

// axpyDims is the most dimensions in which gonum adds rows to rows of the transposed keys; beyond, it makes
// dot products.
const axpyDims = 96

// keyTile is what a panel of rows needs of tileKeys keys.
type keyTile[T float] struct {
	dots []T       // dot products [rows, tileKeys]; nil in the few dimensions that tile.Direct takes
	few  []float64 // the transposed keys [tile.DirectDims, tileKeys] there
	keys []T       // the transposed keys [D, tileKeys], for gonum
	u, w []float64 // the biases
}

func (p *softmaxTask[T]) newTile(w *worker, n int) (t keyTile[T]) {
	t.u, t.w = w.f64.take(tileKeys), w.f64.take(tileKeys)
	clear(t.u)
	if p.D <= tile.DirectDims {
		t.few = w.f64.take(tile.DirectDims * tileKeys)
		clear(t.few)
		return t
	}
	t.dots = scratch[T](w, n*tileKeys)
	if p.D <= axpyDims && !tiled(w) {
		t.keys = scratch[T](w, p.D*tileKeys)
	}
	return t
}

// products readies a tile of nj keys from j on for n rows from row on: biases and all <q_i, k_j>.
func (p *softmaxTask[T]) products(w *worker, t keyTile[T], b, row, n, j, nj int) {
	if p.u != nil {
		convert(t.u[:nj], p.u[b*p.uStride+j:])
	}
	if p.c != nil {
		convert(t.w[:nj], p.w[b*p.wStr+j:])
	}
	q := p.q[(b*p.N+row)*p.D:]
	k := p.k[b*p.kStride+j*p.D:]
	switch {
	case t.few != nil:
		for l := range p.D {
			for i := range nj {
				t.few[l*tileKeys+i] = float64(k[i*p.D+l])
			}
		}
	case t.keys != nil:
		transpose(t.keys, k, nj, p.D)
		gemm(w, false, false, n, nj, p.D, q, p.D, t.keys, tileKeys, t.dots, tileKeys)
	default:
		gemm(w, true, false, n, nj, p.D, q, p.D, k, p.D, t.dots, tileKeys)
	}
}

// transpose writes the n rows of d numbers of k as columns of t [d, tileKeys].
func transpose[T float](t, k []T, n, d int) {
	const block = 8 // a cache line
	for l0 := 0; l0 < d; l0 += block {
		l1 := min(l0+block, d)
		for j := range n {
			for l, x := range k[j*d+l0 : j*d+l1] {
				t[(l0+l)*tileKeys+j] = x
			}
		}
	}
}

// logits sets z_j = s_i <q_i, k_j> + u_j + c_i w_j for the keys from j on, and returns the largest of most
// and them, NaNs aside. The row is number i of the problem, local of the tile.
func (p *softmaxTask[T]) logits(w *worker, z []float64, t keyTile[T], b, i, local, j int, most float64) float64 {
	row := b*p.N + i
	s := p.scale
	if p.s != nil {
		s = float64(p.s[row])
	}
	before := most
	if t.dots != nil {
		most = tile.Affine(w.level, z, t.dots[local*tileKeys:], t.u, s, before)
	} else {
		var q [tile.DirectDims]float64
		convert(q[:p.D], p.q[row*p.D:])
		most = w.level.Direct(z, t.few, tileKeys, &q, t.u, s, before)
	}
	if p.c != nil {
		if c := float64(p.c[row]); c != 0 {
			w.level.AddScaled(z, t.w, c)
			most = w.level.Max(z, before)
		}
	}
	if p.skip != nil && p.skip[row] >= 0 {
		if l := int(p.skip[row]) - j; l >= 0 && l < len(z) {
			z[l] = math.Inf(-1)
			most = w.level.Max(z, before)
		}
	}
	return most
}
