package rng

import "math/bits"

// Multipliers and Weyl increments of Philox4x32.
const (
	mul0  = 0xD2511F53
	mul1  = 0xCD9E8D57
	weyl0 = 0x9E3779B9 // golden ratio
	weyl1 = 0xBB67AE85 // sqrt(3) - 1
)

const rounds = 10

// Block returns block number index of (seed, stream): four uniform 32-bit integers,
//
//	Philox4x32-10(counter = (index low, index high, stream low, stream high), key = (seed low, seed high)).
func Block(seed, stream, index uint64) [4]uint32 {
	c0, c1, c2, c3 := uint32(index), uint32(index>>32), uint32(stream), uint32(stream>>32)
	k0, k1 := uint32(seed), uint32(seed>>32)
	for range rounds {
		hi0, lo0 := bits.Mul32(mul0, c0)
		hi1, lo1 := bits.Mul32(mul1, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += weyl0
		k1 += weyl1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// Words returns block number index of (seed, stream) as two 64-bit words, numbers 2 index and
// 2 index + 1 of the stream; each word's low half comes first in the block.
func Words(seed, stream, index uint64) [2]uint64 {
	b := Block(seed, stream, index)
	return [2]uint64{uint64(b[1])<<32 | uint64(b[0]), uint64(b[3])<<32 | uint64(b[2])}
}
