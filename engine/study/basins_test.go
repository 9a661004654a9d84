package study

import (
	"context"
	"math"
	"testing"

	"monge/cpu"
	"monge/engine"
)

func TestBasinsTriangle(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	c, err := Basins(context.Background(), e, engine.Points([]float64{0, 0, 3, 0, .5, 1.5}, 3, 2), []float64{.5, .3, .2}, &BasinSettings{N: 40000})
	if err != nil {
		t.Fatal(err)
	}
	// The references are means over 4e5 points of another generator: .0205 and .003985.
	if math.Abs(c.Moved-.0205) > 3.5*c.MovedError || math.Abs(c.Excess-.003985) > 3.5*c.ExcessError+2e-4 || c.ExcessError > 3e-4 {
		t.Errorf("moved %.5f ± %.5f, excess %.6f ± %.6f", c.Moved, c.MovedError, c.Excess, c.ExcessError)
	}
	for j, b := range c.Cells.Weights {
		if e := math.Sqrt(b * (1 - b) / float64(c.N)); math.Abs(c.FlowMasses[j]-b) > 4*e {
			t.Errorf("the flow sends %.4f to atom %d, want %.4f ± %.4f", c.FlowMasses[j], j, b, e)
		}
	}
}

// Where the encoder is optimal, basins are power cells: two atoms, and atoms on a line, in any dimension.
func TestBasinsOptimal(t *testing.T) {
	e := cpu.New(cpu.Options{})
	defer e.Close()
	for name, c := range map[string]struct {
		y []float64
		d int
		b []float64
	}{
		"two":       {[]float64{1, -.5, .3, -2, .7, .1}, 3, []float64{.7, .3}},
		"line":      {[]float64{0, 0, 1, 2, -.5, -1, 3, 6}, 2, []float64{.4, .1, .3, .2}},
		"duplicate": {[]float64{0, 0, 1, 2, 0, 0}, 2, []float64{.4, .4, .2}},
		"one":       {[]float64{2, 3}, 2, nil},
	} {
		got, err := Basins(context.Background(), e, engine.Points(c.y, len(c.y)/c.d, c.d), c.b, &BasinSettings{N: 4000})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// A smoothing of a thousandth of the extent and the flow's tolerance leave a point or two on the other side.
		if got.Moved > 5e-4 || got.Excess > 1e-6 {
			t.Errorf("%s: moved %g, excess %g", name, got.Moved, got.Excess)
		}
	}
}
