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

// aligned tells whether rows of stride numbers from p on can be read by Vecs.
template <class T> DEV bool aligned(Global<const T> p, int64_t stride) {
	return reinterpret_cast<uintptr_t>(p) % 16 == 0 && stride % Vec<T>::SIZE == 0;
}
