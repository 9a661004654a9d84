package tile

import "math"

// Exp sets dst_j = e^(z_j - m) where z_j <= m, with an error below 0.95 units in the last place (plain Go: 0.53), and returns
// the sum. dst may be z. NaNs stay. Below e^-690, about 1e-300, the result is exactly 0: products with
// such weights would be subnormal, which is slow on many processors, and add nothing.
func (l Level) Exp(dst, z []float64, m float64) (sum float64) {
	dst = dst[:len(z)]
	if l == Plain {
		return expPlain(dst, z, m)
	}
	n := len(z) &^ (Block - 1)
	if n > 0 {
		sum = l.expBlocks(dst[:n], z[:n], m)
	}
	if n < len(z) {
		var rest [Block]float64
		for j := copy(rest[:], z[n:]); j < Block; j++ {
			rest[j] = math.Inf(-1)
		}
		sum += l.expBlocks(rest[:], rest[:], m)
		copy(dst[n:], rest[:])
	}
	return sum
}
