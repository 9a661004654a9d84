// Package roofline holds the datasheet rates of cards, and the least time that work can take on them. Its
// numbers are bounds by arithmetic, not measurements.
package roofline

import (
	"math"
	"strings"

	"monge/kernels/sass"
)

// Device is a card as its datasheet describes it.
type Device struct {
	Name            string
	Arch            int                 // compute capability times ten: 80, 90
	Multiprocessors int                 // each of four quarters with a scheduler that issues an instruction of a warp a clock
	Clock           float64             // Hz; that of the datasheet's tensor rate
	Bandwidth       float64             // bytes/s of device memory
	Lanes           [sass.Pipes]float64 // threads' instructions a clock and quarter; Tensor: multiply-adds
	Shared          int                 // bytes of shared memory of a multiprocessor that blocks can have
	Source          string
}

// The four quarters of a multiprocessor, and the threads of a warp.
const (
	quarters = 4
	warp     = 32
)

// The rates of compute capability 8.0 and 9.0: CUDA C++ Programming Guide, "Throughput of Native Arithmetic
// Instructions", by quarter; multiply-adds of the tensor cores from the datasheet's rate, number of
// multiprocessors and clock. Loads count 32 threads a clock and multiprocessor.
var (
	lanes80 = [sass.Pipes]float64{sass.Other: warp, sass.FMA: 16, sass.ALU: 16, sass.FP64: 8, sass.XU: 4, sass.Tensor: 256, sass.LSU: 8}
	lanes90 = [sass.Pipes]float64{sass.Other: warp, sass.FMA: 32, sass.ALU: 16, sass.FP64: 16, sass.XU: 4, sass.Tensor: 512, sass.LSU: 8}
)

// Devices returns the cards, with the larger memory of those that come with two.
func Devices() []Device {
	return []Device{
		{"A100", 80, 108, 1.41e9, 2.039e12, lanes80, 164 << 10, "NVIDIA A100 80GB SXM datasheet: 312 TFLOP/s fp16, 19.5 fp32, 9.7 fp64, 2039 GB/s"},
		{"H100", 90, 132, 1.83e9, 3.35e12, lanes90, 228 << 10, "NVIDIA H100 SXM datasheet: 989.5 TFLOP/s fp16 dense, 67 fp32 and 34 fp64 at 1.98 GHz, 3350 GB/s"},
		{"H200", 90, 132, 1.83e9, 4.8e12, lanes90, 228 << 10, "NVIDIA H200 SXM datasheet: the rates of H100, 4800 GB/s"},
	}
}

// Find returns the card that a driver's name for a device means: "NVIDIA H100 80GB HBM3" is H100. Cards of
// the same name with other rates (PCIe, NVL) are not known.
func Find(name string) (Device, bool) {
	if strings.Contains(name, "PCIe") || strings.Contains(name, "NVL") {
		return Device{}, false
	}
	for _, d := range Devices() {
		for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '-' }) {
			if word == d.Name {
				return d, true
			}
		}
	}
	return Device{}, false
}

// Rate returns the instructions of threads a second on a pipe, over the whole card; multiply-adds on the
// tensor cores.
func (d Device) Rate(p sass.Pipe) float64 {
	return float64(d.Multiprocessors) * quarters * d.Clock * d.Lanes[p]
}

// Work is what a task has to do, in all: threads' instructions by pipe (multiply-adds on the tensor cores),
// instructions of warps issued, and bytes moved.
type Work struct {
	Threads sass.Counts
	Slots   float64
	Bytes   float64
}

// Bound returns the least seconds that the work takes, and what takes them: a pipe, "issue" or "memory".
func (d Device) Bound(w Work) (seconds float64, limit string) {
	take := func(t float64, what string) {
		if t > seconds {
			seconds, limit = t, what
		}
	}
	for p := sass.Other + 1; p < sass.Pipes; p++ {
		take(w.Threads[p]/d.Rate(p), p.String())
	}
	take(w.Slots/(float64(d.Multiprocessors)*quarters*d.Clock), "issue")
	take(w.Bytes/d.Bandwidth, "memory")
	return seconds, limit
}

// Blocks returns how many blocks of a kernel a multiprocessor holds at a time: registers of a thread,
// threads of a block, bytes of shared memory of a block.
func (d Device) Blocks(registers, threads, shared int) int {
	warps := (threads + warp - 1) / warp
	perWarp := (registers*warp + 255) / 256 * 256 // given out 256 at a time
	n := min(32, 64/warps)
	if perWarp > 0 {
		n = min(n, quarters*(65536/quarters/perWarp)/warps)
	}
	if reserved := shared + 1024; reserved > 0 { // 1 KiB of a block is the system's
		n = min(n, d.Shared/reserved)
	}
	return max(n, 0)
}

// Tensor returns the multiply-adds of a warp's tensor instruction, 0 for others: HMMA.16816 is 16 x 8 x 16,
// and HGMMA.64x128x16 of a group of four warps a quarter of its product.
func Tensor(i sass.Instruction) float64 {
	for _, part := range strings.Split(i.Op, ".")[1:] {
		switch part {
		case "16816":
			return 16 * 8 * 16
		case "1688":
			return 16 * 8 * 8
		case "884":
			return 8 * 8 * 4
		}
		if m, n, k, ok := shape(part); ok {
			return float64(m*n*k) / 4
		}
	}
	return 0
}

func shape(s string) (m, n, k int, ok bool) {
	parts := strings.Split(s, "x")
	if len(parts) != 3 {
		return 0, 0, 0, false
	}
	var v [3]int
	for i, p := range parts {
		if p == "" {
			return 0, 0, 0, false
		}
		for _, c := range p {
			if c < '0' || c > '9' || v[i] > math.MaxInt16 {
				return 0, 0, 0, false
			}
			v[i] = 10*v[i] + int(c-'0')
		}
	}
	return v[0], v[1], v[2], true
}

// Of returns the work of a warp that runs the code once. A matrix load of four 8 x 8 tiles reads 512 bytes,
// four clocks of shared memory.
func Of(code []sass.Instruction) (w Work) {
	for _, i := range code {
		w.Slots++
		switch p := i.Pipe(); {
		case p == sass.Tensor:
			w.Threads[p] += Tensor(i)
		case i.Is("LDSM"):
			n := 1.
			if strings.HasSuffix(i.Op, ".4") {
				n = 4
			} else if strings.HasSuffix(i.Op, ".2") {
				n = 2
			}
			w.Threads[p] += n * warp
		default:
			w.Threads[p] += warp
		}
	}
	return w
}

// Add returns w + f v.
func (w Work) Add(f float64, v Work) Work {
	for p := range w.Threads {
		w.Threads[p] += f * v.Threads[p]
	}
	w.Slots += f * v.Slots
	w.Bytes += f * v.Bytes
	return w
}
