// Package gpu is the engine on a CUDA device: the kernels of package kernels, queued on one stream
// through the driver API.
//
// The build tag cuda opens libcuda.so.1 when a device is asked for, so that one binary runs with and
// without a driver. The tag emu puts the emulated driver of package kernels in its place; not a line of
// Go differs. Both need cgo and the header cuda.h (make toolkit, or an installed CUDA); see the Makefile.
// In builds without either tag Open says so.
//
// In builds with a tag (*Engine).Tensors holds tensors of package tensor in the device's memory.
//
// Operations are asynchronous: a fault of a kernel comes back from a later call, at the latest from Read
// or Sync. (With CUDA_LAUNCH_BLOCKING=1 in the environment the driver waits for every kernel, and the
// operation at fault is the one that the error names.) A device that has failed stays failed: every later
// call returns the same error, until the engine is closed.
package gpu

// Options of Open. The zero value is the default.
type Options struct {
	Device    int   // number of the device
	MaxMemory int64 // bytes that buffers may take together; 0 = what the device has
}

// Device describes a device that the driver lists.
type Device struct {
	Name   string // the card's own name
	Memory int64  // bytes in all
	Reason string // why Open refuses it; empty where it does not
}
