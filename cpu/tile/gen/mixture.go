package main

import (
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// variances writes inv = 1/D for D = a2 l + s2, and to out the product of all mantissas of D, in [1, 2),
// the sum of its exponents, the least and the largest exponent. Zeros and subnormal numbers have the
// exponent -1023; infinities, NaNs and negative numbers one above 1023.
func (s isa) variances() {
	function("variances"+s.name, "func(inv, l *float64, n int, a2, s2 float64, out *[4]float64)")
	inv, l, n := Load(Param("inv"), GP64()), Load(Param("l"), GP64()), Load(Param("n"), GP64())
	a2, s2 := s.splat("a2"), s.splat("s2")
	one, mask := s.constant("one", 1), s.constant("mantissa", math.Float64frombits(1<<52-1))
	two52, bias := s.constant("two52", 0x1p52), s.constant("bias", 0x1p52+1023)
	prod, sum, least, most := s.block(), s.block(), s.block(), s.block()
	for j := range prod {
		VMOVUPD(one, prod[j])
		s.zero(sum[j])
		s.zero(least[j])
		s.zero(most[j])
	}
	loop(n, func() {
		for j := range prod {
			d, x := s.vector(), s.vector()
			VMOVUPD(s.at(l, j), d)
			VFMADD213PD(s2, a2, d)
			VPSRLQ(Imm(52), d, x)
			VORPD(two52, x, x)
			VSUBPD(bias, x, x)
			VADDPD(x, sum[j], sum[j])
			VMINPD(x, least[j], least[j])
			VMAXPD(x, most[j], most[j])
			VANDPD(mask, d, x)
			VORPD(one, x, x)
			VMULPD(x, prod[j], prod[j])
			VMOVUPD(one, x)
			VDIVPD(d, x, x)
			VMOVUPD(x, s.at(inv, j))
		}
		advance(64, l, inv)
	})
	out := Load(Param("out"), GP64())
	for i, f := range []struct {
		b  block
		op func(...Op)
	}{{prod, VMULPD}, {sum, VADDPD}, {least, VMINPD}, {most, VMAXPD}} {
		VMOVSD(s.fold(f.b, f.op), Mem{Base: out, Disp: 8 * i})
	}
	VZEROUPPER()
	RET()
}

// ratios writes a = (f l - c) inv.
func (s isa) ratios() {
	function("ratios"+s.name, "func(a, l, inv *float64, n int, f, c float64)")
	a, l, inv, n := Load(Param("a"), GP64()), Load(Param("l"), GP64()), Load(Param("inv"), GP64()), Load(Param("n"), GP64())
	f, c := s.splat("f"), s.splat("c")
	loop(n, func() {
		for j, v := range s.block() {
			VMOVUPD(s.at(l, j), v)
			VFMSUB213PD(c, f, v)
			VMULPD(s.at(inv, j), v, v)
			VMOVUPD(v, s.at(a, j))
		}
		advance(64, a, l, inv)
	})
	VZEROUPPER()
	RET()
}

// typed declares a function of vectors of either type, T in the signature.
func (s isa) typed(name string, f64 bool, signature string) (bytes int) {
	t, suffix, bytes := "float32", "32", 32
	if f64 {
		t, suffix, bytes = "float64", "64", 64
	}
	function(name+suffix+s.name, strings.ReplaceAll(signature, "*T", "*"+t))
	return bytes
}

// round stores vector j of a block in either type.
func (s isa) round(f64 bool, v VecVirtual, p Register, j int) {
	out := Mem{Base: p, Disp: j * s.bytes / 2}
	switch {
	case f64:
		VMOVUPD(v, s.at(p, j))
	case s.zmm:
		y := YMM()
		VCVTPD2PS(v, y)
		VMOVUPS(y, out)
	default:
		x := XMM()
		VCVTPD2PSY(v, x)
		VMOVUPS(x, out)
	}
}

// centre writes y = x - alpha m.
func (s isa) centre(f64 bool) {
	size := s.typed("centre", f64, "func(y, x, m *T, alpha float64, n int)")
	y, x, m := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("m"), GP64())
	alpha, n := s.splat("alpha"), Load(Param("n"), GP64())
	loop(n, func() {
		for j, v := range s.block() {
			mean := s.vector()
			s.widen(f64, x, j, v)
			s.widen(f64, m, j, mean)
			VFNMADD231PD(mean, alpha, v)
			s.round(f64, v, y, j)
		}
		advance(size, y, x, m)
	})
	VZEROUPPER()
	RET()
}

// scale writes y = c a z.
func (s isa) scale(f64 bool) {
	size := s.typed("scale", f64, "func(y, z *T, a *float64, c float64, n int)")
	y, z, a := Load(Param("y"), GP64()), Load(Param("z"), GP64()), Load(Param("a"), GP64())
	c, n := s.splat("c"), Load(Param("n"), GP64())
	loop(n, func() {
		for j, v := range s.block() {
			f := s.vector()
			s.widen(f64, z, j, v)
			VMULPD(s.at(a, j), c, f)
			VMULPD(f, v, v)
			s.round(f64, v, y, j)
		}
		advance(size, y, z)
		advance(64, a)
	})
	VZEROUPPER()
	RET()
}

// rescale writes y = (f l - c) inv z.
func (s isa) rescale(f64 bool) {
	size := s.typed("rescale", f64, "func(y, z *T, l, inv *float64, f, c float64, n int)")
	y, z, l, inv := Load(Param("y"), GP64()), Load(Param("z"), GP64()), Load(Param("l"), GP64()), Load(Param("inv"), GP64())
	f, c, n := s.splat("f"), s.splat("c"), Load(Param("n"), GP64())
	loop(n, func() {
		for j, v := range s.block() {
			x := s.vector()
			VMOVUPD(s.at(l, j), x)
			VFMSUB213PD(c, f, x)
			VMULPD(s.at(inv, j), x, x)
			s.widen(f64, z, j, v)
			VMULPD(x, v, v)
			s.round(f64, v, y, j)
		}
		advance(size, y, z)
		advance(64, l, inv)
	})
	VZEROUPPER()
	RET()
}

// less writes y = x - m, m of float64.
func (s isa) less(f64 bool) {
	size := s.typed("less", f64, "func(y, x *T, m *float64, n int)")
	y, x, m := Load(Param("y"), GP64()), Load(Param("x"), GP64()), Load(Param("m"), GP64())
	n := Load(Param("n"), GP64())
	loop(n, func() {
		for j, v := range s.block() {
			s.widen(f64, x, j, v)
			VSUBPD(s.at(m, j), v, v)
			s.round(f64, v, y, j)
		}
		advance(size, y, x)
		advance(64, m)
	})
	VZEROUPPER()
	RET()
}
