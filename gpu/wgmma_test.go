//go:build (cuda || emu) && cgo

package gpu

import (
	"testing"

	"monge/engine"
	"monge/engine/enginetest"
)

// TestOtherProducts runs what the tensor cores multiply in float32 by the kinds of product that TestEngine does not use:
// of mma.sync and warpgroups the other, and fused multiply-adds.
func TestOtherProducts(t *testing.T) {
	scan, means, panels := "softmax_mma", "softmax_mma_mean", "sinkhorn_mma"
	e := openOther(t)
	if e.groups {
		scan, means, panels = "softmax_wgmma", "softmax_wgmma_mean", "sinkhorn_wgmma"
	}
	// Scans of log-sum-exps by three products and by one, and all others, come from cases and not from what opening tried.
	otherProducts(t, e, "Softmax", scan, "x3_d32", "x3_d64", "x3_any", "x3_d64_tilt")
	demand(t, e, means, "d32_second", "d64_second", "d128_second")
	otherProducts(t, e, "Sinkhorn", scan, "x3_d32", "x3_d64", "x3_any", "x1_d32", "x1_d64", "x1_any")
	demand(t, e, panels, "x3", "x1")
	t.Run("panels", func(t *testing.T) { testSinkhornPanels(t, e) })
	t.Run("precision", func(t *testing.T) { testTensorPrecision(t, e) })
	t.Run("means", func(t *testing.T) { testTensorMeans(t, e) })
	demand(t, e, means, "d32", "d64", "d32_tilt", "d64_tilt", "d128_tilt")
	t.Run("means non-finite", func(t *testing.T) { testMeansNonFinite(t, e, 17, 1) })
	t.Run("parts", func(t *testing.T) { testTensorParts(t, e) })
	t.Run("non-finite", func(t *testing.T) { testTensorNonFinite(t, e) })

	e = open(t, Options{})
	e.scalar = true
	t.Run("fma", func(t *testing.T) {
		otherProducts(t, e, "Softmax", "softmax", "scan", "scan_thin")
		otherProducts(t, e, "Sinkhorn", "softmax", "scan", "scan_thin")
	})
	for k := range e.code.functions {
		if k.file == scan || k.file == means || k.file == panels || k.file == "softmax_mma" || k.file == "split" {
			t.Errorf("%v is there without tensor cores", k)
		}
	}
}

// otherProducts runs the float32 cases of an operation and demands that they come to kernels FILE_FORM.
func otherProducts(t *testing.T, e *Engine, op, file string, forms ...string) {
	clear(e.code.functions)
	t.Run(op, func(t *testing.T) {
		for _, c := range enginetest.Cases() {
			if c.Dtype == engine.F32 && c.Op == op {
				t.Run(c.Name, func(t *testing.T) {
					if err := c.Run(e); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
	demand(t, e, file, forms...)
}

// demand demands that kernels FILE_FORM were used.
func demand(t *testing.T, e *Engine, file string, forms ...string) {
	t.Helper()
	for _, form := range forms {
		if _, ok := e.code.functions[kernel{file, file + "_" + form, "f32"}]; !ok {
			t.Errorf("no case comes to %s_%s", file, form)
		}
	}
}
