//go:build emu && cgo

package gpu

import (
	"errors"
	"math"
	"strings"
	"testing"

	"monge/engine"
	"monge/kernels/emu"
)

// openGroups opens an engine on a device of compute capability 9.0, with f besides.
func openGroups(t *testing.T, f emu.Faults) *Engine {
	t.Helper()
	fresh(t)
	f.Capability = groupCapability
	emu.Set(f)
	return open(t, Options{})
}

// openOther opens an engine that multiplies by warpgroups; the device of other tests has none.
func openOther(t *testing.T) *Engine {
	e := openGroups(t, emu.Faults{})
	if !e.groups || e.Info().Device != e.name {
		t.Fatalf("%+v", e.Info())
	}
	return e
}

// TestGroupsFallBack: a device on which warpgroups go wrong computes without them, and says why.
func TestGroupsFallBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults emu.Faults
		reason string
	}{
		{"wrong products", emu.Faults{Products: true}, "by mma.sync, "},
		{"a missing kernel", emu.Faults{NoKernel: "softmax_wgmma_x3_d64_f32"}, "kernel softmax_wgmma_x3_d64_f32 of module softmax_wgmma"},
		// Of the first problem: the queries, the keys and their extent, the biases, a scan and the states; then all again.
		{"a fault of the device", emu.Faults{Kernel: 12}, "failed, noticed by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := openGroups(t, c.faults)
			if e.groups || !strings.Contains(e.Info().Device, " without wgmma: ") || !strings.Contains(e.Info().Device, c.reason) {
				t.Errorf("warpgroups %v on %s", e.groups, e.Info().Device)
			}
			emu.Set(emu.Faults{Capability: groupCapability})
			const d = 20
			q, lse := make([]float64, d), make([]float64, 1)
			q[0] = 3
			out := array(t, e, engine.F32, 1, 1, 1, lse)
			x := array(t, e, engine.F32, 1, 1, d, q)
			if err := errors.Join(e.Softmax(&engine.Softmax{Q: x, K: x, LSE: out}), e.Read(lse, out, 0)); err != nil || math.Abs(lse[0]-9) > 9*0x1p-21 {
				t.Errorf("log-sum-exp %g, want 9 to the last bits; error %v", lse[0], err)
			}
		})
	}
}
