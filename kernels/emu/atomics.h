// atomics.h: CUDA's atomic operations. Threads of a block run one at a time and so do blocks: what makes them
// atomic is that no check takes two of them on one word for a race. Part of device.h.
#pragma once


#define EMU_ATOMIC(name, T, expression)                                                              \
	EMU_PLAIN inline T name(T *at, T v) {                                                            \
		mongeEmuAtomic(at, sizeof(T));                                                               \
		const T old = *at;                                                                           \
		*at = expression;                                                                            \
		return old;                                                                                  \
	}
#define EMU_ATOMIC_INTEGER(T)                                                                        \
	EMU_ATOMIC(atomicAdd, T, (T)(old + v))                                                           \
	EMU_ATOMIC(atomicExch, T, v)                                                                     \
	EMU_ATOMIC(atomicMin, T, old < v ? old : v)                                                      \
	EMU_ATOMIC(atomicMax, T, old > v ? old : v)                                                      \
	EMU_ATOMIC(atomicAnd, T, old & v)                                                                \
	EMU_ATOMIC(atomicOr, T, old | v)                                                                 \
	EMU_ATOMIC(atomicXor, T, old ^ v)                                                                \
	EMU_PLAIN inline T atomicCAS(T *at, T expected, T v) {                                           \
		mongeEmuAtomic(at, sizeof(T));                                                               \
		const T old = *at;                                                                           \
		if (old == expected) *at = v;                                                                \
		else mongeEmuYield(); /* whoever holds the word must come to run */                          \
		return old;                                                                                  \
	}
EMU_ATOMIC_INTEGER(int)
EMU_ATOMIC_INTEGER(unsigned)
EMU_ATOMIC_INTEGER(unsigned long long)
EMU_ATOMIC(atomicSub, int, old - v)
EMU_ATOMIC(atomicSub, unsigned, old - v)
EMU_ATOMIC(atomicAdd, float, old + v)
EMU_ATOMIC(atomicAdd, double, old + v)
EMU_ATOMIC(atomicExch, float, v)
