//go:build cuda && cgo && !emu

package kernels

import (
	"encoding/binary"
	"testing"
)

// Every family is in the build, as a fatbin: nothing else has its magic number.
func TestEveryFamilyIsCompiled(t *testing.T) {
	for _, family := range Families() {
		image, err := Image(family)
		if err != nil {
			t.Error(err)
		} else if len(image) < 16 || binary.LittleEndian.Uint32(image) != 0xba55ed50 {
			t.Errorf("%s: %d bytes that are no fatbin", family, len(image))
		}
	}
	if _, err := Image("nothing"); err == nil {
		t.Error("a family that is not there")
	}
}
