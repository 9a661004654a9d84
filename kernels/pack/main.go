// Command pack compresses the compiled kernels for package kernels to embed, to an eighth of their size.
//
//	go run ./kernels/pack BUILD
//
// It writes kernels/fatbin/NAME.fatbin.zst of every BUILD/NAME.fatbin, removes those of kernels that are no more, and leaves a mark
// that tells a build from a tree where this has not been done.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const to = "kernels/fatbin"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./kernels/pack BUILD, from the top of the tree")
		os.Exit(2)
	}
	if err := pack(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(build string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	// A module holds the same kernels for several architectures: matches lie as far apart as all of it is long.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer enc.Close()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer dec.Close()
	packed, err := filepath.Glob(to + "/*.zst")
	if err != nil {
		return err
	}
	for _, f := range packed {
		if _, err := os.Stat(filepath.Join(build, strings.TrimSuffix(filepath.Base(f), ".zst"))); err != nil {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	images, err := filepath.Glob(filepath.Join(build, "*.fatbin"))
	if err != nil {
		return err
	}
	if len(images) == 0 {
		return fmt.Errorf("%s: no *.fatbin there", build)
	}
	for _, f := range images {
		image, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name := filepath.Join(to, filepath.Base(f)+".zst")
		if old, err := os.ReadFile(name); err == nil { // an unchanged file keeps what is built with it
			if was, err := dec.DecodeAll(old, nil); err == nil && bytes.Equal(was, image) {
				continue
			}
		}
		if err := os.WriteFile(name, enc.EncodeAll(image, nil), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(to+"/made-by-make-build-cuda", nil, 0o644)
}
