//go:build emu && cgo

package gpu

// Kind is the name of the engine that this build has: "cuda", "emu", or "" for none.
const Kind = "emu"
