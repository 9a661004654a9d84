// right.cu: kernels without a mistake, one for each way in which threads work together.
#include "../kernel.cuh"
#include "params.h"

// sum_blocks: a [n] float summed by blocks into b [blocks], through shared memory.
KERNEL(sum_blocks, test_params, 256) {
	SHARED(float, part, 256);
	const int t = threadIdx.x;
	float s = 0;
	for (int64_t i = first_item(); i < p.n; i += item_step()) s += global<const float>(p.a)[i];
	part[t] = s;
	__syncthreads();
	for (int half = blockDim.x / 2; half > 0; half /= 2) {
		if (t < half) part[t] += part[t + half];
		__syncthreads();
	}
	if (t == 0) global<float>(p.b)[blockIdx.x] = part[0];
}

// sum_warps: the same for b [blocks, 8] by shuffles, without shared memory.
KERNEL(sum_warps, test_params, 256) {
	float s = 0;
	for (int64_t i = first_item(); i < p.n; i += item_step()) s += global<const float>(p.a)[i];
	for (int o = WARP / 2; o > 0; o /= 2) s += __shfl_down_sync(ALL_LANES, s, o);
	if (lane_id() == 0) global<float>(p.b)[blockIdx.x * (blockDim.x / WARP) + warp_id()] = s;
}

// multiply: c [n, m] = a [n, k] b [k, m] in tiles of 16 x 16.
KERNEL(multiply, test_params, 256) {
	SHARED(double, x, 16 * 16);
	SHARED(double, y, 16 * 16);
	const int tx = threadIdx.x, ty = threadIdx.y;
	const int64_t i = blockIdx.y * 16 + ty, j = blockIdx.x * 16 + tx;
	double s = 0;
	for (int64_t l = 0; l < p.k; l += 16) {
		x[ty * 16 + tx] = i < p.n && l + tx < p.k ? global<const double>(p.a)[i * p.k + l + tx] : 0;
		y[ty * 16 + tx] = j < p.m && l + ty < p.k ? global<const double>(p.b)[(l + ty) * p.m + j] : 0;
		__syncthreads();
		for (int t = 0; t < 16; t++) s = fma(x[ty * 16 + t], y[t * 16 + tx], s);
		__syncthreads();
	}
	if (i < p.n && j < p.m) global<double>(p.c)[i * p.m + j] = s;
}

// histogram: b [16] counts a [n] bytes modulo 16, by atomics in shared and in global memory.
KERNEL(histogram, test_params, 256) {
	SHARED(unsigned, count, 16);
	if (threadIdx.x < 16) count[threadIdx.x] = 0;
	__syncthreads();
	for (int64_t i = first_item(); i < p.n; i += item_step()) atomicAdd(&count[global<const uint8_t>(p.a)[i] % 16], 1u);
	__syncthreads();
	if (threadIdx.x < 16) atomicAdd(&global<unsigned>(p.b)[threadIdx.x], count[threadIdx.x]);
}

// pass_round: neighbours in a warp hand shared words on, ordered by __syncwarp alone; bytes of one word belong
// to different threads. b [256] gets the value of the lane after next.
KERNEL(pass_round, test_params, 256) {
	SHARED(int, word, 256);
	SHARED(uint8_t, byte, 256);
	const int t = threadIdx.x, first = t - lane_id(), after = first + (lane_id() + 1) % WARP;
	byte[t] = (uint8_t)t;
	for (int round = 0; round < 2; round++) {
		const int v = round == 0 ? t : word[after];
		__syncwarp();
		word[t] = v;
		__syncwarp();
	}
	global<int>(p.b)[t] = word[after] + 1000 * byte[after];
}

// votes: what lanes below n find by votes, the others having returned. b [32, 3].
KERNEL(votes, test_params, 32) {
	const int l = lane_id();
	if (l >= p.n) return;
	const unsigned mask = (1u << p.n) - 1;
	const unsigned odd = __ballot_sync(mask, l & 1);
	global<unsigned>(p.b)[3 * l] = odd;
	global<unsigned>(p.b)[3 * l + 1] = __any_sync(mask, l == 3) + 2 * __all_sync(mask, l < p.n) + 4 * __any_sync(mask, l == 31);
	global<unsigned>(p.b)[3 * l + 2] = __match_any_sync(mask, l % 3);
}

// reverse: b [n] = a [n] backwards through dynamic shared memory, one block of n threads.
KERNEL(reverse, test_params, 1024) {
	DYNAMIC_SHARED(double, s);
	s[threadIdx.x] = global<const double>(p.a)[threadIdx.x];
	__syncthreads();
	global<double>(p.b)[threadIdx.x] = s[p.n - 1 - threadIdx.x];
}

// multiply_halves: c [16, 8] float = a [16, 16] b [8, 16]^T of fp16, by one mma from shared memory that cp.async fills.
KERNEL(multiply_halves, test_params, 32) {
	SHARED(uint4, s, 48); // a row is two
	const int l = lane_id();
	copy_async16(&s[l], global<const uint4>(p.a) + l);
	copy_commit();
	if (l < 16) copy_async16(&s[32 + l], global<const uint4>(p.b) + l);
	copy_commit();
	copy_wait<0>();
	__syncthreads();
	uint32_t a[4], b[4];
	ldmatrix4(a, &s[(l & 15) * 2 + (l >> 4)]);
	ldmatrix4(b, &s[32 + (l & 7) * 2 + (l >> 3 & 1)]);
	float d[4] = {0, 0, 0, 0};
	mma16816(d, a, b[0], b[1]);
	for (int v = 0; v < 4; v++) global<float>(p.c)[((l >> 2) + 8 * (v >> 1)) * 8 + 2 * (l & 3) + (v & 1)] = d[v];
}

// multiply_group: c [64, 128] float = a [64, 64] b [128, 64]^T of fp16, by a warpgroup and the swizzle n of the matrix
// descriptor; 8 rows are m bytes from the next 8, where m is not 0, instead of where they are.
KERNEL(multiply_group, test_params, 128) {
	DYNAMIC_SHARED(uint8_t, s);
	const int width = p.n ? 256 >> p.n : 16; // bytes of a row that lie together
	const int mask = 0x70 & 0x70 >> (p.n - 1);
	const auto fill = [&](uint8_t *to, int rows, Global<const uint4> from) {
		for (int i = threadIdx.x; i < rows * 8; i += 128) {
			const int row = i / 8, byte = i % 8 * 16;
			int at = byte / width * rows * width + row * width + byte % width;
			if (p.n) at ^= at >> 3 & mask;
			*reinterpret_cast<uint4 *>(to + at) = from[i];
		}
	};
	fill(s, 64, global<const uint4>(p.a));
	fill(s + 64 * 128, 128, global<const uint4>(p.b));
	proxy_fence();
	__syncthreads();
	const uint64_t stride = p.m ? p.m : 8 * width;
	const auto describe = [&](const uint8_t *from, int rows, int step) {
		const int byte = step * 32;
		return (uint64_t)(shared_address(from + byte / width * rows * width + byte % width) >> 4) | (uint64_t)rows * 16 / 16 << 16 | stride / 16 << 32 | (uint64_t)p.n << 62;
	};
	float d[64];
	wgmma_fence();
	for (int step = 0; step < 4; step++) {
		wgmma_64x128(d, describe(s, 64, step), describe(s + 64 * 128, 128, step), step > 0);
		if (step == 1) wgmma_commit(); // two groups
	}
	wgmma_commit();
	wgmma_wait<0>();
	for (int v = 0; v < 64; v++)
		global<float>(p.c)[(warp_id() * 16 + (lane_id() >> 2) + 8 * (v >> 1 & 1)) * 128 + v / 4 * 8 + 2 * (lane_id() & 3) + (v & 1)] = d[v];
}

// multiply_columns: c [64, k] float = a [64, 64] b [64, k] of fp16 for k = 64 or 32, by a warpgroup that has a in registers; b lies
// by rows, with the swizzle n of the matrix descriptor. 8 rows are m bytes from the next 8, where m is not 0, instead of
// where they are.
KERNEL(multiply_columns, test_params, 128) {
	DYNAMIC_SHARED(uint8_t, s);
	const int width = p.n ? 256 >> p.n : 16; // bytes of a row that lie together
	const int mask = 0x70 & 0x70 >> (p.n - 1), units = (int)p.k / 8;
	for (int i = threadIdx.x; i < 64 * units; i += 128) {
		const int row = i / units, byte = i % units * 16;
		int at = byte / width * 64 * width + row * width + byte % width;
		if (p.n) at ^= at >> 3 & mask;
		*reinterpret_cast<uint4 *>(s + at) = global<const uint4>(p.b)[i];
	}
	proxy_fence();
	__syncthreads();
	const uint64_t down = p.m ? p.m : 8 * width, across = 64 * width; // to the next 8 rows, and to what lies beside a pattern
	const uint64_t lead = p.n ? across : down, stride = p.n ? down : across;
	uint32_t a[4][4];
	for (int step = 0; step < 4; step++)
		for (int v = 0; v < 4; v++)
			a[step][v] = global<const uint32_t>(p.a)[((warp_id() * 16 + (lane_id() >> 2) + 8 * (v & 1)) * 64 + step * 16 + 8 * (v >> 1) + 2 * (lane_id() & 3)) / 2];
	float d[32];
	float(&half)[16] = *reinterpret_cast<float(*)[16]>(d);
	wgmma_fence();
	for (int step = 0; step < 4; step++) {
		const uint64_t b = (uint64_t)(shared_address(s + step * 16 * width) >> 4) | lead / 16 << 16 | stride / 16 << 32 | (uint64_t)p.n << 62;
		if (p.k == 64) wgmma_columns(d, a[step], b, step > 0);
		else wgmma_columns(half, a[step], b, step > 0);
	}
	wgmma_commit();
	wgmma_wait<0>();
	for (int v = 0; v < p.k / 2; v++)
		global<float>(p.c)[(warp_id() * 16 + (lane_id() >> 2) + 8 * (v >> 1 & 1)) * p.k + v / 4 * 8 + 2 * (lane_id() & 3) + (v & 1)] = d[v];
}
