package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// Coefficients of log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), s = f / (2 + f), with the ones of even and of odd powers
// apart. Source: FreeBSD's e_log.c (Sun Microsystems, 1993).
var logPoly = []float64{
	6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
	1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
}

const (
	sqrtHalf = 0x3fe6a09e667f3bcd // bits
	oneBits  = 0x3ff0000000000000
	logHi    = 6.93147180369123816490e-01
	logLo    = 1.90821492927058770002e-10
)

// log writes dst = ln x for normal numbers x > 0. Others give anything.
func (s isa) log() {
	function("log"+s.name, "func(dst, x *float64, n int)")
	dst, x, n := pointer("dst"), pointer("x"), pointer("n")
	bits := func(name string, b uint64) Op { return s.constant(name, math.Float64frombits(b)) }
	up, back, mask := bits("logup", oneBits-sqrtHalf), bits("logback", sqrtHalf), bits("logmask", 1<<52-1)
	two52, bias := s.constant("logtwo52", 0x1p52), s.constant("logbias", 0x1p52+1023)
	one, two, half := s.constant("logone", 1), s.constant("logtwo", 2), s.constant("loghalf", .5)
	hi, lo := s.constant("loghi", logHi), s.constant("loglo", logLo)
	poly := make([]Op, len(logPoly))
	for i, c := range logPoly {
		poly[i] = s.constant("log"+string(rune('a'+i)), c)
	}
	loop(n, func() {
		for j, f := range s.block() { // 2^k (1 + f), f in [sqrt 1/2 - 1, sqrt 2 - 1)
			k, q, z, w, odd, even := s.vector(), s.vector(), s.vector(), s.vector(), s.vector(), s.vector()
			VMOVUPD(s.at(x, j), f)
			VPADDQ(up, f, f)
			VPSRLQ(Imm(52), f, k)
			VORPD(two52, k, k)
			VSUBPD(bias, k, k)
			VANDPD(mask, f, f)
			VPADDQ(back, f, f)
			VSUBPD(one, f, f)
			VADDPD(two, f, q)
			VDIVPD(q, f, q)
			VMULPD(q, q, z)
			VMULPD(z, z, w)
			VMOVUPD(poly[6], odd)
			for _, i := range []int{4, 2, 0} {
				VFMADD213PD(poly[i], w, odd)
			}
			VMOVUPD(poly[5], even)
			for _, i := range []int{3, 1} {
				VFMADD213PD(poly[i], w, even)
			}
			VMULPD(z, odd, odd)
			VFMADD213PD(odd, w, even) // R
			VMULPD(half, f, z)
			VMULPD(f, z, z) // f^2/2
			VADDPD(z, even, even)
			VMULPD(lo, k, w)
			VFMADD213PD(w, q, even)
			VSUBPD(even, z, z)
			VSUBPD(f, z, z)
			VMOVUPD(hi, w)
			VFMSUB213PD(z, w, k)
			VMOVUPD(k, s.at(dst, j))
		}
		advance(64, dst, x)
	})
	VZEROUPPER()
	RET()
}
