package roofline

import (
	"math"
	"testing"

	"monge/kernels/sass"
)

// The rates by pipe give the datasheets' peaks: to 2 %, the datasheets' own rounding.
func TestPeaks(t *testing.T) {
	for _, c := range []struct {
		name                 string
		fp16, fp32, fp64, ex float64 // TFLOP/s, fp32 and fp64 at the datasheet's clock
		clock                float64
	}{
		{"A100", 312, 19.5, 9.7, 2.44, 1.41e9},
		{"H100", 989.5, 67, 34, 4.18, 1.98e9},
		{"H200", 989.5, 67, 34, 4.18, 1.98e9},
	} {
		d, ok := Find("NVIDIA " + c.name + " 80GB HBM3")
		if !ok {
			t.Fatalf("no %s", c.name)
		}
		scale := c.clock / d.Clock
		for what, v := range map[string][2]float64{
			"fp16": {2 * d.Rate(sass.Tensor), c.fp16}, "fp32": {2 * d.Rate(sass.FMA) * scale, c.fp32},
			"fp64": {2 * d.Rate(sass.FP64) * scale, c.fp64}, "exp": {d.Rate(sass.XU) * scale, c.ex},
		} {
			if math.Abs(v[0]/1e12-v[1]) > .02*v[1] {
				t.Errorf("%s %s: %g, want %g", c.name, what, v[0]/1e12, v[1])
			}
		}
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA H200": "H200", "NVIDIA A100-SXM4-80GB": "A100", "NVIDIA H100 PCIe": "", "NVIDIA H100 NVL": "", "Tesla T4": "", "": "",
	} {
		if d, ok := Find(name); d.Name != want || ok != (want != "") {
			t.Errorf("%q: %q", name, d.Name)
		}
	}
}

// A warp's step of a tile of fp16x3 at d = 64 is the product's 12 HMMA: 96 clocks on A100 and 48 on H100.
func TestBound(t *testing.T) {
	var code []sass.Instruction
	for range 12 {
		code = append(code, sass.Instruction{Op: "HMMA.16816.F32"})
	}
	for range 4 {
		code = append(code, sass.Instruction{Op: "MUFU.EX2"})
	}
	for i, want := range []float64{96, 48, 48} {
		d := Devices()[i]
		s, limit := d.Bound(Of(code))
		if clocks := s * d.Clock * float64(d.Multiprocessors) * quarters; limit != "tensor" || math.Abs(clocks-want) > 1e-9 {
			t.Errorf("%s: %g clocks by %s, want %g", d.Name, clocks, limit, want)
		}
	}
	w := Work{Bytes: 2.039e12}
	if s, limit := Devices()[0].Bound(w.Add(2, w)); limit != "memory" || s != 3 {
		t.Errorf("three seconds of memory: %g by %s", s, limit)
	}
	if s, limit := Devices()[0].Bound(Work{Slots: 4 * 108 * 1.41e9}); limit != "issue" || s != 1 {
		t.Errorf("a second of issue: %g by %s", s, limit)
	}
}

func TestTensor(t *testing.T) {
	for op, want := range map[string]float64{"HMMA.16816.F32": 2048, "HMMA.1688.F32.TF32": 1024, "HGMMA.64x128x16.F32": 32768, "FFMA": 0, "HMMA": 0, "X.1xx2": 0} {
		if got := Tensor(sass.Instruction{Op: op}); got != want {
			t.Errorf("%s: %g, want %g", op, got, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ arch, registers, threads, shared, want int }{
		{0, 238, 128, 66 << 10, 2}, // registers: 65536 / (240 * 128) = 2
		{0, 128, 256, 0, 2},
		{0, 32, 1024, 0, 2},
		{0, 32, 64, 0, 32},
		{0, 32, 256, 50 << 10, 3},
		{1, 32, 256, 50 << 10, 4},
		{1, 255, 256, 200 << 10, 1},
		{1, 255, 512, 0, 0},
	} {
		if got := Devices()[c.arch].Blocks(c.registers, c.threads, c.shared); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
