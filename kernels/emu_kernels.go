//go:build emu && cgo

package kernels

// #cgo CXXFLAGS: -std=c++17 -O2 -Wall -Wno-unknown-pragmas -fno-exceptions -fsanitize=thread,alignment,bounds
import "C"

import (
	"fmt"
	"slices"

	_ "monge/kernels/emu" // runs them
)

// Image returns the module of a family, as the emulated driver's cuModuleLoadData takes it.
func Image(family string) ([]byte, error) {
	if !slices.Contains(Families(), family) {
		return nil, fmt.Errorf("kernels: no module %s", family)
	}
	return []byte("monge-emu " + family), nil
}
