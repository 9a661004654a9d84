//go:build cuda && cgo && !emu

package gpu

import "testing"

// openOther opens an engine that multiplies by mma.sync on a device whose engines multiply by warpgroups.
func openOther(t *testing.T) *Engine {
	e := open(t, Options{})
	if !e.groups {
		t.Skipf("%s: no warpgroups, other tests multiply by mma.sync", e.Info().Device)
	}
	e.groups, e.groupMeans = false, false
	return e
}
