//go:build emu && cgo

package kernels_test

import (
	"testing"

	"monge/kernels"
	"monge/kernels/emu"
	"monge/kernels/emutest"
)

// Every family is compiled for the emulation: its module loads.
func TestEveryFamilyIsEmulated(t *testing.T) {
	emu.Reset()
	defer emu.Reset()
	for _, family := range kernels.Families() {
		if image, err := kernels.Image(family); err != nil || len(image) == 0 {
			t.Errorf("%s: %v", family, err)
		}
		c, err := emutest.Open(family)
		if err != nil {
			t.Errorf("%s: %v", family, err)
			continue
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := kernels.Image("nothing"); err == nil {
		t.Error("a family that is not there")
	}
	if _, err := emutest.Open("nothing"); err != emutest.Status(200) {
		t.Errorf("a module that is not there: %v", err)
	}
}
