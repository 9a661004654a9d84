package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Coefficients of (e^r - 1 - r)/r^2, minimax on [ln 3/4, ln 3/2] for the weight (r^2 + 0.005) e^-r: without
// rounding e^r is off by 4.7e-18 of itself.
var expPoly = []float64{
	0.4999999999999999329, 0.1666666666666759497, 0.04166666666668092551, 0.008333333332498075851, 0.001388888888612974005,
	0.0001984127234319317607, 0.00002480157604276966116, 2.755420992615317283e-6, 2.75898982040445438e-7, 2.644939268348826189e-8,
}

const (
	notLess = 0x15 // predicate of compares; true for NaN

	log2E = 0x1.71547652b82fep0
	ln2Hi = 0x1.62e42fefa0000p-1 // times 1075 it is exact
	ln2Lo = 0x1.cf79abc9e3b39p-40
	shift = 0x1.8p52 + 1023 // adding it leaves the exponent of 2^k in the low bits
	low   = -690
	tiny  = 0x1p-110

	offset = 0.05889151783 // ln(9/8)/2
)

// exp writes dst = e^(z - m), 0 below e^low, and returns the sum.
//
// e^x = 2^k e^r with r = x - k ln2 in [ln 3/4, ln 3/2]: as e^r - 1 is in [-1/4, 1/2] its roundings are
// small beside those of e^r, more so than for |r| <= ln2/2.
func (s isa) exp() {
	function("exp"+s.name, "func(dst, z *float64, n int, m float64) float64")
	dst, z, n := Load(Param("dst"), GP64()), Load(Param("z"), GP64()), Load(Param("n"), GP64())
	m := s.splat("m")
	cut, log2e, magic := s.constant("low", low), s.constant("log2e", log2E), s.constant("shift", shift)
	off := s.constant("offset", offset)
	hi, lo := s.constant("ln2hi", ln2Hi), s.constant("ln2lo", ln2Lo)
	poly := make([]Op, len(expPoly))
	for i, c := range expPoly {
		poly[i] = s.constant("exp"+string(rune('a'+i)), c)
	}
	sum := s.block()
	for _, v := range sum {
		s.zero(v)
	}
	loop(n, func() {
		x, q, k := s.block(), s.block(), s.block()
		var keep [2]Op
		for j := range x {
			VMOVUPD(s.at(z, j), x[j])
			VSUBPD(m, x[j], x[j])
			if s.zmm {
				p := K()
				VCMPPD(Imm(notLess), cut, x[j], p)
				keep[j] = p
			} else {
				p := YMM()
				VCMPPD(Imm(notLess), cut, x[j], p)
				keep[j] = p
			}
		}
		for j := range x {
			VSUBPD(off, x[j], q[j])
			VMOVUPD(log2e, k[j])
			VFMADD213PD(magic, q[j], k[j])
			VSUBPD(magic, k[j], q[j])
			VFNMADD231PD(hi, q[j], x[j])
			VFNMADD231PD(lo, q[j], x[j])
			VPSLLQ(Imm(52), k[j], k[j])
		}
		for j := range x {
			VMOVUPD(poly[len(poly)-1], q[j])
		}
		for i := len(poly) - 2; i >= 0; i-- {
			for j := range x {
				VFMADD213PD(poly[i], x[j], q[j])
			}
		}
		for j := range x {
			r2 := s.vector()
			VMULPD(x[j], x[j], r2)
			VFMADD213PD(x[j], r2, q[j])
			if s.zmm {
				VFMADD213PD_Z(k[j], k[j], keep[j], q[j])
			} else {
				VFMADD213PD(k[j], k[j], q[j])
				VANDPD(keep[j], q[j], q[j])
			}
			VMOVUPD(q[j], s.at(dst, j))
			VADDPD(q[j], sum[j], sum[j])
		}
		advance(64, z, dst)
	})
	s.ret(s.fold(sum, VADDPD))
}

// Coefficients of (e^r - 1 - r)/r^2 for float32, minimax on |r| <= ln2/2: e^r is off by 7.5e-9 without
// rounding.
var expPoly32 = []float32{0.5000000026934516433, 0.1666657700560893024, 0.04166637524793171225, 0.008363175312492936139, 0.001394111376349060473}

const (
	ln2Hi32 = 0x1.63p-1 // times 127 it is exact
	ln2Lo32 = math.Ln2 - ln2Hi32
	shift32 = 0x1.8p23 + 127
	low32   = -87
)

// exp32 is exp with z - m, from float64, rounded to float32, and computed in it.
func (s isa) exp32() {
	function("exp32"+s.name, "func(dst, z *float64, n int, m float64) float64")
	dst, z, n := Load(Param("dst"), GP64()), Load(Param("z"), GP64()), Load(Param("n"), GP64())
	m := s.splat("m")
	cut, log2e, magic := s.constant32("low", low32), s.constant32("log2e", math.Log2E), s.constant32("shift", shift32)
	hi, lo := s.constant32("ln2hi", ln2Hi32), s.constant32("ln2lo", ln2Lo32)
	poly := make([]Op, len(expPoly32))
	for i, c := range expPoly32 {
		poly[i] = s.constant32("exp"+string(rune('a'+i)), c)
	}
	sum := s.block()
	for _, v := range sum {
		s.zero(v)
	}
	loop(n, func() {
		x, q, k, r2 := YMM(), YMM(), YMM(), YMM()
		wide := s.block()
		for j, v := range wide {
			VMOVUPD(s.at(z, j), v)
			VSUBPD(m, v, v)
		}
		var keep Op
		if s.zmm {
			VCVTPD2PS(wide[0], x)
			p := K()
			VCMPPS(Imm(notLess), cut, x, p)
			keep = p
		} else {
			h := XMM()
			VCVTPD2PSY(wide[0], x.AsX())
			VCVTPD2PSY(wide[1], h)
			VINSERTF128(Imm(1), h, x, x)
			p := YMM()
			VCMPPS(Imm(notLess), cut, x, p)
			keep = p
		}
		VMOVUPS(log2e, k)
		VFMADD213PS(magic, x, k)
		VSUBPS(magic, k, q)
		VFNMADD231PS(hi, q, x)
		VFNMADD231PS(lo, q, x)
		VPSLLD(Imm(23), k, k)
		VMOVUPS(poly[len(poly)-1], q)
		for i := len(poly) - 2; i >= 0; i-- {
			VFMADD213PS(poly[i], x, q)
		}
		VMULPS(x, x, r2)
		VFMADD213PS(x, r2, q)
		if s.zmm {
			VFMADD213PS_Z(k, k, keep, q)
			VCVTPS2PD(q, wide[0])
		} else {
			VFMADD213PS(k, k, q)
			VANDPS(keep, q, q)
			h := XMM()
			VEXTRACTF128(Imm(1), q, h)
			VCVTPS2PD(q.AsX(), wide[0])
			VCVTPS2PD(h, wide[1])
		}
		for j, v := range wide {
			VMOVUPD(v, s.at(dst, j))
			VADDPD(v, sum[j], sum[j])
		}
		advance(64, z, dst)
	})
	s.ret(s.fold(sum, VADDPD))
}

// ret returns a scalar.
func (s isa) ret(x Register) {
	VZEROUPPER()
	Store(x, ReturnIndex(0))
	RET()
}

// largest starts maxima at the parameter m.
func (s isa) largest() block {
	m := s.block()
	VBROADCASTSD(Load(Param("m"), XMM()), m[0])
	for _, v := range m[1:] {
		VMOVUPD(m[0], v)
	}
	return m
}

// max returns the largest of m and the z; NaNs are passed over.
func (s isa) max() {
	function("max"+s.name, "func(z *float64, n int, m float64) float64")
	z, n := Load(Param("z"), GP64()), Load(Param("n"), GP64())
	m := s.largest()
	loop(n, func() {
		for j := range m {
			x := s.vector()
			VMOVUPD(s.at(z, j), x)
			VMAXPD(m[j], x, m[j]) // m where x is NaN
		}
		advance(64, z)
	})
	s.ret(s.fold(m, VMAXPD))
}

// direct writes z_j = s sum_l q_l k_lj + u_j for l < 4, the rows of k ld numbers apart, and returns
// the largest of m and the z.
func (s isa) direct() {
	function("direct"+s.name, "func(z, k *float64, ld int, q, u *float64, s float64, n int, m float64) float64")
	z, k, ld, q, u := Load(Param("z"), GP64()), Load(Param("k"), GP64()), Load(Param("ld"), GP64()), Load(Param("q"), GP64()), Load(Param("u"), GP64())
	scale, n, ld3 := s.splat("s"), Load(Param("n"), GP64()), GP64()
	SHLQ(Imm(3), ld)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	var qs [4]VecVirtual
	for l := range qs {
		qs[l] = s.vector()
		VBROADCASTSD(Mem{Base: q, Disp: 8 * l}, qs[l])
	}
	m := s.largest()
	loop(n, func() {
		x := s.block()
		for j, v := range x {
			at := func(i Register, scale uint8) Mem { return Mem{Base: k, Index: i, Scale: scale, Disp: j * s.bytes} }
			VMULPD(s.at(k, j), qs[0], v)
			VFMADD231PD(at(ld, 1), qs[1], v)
			VFMADD231PD(at(ld, 2), qs[2], v)
			VFMADD231PD(at(ld3, 1), qs[3], v)
			VFMADD213PD(s.at(u, j), scale, v)
			VMOVUPD(v, s.at(z, j))
			VMAXPD(m[j], v, m[j])
		}
		advance(64, z, k, u)
	})
	s.ret(s.fold(m, VMAXPD))
}

// affine writes z = s x + u and returns the largest of m and the z.
func (s isa) affine(f64 bool) {
	t, name, size := "float32", "affine32", 32
	if f64 {
		t, name, size = "float64", "affine64", 64
	}
	function(name+s.name, "func(z *float64, x *"+t+", u *float64, s float64, n int, m float64) float64")
	z, x, u := Load(Param("z"), GP64()), Load(Param("x"), GP64()), Load(Param("u"), GP64())
	scale, n := s.splat("s"), Load(Param("n"), GP64())
	m := s.largest()
	loop(n, func() {
		for j, v := range s.block() {
			s.widen(f64, x, j, v)
			VFMADD213PD(s.at(u, j), scale, v)
			VMOVUPD(v, s.at(z, j))
			VMAXPD(m[j], v, m[j])
		}
		advance(64, z, u)
		advance(size, x)
	})
	s.ret(s.fold(m, VMAXPD))
}

// widen loads vector j of a block of either type as float64.
func (s isa) widen(f64 bool, x Register, j int, v VecVirtual) {
	if f64 {
		VMOVUPD(s.at(x, j), v)
	} else {
		VCVTPS2PD(Mem{Base: x, Disp: j * s.bytes / 2}, v)
	}
}

// weighted returns sum x^2 w.
func (s isa) weighted(f64 bool) {
	t, name, size := "float32", "weighted32", 32
	if f64 {
		t, name, size = "float64", "weighted64", 64
	}
	function(name+s.name, "func(x *"+t+", w *float64, n int) float64")
	x, w, n := Load(Param("x"), GP64()), Load(Param("w"), GP64()), Load(Param("n"), GP64())
	sum := s.block()
	for _, v := range sum {
		s.zero(v)
	}
	loop(n, func() {
		for j := range sum {
			v := s.vector()
			s.widen(f64, x, j, v)
			VMULPD(v, v, v)
			VFMADD231PD(s.at(w, j), v, sum[j])
		}
		advance(64, w)
		advance(size, x)
	})
	s.ret(s.fold(sum, VADDPD))
}

// addScaled writes y += c x.
func (s isa) addScaled() {
	function("addScaled"+s.name, "func(y, x *float64, c float64, n int)")
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	c, n := s.splat("c"), Load(Param("n"), GP64())
	loop(n, func() {
		for j, v := range s.block() {
			VMOVUPD(s.at(y, j), v)
			VFMADD231PD(s.at(x, j), c, v)
			VMOVUPD(v, s.at(y, j))
		}
		advance(64, y, x)
	})
	VZEROUPPER()
	RET()
}

// dot returns sum x y.
func (s isa) dot() {
	function("dot"+s.name, "func(x, y *float64, n int) float64")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("n"), GP64())
	sum := s.block()
	for _, v := range sum {
		s.zero(v)
	}
	loop(n, func() {
		for j := range sum {
			v := s.vector()
			VMOVUPD(s.at(x, j), v)
			VFMADD231PD(s.at(y, j), v, sum[j])
		}
		advance(64, x, y)
	})
	s.ret(s.fold(sum, VADDPD))
}

// narrow rounds to float32; what is below tiny becomes 0.
func (s isa) narrow() {
	function("narrow"+s.name, "func(dst *float32, x *float64, n int)")
	dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	cut := s.constant("tiny", tiny)
	loop(n, func() {
		for j, v := range s.block() {
			out := Mem{Base: dst, Disp: j * s.bytes / 2}
			VMOVUPD(s.at(x, j), v)
			if s.zmm {
				p, y := K(), YMM()
				VCMPPD(Imm(notLess), cut, v, p)
				VCVTPD2PS_Z(v, p, y)
				VMOVUPS(y, out)
			} else {
				p, h := YMM(), XMM()
				VCMPPD(Imm(notLess), cut, v, p)
				VANDPD(p, v, v)
				VCVTPD2PSY(v, h)
				VMOVUPS(h, out)
			}
		}
		advance(32, dst)
		advance(64, x)
	})
	VZEROUPPER()
	RET()
}
