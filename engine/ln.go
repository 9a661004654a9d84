package engine

import "math"

// Ln returns ln x: as math.Log, and also of subnormal numbers, whose exponents math.Log misreads in its assembly for
// amd64 (ln 5e-324 comes out as -709.1, it is -744.4). It is the logarithm for weights, masses and densities, which may
// be that small.
func Ln(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		return math.Log(x*0x1p64) - 64*math.Ln2
	}
	return math.Log(x)
}
