package cpu

import "math"

// The three ways to a tile of dot products; the dimension alone decides.
const (
	directDims = 4  // written out, up to this dimension
	axpyDims   = 96 // rows added to rows of the transposed keys; beyond, dot products
)

// tile is room for the dot products of a panel of rows with tileKeys keys.
type tile[T float] struct {
	dots []T // [rows, tileKeys]; nil where they are written out
	keys []T // the transposed keys [D, tileKeys]
}

func (p *softmaxTask[T]) newTile(w *worker, n int) (t tile[T]) {
	if p.D > directDims {
		t.dots = scratch[T](w, n*tileKeys)
	}
	if p.D > directDims && p.D <= axpyDims {
		t.keys = scratch[T](w, p.D*tileKeys)
	}
	return t
}

// products computes <q_i, k_j> for n rows from row on and nj keys from j on.
func (p *softmaxTask[T]) products(w *worker, t tile[T], b, row, n, j, nj int) {
	if t.dots == nil {
		return
	}
	q := p.q[(b*p.N+row)*p.D:]
	k := p.k[b*p.kStride+j*p.D:]
	if t.keys == nil {
		gemm(w, true, false, n, nj, p.D, q, p.D, k, p.D, t.dots, tileKeys)
		return
	}
	transpose(t.keys, k, nj, p.D)
	gemm(w, false, false, n, nj, p.D, q, p.D, t.keys, tileKeys, t.dots, tileKeys)
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

// logits sets z_j = s_i <q_i, k_j> + u_j + c_i w_j for the keys from j on. The row is number i of the
// problem, local of the tile.
func (p *softmaxTask[T]) logits(z []float64, t tile[T], b, i, local, j int) {
	row := b*p.N + i
	s := p.scale
	if p.s != nil {
		s = float64(p.s[row])
	}
	u := p.none[:]
	if p.u != nil {
		u = p.u[b*p.uStride+j:]
	}
	u = u[:len(z)]
	if t.dots != nil {
		for l, x := range t.dots[local*tileKeys:][:len(z)] {
			z[l] = s*float64(x) + float64(u[l])
		}
	} else {
		direct(z, p.q[row*p.D:(row+1)*p.D], p.k[b*p.kStride+j*p.D:], u, s)
	}
	if p.c != nil {
		if c := float64(p.c[row]); c != 0 {
			for l, x := range p.w[b*p.wStr+j:][:len(z)] {
				z[l] += c * float64(x)
			}
		}
	}
	if p.skip != nil && p.skip[row] >= 0 {
		if l := int(p.skip[row]) - j; l >= 0 && l < len(z) {
			z[l] = math.Inf(-1)
		}
	}
}

// direct sets z_j = s <q, k_j> + u_j in few dimensions, in float64.
func direct[T float](z []float64, q, k, u []T, s float64) {
	u = u[:len(z)]
	switch len(q) {
	case 0:
		convert(z, u)
	case 1:
		q0 := float64(q[0])
		k = k[:len(z)]
		for j := range z {
			z[j] = s*(q0*float64(k[j])) + float64(u[j])
		}
	case 2:
		q0, q1 := float64(q[0]), float64(q[1])
		for j := range z {
			kj := (*[2]T)(k)
			z[j] = s*(q0*float64(kj[0])+q1*float64(kj[1])) + float64(u[j])
			k = k[2:]
		}
	case 3:
		q0, q1, q2 := float64(q[0]), float64(q[1]), float64(q[2])
		for j := range z {
			kj := (*[3]T)(k)
			z[j] = s*(q0*float64(kj[0])+q1*float64(kj[1])+q2*float64(kj[2])) + float64(u[j])
			k = k[3:]
		}
	case 4:
		q0, q1, q2, q3 := float64(q[0]), float64(q[1]), float64(q[2]), float64(q[3])
		for j := range z {
			kj := (*[4]T)(k)
			z[j] = s*(q0*float64(kj[0])+q1*float64(kj[1])+q2*float64(kj[2])+q3*float64(kj[3])) + float64(u[j])
			k = k[4:]
		}
	}
}
