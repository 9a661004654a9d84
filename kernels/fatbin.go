//go:build cuda && !emu

package kernels

import (
	"embed"
	"fmt"
)

// fatbins is written by make kernels.
//
//go:embed fatbin/*.fatbin
var fatbins embed.FS

// Image returns the compiled module of a family, as cuModuleLoadData takes it.
func Image(family string) ([]byte, error) {
	image, err := fatbins.ReadFile("fatbin/" + family + ".fatbin")
	if err != nil {
		return nil, fmt.Errorf("kernels: no module %s in this build: %w", family, err)
	}
	return image, nil
}
