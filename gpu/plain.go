//go:build !((cuda || emu) && cgo)

package gpu

import (
	"fmt"

	"monge/engine"
)

// Kind is the name of the engine that this build has: "cuda", "emu", or "" for none.
const Kind = ""

// Engine is never made in builds without the tags cuda or emu.
type Engine struct{ engine.Engine }

// Open returns an error that wraps engine.ErrNoDevice.
func Open(Options) (*Engine, error) { return nil, unbuilt() }

// Devices returns an error that wraps engine.ErrNoDevice.
func Devices() ([]Device, error) { return nil, unbuilt() }

func unbuilt() error {
	return fmt.Errorf("gpu: built without the tag cuda (or without cgo): %w", engine.ErrNoDevice)
}
