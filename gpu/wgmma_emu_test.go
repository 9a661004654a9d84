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
	if !e.groups || !e.groupMeans || e.Info().Device != e.name {
		t.Fatalf("%+v", e.Info())
	}
	return e
}

// TestGroupsFallBack: a device on which warpgroups go wrong computes without them, and says why.
func TestGroupsFallBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults emu.Faults
		scans  bool // go by warpgroups all the same
		reason string
	}{
		{"wrong products", emu.Faults{Products: true}, false, "by mma.sync, "},
		{"a missing kernel", emu.Faults{NoKernel: "softmax_wgmma_x3_d64_f32"}, false, "kernel softmax_wgmma_x3_d64_f32 of module softmax_wgmma"},
		// Of the first problem: the queries, the keys and their extent, the biases, a scan and the states; then all again.
		{"a fault of the device", emu.Faults{Kernel: 12}, false, "failed, noticed by"},
		{"wrong products with values", emu.Faults{Columns: true}, true, " in means: 20 coordinates: mean 0 is "},
		{"a missing kernel of means", emu.Faults{NoKernel: "softmax_wgmma_mean_d64_second_f32"}, true, " in means: 60 coordinates: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := openGroups(t, c.faults)
			if e.groups != c.scans || e.groupMeans || !strings.Contains(e.Info().Device, " without wgmma") || !strings.Contains(e.Info().Device, c.reason) {
				t.Errorf("warpgroups %v, in means %v, on %s", e.groups, e.groupMeans, e.Info().Device)
			}
			emu.Set(emu.Faults{Capability: groupCapability})
			const d = 20
			q, lse, mean := make([]float64, d), make([]float64, 1), make([]float64, d)
			q[0] = 3
			out, average := array(t, e, engine.F32, 1, 1, 1, lse), array(t, e, engine.F32, 1, 1, d, mean)
			x := array(t, e, engine.F32, 1, 1, d, q)
			err := errors.Join(e.Softmax(&engine.Softmax{Q: x, K: x, LSE: out}), e.Softmax(&engine.Softmax{Q: x, K: x, Mean: average}))
			if err := errors.Join(err, e.Read(lse, out, 0), e.Read(mean, average, 0)); err != nil || math.Abs(lse[0]-9) > 9*0x1p-21 || math.Abs(mean[0]-3) > 3*0x1p-21 {
				t.Errorf("log-sum-exp %g and mean %g, want 9 and 3 to the last bits; error %v", lse[0], mean[0], err)
			}
		})
	}
}
