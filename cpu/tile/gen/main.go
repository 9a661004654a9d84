// Command gen writes package tile's assembly: go run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg tile.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set. A block of 8 float64 is one vector or two.
type isa struct {
	name   string
	bytes  int // of a vector
	zmm    bool
	rows   []int // of the products' tiles
	vector func() VecVirtual
}

var (
	avx2   = isa{"AVX2", 32, false, []int{6, 4, 2, 1}, func() VecVirtual { return YMM() }}
	avx512 = isa{"AVX512", 64, true, []int{12, 4, 2, 1}, func() VecVirtual { return ZMM() }}
)

// block is 8 float64 in as many vectors as that takes.
type block []VecVirtual

func (s isa) block() block {
	if s.zmm {
		return block{s.vector()}
	}
	return block{s.vector(), s.vector()}
}

// at is vector j of a block of float64 at p.
func (s isa) at(p Register, j int) Mem { return Mem{Base: p, Disp: j * s.bytes} }

func (s isa) zero(v VecVirtual) {
	if s.zmm {
		VPXORD(v, v, v)
	} else {
		VXORPD(v, v, v)
	}
}

// splat loads a float64 parameter into all lanes.
func (s isa) splat(name string) VecVirtual {
	x, v := Load(Param(name), XMM()), s.vector()
	VBROADCASTSD(x.(VecVirtual).AsX(), v)
	return v
}

// constant returns x in all lanes: a register under AVX-512, which has enough, memory under AVX2. Go
// aligns data to 32 bytes at most, so 64-byte constants in memory would split cache lines.
func (s isa) constant(name string, x float64) Op {
	g := GLOBL(name+s.name, RODATA|NOPTR)
	if s.zmm {
		DATA(0, U64(math.Float64bits(x)))
		v := s.vector()
		VBROADCASTSD(g, v)
		return v
	}
	for i := range 4 {
		DATA(8*i, U64(math.Float64bits(x)))
	}
	return g
}

// constant32 is constant for vectors of 8 float32.
func (s isa) constant32(name string, x float32) Op {
	g := GLOBL(name+"32"+s.name, RODATA|NOPTR)
	if s.zmm {
		DATA(0, U32(math.Float32bits(x)))
		v := YMM()
		VBROADCASTSS(g, v)
		return v
	}
	for i := range 8 {
		DATA(4*i, U32(math.Float32bits(x)))
	}
	return g
}

// loop runs body n/8 times; n is a multiple of 8.
func loop(n Register, body func()) {
	SHRQ(Imm(3), n)
	TESTQ(n, n)
	JE(LabelRef("done"))
	Label("block")
	body()
	DECQ(n)
	JNE(LabelRef("block"))
	Label("done")
}

func advance(bytes int, ps ...Register) {
	for _, p := range ps {
		ADDQ(Imm(uint64(bytes)), p)
	}
}

// fold returns op over the 8 lanes of a block: lane i with i + 4, then i + 2, then i + 1.
func (s isa) fold(b block, op func(...Op)) Register {
	y := b[0].AsY()
	if s.zmm {
		h := YMM()
		VEXTRACTF64X4(Imm(1), b[0], h)
		op(h, y, y)
	} else {
		op(b[1], y, y)
	}
	x, h := b[0].AsX(), XMM()
	VEXTRACTF128(Imm(1), y, h)
	op(h, x, x)
	VPERMILPD(Imm(1), x, h)
	op(h, x, x)
	return x
}

func function(name, signature string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
}

func main() {
	for _, s := range []isa{avx2, avx512} {
		for _, f64 := range []bool{true, false} {
			for _, r := range s.rows {
				for _, v := range []int{1, 2} {
					s.product(f64, r, v)
				}
			}
			s.affine(f64)
			s.weighted(f64)
			s.centre(f64)
			s.scale(f64)
			s.rescale(f64)
			s.less(f64)
			s.combine(f64)
			s.errors(f64)
		}
		s.exp()
		s.exp32()
		s.direct()
		s.max()
		s.addScaled()
		s.dot()
		s.narrow()
		s.variances()
		s.ratios()
		s.log()
		s.sinkhorns()
	}
	transpose64()
	transpose32()
	Generate()
}
