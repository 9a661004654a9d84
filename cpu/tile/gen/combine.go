package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// combine adds sum_t coef_t x[offset_t + j] to dst_j, term after term; offsets are in bytes.
func (s isa) combine(f64 bool) {
	size := s.typed("combine", f64, "func(dst *float64, n int, x *T, offset *int, coef *float64, terms int)")
	dst, n, x := Load(Param("dst"), GP64()), Load(Param("n"), GP64()), Load(Param("x"), GP64())
	offset, coef, terms := Load(Param("offset"), GP64()), Load(Param("coef"), GP64()), Load(Param("terms"), GP64())
	const wide = 4 // blocks that are summed side by side
	body := func(label string, blocks int) {
		acc := make([]VecVirtual, 0, 2*wide)
		for range blocks {
			acc = append(acc, s.block()...)
		}
		for j, v := range acc {
			VMOVUPD(s.at(dst, j), v)
		}
		t, p := GP64(), GP64()
		XORQ(t, t)
		Label(label)
		MOVQ(Mem{Base: offset, Index: t, Scale: 8}, p)
		ADDQ(x, p)
		c := s.vector()
		VBROADCASTSD(Mem{Base: coef, Index: t, Scale: 8}, c)
		for j, v := range acc {
			if f64 {
				VFMADD231PD(s.at(p, j), c, v)
			} else {
				y := s.vector()
				s.widen(f64, p, j, y)
				VFMADD231PD(y, c, v)
			}
		}
		INCQ(t)
		CMPQ(t, terms)
		JNE(LabelRef(label))
		for j, v := range acc {
			VMOVUPD(v, s.at(dst, j))
		}
		ADDQ(U32(64*blocks), dst)
		ADDQ(U32(size*blocks), x)
		SUBQ(U32(8*blocks), n)
	}
	Label("wide")
	CMPQ(n, Imm(8*wide))
	JLT(LabelRef("narrow"))
	body("terms", wide)
	JMP(LabelRef("wide"))
	Label("narrow")
	TESTQ(n, n)
	JE(LabelRef("end"))
	body("last", 1)
	JMP(LabelRef("narrow"))
	Label("end")
	VZEROUPPER()
	RET()
}

// errors returns sum (v / (atol + rtol |x|))^2; a v of 0 counts 0 whatever it is divided by.
func (s isa) errors(f64 bool) {
	size := s.typed("errors", f64, "func(v *float64, x *T, n int, atol, rtol float64) float64")
	p, x, n := Load(Param("v"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	atol, rtol := s.splat("atol"), s.splat("rtol")
	name := "abs32of"
	if f64 {
		name = "abs64of"
	}
	abs := s.constant(name, math.Float64frombits(1<<63-1))
	sum, zero := s.block(), s.vector()
	s.zero(zero)
	for _, v := range sum {
		s.zero(v)
	}
	const unequal = 4 // predicate of compares; true for NaN
	loop(n, func() {
		for j := range sum {
			v, d := s.vector(), s.vector()
			VMOVUPD(s.at(p, j), v)
			s.widen(f64, x, j, d)
			VANDPD(abs, d, d)
			VFMADD213PD(atol, rtol, d)
			if s.zmm {
				keep := K()
				VCMPPD(Imm(unequal), zero, v, keep)
				VDIVPD_Z(d, v, keep, v)
			} else {
				keep := s.vector()
				VCMPPD(Imm(unequal), zero, v, keep)
				VDIVPD(d, v, v)
				VANDPD(keep, v, v)
			}
			VFMADD231PD(v, v, sum[j])
		}
		advance(64, p)
		advance(size, x)
	})
	s.ret(s.fold(sum, VADDPD))
}
