package sass

import "strings"

// Pipe is a part of a multiprocessor that runs a kind of instructions.
type Pipe int

// The pipes. Every instruction also takes an issue slot.
const (
	Other  Pipe = iota // control, uniform registers, constants: no limit but the issue
	FMA                // float32 arithmetic, and the integer multiplication that shares its pipe
	ALU                // integers, comparisons, selections
	FP64               // float64 arithmetic
	XU                 // transcendental functions, conversions between types
	Tensor             // matrix products
	LSU                // loads, stores, shuffles
	Pipes              // how many there are
)

func (p Pipe) String() string {
	return [...]string{"other", "FMA", "ALU", "FP64", "XU", "tensor", "LSU"}[p]
}

// Pipe returns the pipe of an instruction.
func (i Instruction) Pipe() Pipe {
	switch base := i.Base(); base {
	case "FFMA", "FADD", "FMUL", "FFMA2", "FADD2", "FMUL2", "FFMA32I", "FADD32I", "FMUL32I", "IMAD", "HFMA2", "HADD2", "HMUL2":
		return FMA
	case "DFMA", "DADD", "DMUL", "DSETP", "DMNMX":
		return FP64
	case "MUFU", "F2F", "F2I", "I2F", "FRND", "POPC", "FLO", "BREV", "I2I":
		return XU
	case "HMMA", "HGMMA", "IMMA", "DMMA", "BMMA", "QGMMA", "UTCHMMA":
		return Tensor
	case "LDG", "STG", "LDS", "STS", "LDSM", "STSM", "LDL", "STL", "LD", "ST", "LDGSTS", "ATOM", "ATOMG", "ATOMS", "RED", "SHFL":
		return LSU
	case "BRA", "BSSY", "BSYNC", "BAR", "EXIT", "CALL", "RET", "NOP", "LDC", "LDCU", "ULDC", "BRX", "JMP", "WARPSYNC", "BREAK", "YIELD", "DEPBAR", "LDGDEPBAR",
		"SYNCS", "MEMBAR", "ERRBAR", "CCTL", "S2R", "S2UR", "CS2R", "WARPGROUP", "ARRIVES", "FENCE", "ELECT", "NANOSLEEP", "UBLKCP", "UTMALDG":
		return Other
	default:
		if strings.HasPrefix(base, "U") || strings.HasPrefix(base, "R2") {
			return Other
		}
		return ALU
	}
}

// Float64 tells whether an instruction computes in float64 or converts to or from it.
func (i Instruction) Float64() bool {
	switch i.Base() {
	case "DFMA", "DADD", "DMUL", "DSETP", "DMNMX", "DMMA":
		return true
	case "MUFU":
		return strings.HasSuffix(i.Op, "64H")
	case "F2F", "F2I", "I2F", "FRND":
		return strings.Contains(i.Op, "F64")
	}
	return false
}

// Bytes returns how many bytes a thread's instruction moves from or to global memory; 0 for others.
func (i Instruction) Bytes() int {
	switch i.Base() {
	case "LDG", "STG", "LDGSTS", "LD", "ST":
	default:
		return 0
	}
	for _, part := range strings.Split(i.Op, ".")[1:] {
		switch part {
		case "128":
			return 16
		case "64":
			return 8
		case "U16", "S16":
			return 2
		case "U8", "S8":
			return 1
		case "256":
			return 32
		}
	}
	return 4
}

// Counts are instructions of a warp by pipe.
type Counts [Pipes]float64

// Slots returns how many instructions there are.
func (c Counts) Slots() (n float64) {
	for _, x := range c {
		n += x
	}
	return n
}

// ByPipe counts instructions.
func ByPipe(code []Instruction) (c Counts) {
	for _, i := range code {
		c[i.Pipe()]++
	}
	return c
}
