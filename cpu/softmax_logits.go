package cpu

import "math"

// dotTile returns room for the dot products of n rows with a tile of keys, none where they are written out.
func (p *softmaxTask[T]) dotTile(w *worker, n int) []T {
	if p.D <= directDims {
		return nil
	}
	return scratch[T](w, n*tileKeys)
}

// dots computes <q_i, k_j> for n rows from row on and nj keys from j on.
func (p *softmaxTask[T]) dots(w *worker, dots []T, b, row, n, j, nj int) {
	if dots == nil {
		return
	}
	q := p.q[(b*p.N+row)*p.D:]
	k := p.k[b*p.kStride+j*p.D:]
	gemm(w, true, false, n, nj, p.D, q, p.D, k, p.D, dots, tileKeys)
}

// bias sets z_j = s_i <q_i, k_j> + u_j + c_i w_j for the keys from j on. The row is number i of the
// problem, local of the tile dots.
func (p *softmaxTask[T]) bias(z []float64, dots []T, b, i, local, j int) {
	row := b*p.N + i
	s := p.scale
	if p.s != nil {
		s = float64(p.s[row])
	}
	if dots != nil {
		for l, x := range dots[local*tileKeys:][:len(z)] {
			z[l] = s * float64(x)
		}
	} else {
		direct(z, p.q[row*p.D:(row+1)*p.D], p.k[b*p.kStride+j*p.D:], s)
	}
	if p.u != nil {
		for l, x := range p.u[b*p.uStride+j:][:len(z)] {
			z[l] += float64(x)
		}
	}
	if p.c != nil {
		if c := float64(p.c[row]); c != 0 {
			for l, x := range p.w[b*p.wStr+j:][:len(z)] {
				z[l] += c * float64(x)
			}
		}
	}
	if p.skip != nil {
		if l := int(p.skip[row]) - j; l >= 0 && l < len(z) && p.skip[row] >= 0 {
			z[l] = math.Inf(-1)
		}
	}
}

// direct sets z_j = s <q, k_j> in few dimensions, in float64.
func direct[T float](z []float64, q, k []T, s float64) {
	switch len(q) {
	case 0:
		clear(z)
	case 1:
		q0 := float64(q[0])
		k = k[:len(z)]
		for j := range z {
			z[j] = s * (q0 * float64(k[j]))
		}
	case 2:
		q0, q1 := float64(q[0]), float64(q[1])
		k = k[:2*len(z)]
		for j := range z {
			kj := k[2*j : 2*j+2 : 2*j+2]
			z[j] = s * (q0*float64(kj[0]) + q1*float64(kj[1]))
		}
	case 3:
		q0, q1, q2 := float64(q[0]), float64(q[1]), float64(q[2])
		k = k[:3*len(z)]
		for j := range z {
			kj := k[3*j : 3*j+3 : 3*j+3]
			z[j] = s * (q0*float64(kj[0]) + q1*float64(kj[1]) + q2*float64(kj[2]))
		}
	case 4:
		q0, q1, q2, q3 := float64(q[0]), float64(q[1]), float64(q[2]), float64(q[3])
		k = k[:4*len(z)]
		for j := range z {
			kj := k[4*j : 4*j+4 : 4*j+4]
			z[j] = s * (q0*float64(kj[0]) + q1*float64(kj[1]) + q2*float64(kj[2]) + q3*float64(kj[3]))
		}
	}
}
