// kernel.cuh: the words that the .cu files are written in. nvcc gives them their CUDA meaning; for g++ emu.h
// gives them the same meaning on the CPU, with checks.
#pragma once
#include "params.h"

#ifdef __CUDACC__
#include <math.h>

// KERNEL(name, params, threads) heads a kernel: void name(params p), launched with at most threads threads.
// Asked for one block a multiprocessor only, ptxas spends registers before it spills. KERNEL_BLOCKS asks for more.
#define KERNEL(name, params, threads) KERNEL_BLOCKS(name, params, threads, 1)
#define KERNEL_BLOCKS(name, params, threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ params p)
// DEV marks functions that kernels call.
#define DEV __device__ __forceinline__
// SHARED declares an array of the block's shared memory. Arrays have one dimension.
#define SHARED(type, name, count) __shared__ type name[count]
// DYNAMIC_SHARED names the shared memory that the launch asks for; it lies at a multiple of 1,024.
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(1024) type name[]
// Global<T> points into device memory: indexing and pointer arithmetic, no arithmetic through integers.
template <class T> using Global = T *;
// global turns a params field into a pointer; 0 gives nullptr.
template <class T> DEV Global<T> global(uint64_t p) { return reinterpret_cast<T *>(p); }
#else
#include "emu.h"
#endif

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int WARP = 32;

DEV int64_t block_id() { return blockIdx.x; }
DEV int lane_id() { return threadIdx.x % WARP; }
DEV int warp_id() { return threadIdx.x / WARP; }
// first_item and item_step share items out over all threads of the grid.
DEV int64_t first_item() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }
DEV int64_t item_step() { return (int64_t)gridDim.x * blockDim.x; }

DEV double minus_infinity() { return -INFINITY; }
DEV double not_a_number() { return NAN; }

// exp_as is e^x to the accuracy of T: of the type that the result is stored in or compared with.
template <class T> DEV double exp_as(double x);
template <> DEV double exp_as<float>(double x) { return expf((float)x); }
template <> DEV double exp_as<double>(double x) { return exp(x); }

// sum_lanes adds x over groups of width lanes, a power of two, in a fixed tree; every lane has the sum.
// All lanes of the warp call it.
DEV double sum_lanes(double x, int width = WARP) {
	for (int o = width / 2; o > 0; o /= 2) x += __shfl_xor_sync(ALL_LANES, x, o);
	return x;
}

// lanes_for returns the lanes of a warp that a row of d numbers keeps busy: the power of two from d on, 32 at most.
DEV int lanes_for(int64_t d) {
	int w = 1;
	while (w < WARP && w < d) w *= 2;
	return w;
}
