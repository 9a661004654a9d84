// Package rng is the counter-based generator Philox4x32-10: random numbers that are functions of their
// place, not of the order in which they are drawn.
//
// Number i of a stream depends on (seed, stream, i) alone. Any range of a stream can so be drawn by
// itself, in parallel or on another device, and is the same as that part of the whole. The 32-bit
// integers are the same on every engine and platform, and so are the uniforms, which are exact; normal
// numbers agree to the rounding of the platform's ln, sin and cos.
//
// Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11,
// doi:10.1145/2063384.2063405. The generator passes TestU01's BigCrush.
package rng

import "math"

// Uniform maps a 64-bit word w to the 53-bit number (2 floor(w / 2^12) + 1) 2^-53. It lies strictly
// inside (0, 1), and w and its complement give numbers symmetric about 1/2: 0 and 1 would be
// infinities to a logarithm or a quantile function.
func Uniform(w uint64) float64 {
	return float64(w>>12<<1|1) * 0x1p-53
}

// Uniforms fills dst with independent uniform numbers in (0, 1): dst[i] is number offset + i of
// (seed, stream), which [Uniform] makes from word number offset + i; see [Words].
func Uniforms(dst []float64, seed, stream, offset uint64) {
	for i := 0; i < len(dst); {
		at := offset + uint64(i)
		w := Words(seed, stream, at/2)
		for k := at % 2; k < 2 && i < len(dst); k++ {
			dst[i] = Uniform(w[k])
			i++
		}
	}
}

// Normals fills dst with independent standard normal numbers: dst[i] is number offset + i of
// (seed, stream). Numbers 2 b and 2 b + 1 are the Box-Muller pair
//
//	sqrt(-2 ln u0) cos(2 pi u1),  sqrt(-2 ln u0) sin(2 pi u1)
//
// of uniform numbers 2 b and 2 b + 1. As u0 >= 2^-53 their size is at most 8.57; a larger one has
// probability 1e-17.
func Normals(dst []float64, seed, stream, offset uint64) {
	for i := 0; i < len(dst); {
		at := offset + uint64(i)
		w := Words(seed, stream, at/2)
		var z [2]float64
		z[0], z[1] = boxMuller(w[0], w[1])
		i += copy(dst[i:], z[at%2:])
	}
}

// boxMuller makes two independent standard normal numbers from two words.
func boxMuller(w0, w1 uint64) (z0, z1 float64) {
	r := math.Sqrt(-2 * math.Log(Uniform(w0)))
	s, c := math.Sincos(2 * math.Pi * Uniform(w1))
	return r * c, r * s
}
