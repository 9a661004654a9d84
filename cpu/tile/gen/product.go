package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// product writes c = a b or c += a b for a tile of r rows and v vectors of columns. Every element is
// 0 or c, then one fused multiply-add for each l of k in order. Strides are in numbers.
func (s isa) product(f64 bool, r, v int) {
	t, size := "float32", 4
	mov, fma, broadcast := VMOVUPS, VFMADD231PS, VBROADCASTSS
	if f64 {
		t, size = "float64", 8
		mov, fma, broadcast = VMOVUPD, VFMADD231PD, VBROADCASTSD
	}
	function(fmt.Sprintf("product%d%s_%dx%d", 8*size, s.name, r, v),
		fmt.Sprintf("func(a *%s, lda int, b *%s, ldb int, c *%s, ldc, k int, add bool)", t, t, t))
	stride := func(name string) Register {
		x := Load(Param(name), GP64())
		SHLQ(Imm(map[int]uint64{4: 2, 8: 3}[size]), x)
		return x
	}
	acc := make([][]VecVirtual, r)
	for i := range acc {
		for range v {
			acc[i] = append(acc[i], s.vector())
		}
	}
	at := func(p Register, j int) Mem { return Mem{Base: p, Disp: j * s.bytes} }
	// each calls f with every row of c.
	each := func(f func(i int, c Register)) {
		c, ldc := Load(Param("c"), GP64()), stride("ldc")
		for i := range r {
			f(i, c)
			if i < r-1 {
				ADDQ(ldc, c)
			}
		}
	}
	add := GP8()
	Load(Param("add"), add)
	TESTB(add, add)
	JE(LabelRef("fresh"))
	each(func(i int, c Register) {
		for j := range v {
			mov(at(c, j), acc[i][j])
		}
	})
	JMP(LabelRef("start"))
	Label("fresh")
	for i := range r {
		for j := range v {
			s.zero(acc[i][j])
		}
	}
	Label("start")
	lda := stride("lda")
	bases := []Register{Load(Param("a"), GP64())} // of three rows each
	for i := 3; i < r; i += 3 {
		p := GP64()
		LEAQ(Mem{Base: bases[len(bases)-1], Index: lda, Scale: 2}, p)
		ADDQ(lda, p)
		bases = append(bases, p)
	}
	b, ldb, k := Load(Param("b"), GP64()), stride("ldb"), Load(Param("k"), GP64())
	Label("step")
	bs := make([]VecVirtual, v)
	for j := range bs {
		bs[j] = s.vector()
		mov(at(b, j), bs[j])
	}
	for i := range r {
		m := Mem{Base: bases[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = lda, uint8(i%3)
		}
		x := s.vector()
		broadcast(m, x)
		for j := range v {
			fma(bs[j], x, acc[i][j])
		}
	}
	advance(size, bases...)
	ADDQ(ldb, b)
	DECQ(k)
	JNE(LabelRef("step"))
	each(func(i int, c Register) {
		for j := range v {
			mov(acc[i][j], at(c, j))
		}
	})
	VZEROUPPER()
	RET()
}

// rows4 loads the next numbers of four rows at src, ld numbers apart, k4 times, and hands the vectors to
// turn, which writes four columns.
func rows4(size int, vector func() VecVirtual, mov func(...Op), turn func(r, t, o []VecVirtual)) {
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	width, ld, n, ld3 := Load(Param("width"), GP64()), Load(Param("ld"), GP64()), Load(Param("k4"), GP64()), GP64()
	shift := map[int]uint64{4: 2, 8: 3}[size]
	SHLQ(Imm(shift), width)
	SHLQ(Imm(shift), ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	next := GP64()
	Label("block")
	r, t, o := make([]VecVirtual, 4), make([]VecVirtual, 4), make([]VecVirtual, 4)
	for i := range r {
		r[i], t[i], o[i] = vector(), vector(), vector()
	}
	mov(Mem{Base: src}, r[0])
	mov(Mem{Base: src, Index: ld, Scale: 1}, r[1])
	mov(Mem{Base: src, Index: ld, Scale: 2}, r[2])
	mov(Mem{Base: src, Index: ld3, Scale: 1}, r[3])
	// The rows after these begin elsewhere in memory, where no hardware looks ahead.
	LEAQ(Mem{Base: src, Index: ld, Scale: 4}, next)
	PREFETCHT0(Mem{Base: next})
	PREFETCHT0(Mem{Base: next, Index: ld, Scale: 1})
	PREFETCHT0(Mem{Base: next, Index: ld, Scale: 2})
	PREFETCHT0(Mem{Base: next, Index: ld3, Scale: 1})
	turn(r, t, o)
	for _, v := range o {
		mov(v, Mem{Base: dst})
		ADDQ(width, dst)
	}
	advance(4*size, src)
	DECQ(n)
	JNE(LabelRef("block"))
	VZEROUPPER()
	RET()
}

func transpose64() {
	function("transpose64", "func(dst *float64, width int, src *float64, ld, k4 int)")
	rows4(8, func() VecVirtual { return YMM() }, VMOVUPD, func(r, t, o []VecVirtual) {
		VUNPCKLPD(r[1], r[0], t[0])
		VUNPCKHPD(r[1], r[0], t[1])
		VUNPCKLPD(r[3], r[2], t[2])
		VUNPCKHPD(r[3], r[2], t[3])
		VPERM2F128(Imm(0x20), t[2], t[0], o[0])
		VPERM2F128(Imm(0x20), t[3], t[1], o[1])
		VPERM2F128(Imm(0x31), t[2], t[0], o[2])
		VPERM2F128(Imm(0x31), t[3], t[1], o[3])
	})
}

func transpose32() {
	function("transpose32", "func(dst *float32, width int, src *float32, ld, k4 int)")
	rows4(4, func() VecVirtual { return XMM() }, VMOVUPS, func(r, t, o []VecVirtual) {
		VUNPCKLPS(r[1], r[0], t[0])
		VUNPCKHPS(r[1], r[0], t[1])
		VUNPCKLPS(r[3], r[2], t[2])
		VUNPCKHPS(r[3], r[2], t[3])
		VUNPCKLPD(t[2], t[0], o[0])
		VUNPCKHPD(t[2], t[0], o[1])
		VUNPCKLPD(t[3], t[1], o[2])
		VUNPCKHPD(t[3], t[1], o[3])
	})
}
