// philox.cuh: the counter-based generator Philox4x32-10, the same integers as Go's package rng.
// Source: Salmon, Moraes, Dror, Shaw, SC11, doi:10.1145/2063384.2063405.
#pragma once
#include "kernel.cuh"

// Words are two 64-bit words of a stream, numbers 2 index and 2 index + 1.
struct Words {
	uint64_t w0, w1;
};

// philox returns block number index of (seed, stream).
DEV Words philox(uint64_t seed, uint64_t stream, uint64_t index) {
	uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
	uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
	for (int round = 0; round < 10; round++) {
		const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
		c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)b;
		c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)a;
		k0 += 0x9E3779B9u; // golden ratio
		k1 += 0xBB67AE85u; // sqrt(3) - 1
	}
	return {(uint64_t)c1 << 32 | c0, (uint64_t)c3 << 32 | c2};
}

// uniform maps a word to (0, 1), strictly inside: (2 floor(w / 2^12) + 1) 2^-53.
DEV double uniform(uint64_t w) { return (double)(w >> 12 << 1 | 1) * 0x1p-53; }
