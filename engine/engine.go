// Package engine is the contract between monge's mathematics and the devices that run it.
//
// An [Engine] is an in-order queue of operations on one device. Its operations are few: the softmax
// reduction that both the probability-flow ODE and log-domain transport are made of, the velocity of a
// Gaussian mixture, and the linear algebra that integrators and solvers need between them. Everything
// above (distributions, flows, transport solvers) is written once on this contract.
//
// All arrays are dense and row-major with shape [B, N, D]: B problems of equal shape, N rows of D
// numbers. A vector with one number a row has D = 1; a parameter shared by all problems has B = 1.
package engine

import "fmt"

// Dtype is the type of a buffer's numbers. The zero value is F64.
type Dtype uint8

const (
	F64 Dtype = iota // float64
	F32              // float32
	I32              // int32: row indices
)

// Size returns the bytes of one number.
func (t Dtype) Size() int {
	if t == F64 {
		return 8
	}
	return 4
}

func (t Dtype) String() string {
	switch t {
	case F64:
		return "f64"
	case F32:
		return "f32"
	case I32:
		return "i32"
	}
	return fmt.Sprintf("Dtype(%d)", uint8(t))
}

// ParseDtype reads "f64" or "f32".
func ParseDtype(s string) (Dtype, error) {
	switch s {
	case "f64":
		return F64, nil
	case "f32":
		return F32, nil
	}
	return 0, fmt.Errorf("engine: dtype %q: want f64 or f32: %w", s, ErrDtype)
}

// Eps returns the unit roundoff of the type: half the distance from 1 to the next larger number.
func (t Dtype) Eps() float64 {
	if t == F32 {
		return 0x1p-24
	}
	return 0x1p-53
}

// Info describes an engine and its device.
type Info struct {
	Name    string // "cpu", "cuda", "emu"
	Device  string // the processor's or card's own name
	Memory  int64  // bytes of device memory in all
	Free    int64  // bytes that an allocation could get now
	Threads int    // goroutines that work at a time; 0 on a device
}

// Buffer is an array in an engine's memory.
type Buffer interface {
	Dtype() Dtype
	// Shape returns [B, N, D].
	Shape() (b, n, d int)
	// View returns a buffer over the same memory that starts off numbers into this one, with shape
	// [b, n, d]. It panics where that would pass the end. Freeing a view does nothing; a view is
	// invalid once its parent is freed.
	View(off, b, n, d int) Buffer
	// Free gives the memory back to the engine. A second call does nothing.
	Free()
}

// Len returns the count of numbers in x.
func Len(x Buffer) int {
	b, n, d := x.Shape()
	return b * n * d
}

// Engine is an in-order queue of array operations on one device.
//
// Operations return once their arguments may be reused; errors of an asynchronous device may come back
// from a later call, at the latest from Sync or Read. An engine is used by one goroutine at a time;
// parallelism inside an operation is the engine's own, and results do not depend on its degree. A row's
// result does not depend on the other rows of the call, nor on how many there are. A row of NaN gives
// NaN, so that a row that has broken down shows; it never passes for one without keys.
//
// Unless said otherwise all floating-point arguments of one operation share one dtype (else ErrDtype),
// nil buffers leave an input at its neutral value or an output out, outputs must not overlap inputs, and
// shapes that do not fit return an error that wraps ErrShape. Zero rows are valid and do nothing.
type Engine interface {
	Info() Info

	// Alloc returns a buffer of zeros with shape [b, n, d]. It returns *MemoryError where it does not fit.
	Alloc(t Dtype, b, n, d int) (Buffer, error)
	// Write copies src, converted to the buffer's type, into dst from number off on.
	Write(dst Buffer, off int, src []float64) error
	// Read waits for the queue and copies len(dst) numbers of src from number off on into dst.
	Read(dst []float64, src Buffer, off int) error

	// Softmax is the biased softmax reduction over dot products; see [Softmax].
	Softmax(a *Softmax) error
	// Mixture evaluates the flow's velocity for a Gaussian mixture; see [Mixture].
	Mixture(a *Mixture) error
	// MixtureFollow moves rows along the closed-form flow of one component each; see [MixtureFollow].
	MixtureFollow(a *MixtureFollow) error

	// LinComb computes out_i = sum_k coef_ik x_ik for every row: out [1, N, D], coef [1, N, K],
	// x [N, K, D]. Terms with a coefficient of exactly 0 are not read, whatever they hold.
	LinComb(out, coef, x Buffer) error
	// ErrorNorm measures E weighted error vectors a row: out [1, N, E],
	//
	//	out_ie = max over groups of sqrt(mean_j in group ((sum_k coef_iek x_ikj) / (atol + rtol |x_i0j|))^2),
	//
	// coef [N, E, K], x [N, K, D]. Groups are consecutive runs of group coordinates; the last may be
	// shorter; group = 0 is one group of all D. Zero coefficients as in LinComb. atol = rtol = 0 divides by 1.
	ErrorNorm(out, coef, x Buffer, group int, atol, rtol float64) error
	// Axpby computes out = alpha x + beta y by element; y may be nil. out may be x or y. The shapes are
	// equal. A factor of exactly 0 does not read its array. Where alpha x and beta y are infinities of
	// opposite sign the result is -Inf: a weight of zero stays zero in the log domain.
	Axpby(out Buffer, alpha float64, x Buffer, beta float64, y Buffer) error
	// Log computes out = ln x by element, -Inf for 0. out may be x.
	Log(out, x Buffer) error
	// MatMul computes out_b = x_b y_b, or x_b y_b^T with transY: x [B, N, K], y [B or 1, K, M] or
	// [B or 1, M, K], out [B, N, M].
	MatMul(out, x, y Buffer, transY bool) error
	// RowDot computes out_bi = <x_bi, y_bi>: x, y [B, N, D], out [B, N, 1].
	RowDot(out, x, y Buffer) error
	// Reduce reduces each problem of x [B, N, D] (and y of the same shape, where the operation uses it)
	// to one number: out [B, 1, 1], in float64 arithmetic.
	Reduce(out Buffer, op ReduceOp, x, y Buffer) error
	// CopyRows copies rows: dst row dstRows[i] = src row srcRows[i], rows counted through B and N
	// together, the indices I32 buffers of equal length or nil for 0, 1, 2, .... A negative index skips
	// its pair. dst and src may be one buffer when no target row is also a source row of another pair.
	CopyRows(dst, dstRows, src, srcRows Buffer) error
	// Copy2D copies rows x cols numbers between rows of any stride: dst[dstOff + i dstStride + j] =
	// src[srcOff + i srcStride + j]. The two may be one buffer when the areas do not overlap.
	Copy2D(dst Buffer, dstOff, dstStride int, src Buffer, srcOff, srcStride, rows, cols int) error
	// Normal fills out with standard normal numbers of package rng: number i of the buffer is normal
	// number offset + i of the stream (seed, stream).
	Normal(out Buffer, seed, stream, offset uint64) error

	// Sync waits until the queue is empty and returns the first error that it met.
	Sync() error
	// Close waits for the queue and frees everything that the engine owns.
	Close() error
}

// ReduceOp names a reduction of Engine.Reduce.
type ReduceOp uint8

const (
	Sum        ReduceOp = iota // sum x
	Dot                        // sum x y; a term with x = 0 counts 0 whatever y is
	SumAbsDiff                 // sum |x - y|
	MaxAbs                     // max |x|
)
