//go:build cuda && cgo && !emu

package kernels

import (
	"embed"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// fatbins is written by make kernels. The first name is there for the error message of a build by hand; "all:" puts it
// before the other, which go build would complain of first.
//
//go:embed all:fatbin/made-by-make-build-cuda
//go:embed fatbin/*.fatbin.zst
var fatbins embed.FS

// Image returns the compiled module of a family, as cuModuleLoadData takes it.
func Image(family string) ([]byte, error) {
	packed, err := fatbins.ReadFile("fatbin/" + family + ".fatbin.zst")
	if err != nil {
		return nil, fmt.Errorf("kernels: no module %s in this build: %w", family, err)
	}
	var image []byte
	r, err := zstd.NewReader(nil)
	if err == nil {
		defer r.Close()
		image, err = r.DecodeAll(packed, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("kernels: module %s: %w", family, err)
	}
	return image, nil
}
