// device.h: CUDA's built-ins for kernels that g++ compiles: thread indices, shared memory, barriers, warp
// shuffles and votes, atomics. Files that include it are compiled with -fsanitize=thread,alignment,bounds;
// the calls that the compiler then puts beside every load and store lead to the checks of package emu.
//
// The names of package emu's functions are weak, since cgo links each package by itself first.
#pragma once
#define MONGE_EMU 1

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>

#include "hooks.h"
#include "vectors.h"

#define EMU_CALL extern "C" __attribute__((weak))
// Sanitizers call these where no check of theirs is wanted.
#define EMU_PLAIN __attribute__((no_sanitize("thread", "undefined")))
// The place in the source of a call, as trailing arguments.
#define EMU_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace emu {
// Kernel is the registration of a kernel: its function in the module named after the file.
struct Kernel {
	const char *file, *name;
	size_t params;
	int threads;
	void (*call)(const void *params);
	Kernel *next;
	Kernel(const char *file, const char *name, size_t params, int threads, void (*call)(const void *));
};

// Op names what a warp does together.
enum Op { SYNC, SHUFFLE, VOTE, MATCH, MATRIX_LOAD, MATRIX_PRODUCT, GROUP_FENCE, GROUP_PRODUCT, GROUP_COMMIT, GROUP_WAIT };

// MatrixLoad is a lane's part of ldmatrix.x4: lane l names row l % 8 of matrix l / 8, and gets r.
struct MatrixLoad {
	const void *row;
	bool trans;
	uint32_t r[4];
};
// MatrixProduct is a lane's part of mma.m16n8k16 of fp16 with float32 sums: d += a b.
struct MatrixProduct {
	float d[4];
	uint32_t a[4], b[2];
};
// GroupProduct is a lane's part of wgmma.m64nNk16 of fp16 with float32 sums: d = a b, with add d += a b. The factors
// are given by matrix descriptors, a by its four registers where there are any; b lies by columns, with rows by rows.
// d is written by the wait.
struct GroupProduct {
	float *d;
	const uint32_t *registers; // of a, or null
	uint64_t a, b;
	int columns; // N
	bool rows, add;
};
} // namespace emu

EMU_CALL void mongeEmuRegister(emu::Kernel *k);
EMU_CALL uint3 mongeEmuThreadIdx() __attribute__((const));
EMU_CALL uint3 mongeEmuBlockIdx() __attribute__((const));
EMU_CALL dim3 mongeEmuBlockDim() __attribute__((const));
EMU_CALL dim3 mongeEmuGridDim() __attribute__((const));
EMU_CALL int mongeEmuLane() __attribute__((const)); // of the warp
// One array of shared memory for each declaration, told apart by its tag.
EMU_CALL void *mongeEmuShared(const void *tag, size_t bytes, size_t align, const char *name);
EMU_CALL void *mongeEmuDynamicShared();
// A barrier of the block; returns the number of threads with p.
EMU_CALL int mongeEmuBarrier(int p, const char *file, int line);
// An operation of the lanes in mask. SHUFFLE returns lane from's value, VOTE the lanes with value != 0,
// MATCH the lanes of equal value.
EMU_CALL uint64_t mongeEmuWarp(emu::Op op, unsigned mask, uint64_t value, int from, const char *file, int line);
// An operation that the whole warp comes to, on each lane's part: MatrixLoad, MatrixProduct or GroupProduct.
EMU_CALL void mongeEmuMatrix(emu::Op op, void *part, const char *file, int line);
// cp.async: the bytes lie in shared memory after the wait that covers their group, and not before.
EMU_CALL void mongeEmuCopyAsync(void *shared, const void *global, int bytes);
EMU_CALL void mongeEmuCopyCommit();
EMU_CALL void mongeEmuCopyWait(int pending);
// fence.proxy.async: what this thread wrote to shared memory is there for wgmma, too.
EMU_CALL void mongeEmuProxyFence();
// The address of shared memory as the card counts it.
EMU_CALL uint32_t mongeEmuSharedAddress(const void *shared);
EMU_CALL void mongeEmuAtomic(const volatile void *at, int bytes); // checks the address
EMU_CALL void mongeEmuYield();
EMU_CALL void mongeEmuTrap(const char *what, const char *file, int line) __attribute__((noreturn));

inline emu::Kernel::Kernel(const char *file, const char *name, size_t params, int threads, void (*call)(const void *))
	: file(file), name(name), params(params), threads(threads), call(call), next(nullptr) {
	mongeEmuRegister(this);
}

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define threadIdx mongeEmuThreadIdx()
#define blockIdx mongeEmuBlockIdx()
#define blockDim mongeEmuBlockDim()
#define gridDim mongeEmuGridDim()
constexpr int warpSize = 32;

#define EMU_SHARED(type, name, count)                                                                                 \
	static const char emu_tag_##name = 0;                                                                             \
	type(&name)[count] = *static_cast<type(*)[count]>(mongeEmuShared(&emu_tag_##name, sizeof(type) * (count), alignof(type), #name))

inline void __syncthreads(EMU_SITE) { mongeEmuBarrier(0, file, line); }
inline int __syncthreads_count(int p, EMU_SITE) { return mongeEmuBarrier(p != 0, file, line); }
inline int __syncthreads_or(int p, EMU_SITE) { return mongeEmuBarrier(p != 0, file, line) != 0; }
inline int __syncthreads_and(int p, EMU_SITE) { return mongeEmuBarrier(p == 0, file, line) == 0; }
inline void __syncwarp(unsigned mask = ~0u, EMU_SITE) { mongeEmuWarp(emu::SYNC, mask, 0, 0, file, line); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __nanosleep(unsigned) { mongeEmuYield(); }
inline void __trap(EMU_SITE) { mongeEmuTrap(nullptr, file, line); }

namespace emu {
template <class T> inline T shuffle(unsigned mask, T v, int from, const char *file, int line) {
	static_assert(sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
	uint64_t bits = 0;
	__builtin_memcpy(&bits, &v, sizeof v);
	bits = mongeEmuWarp(SHUFFLE, mask, bits, from, file, line);
	__builtin_memcpy(&v, &bits, sizeof v);
	return v;
}
} // namespace emu

// Shuffles, in groups of width lanes; a lane that would read outside of its group keeps its value.
template <class T> inline T __shfl_sync(unsigned mask, T v, int from, int width = 32, EMU_SITE) {
	return emu::shuffle(mask, v, (mongeEmuLane() & ~(width - 1)) | (from & (width - 1)), file, line);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32, EMU_SITE) {
	const int l = mongeEmuLane(), s = l - (int)by;
	return emu::shuffle(mask, v, s < (l & ~(width - 1)) ? l : s, file, line);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32, EMU_SITE) {
	const int l = mongeEmuLane(), s = l + (int)by;
	return emu::shuffle(mask, v, s > (l | (width - 1)) ? l : s, file, line);
}
template <class T> inline T __shfl_xor_sync(unsigned mask, T v, int by, int width = 32, EMU_SITE) {
	const int l = mongeEmuLane(), s = l ^ by;
	return emu::shuffle(mask, v, s > (l | (width - 1)) ? l : s, file, line);
}
inline unsigned __ballot_sync(unsigned mask, int p, EMU_SITE) { return (unsigned)mongeEmuWarp(emu::VOTE, mask, p != 0, 0, file, line); }
inline int __any_sync(unsigned mask, int p, EMU_SITE) { return mongeEmuWarp(emu::VOTE, mask, p != 0, 0, file, line) != 0; }
inline int __all_sync(unsigned mask, int p, EMU_SITE) { return mongeEmuWarp(emu::VOTE, mask, p == 0, 0, file, line) == 0; }
template <class T> inline unsigned __match_any_sync(unsigned mask, T v, EMU_SITE) {
	uint64_t bits = 0;
	__builtin_memcpy(&bits, &v, sizeof v);
	return (unsigned)mongeEmuWarp(emu::MATCH, mask, bits, 0, file, line);
}

#include "atomics.h"
#include "arithmetic.h"
#include "matrix.h"
#include "group.h"
