package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Coefficients of 2^f, minimax in relative error: on [0, 1] (7.5e-8 for float32, 2.1e-16 for float64), and
// on [-1/2, 1/2] (7.2e-8, 7e-17).
var (
	floor32 = []float64{0.999999925063684333, 0.693153073211349619, 0.240153616950310554, 0.0558263183039782566, 0.00898933981887907953, 0.00187757677916682411}
	floor64 = []float64{1.00000000000000021, 0.693147180559891271, 0.240226506961360831, 0.0555041086282446138, 0.00961812940917703442, 0.00133335437309043696,
		0.000154039574918515753, 0.0000152446596384876273, 1.33127201298812432e-6, 9.46094495966977489e-8, 9.95221559032329956e-9}
	near32 = []float64{1.00000007165457228, 0.693146967066041568, 0.240221197241587299, 0.0555071327119291474, 0.00967554132618779344, 0.00132764727274725816}
	near64 = []float64{1.00000000000000007, 0.693147180559949775, 0.240226506959087678, 0.0555041086644588328, 0.00961812910803459239, 0.00133335582285615252,
		0.000154035299611317001, 0.0000152526581165501244, 1.32156628340361756e-6, 1.02085379032892273e-7, 7.03727913174808428e-9}
)

type instruction = func(...Op)

// sinkhorn writes the kernels of Sinkhorn's method for one type and one instruction set. A tile is rows of two
// vectors, stored row after row; arrays are of tiles, one after the other.
type sinkhorn struct {
	isa
	size, rows int
	step       int // rows whose exponentials are made side by side
	registers  int // coefficients that stay in registers beside logits from memory

	mov, add, sub, max, min, fma231, fma213, fma213b, splat instruction
	mul, reduce, scalef, shl                                instruction
	poly                                                    []Mem
	low, high, magic                                        Mem
	mantissa                                                uint64 // bits
}

func (s isa) sinkhorn(f64 bool, rows, step, registers int, constants *sinkhorn) *sinkhorn {
	k := &sinkhorn{isa: s, size: 4, rows: rows, step: step, registers: registers, mantissa: 23}
	k.mov, k.add, k.sub, k.max, k.min, k.fma231, k.fma213, k.fma213b = VMOVUPS, VADDPS, VSUBPS, VMAXPS, VMINPS, VFMADD231PS, VFMADD213PS, VFMADD213PS_BCST
	k.splat, k.mul, k.reduce, k.scalef, k.shl = VBROADCASTSS, VMULPS, VREDUCEPS, VSCALEFPS, VPSLLD
	if f64 {
		k.size, k.mantissa = 8, 52
		k.mov, k.add, k.sub, k.max, k.min, k.fma231, k.fma213, k.fma213b = VMOVUPD, VADDPD, VSUBPD, VMAXPD, VMINPD, VFMADD231PD, VFMADD213PD, VFMADD213PD_BCST
		k.splat, k.mul, k.reduce, k.scalef, k.shl = VBROADCASTSD, VMULPD, VREDUCEPD, VSCALEFPD, VPSLLQ
	}
	if constants != nil {
		k.poly, k.low, k.high, k.magic = constants.poly, constants.low, constants.high, constants.magic
		return k
	}
	poly := map[bool]map[bool][]float64{true: {false: floor32, true: floor64}, false: {false: near32, true: near64}}[s.zmm][f64]
	for i, c := range poly {
		k.poly = append(k.poly, k.number(fmt.Sprintf("p%d", i), c))
	}
	if !s.zmm {
		e := math.Pow(2, float64(8*k.size-int(k.mantissa)-2)) - 1 // the bias of exponents
		k.low, k.high = k.number("low", 1-e), k.number("high", e)
		k.magic = k.number("magic", 1.5*math.Pow(2, float64(k.mantissa))+e) // adding it leaves 2^k's exponent field in the low bits
	}
	return k
}

// number is x in memory, once for AVX-512, whose instructions broadcast it, and in all lanes for AVX2.
func (k *sinkhorn) number(name string, x float64) Mem {
	m := GLOBL(fmt.Sprintf("sinkhorn_%s_%d%s", name, 8*k.size, k.name), RODATA|NOPTR)
	n := k.bytes / k.size
	if k.zmm {
		n = 1
	}
	for i := range n {
		if k.size == 8 {
			DATA(8*i, U64(math.Float64bits(x)))
		} else {
			DATA(4*i, U32(math.Float32bits(float32(x))))
		}
	}
	return m
}

func (k *sinkhorn) function(name, signature string, height bool) {
	t := fmt.Sprintf("float%d", 8*k.size)
	name = fmt.Sprintf("%s%d%s", name, 8*k.size, k.name)
	if height {
		name += fmt.Sprintf("_%d", k.rows)
	}
	function(name, strings.ReplaceAll(signature, "TYPE", t))
}

func pointer(name string) Register { return Load(Param(name), GP64()) }

// row is vector v of row i of the tile at p, lane number i of a list at p, vector i of an array at p.
func (k *sinkhorn) row(p Register, i, v int) Mem { return Mem{Base: p, Disp: (2*i + v) * k.bytes} }
func (k *sinkhorn) item(p Register, i int) Mem   { return Mem{Base: p, Disp: i * k.size} }
func (k *sinkhorn) vec(p Register, i int) Mem    { return Mem{Base: p, Disp: i * k.bytes} }

// scale loads the parameter into all lanes.
func (k *sinkhorn) scale() VecVirtual {
	x, v := Load(Param("scale"), XMM()), k.vector()
	k.splat(x.(VecVirtual).AsX(), v)
	return v
}

// quiet makes subnormal numbers count 0 until the returned function is called: the tails of exponentials would cost a
// factor else.
func quiet() (restore func()) {
	csr, t := AllocLocal(8), GP32()
	STMXCSR(csr)
	MOVL(csr, t)
	ORL(U32(0x8040), t)
	MOVL(t, csr.Offset(4))
	LDMXCSR(csr.Offset(4))
	return func() { LDMXCSR(csr) }
}

// tiles runs body nb times.
func tiles(body func()) {
	nb := pointer("nb")
	TESTQ(nb, nb)
	JE(LabelRef("done"))
	Label("tile")
	body()
	DECQ(nb)
	JNE(LabelRef("tile"))
	Label("done")
}

func (k *sinkhorn) both() [2]VecVirtual { return [2]VecVirtual{k.vector(), k.vector()} }

// products multiplies the block of rows at a, which stays, with the tile of columns at b, which moves on: every element
// is 0, or with add that of the tile at z, to which one fused multiply-add after the other adds the coordinates' products
// in order. Where z is nil there is no add.
func (k *sinkhorn) products(a, b, d, z, add Register) [][2]VecVirtual {
	acc := make([][2]VecVirtual, k.rows)
	for i := range acc {
		acc[i] = k.both()
		for _, x := range acc[i] {
			k.zero(x)
		}
	}
	if z != nil {
		TESTB(add, add)
		JE(LabelRef("fresh"))
		for i := range acc {
			for v, x := range acc[i] {
				k.mov(k.row(z, i, v), x)
			}
		}
		Label("fresh")
	}
	x, n := GP64(), GP64()
	MOVQ(a, x)
	MOVQ(d, n)
	Label("coordinate")
	y := k.both()
	for v := range y {
		k.mov(k.vec(b, v), y[v])
	}
	for i := range acc {
		t := k.vector()
		k.splat(k.item(x, i), t)
		for v := range y {
			k.fma231(y[v], t, acc[i][v])
		}
	}
	ADDQ(U32(uint32(k.size*k.rows)), x)
	ADDQ(U32(uint32(2*k.bytes)), b)
	DECQ(n)
	JNE(LabelRef("coordinate"))
	return acc
}

// dots writes the products of a block of rows with nb tiles of columns, or adds them; d > 0.
func (k *sinkhorn) dots() {
	k.function("dots", "func(z, a, b *TYPE, nb, d int, add bool)", true)
	z, a, b, d := pointer("z"), pointer("a"), pointer("b"), pointer("d")
	add := GP8()
	Load(Param("add"), add)
	tiles(func() {
		for i, acc := range k.products(a, b, d, z, add) {
			for v := range acc {
				k.mov(acc[v], k.row(z, i, v))
			}
		}
		ADDQ(U32(uint32(2*k.bytes*k.rows)), z)
	})
	VZEROUPPER()
	RET()
}

// addColumns adds s_i times row i of the tile at e to the sums at c.
func (k *sinkhorn) addColumns(e, s, c Register) {
	sum := k.both()
	for v := range sum {
		k.mov(k.vec(c, v), sum[v])
	}
	for i := range k.rows {
		t := k.vector()
		k.splat(k.item(s, i), t)
		for v := range sum {
			k.fma231(k.row(e, i, v), t, sum[v])
		}
	}
	for v := range sum {
		k.mov(sum[v], k.vec(c, v))
	}
	ADDQ(U32(uint32(2*k.bytes)), c)
}

// columns writes c += sum_i s_i e_i.
func (k *sinkhorn) columns() {
	k.function("columns", "func(e *TYPE, nb int, s, c *TYPE)", true)
	e, s, c := pointer("e"), pointer("s"), pointer("c")
	restore := quiet()
	tiles(func() {
		k.addColumns(e, s, c)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), e)
	})
	restore()
	VZEROUPPER()
	RET()
}

// exp2 writes 2^x to q, several vectors at a time; x and t are lost. NaN stays NaN.
func (k *sinkhorn) exp2(poly []Op, x, t, q []VecVirtual) {
	each := func(f func(j int)) {
		for j := range x {
			f(j)
		}
	}
	if k.zmm {
		each(func(j int) { k.reduce(Imm(1), x[j], t[j]) }) // x - floor(x)
	} else {
		// Beyond its ends the exponent field would wrap.
		each(func(j int) { k.mov(k.low, t[j]) })
		each(func(j int) { k.max(x[j], t[j], x[j]) })
		each(func(j int) { k.mov(k.high, t[j]) })
		each(func(j int) { k.min(x[j], t[j], x[j]) })
		each(func(j int) { k.add(k.magic, x[j], t[j]) })
		each(func(j int) { k.sub(k.magic, t[j], q[j]) })
		each(func(j int) { k.sub(q[j], x[j], x[j]) })
		t, x = x, t
	}
	n := len(poly) - 1
	each(func(j int) {
		if _, ok := poly[n].(Mem); ok && k.zmm {
			k.splat(poly[n], q[j])
		} else {
			k.mov(poly[n], q[j])
		}
	})
	for i := n - 1; i >= 0; i-- {
		fma := k.fma213
		if _, ok := poly[i].(Mem); ok && k.zmm {
			fma = k.fma213b
		}
		each(func(j int) { fma(poly[i], t[j], q[j]) })
	}
	if k.zmm {
		each(func(j int) { k.scalef(x[j], q[j], q[j]) }) // takes the floor itself
		return
	}
	each(func(j int) { k.shl(Imm(k.mantissa), x[j], x[j]) })
	each(func(j int) { k.mul(x[j], q[j], q[j]) })
}

// coefficients returns the polynomial with the first n in registers.
func (k *sinkhorn) coefficients(n int) []Op {
	p := make([]Op, len(k.poly))
	for i, m := range k.poly {
		p[i] = m
		if i < n {
			v := k.vector()
			if k.zmm {
				k.splat(m, v)
			} else {
				k.mov(m, v)
			}
			p[i] = v
		}
	}
	return p
}

// stream and cached write, tile by tile, first c += sum_i s_i e_i, then
//
//	e_ij = 2^(scale <a_i, b_j> + (u_j + ref_i)),   r_i += e_ij lane by lane,
//
// stream from the points, cached from the products z.
func (k *sinkhorn) stream() {
	k.function("stream", "func(e, a, b, u *TYPE, nb, d int, scale TYPE, ref, s, r, c *TYPE)", true)
	e, a, b, u, d := pointer("e"), pointer("a"), pointer("b"), pointer("u"), pointer("d")
	ref, s, r, c := pointer("ref"), pointer("s"), pointer("r"), pointer("c")
	scale := k.scale()
	restore := quiet()
	few := 0
	if k.zmm {
		few = 3 // what is left beside 24 accumulators, their temporaries and the scale
	}
	poly := k.coefficients(few)
	tiles(func() {
		k.addColumns(e, s, c)
		acc := k.products(a, b, d, nil, nil)
		for i := range acc {
			x, t, q := acc[i], k.both(), k.both()
			k.splat(k.item(ref, i), t[0])
			for v := range x {
				k.add(k.vec(u, v), t[0], q[v])
				k.fma213(q[v], scale, x[v])
			}
			k.exp2(poly, x[:], t[:], q[:])
			for v := range q {
				k.mov(q[v], k.row(e, i, v))
			}
			k.add(q[0], q[1], q[0])
			k.add(k.vec(r, i), q[0], q[0])
			k.mov(q[0], k.vec(r, i))
		}
		ADDQ(U32(uint32(2*k.bytes)), u)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), e)
	})
	restore()
	VZEROUPPER()
	RET()
}

// ahead is how many bytes before their use products are fetched into the second cache: the arrays of exponentials and
// columns' sums beside them keep the processor from seeing them come.
const ahead = 16 << 10

func (k *sinkhorn) cached() {
	k.function("cached", "func(e, z, u *TYPE, nb int, scale TYPE, ref, s, r, c *TYPE)", true)
	e, z, u := pointer("e"), pointer("z"), pointer("u")
	ref, s, r, c := pointer("ref"), pointer("s"), pointer("r"), pointer("c")
	scale := k.scale()
	restore := quiet()
	// With few registers coefficients are worth more there than sums, which are used once a tile.
	var sums []VecVirtual
	if k.zmm {
		for i := range k.rows {
			sums = append(sums, k.vector())
			k.mov(k.vec(r, i), sums[i])
		}
	}
	poly := k.coefficients(k.registers)
	tiles(func() {
		k.addColumns(e, s, c)
		for i := range 2 * k.rows * k.bytes / 64 {
			PREFETCHT1(Mem{Base: z, Disp: ahead + 64*i})
		}
		bias := k.both()
		for v := range bias {
			k.mov(k.vec(u, v), bias[v])
		}
		for i0 := 0; i0 < k.rows; i0 += k.step {
			var x, t, q []VecVirtual
			for i := i0; i < i0+k.step; i++ {
				for v := range bias {
					x, t, q = append(x, k.vector()), append(t, k.vector()), append(q, k.vector())
					o := len(x) - 1
					if v == 0 {
						k.splat(k.item(ref, i), t[o])
					}
					k.add(bias[v], t[o-v], x[o])
					k.fma231(k.row(z, i, v), scale, x[o])
				}
			}
			k.exp2(poly, x, t, q)
			for i := i0; i < i0+k.step; i++ {
				o := 2 * (i - i0)
				k.mov(q[o], k.row(e, i, 0))
				k.mov(q[o+1], k.row(e, i, 1))
				k.add(q[o], q[o+1], q[o])
				if k.zmm {
					k.add(q[o], sums[i], sums[i])
				} else {
					k.add(k.vec(r, i), q[o], q[o])
					k.mov(q[o], k.vec(r, i))
				}
			}
		}
		ADDQ(U32(uint32(2*k.bytes)), u)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), e)
		ADDQ(U32(uint32(2*k.bytes*k.rows)), z)
	})
	for i := range sums {
		k.mov(sums[i], k.vec(r, i))
	}
	restore()
	VZEROUPPER()
	RET()
}

// rowSums adds the lanes of n vectors to n sums, and clears them.
func (k *sinkhorn) rowSums() {
	k.function("rowSums", "func(sum *float64, r *TYPE, n int)", false)
	sum, r, n := pointer("sum"), pointer("r"), pointer("n")
	zero := k.vector()
	k.zero(zero)
	Label("row")
	var total VecVirtual
	if k.size == 8 {
		total = k.vector()
		k.mov(Mem{Base: r}, total)
	} else {
		for i := range 2 {
			t := k.vector()
			VCVTPS2PD(Mem{Base: r, Disp: i * k.bytes / 2}, t)
			if i == 0 {
				total = t
			} else {
				VADDPD(t, total, total)
			}
		}
	}
	k.mov(zero, Mem{Base: r})
	y := total.AsY()
	if k.zmm {
		h := YMM()
		VEXTRACTF64X4(Imm(1), total, h)
		VADDPD(h, y, y)
	}
	x, h := total.AsX(), XMM()
	VEXTRACTF128(Imm(1), y, h)
	VADDPD(h, x, x)
	VPERMILPD(Imm(1), x, h)
	VADDSD(h, x, x)
	VADDSD(Mem{Base: sum}, x, x)
	VMOVSD(x, Mem{Base: sum})
	ADDQ(Imm(8), sum)
	ADDQ(U32(uint32(k.bytes)), r)
	DECQ(n)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// sinkhorns writes all kernels of an instruction set. With AVX-512 eight rows leave registers for the logits from
// memory, twelve hide the loads of products.
func (s isa) sinkhorns() {
	for _, f64 := range []bool{true, false} {
		heights := []int{6}
		step, registers := 1, 6
		if s.zmm {
			heights = []int{12, 8}
		}
		var first *sinkhorn
		for _, rows := range heights {
			if s.zmm {
				step, registers = 1, 6
				if rows == 8 {
					step = 2
				}
				if f64 {
					registers = 8
				}
			}
			k := s.sinkhorn(f64, rows, step, registers, first)
			if first == nil {
				first = k
				k.rowSums()
			}
			if rows != 8 {
				k.stream()
			}
			k.dots()
			k.cached()
			k.peaks()
			k.colPeaks()
			k.columns()
			if f64 {
				k.scores(false)
				k.scores(true)
			}
		}
	}
}
