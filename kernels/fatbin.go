//go:build cuda && cgo && !emu

package kernels

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
)

// fatbins is written by make kernels. The first name is there for the error message of a build by hand; "all:" puts it
// before the other, which go build would complain of first.
//
//go:embed all:fatbin/made-by-make-build-cuda
//go:embed fatbin/*.fatbin.gz
var fatbins embed.FS

// Image returns the compiled module of a family, as cuModuleLoadData takes it.
func Image(family string) ([]byte, error) {
	packed, err := fatbins.ReadFile("fatbin/" + family + ".fatbin.gz")
	if err != nil {
		return nil, fmt.Errorf("kernels: no module %s in this build: %w", family, err)
	}
	var image []byte
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		image, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("kernels: module %s: %w", family, err)
	}
	return image, nil
}
