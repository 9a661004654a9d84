//go:build emu && cgo

// Package emutest tests the emulated driver with kernels of its own: right.cu has one for each way in which
// threads work together, wrong.cu one for each mistake that the emulation finds.
package emutest

// #cgo CXXFLAGS: -std=c++17 -O2 -Wall -Wno-unknown-pragmas -fno-exceptions -fsanitize=thread,alignment,bounds
// #include <stdlib.h>
// #include "client.h"
import "C"

import (
	"embed"
	"runtime"
	"unsafe"

	_ "monge/kernels/emu" // runs the kernels
)

// sources count for Go's build cache, as included files do not.
//
//go:embed *.cu
var sources embed.FS

// Sources are the files of the kernels.
func Sources() embed.FS { return sources }

// Status is a CUresult that is not CUDA_SUCCESS.
type Status int

func (s Status) Error() string { return C.GoString(C.client_error(C.int(s))) }

func check(s C.int) error {
	if s == 0 {
		return nil
	}
	return Status(s)
}

// Params are a kernel's parameters.
type Params struct {
	A, B, C uint64
	N, M, K int64
}

// Dim is the size of a grid or a block.
type Dim [3]uint32

// Client is a user of the driver on its own locked thread, with one module.
type Client struct {
	context, module unsafe.Pointer
}

// Open retains the primary context and loads a module. The caller's goroutine stays locked to its thread until
// Close.
func Open(module string) (*Client, error) {
	runtime.LockOSThread()
	c := &Client{}
	if err := check(C.client_open(&c.context)); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	image := C.CString("monge-emu " + module)
	defer C.free(unsafe.Pointer(image))
	if err := check(C.client_load(&c.module, image)); err != nil {
		C.client_close()
		runtime.UnlockOSThread()
		return nil, err
	}
	return c, nil
}

// Unload unloads the module.
func (c *Client) Unload() error { return check(C.client_unload(c.module)) }

// Close releases the context.
func (c *Client) Close() error {
	defer runtime.UnlockOSThread()
	return check(C.client_close())
}

// Alloc returns device memory.
func (c *Client) Alloc(bytes int) (uint64, error) {
	var p C.uint64_t
	err := check(C.client_alloc(&p, C.size_t(bytes)))
	return uint64(p), err
}

// Free gives it back.
func (c *Client) Free(p uint64) error { return check(C.client_free(C.uint64_t(p))) }

// Pinned returns pinned host memory.
func (c *Client) Pinned(bytes int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := check(C.client_host_alloc(&p, C.size_t(bytes)))
	return p, err
}

// FreePinned gives it back.
func (c *Client) FreePinned(p unsafe.Pointer) error { return check(C.client_host_free(p)) }

// Launch queues a kernel.
func (c *Client) Launch(kernel string, grid, block Dim, dynamic int, p Params) error {
	name := C.CString(kernel)
	defer C.free(unsafe.Pointer(name))
	var f unsafe.Pointer
	if err := check(C.client_function(&f, c.module, name)); err != nil {
		return err
	}
	params := C.test_params{C.uint64_t(p.A), C.uint64_t(p.B), C.uint64_t(p.C), C.int64_t(p.N), C.int64_t(p.M), C.int64_t(p.K)}
	return check(C.client_launch(f, (*C.uint)(&grid[0]), (*C.uint)(&block[0]), C.uint(dynamic), &params))
}

// Sync waits for the device.
func (c *Client) Sync() error { return check(C.client_sync()) }

// Stream makes a stream and gives a function that destroys it.
func (c *Client) Stream() (destroy func() error, err error) {
	var s unsafe.Pointer
	if err := check(C.client_stream(&s)); err != nil {
		return nil, err
	}
	return func() error { return check(C.client_stream_destroy(s)) }, nil
}

// Elapsed returns the milliseconds between two events, one after the other.
func (c *Client) Elapsed() (float64, error) {
	var ms C.float
	err := check(C.client_elapsed(&ms))
	return float64(ms), err
}

// Fill sets n 32-bit words.
func (c *Client) Fill(p uint64, v uint32, n int) error {
	return check(C.client_fill(C.uint64_t(p), C.uint(v), C.size_t(n)))
}

// Copy2D copies rows of width bytes on the device.
func (c *Client) Copy2D(to uint64, toPitch int, from uint64, fromPitch, width, height int) error {
	return check(C.client_copy2d(C.uint64_t(to), C.size_t(toPitch), C.uint64_t(from), C.size_t(fromPitch), C.size_t(width), C.size_t(height)))
}

// DownloadAsync queues a copy to pinned memory.
func (c *Client) DownloadAsync(to unsafe.Pointer, from uint64, bytes int) error {
	return check(C.client_download_async(to, C.uint64_t(from), C.size_t(bytes)))
}

// Upload copies x to the device and waits.
func Upload[T any](c *Client, to uint64, x []T) error {
	return check(C.client_upload(C.uint64_t(to), unsafe.Pointer(unsafe.SliceData(x)), C.size_t(len(x))*C.size_t(unsafe.Sizeof(x[0]))))
}

// Download copies into x and waits.
func Download[T any](c *Client, x []T, from uint64) error {
	return check(C.client_download(unsafe.Pointer(unsafe.SliceData(x)), C.uint64_t(from), C.size_t(len(x))*C.size_t(unsafe.Sizeof(x[0]))))
}
