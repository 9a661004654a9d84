// wrong.cu: one kernel for each mistake that the emulation finds.
#include "../kernel.cuh"
#include "params.h"

KERNEL(past_the_end, test_params, 256) { global<float>(p.a)[first_item()] = 1; } // more threads than numbers
KERNEL(before_the_start, test_params, 256) {
	if (threadIdx.x == 3) global<float>(p.a)[-1] = 1;
}
KERNEL(after_free, test_params, 256) { global<float>(p.b)[threadIdx.x] = global<const float>(p.a)[threadIdx.x]; } // a was freed
KERNEL(null_pointer, test_params, 256) { global<float>(p.b)[0] = *global<const float>(p.n); }                     // n = 0
KERNEL(host_memory, test_params, 256) { global<float>(p.b)[0] = *global<const float>(p.n); }                      // n = the host's
KERNEL(misaligned, test_params, 256) { *global<double>(p.a + 4) = 1; }

// Half of the threads return before the barrier.
KERNEL(early_return, test_params, 256) {
	if ((int)threadIdx.x >= p.n) return;
	__syncthreads();
}
// The halves wait at two barriers.
KERNEL(two_barriers, test_params, 256) {
	if (threadIdx.x < 64)
		__syncthreads();
	else
		__syncthreads();
}
// Lane 0 goes to a barrier while the others of its warp wait for it in a shuffle.
KERNEL(lost_lane, test_params, 256) {
	int v = threadIdx.x;
	if (threadIdx.x == 0) __syncthreads();
	v = __shfl_xor_sync(ALL_LANES, v, 1);
	global<int>(p.a)[threadIdx.x] = v;
}
// Lane 5 is not in the mask that it names.
KERNEL(not_in_mask, test_params, 256) {
	const int all = __all_sync(0xffffffdf, 1);
	global<int>(p.a)[threadIdx.x] = all;
}
// Lanes 0 to 15 read from lanes that have returned.
KERNEL(absent_lane, test_params, 256) {
	if (lane_id() >= 16) return;
	const int v = __shfl_xor_sync(0xffff, lane_id(), 16);
	global<int>(p.a)[threadIdx.x] = v;
}

KERNEL(unwritten, test_params, 256) {
	SHARED(float, s, 256);
	if (threadIdx.x != 77) s[threadIdx.x] = 1;
	__syncthreads();
	global<float>(p.a)[threadIdx.x] = s[threadIdx.x];
}
// What the block before left in shared memory is nobody's.
KERNEL(left_over, test_params, 256) {
	SHARED(float, s, 256);
	if (blockIdx.x == 0) s[threadIdx.x] = 1;
	__syncthreads();
	global<float>(p.a)[threadIdx.x] = s[threadIdx.x];
}
KERNEL(past_shared, test_params, 256) {
	SHARED(float, s, 256);
	s[threadIdx.x] = 1;
	__syncthreads();
	const float *after = s + threadIdx.x;
	global<float>(p.a)[threadIdx.x] = after[p.n]; // n = 1
}
KERNEL(past_index, test_params, 256) {
	SHARED(float, s, 256);
	s[threadIdx.x + p.n] = 1; // n = 1
}

// The barrier between writing and reading is missing.
KERNEL(read_race, test_params, 256) {
	SHARED(float, s, 256);
	s[threadIdx.x] = 1;
	__syncthreads();
	s[threadIdx.x] = 2;
	global<float>(p.a)[threadIdx.x] = s[threadIdx.x ^ 1];
}
// The next round writes what others may still read.
KERNEL(write_race, test_params, 256) {
	SHARED(float, s, 256);
	float v = 0;
	for (int round = 0; round < 2; round++) {
		s[threadIdx.x] = v + 1;
		__syncthreads();
		v = s[threadIdx.x ^ 32];
	}
	global<float>(p.a)[threadIdx.x] = v;
}
// __syncwarp orders a warp's threads only.
KERNEL(warp_race, test_params, 256) {
	SHARED(float, s, 256);
	s[threadIdx.x] = 1;
	__syncthreads();
	s[threadIdx.x] = 2;
	__syncwarp();
	global<float>(p.a)[threadIdx.x] = s[threadIdx.x ^ 32];
}
// A shuffle moves values and orders no memory.
KERNEL(shuffle_race, test_params, 256) {
	SHARED(float, s, 256);
	s[threadIdx.x] = 1;
	const float v = __shfl_xor_sync(ALL_LANES, 1.f, 1);
	global<float>(p.a)[threadIdx.x] = v + s[threadIdx.x ^ 1];
}
// A plain store beside atomic ones.
KERNEL(atomic_race, test_params, 256) {
	SHARED(int, s, 1);
	if (threadIdx.x == 0) s[0] = 0;
	__syncthreads();
	if (threadIdx.x == 1)
		s[0] = 5;
	else
		atomicAdd(&s[0], 1);
	__syncthreads();
	global<int>(p.a)[0] = s[0];
}

KERNEL(too_much_shared, test_params, 256) {
	SHARED(double, s, 8 * 1024);
	s[threadIdx.x] = 1;
}
KERNEL(trapped, test_params, 256) {
	if (threadIdx.x == 9) __trap();
}

// The group that was committed last is not waited for.
KERNEL(unawaited, test_params, 256) {
	SHARED(uint4, s, 256);
	copy_async16(&s[threadIdx.x], global<const uint4>(p.a) + threadIdx.x % 16);
	copy_commit();
	copy_wait<1>();
	__syncthreads();
	global<uint32_t>(p.b)[threadIdx.x] = s[threadIdx.x ^ 1].x;
}
// A copy goes where other threads may still read.
KERNEL(early_copy, test_params, 256) {
	SHARED(uint4, s, 256);
	s[threadIdx.x] = make_uint4(1, 2, 3, 4);
	__syncthreads();
	global<uint32_t>(p.b)[threadIdx.x] = s[threadIdx.x ^ 32].x;
	copy_async16(&s[threadIdx.x], global<const uint4>(p.a) + threadIdx.x % 16);
	copy_commit();
	copy_wait<0>();
}
// Half of a warp comes to mma.
KERNEL(half_warp, test_params, 256) {
	if (lane_id() >= 16) return;
	const uint32_t a[4] = {0, 0, 0, 0};
	float d[4] = {0, 0, 0, 0};
	mma16816(d, a, 0, 0);
	global<float>(p.b)[threadIdx.x] = d[0];
}
// The rows that ldmatrix is given begin past the array's start.
KERNEL(past_matrix, test_params, 256) {
	SHARED(uint4, s, 256);
	s[threadIdx.x] = make_uint4(1, 2, 3, 4);
	__syncthreads();
	const uint4 *row = s + threadIdx.x;
	uint32_t r[4];
	ldmatrix4(r, row + p.n); // n = 1
	global<uint32_t>(p.b)[threadIdx.x] = r[0];
}
// ldmatrix reads shared memory alone.
KERNEL(global_matrix, test_params, 256) {
	uint32_t r[4];
	ldmatrix4(r, global<const uint4>(p.a) + threadIdx.x % 16);
	global<uint32_t>(p.b)[threadIdx.x] = r[0];
}

// What the kernels below multiply: 64 and 128 rows of 32 bytes. wgmma reads them after a fence and a barrier.
DEV uint64_t describe(const uint4 *rows) { return (uint64_t)shared_address(rows) >> 4 | (uint64_t)(256 >> 4) << 32 | (uint64_t)3 << 62; }
DEV void fill_factors(uint4 *s) {
	for (int i = threadIdx.x; i < 2 * (64 + 128); i += blockDim.x) s[i] = make_uint4(1, 2, 3, 4);
}
#define FACTORS(fence)                                                                                             \
	DYNAMIC_SHARED(uint4, s);                                                                                      \
	fill_factors(s);                                                                                               \
	fence;                                                                                                         \
	__syncthreads();                                                                                               \
	const uint64_t a = describe(s), b = describe(s + 128);                                                         \
	float d[64]

// An accumulator is read before the wait.
KERNEL(early_sum, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	global<float>(p.b)[threadIdx.x] = d[p.n];
	wgmma_wait<0>();
}
// The wait lets the group go that is read.
KERNEL(pending_sum, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<1>();
	global<float>(p.b)[threadIdx.x] = d[p.n];
}
// No group has the product, and so no wait.
KERNEL(uncommitted_sum, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_wait<0>();
	global<float>(p.b)[threadIdx.x] = d[p.n];
}
// Nobody waits.
KERNEL(forgotten_sum, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
}
// A factor is written over before the wait, after a barrier.
KERNEL(early_store, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	__syncthreads();
	if (threadIdx.x == 5) s[200] = make_uint4(0, 0, 0, 0);
	wgmma_wait<0>();
}
// A factor in registers is written over before the wait.
KERNEL(early_factor, test_params, 256) {
	FACTORS(proxy_fence());
	float sum[16];
	uint32_t registers[4] = {1, 2, 3, 4};
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_columns(sum, registers, b, false);
	wgmma_commit();
	registers[p.n & 3] = 0;
	wgmma_wait<0>();
}
// A copy to a factor begins before the wait.
KERNEL(early_refill, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	__syncthreads();
	copy_async16(&s[threadIdx.x], global<const uint4>(p.a) + threadIdx.x % 16);
	copy_commit();
	copy_wait<0>();
	wgmma_wait<0>();
}
// A warp that has waited writes over what other warps' products may still read: the barrier is missing.
KERNEL(own_wait, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
	s[threadIdx.x] = make_uint4(0, 0, 0, 0);
}
// Ordinary stores reach wgmma through fence.proxy.async only.
KERNEL(no_proxy_fence, test_params, 256) {
	FACTORS();
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// What cp.async brings does so too, and the fence comes too early for it.
KERNEL(early_proxy_fence, test_params, 256) {
	FACTORS(proxy_fence());
	copy_async16(&s[threadIdx.x], global<const uint4>(p.a) + threadIdx.x % 16);
	copy_commit();
	proxy_fence();
	copy_wait<0>();
	__syncthreads();
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// The barrier after the fence is missing.
KERNEL(no_barrier, test_params, 256) {
	FACTORS(proxy_fence());
	s[threadIdx.x] = make_uint4(4, 3, 2, 1);
	proxy_fence();
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// The accumulators were used, and wgmma.fence is missing.
KERNEL(no_group_fence, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
	d[0] = 0;
	wgmma_64x128(d, a, b, true);
	wgmma_commit();
	wgmma_wait<0>();
}
// A warp of the four stays away.
KERNEL(three_warps, test_params, 256) {
	FACTORS(proxy_fence());
	if (warp_id() == 2) return;
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// The block has three warps.
KERNEL(small_group, test_params, 96) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// Lanes name different factors.
KERNEL(two_factors, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, lane_id() == 9 ? a : b, false);
	wgmma_commit();
	wgmma_wait<0>();
}
// The descriptor's stride leads past the rows.
KERNEL(past_factor, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b + ((uint64_t)1 << 32), false);
	wgmma_commit();
	wgmma_wait<0>();
}
// The swizzle is in bits where tcgen05's descriptors have it.
KERNEL(odd_descriptor, test_params, 256) {
	FACTORS(proxy_fence());
	wgmma_fence();
	wgmma_64x128(d, a, b | (uint64_t)1 << 61, false);
	wgmma_commit();
	wgmma_wait<0>();
}
