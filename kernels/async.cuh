// async.cuh: copies from device memory to shared memory that pass no register and that the copying thread need
// not wait for. A thread's copies since its last commit are a group; async_wait waits for its own groups only,
// so that a barrier has to follow before others' copies are read.
#pragma once
#include "kernel.cuh"

// Vec is the 16 bytes that one load moves.
template <class T> struct alignas(16) Vec {
	static constexpr int SIZE = 16 / sizeof(T);
	T at[SIZE];
};

#ifdef __CUDACC__
// async_copy copies the first count of N numbers and fills up with zeros. N sizeof(T) is 4, 8 or 16, and both
// addresses are multiples of it; from is not read where count is 0.
template <int N, class T> DEV void async_copy(T *to, Global<const T> from, int count) {
	const unsigned at = (unsigned)__cvta_generic_to_shared(to);
	const int bytes = count * (int)sizeof(T);
	if (N * sizeof(T) == 16) // past L1, which has nothing to keep
		asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
	else
		asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(at), "l"(from), "n"(N * sizeof(T)), "r"(bytes) : "memory");
}
DEV void async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// async_wait waits until at most GROUPS groups are under way.
template <int GROUPS> DEV void async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory"); }
#else
template <int N, class T> DEV void async_copy(T *to, Global<const T> from, int count) {
	for (int i = 0; i < N; i++) to[i] = i < count ? from[i] : T(0);
}
DEV void async_commit() {}
template <int GROUPS> DEV void async_wait() {}
#endif

// copy_rows copies COUNT rows of WIDTH numbers, N at a time, to rows of a pitch of so many numbers: of them count
// rows and left numbers are there, and the rest becomes 0. All TILE_THREADS threads of the block call it.
template <int COUNT, int WIDTH, int N, class T> DEV void copy_rows(T *to, int pitch, Global<const T> from, int64_t stride, int count, int left) {
	constexpr int UNITS = WIDTH / N, STEP = TILE_THREADS / UNITS;
	const int first = threadIdx.x / UNITS, at = threadIdx.x % UNITS * N;
	from += first * stride + at;
	to += first * pitch + at;
	count = at < left ? count - first : 0;
#pragma unroll
	for (int i = 0; i < COUNT; i += STEP) {
		if (COUNT % STEP == 0 || first + i < COUNT) async_copy<N, T>(to + i * pitch, from, i < count ? N : 0);
		from += STEP * stride;
	}
}

// aligned tells whether rows of stride numbers from p on can be read N numbers at a time.
template <class T, int N = Vec<T>::SIZE> DEV bool aligned(Global<const T> p, int64_t stride) {
	return reinterpret_cast<uintptr_t>(p) % (N * sizeof(T)) == 0 && stride % N == 0;
}
