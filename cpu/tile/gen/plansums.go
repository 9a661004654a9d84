package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// peaks writes r_i = max(r_i, scale z_ij + u_j) lane by lane.
func (k *sinkhorn) peaks() {
	k.function("peaks", "func(z, u *TYPE, nb int, scale TYPE, r *TYPE)", true)
	z, u, r := pointer("z"), pointer("u"), pointer("r")
	scale := k.scale()
	sums := make([]VecVirtual, k.rows)
	for i := range sums {
		sums[i] = k.vector()
		k.mov(k.vec(r, i), sums[i])
	}
	tiles(func() {
		for v := range 2 {
			bias := k.vector()
			k.mov(k.vec(u, v), bias)
			for i := range sums {
				t := k.vector()
				k.mov(k.row(z, i, v), t)
				k.fma213(bias, scale, t)
				k.max(t, sums[i], sums[i])
			}
		}
		ADDQ(U32(uint32(2*k.bytes)), u)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), z)
	})
	for i := range sums {
		k.mov(sums[i], k.vec(r, i))
	}
	VZEROUPPER()
	RET()
}

// colPeaks writes c_j = max(c_j, scale z_ij + q_i).
func (k *sinkhorn) colPeaks() {
	k.function("colPeaks", "func(z, q *TYPE, nb int, scale TYPE, c *TYPE)", true)
	z, q, c := pointer("z"), pointer("q"), pointer("c")
	scale := k.scale()
	bias := make([]VecVirtual, k.rows)
	for i := range bias {
		bias[i] = k.vector()
		k.splat(k.item(q, i), bias[i])
	}
	tiles(func() {
		most := k.both()
		for v := range most {
			k.mov(k.vec(c, v), most[v])
		}
		for i := range bias {
			t := k.both()
			for v := range t {
				k.mov(k.row(z, i, v), t[v])
				k.fma213(bias[i], scale, t[v])
				k.max(t[v], most[v], most[v])
			}
		}
		for v := range most {
			k.mov(most[v], k.vec(c, v))
		}
		ADDQ(U32(uint32(2*k.bytes)), c)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), z)
	})
	VZEROUPPER()
	RET()
}

// scores is cached in float64 and adds e_ij (z_ij + h_j) to t_i, lane by lane, besides. The products are float64, or
// float32 in tiles of twice as many columns.
func (k *sinkhorn) scores(narrow bool) {
	bits, halves := 64, 1
	if narrow {
		bits, halves = 32, 2
	}
	function(fmt.Sprintf("scores%d%s_%d", bits, k.name, k.rows),
		fmt.Sprintf("func(e *float64, z *float%d, u, h *float64, nb int, scale float64, ref, s, r, t, c *float64)", bits))
	e, z, u, h := pointer("e"), pointer("z"), pointer("u"), pointer("h")
	ref, s, r, sum, c := pointer("ref"), pointer("s"), pointer("r"), pointer("t"), pointer("c")
	scale := k.scale()
	restore := quiet()
	step, few := 1, 1
	if k.zmm {
		step, few = 2, 8
	}
	poly := k.coefficients(few)
	tiles(func() {
		for half := range halves {
			k.addColumns(e, s, c)
			for i := range 2 * k.rows * k.bytes / 64 / halves {
				PREFETCHT1(Mem{Base: z, Disp: ahead + 64*(half*2*k.rows*k.bytes/64/halves+i)})
			}
			bias, offset := k.both(), k.both()
			for v := range bias {
				k.mov(k.vec(u, v), bias[v])
				k.mov(k.vec(h, v), offset[v])
			}
			for i0 := 0; i0 < k.rows; i0 += step {
				var x, t, q, y []VecVirtual
				for i := i0; i < i0+step; i++ {
					for v := range bias {
						x, t, q, y = append(x, k.vector()), append(t, k.vector()), append(q, k.vector()), append(y, k.vector())
						o := len(x) - 1
						if v == 0 {
							k.splat(k.item(ref, i), t[o])
						}
						if narrow {
							VCVTPS2PD(Mem{Base: z, Disp: (2*i+half)*k.bytes + v*k.bytes/2}, y[o])
						} else {
							k.mov(k.row(z, i, v), y[o])
						}
						k.add(bias[v], t[o-v], x[o])
						k.fma231(y[o], scale, x[o])
						k.add(offset[v], y[o], y[o])
					}
				}
				k.exp2(poly, x, t, q)
				for i := i0; i < i0+step; i++ {
					o := 2 * (i - i0)
					k.mov(q[o], k.row(e, i, 0))
					k.mov(q[o+1], k.row(e, i, 1))
					k.mul(q[o], y[o], y[o])
					k.fma231(q[o+1], y[o+1], y[o])
					k.add(k.vec(sum, i), y[o], y[o])
					k.mov(y[o], k.vec(sum, i))
					k.add(q[o], q[o+1], q[o])
					k.add(k.vec(r, i), q[o], q[o])
					k.mov(q[o], k.vec(r, i))
				}
			}
			ADDQ(U32(uint32(2*k.bytes)), u)
			ADDQ(U32(uint32(2*k.bytes)), h)
			ADDQ(U32(uint32(2*k.bytes*k.rows)), e)
		}
		ADDQ(U32(uint32(2*k.bytes*k.rows)), z)
	})
	restore()
	VZEROUPPER()
	RET()
}
