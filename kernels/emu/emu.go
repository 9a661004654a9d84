//go:build emu && cgo

// Package emu is a CUDA driver that is not there: it answers the calls of the driver API on the CPU and runs
// kernels that g++ compiled from the same .cu files as nvcc's, a fiber for each thread.
//
// The C function mongeEmuSymbol gives the driver's functions by name, as dlsym does for libcuda. It is weak to
// those who call it from other packages, since cgo links every package by itself before the program:
//
//	void *mongeEmuSymbol(const char *name) __attribute__((weak));
//
// A module's image is the text "monge-emu NAME" with the kernels of NAME.cu, as far as they are linked in.
//
// A launch fails, as seen by the next call that waits for it and by all calls after that one, where a thread
// touches memory outside of every buffer or in one that was freed, an address that is no multiple of what it
// loads, or another thread's local memory; where a barrier is not reached by all threads, or a warp operation
// not by all lanes of its mask; where it reads shared memory that nobody wrote, or where two threads use one
// word of it, one of them to write, without a barrier between; where a warp's lanes do not all come to ldmatrix or
// mma, or shared memory is used while a cp.async to it is on its way; where a wgmma's accumulators or factors are
// touched before the wait that covers it, or where it comes without wgmma.fence, without all four warps, on a device
// of another compute capability than 9.0, or reads what was written without fence.proxy.async. LastFault tells
// kernel, block and thread. Work runs only when it is waited for: reading a result too early shows as well.
//
// Not emulated: how memory is ordered between blocks, races on global memory, textures, graphs, managed memory.
package emu

// #cgo CXXFLAGS: -std=c++17 -O2 -Wall
// #include "faults.h"
import "C"

import "embed"

// Headers are what the sources of kernels include: embedded, they count for Go's build cache, so that packages
// with kernels are built again when one changes.
//
//go:embed *.h
var Headers embed.FS

// Faults are failures on request. Counts are of calls after Set: 1 fails the next one, 0 none.
type Faults struct {
	NoDevice   bool
	Alloc      int64  // a device allocation finds no memory
	HostAlloc  int64  // a pinned allocation finds no memory
	Copy       int64  // a copy or fill is refused
	Launch     int64  // a launch is refused: too many resources requested
	Kernel     int64  // a launch faults while it runs
	Lost       int64  // the device is lost: this driver call and all later ones fail
	Memory     int64  // bytes of the device, 0 = 8 GiB
	Capability int    // of the device, times ten: 80 or 90; 0 = 80
	Products   bool   // sums of wgmma are wrong
	Columns    bool   // sums of wgmma are wrong whose right factor lies by rows
	Function   string // a driver function that the library lacks
	NoKernel   string // a kernel that its module lacks
}

// Live counts what the driver holds.
type Live struct {
	Contexts, Buffers, Bytes, Pinned, Streams, Events, Modules int64
}

// Set puts faults in place of those set before.
func Set(f Faults) {
	c := C.mongeEmuFaults{
		alloc: C.int64_t(f.Alloc), host_alloc: C.int64_t(f.HostAlloc), copy: C.int64_t(f.Copy),
		launch: C.int64_t(f.Launch), kernel: C.int64_t(f.Kernel), lost: C.int64_t(f.Lost), memory: C.int64_t(f.Memory), capability: C.int32_t(f.Capability),
	}
	if f.NoDevice {
		c.no_device = 1
	}
	switch {
	case f.Products:
		c.products = 1
	case f.Columns:
		c.products = 2
	}
	for i := 0; i < len(f.Function) && i < len(c.function)-1; i++ {
		c.function[i] = C.char(f.Function[i])
	}
	for i := 0; i < len(f.NoKernel) && i < len(c.kernel_name)-1; i++ {
		c.kernel_name[i] = C.char(f.NoKernel[i])
	}
	C.mongeEmuSetFaults(&c)
}

// Count returns what lives now, and orphans: what still lived when its context ended, since the last Reset.
func Count() (now, orphans Live) {
	var n, o C.mongeEmuLive
	C.mongeEmuGetLive(&n, &o)
	return live(n), live(o)
}

func live(l C.mongeEmuLive) Live {
	return Live{int64(l.contexts), int64(l.buffers), int64(l.bytes), int64(l.pinned), int64(l.streams), int64(l.events), int64(l.modules)}
}

// LastFault returns what went wrong in a kernel last, with kernel, block and thread; "" where nothing did.
func LastFault() string {
	var text [2048]C.char
	C.mongeEmuLastFault(&text[0], C.int(len(text)))
	return C.GoString(&text[0])
}

// Reset brings the driver back to where a new process finds it: no faults, no contexts, not initialised.
func Reset() { C.mongeEmuReset() }
