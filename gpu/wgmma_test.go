//go:build (cuda || emu) && cgo

package gpu

import (
	"testing"

	"monge/engine"
	"monge/engine/enginetest"
)

// TestOtherProducts runs what the tensor cores multiply in float32 by the kind of product, mma.sync or warpgroups, that
// TestEngine does not use.
func TestOtherProducts(t *testing.T) {
	e := openOther(t)
	for _, c := range enginetest.Cases() {
		if c.Dtype == engine.F32 && c.Op == "Softmax" {
			t.Run(c.Name, func(t *testing.T) {
				if err := c.Run(e); err != nil {
					t.Error(err)
				}
			})
		}
	}
	scan := "softmax_mma"
	if e.groups {
		scan = "softmax_wgmma"
	}
	for _, form := range []string{"x3_d32", "x3_d64", "x3_any", "x3_d64_tilt"} {
		if _, ok := e.code.functions[kernel{scan, scan + "_" + form, "f32"}]; !ok {
			t.Errorf("no case came to %s_%s", scan, form)
		}
	}
	t.Run("precision", func(t *testing.T) { testTensorPrecision(t, e) })
	t.Run("parts", func(t *testing.T) { testTensorParts(t, e) })
	t.Run("non-finite", func(t *testing.T) { testTensorNonFinite(t, e) })
}
