// wgmma.cuh: dot products by the tensor cores of compute capability 9.0, four warps at a time, from the split clouds of
// mma.cuh in shared memory. Only sm_90a has the instructions.
//
// A warpgroup is four warps from a multiple of four on. An m64n128k16 product gives it 64 rows by 128 columns; warp w % 4
// has rows 16 (w % 4) on, and in each of its lanes, for every 8 columns, the four numbers that mma.m16n8k16 would leave
// there: row lane / 4 + 8 h, columns 2 (lane % 4) + {0, 1}. So what follows the products need not know which made them.
//
// Both factors lie in shared memory as rows of 128 bytes whose 16-byte units are XORed with row % 8, K-major with the
// 128-byte swizzle of the PTX ISA ("Shared Memory Matrix Layout" of wgmma). Its matrix descriptor is
//
//	bits 0-13   start address / 16
//	bits 16-29  leading dimension byte offset / 16: of no use with a swizzle and K-major, 1
//	bits 32-45  stride dimension byte offset / 16: from 8 rows to the next 8, 1,024 bytes here
//	bits 49-51  base offset: 0 where the pattern of 8 rows begins at a multiple of 1,024
//	bits 62-63  swizzle: 0 none, 1 of 128 bytes, 2 of 64, 3 of 32
//
// The swizzle is one of addresses (bits 4-6 are XORed with bits 7-9), so 16 numbers further on in the rows are 32 bytes
// further on in the start address.
//
// The instructions run on their own, in the order of their issue. wgmma_fence orders what a warp did to the accumulators
// before them; after wgmma_commit, wgmma_wait waits for them, and before that neither the accumulators nor the factors may be
// touched. They read shared memory through the async proxy: proxy_fence, by every thread that wrote to it or copied by
// cp.async, and then a barrier, come before.
#pragma once
#include "mma.cuh"

#ifdef __CUDACC__
DEV void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEV void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int PENDING> DEV void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory"); }
// wgmma_landed keeps the compiler from moving the use of accumulators above the wait for them: it sees no tie between the two.
template <int N> DEV void wgmma_landed(float (&d)[N]) {
#pragma unroll
	for (int v = 0; v < N; v++) asm volatile("" : "+f"(d[v])::"memory");
}
DEV void proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#define WGMMA_8(j) "+f"(d[j]), "+f"(d[j + 1]), "+f"(d[j + 2]), "+f"(d[j + 3]), "+f"(d[j + 4]), "+f"(d[j + 5]), "+f"(d[j + 6]), "+f"(d[j + 7])
// wgmma_64x128 starts d = a b^T, with add d += a b^T, of 64 rows a and 128 rows b of 16 numbers of fp16.
DEV void wgmma_64x128(float (&d)[64], uint64_t a, uint64_t b, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
	             "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
	             "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
	             "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
	             "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
	             "%64, %65, p, 1, 1, 0, 0;}"
	             : WGMMA_8(0), WGMMA_8(8), WGMMA_8(16), WGMMA_8(24), WGMMA_8(32), WGMMA_8(40), WGMMA_8(48), WGMMA_8(56)
	             : "l"(a), "l"(b), "r"((int)add));
}
// wgmma_64x64 is the same for 64 rows b.
DEV void wgmma_64x64(float (&d)[32], uint64_t a, uint64_t b, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
	             "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
	             "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
	             "%32, %33, p, 1, 1, 0, 0;}"
	             : WGMMA_8(0), WGMMA_8(8), WGMMA_8(16), WGMMA_8(24)
	             : "l"(a), "l"(b), "r"((int)add));
}
// wgmma_columns starts d = a b, with add d += a b, of 64 rows a of 16 numbers, a warp's quarter in its registers, and 16 rows b
// of 64 or 32 numbers. The registers of a have to stay as they are until the wait.
DEV void wgmma_columns(float (&d)[32], const uint32_t (&a)[4], uint64_t b, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %37, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
	             "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
	             "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
	             "{%32, %33, %34, %35}, %36, p, 1, 1, 1;}"
	             : WGMMA_8(0), WGMMA_8(8), WGMMA_8(16), WGMMA_8(24)
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add));
}
DEV void wgmma_columns(float (&d)[16], const uint32_t (&a)[4], uint64_t b, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %21, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 "
	             "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, "
	             "{%16, %17, %18, %19}, %20, p, 1, 1, 1;}"
	             : WGMMA_8(0), WGMMA_8(8)
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add));
}
#endif

constexpr int GROUP_ROWS = 64;            // of a warpgroup's product
constexpr uint64_t STEP16 = 32 >> 4;      // what 16 numbers further on add to a descriptor
constexpr uint64_t LOW_HALF = 64 >> 4;    // from hi to lo
template <int ROWS> constexpr uint64_t NEXT_CHUNK = ROWS * ROW_BYTES >> 4; // from a chunk of so many rows to the next

// warpgroup_id is the same for the whole warp, and the compiler sees that.
DEV int warpgroup_id() { return __shfl_sync(ALL_LANES, (int)threadIdx.x / 128, 0); }

// wgmma_descriptor describes rows of 128 bytes, swizzled, from a multiple of 1,024 bytes on.
DEV uint64_t wgmma_descriptor(const void *rows) {
	return (uint64_t)((shared_address(rows) & 0x3ffff) >> 4) | (uint64_t)1 << 16 | (uint64_t)(BLOCK8 >> 4) << 32 | (uint64_t)1 << 62;
}

DEV void wgmma_keys(float (&d)[64], uint64_t q, uint64_t k, bool add) { wgmma_64x128(d, q, k, add); }
DEV void wgmma_keys(float (&d)[32], uint64_t q, uint64_t k, bool add) { wgmma_64x64(d, q, k, add); }

// start_group starts to set acc to the products of a warpgroup's 64 queries with 2 V keys over DC chunks, of 128 queries and
// of the keys. The small products come first, since the tensor cores cut their sums off: over two chunks nothing is lost by
// that.
template <int NP, int DC, int V> DEV void start_group(float (&acc)[V], uint64_t q, uint64_t k) {
	constexpr uint64_t QUERIES = NEXT_CHUNK<MMA_TILE>, KEYS = NEXT_CHUNK<2 * V>;
	wgmma_fence();
	if constexpr (NP == 3) {
#pragma unroll
		for (int c = 0; c < DC; c++)
#pragma unroll
			for (int t = 0; t < STEPS<NP>; t++) {
				const uint64_t qt = q + c * QUERIES + t * STEP16, kt = k + c * KEYS + t * STEP16;
				wgmma_keys(acc, qt + LOW_HALF, kt, c + t > 0);
				wgmma_keys(acc, qt, kt + LOW_HALF, true);
			}
	}
#pragma unroll
	for (int c = 0; c < DC; c++)
#pragma unroll
		for (int t = 0; t < STEPS<NP>; t++)
			wgmma_keys(acc, q + c * QUERIES + t * STEP16, k + c * KEYS + t * STEP16, NP == 3 || c + t > 0);
	wgmma_commit();
}

// values_descriptor describes 16 rows of 32 DC numbers, swizzled over the bytes of a row, from a multiple of 1,024 bytes on, for
// the right factor of wgmma_columns: "MN-major", so that the stride leads from 8 rows to the next 8.
template <int DC> DEV uint64_t values_descriptor(const void *rows) {
	static_assert(DC == 1 || DC == 2, "rows of 64 or 128 bytes, as wide as a pattern");
	return (uint64_t)((shared_address(rows) & 0x3ffff) >> 4) | (uint64_t)1 << 16 | (uint64_t)(8 * DC * 64 >> 4) << 32 | (uint64_t)(3 - DC) << 62;
}

// start_values starts to set sum to the products of 64 rows of weights with 16 KS rows of 32 DC values, whose hi and lo are
// described. The small products come first.
template <int DC, int KS> DEV void start_values(float (&sum)[16 * DC], const SplitWeights<KS, 1> &weights, uint64_t hi, uint64_t lo) {
	constexpr uint64_t NEXT = 16 * DC * 64 >> 4; // 16 rows
	wgmma_fence();
#pragma unroll
	for (int t = 0; t < KS; t++) {
		wgmma_columns(sum, weights.lo[t][0], hi + t * NEXT, t > 0);
		wgmma_columns(sum, weights.hi[t][0], lo + t * NEXT, true);
	}
#pragma unroll
	for (int t = 0; t < KS; t++) wgmma_columns(sum, weights.hi[t][0], hi + t * NEXT, true);
	wgmma_commit();
}

// wait_group waits until products are there but for those that were started last, PENDING times.
template <int PENDING, int V> DEV void wait_group(float (&acc)[V]) {
	wgmma_wait<PENDING>();
	wgmma_landed(acc);
}
