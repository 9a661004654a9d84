// Package tile holds the CPU engine's inner loops: products of small tiles, and passes over runs of
// numbers, written in assembly for amd64 (by the generator in gen, with avo) and in plain Go for every
// other processor.
//
// A result depends on its own inputs and their positions in the call alone: not on the addresses, on
// the other rows of a product, or on what runs beside. The two instruction sets AVX2 and AVX-512 give
// the same bits but for [Sinkhorn]; plain Go does not, as it rounds products before it adds them.
package tile

//go:generate sh -c "cd gen && go run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg tile"

// Level is an instruction set to work with. The zero value is plain Go.
type Level uint8

const (
	Plain  Level = iota // Go
	AVX2                // with FMA
	AVX512              // F, DQ and VL
)

func (l Level) String() string { return [...]string{"plain", "AVX2", "AVX-512"}[l] }

// Levels lists what this processor and system have, [Plain] first, the fastest last.
func Levels() []Level { return levels() }

// Best returns the fastest of [Levels].
func Best() Level {
	all := levels()
	return all[len(all)-1]
}

// Float is a type that products are computed in.
type Float interface{ float32 | float64 }

// Block is how many numbers the assembly takes at a time. Runs of other lengths are right, and slower.
const Block = 8
