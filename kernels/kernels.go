// Package kernels holds monge's device code: one family of kernels a .cu file, written once for three ways to
// run it.
//
//   - With the tag cuda the package embeds what `make kernels` compiled with nvcc, for the driver to load.
//   - With the tag emu g++ compiles the same files, for the emulated driver of package emu.
//   - With neither it holds no code, and needs no compiler but Go's.
//
// params.h is the interface: the struct of parameters that each kernel takes and how it is launched. Package
// gpu is the engine on top.
package kernels

import (
	"embed"
	"strings"
)

// sources are embedded so that Go's build cache sees their changes: it looks at no included file.
//
//go:embed *.cu *.cuh *.h
var sources embed.FS

// Families returns the names of the .cu files, each a module of the driver's, sorted.
func Families() []string {
	entries, err := sources.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded tree is always there
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".cu"); ok {
			names = append(names, name)
		}
	}
	return names
}
