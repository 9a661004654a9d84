package tile

import "math"

// Constants of e^x = 2^(k/128) e^r, |r| <= ln2/256. The polynomial is e^r - 1 - r after its first two
// terms; without rounding it is exact to 2^-65.
// Source: the exponential of the ARM optimized routines (Nagy, 2018).
const (
	expInvLn2 = 0x1.71547652b82fep0 * 128
	expLn2Hi  = 0x1.62e42fefa0000p-8
	expLn2Lo  = 0x1.cf79abc9e3b39p-47
	expShift  = 0x1.8p52
	expC2     = 0x1.ffffffffffdbdp-2
	expC3     = 0x1.555555555543cp-3
	expC4     = 0x1.55555cf172b91p-5
	expC5     = 0x1.1111167a4d017p-7

	expZero = -690 // below it the result is 0
)

// expPlain is Exp, with an error below 0.53 units in the last place.
func expPlain(dst, z []float64, m float64) float64 {
	var sum float64
	dst = dst[:len(z)]
	for j, v := range z {
		x := v - m
		if !(x >= expZero) {
			if x == x {
				x = 0
			}
			dst[j] = x
			sum += x
			continue
		}
		s := x*expInvLn2 + expShift
		k := math.Float64bits(s)
		s -= expShift
		r := x - s*expLn2Hi - s*expLn2Lo
		scale := math.Float64frombits(exp2Bits[k%128] + k<<45)
		r2 := r * r
		p := exp2Tail[k%128] + r + r2*(expC2+r*expC3) + r2*r2*(expC4+r*expC5)
		e := scale + scale*p
		dst[j] = e
		sum += e
	}
	return sum
}

// Exp1 returns e^x for x <= 0, as [Level.Exp] in plain Go.
func Exp1(x float64) float64 {
	z := [1]float64{x}
	return expPlain(z[:], z[:], 0)
}
