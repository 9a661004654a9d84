package arrayio

import (
	"math"

	"monge/engine"
	"monge/engine/memory"
)

// available returns the bytes that an array may take: the memory available, or any where the system does not tell.
func available() int64 {
	if bytes, known := memory.Available(); known {
		return bytes
	}
	return math.MaxInt64
}

// fits returns a *engine.MemoryError where count numbers of float64, copies times over, pass limit.
func fits(count int64, copies int64, limit int64) error {
	if count > limit/(8*copies) {
		asked := int64(math.MaxInt64)
		if count <= asked/(8*copies) {
			asked = count * 8 * copies
		}
		return &engine.MemoryError{What: "the array", Asked: asked, Free: limit}
	}
	return nil
}
