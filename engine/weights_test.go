package engine_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"monge/engine"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ w, want []float64 }{
		{[]float64{3}, []float64{1}}, {[]float64{1, 0, 3}, []float64{.25, 0, .75}}, {[]float64{.1, .1, .1, .1, .1}, []float64{.2, .2, .2, .2, .2}},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, []float64{.5, .5}}, {[]float64{5e-324, 0, 5e-324}, []float64{.5, 0, .5}},
		{[]float64{1, 5e-324}, []float64{1, 5e-324}},
	} {
		before := slices.Clone(c.w)
		got, err := engine.Normalize(c.w)
		if err != nil || !slices.Equal(got, c.want) || !slices.Equal(c.w, before) {
			t.Errorf("%v becomes %v (%v), want %v", before, got, err, c.want)
		}
	}
	for _, c := range []struct {
		w  []float64
		at int
	}{{[]float64{1, -1}, 1}, {[]float64{math.NaN(), 1}, 0}, {[]float64{1, 1, math.Inf(1)}, 2}, {[]float64{0, 0}, -1}, {nil, -1}} {
		_, err := engine.Normalize(c.w)
		var e *engine.WeightError
		if !errors.As(err, &e) || e.At != c.at {
			t.Errorf("%v: %v, want weight %d", c.w, err, c.at)
		}
	}
	if w := engine.EqualWeights(3); !slices.Equal(w, []float64{1. / 3, 1. / 3, 1. / 3}) {
		t.Error(w)
	}
}
