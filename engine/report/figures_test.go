package report

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"testing"

	"monge/engine/study"
)

// TestFigures draws what a page must stand: ranges of one point, logarithms of what has none, nothing at all.
func TestFigures(t *testing.T) {
	nan := math.NaN()
	figures := []study.Figure{
		{Title: "plain", X: "x", Y: "y", Curves: []study.Curve{{Name: "a", X: []float64{1, 2, 3}, Y: []float64{1, 4, 9}}, {Name: "b", X: []float64{1, 3}, Y: []float64{0, 5}, Dashed: true}}},
		{Title: "logarithmic", LogX: true, LogY: true, Curves: []study.Curve{{X: []float64{1, 10, 100, 1000, -1}, Y: []float64{1e-12, 0, 1e-3, 5, 7}}}},
		{Title: "one point", LogX: true, Curves: []study.Curve{{Name: "p", X: []float64{3}, Y: []float64{0}}}},
		{Title: "nothing", LogY: true, Curves: []study.Curve{{Name: "zeros", X: []float64{1, 2}, Y: []float64{0, nan}}}},
		{Title: "no curves"},
	}
	var page bytes.Buffer
	if err := Figures(&page, "a page", figures); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&page)
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() < 1200 || b.Dy() < 800 { // three columns, two rows
		t.Errorf("a page of %d x %d pixels", b.Dx(), b.Dy())
	}
	// Every drawn figure has ink of its first curve's colour in its own cell; the empty ones have none.
	want := []bool{true, true, true, false, false}
	b := img.Bounds()
	for i, has := range want {
		x0, x1 := b.Dx()*(i%3)/3, b.Dx()*(i%3+1)/3
		y0, y1 := b.Dy()*(i/3)/2, b.Dy()*(i/3+1)/2
		ink := false
		for y := y0; y < y1 && !ink; y++ {
			for x := x0; x < x1; x++ {
				r, g, bl, _ := img.At(x, y).RGBA()
				ink = ink || r>>8 < 0x20 && g>>8 > 0x60 && g>>8 < 0x85 && bl>>8 > 0x9f
			}
		}
		if ink != has {
			t.Errorf("figure %q: drawn %v, want %v", figures[i].Title, ink, has)
		}
	}
	if err := Figures(&bytes.Buffer{}, "", nil); err != nil {
		t.Errorf("no figures: %v", err)
	}
	if err := Figures(brokenWriter{}, "", nil); !errors.Is(err, errBroken) {
		t.Errorf("a writer that fails: %v", err)
	}
}

func TestDecades(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   int // labels
	}{{1, 1000, 4}, {1e-12, 1, 7}, {3, 40, 3}, {2, 2.5, 1}} {
		if got := decades(c.lo, c.hi); len(got) != c.want {
			t.Errorf("decades(%g, %g) = %v, want %d labels", c.lo, c.hi, got, c.want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for v, want := range map[float64]string{1: "1", 10: "10", .5: "0.5", .001: "0.001", .02: "0.02", 20000: "20000", 1e5: "1e+05", 1e-12: "1e-12", .1: "0.1"} {
		if got := decimal(v); got != want {
			t.Errorf("decimal(%v) = %q, want %q", v, got, want)
		}
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
