// block.cuh: sums by a block that works on one row, in an order that depends on the sizes of a row alone.
// All threads of the block call these, with arguments that a barrier has made visible; a barrier ends each.
#pragma once
#include "kernel.cuh"

constexpr int BLOCK_WARPS = ROW_THREADS / WARP;

// sum_block adds x over the block; every thread has the sum.
DEV double sum_block(double x) {
	SHARED(double, parts, BLOCK_WARPS);
	x = sum_lanes(x);
	if (lane_id() == 0) parts[warp_id()] = x;
	__syncthreads();
	double sum = 0;
	for (int w = 0; w < (int)(blockDim.x / WARP); w++) sum += parts[w];
	__syncthreads();
	return sum;
}

// max_block returns the largest x of the block, passing over NaN.
DEV double max_block(double x) {
	SHARED(double, parts, BLOCK_WARPS);
	for (int o = WARP / 2; o > 0; o /= 2) x = fmax(x, __shfl_xor_sync(ALL_LANES, x, o));
	if (lane_id() == 0) parts[warp_id()] = x;
	__syncthreads();
	double most = minus_infinity();
	for (int w = 0; w < (int)(blockDim.x / WARP); w++) most = fmax(most, parts[w]);
	__syncthreads();
	return most;
}

// row_sums calls store(k, sum_j f(k, j)) for k < count, j < width: a group of lanes a k.
template <class F, class S> DEV void row_sums(int64_t count, int64_t width, F f, S store) {
	const int lanes = lanes_for(width), team = threadIdx.x / lanes, teams = blockDim.x / lanes;
	const int lane = threadIdx.x % lanes;
	for (int64_t k0 = 0; k0 < count; k0 += teams) {
		const int64_t k = k0 + team;
		double sum = 0;
		if (k < count)
			for (int64_t j = lane; j < width; j += lanes) sum += f(k, j);
		sum = sum_lanes(sum, lanes);
		if (k < count && lane == 0) store(k, sum);
	}
	__syncthreads();
}

// column_sums calls store(j, sum_k f(k, j)) for j < width, k < count: a thread a j, or where a single warp
// is wider than the row, several, each with a part of the k.
template <class F, class S> DEV void column_sums(int64_t count, int64_t width, F f, S store) {
	if (blockDim.x == WARP && width <= WARP) {
		const int lanes = lanes_for(width), j = threadIdx.x % lanes;
		double sum = 0;
		if (j < width)
			for (int64_t k = threadIdx.x / lanes; k < count; k += WARP / lanes) sum += f(k, (int64_t)j);
		for (int o = lanes; o < WARP; o *= 2) sum += __shfl_xor_sync(ALL_LANES, sum, o);
		if ((int)threadIdx.x == j && j < width) store((int64_t)j, sum);
	} else {
		for (int64_t j = threadIdx.x; j < width; j += blockDim.x) {
			double sum = 0;
			for (int64_t k = 0; k < count; k++) sum += f(k, j);
			store(j, sum);
		}
	}
	__syncthreads();
}

// each calls f(j) for j < width, shared out over the block.
template <class F> DEV void each(int64_t width, F f) {
	for (int64_t j = threadIdx.x; j < width; j += blockDim.x) f(j);
	__syncthreads();
}
