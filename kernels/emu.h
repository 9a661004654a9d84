// emu.h: the words of kernel.cuh on the CPU. It stands in for the CUDA compiler's own definitions where the
// .cu files are compiled by g++ for the emulated driver of package emu.
#pragma once
#include <stdint.h>

#include "emu/device.h"

// A kernel registers itself under its name, in the module named after its file.
#define KERNEL(name, params, threads)                                                                              \
	static void name(const params p);                                                                              \
	static emu::Kernel emu_kernel_##name(__FILE__, #name, sizeof(params), threads,                                 \
	                                     [](const void *p) { name(*static_cast<const params *>(p)); });            \
	static void name(const params p)
#define KERNEL_BLOCKS(name, params, threads, blocks) KERNEL(name, params, threads)
#define DEV inline __attribute__((always_inline)) // as nvcc does; a call would put locals into checked memory
#define SHARED(type, name, count) EMU_SHARED(type, name, count)
#define DYNAMIC_SHARED(type, name) type *const name = static_cast<type *>(mongeEmuDynamicShared())

// Every load and store of a kernel is checked, so that a plain pointer will do.
template <class T> using Global = T *;
template <class T> inline Global<T> global(uint64_t p) { return reinterpret_cast<T *>(p); }
