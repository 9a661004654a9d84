package ot

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"monge/engine"

	"gorgonia.org/tensor"
)

// problem is a transport problem on the host that has been checked: finite points, n, m, d > 0, weights
// that are finite, not negative and sum to 1. x and y may be the caller's own memory and are only read.
type problem struct {
	n, m, d int
	x, y    []float64 // [n, d], [m, d] row-major
	a, b    []float64 // [n], [m]
	// uniform holds where all of a are equal and all of b are, and n = m: a plan may be a permutation.
	uniform bool
}

// check reads the clouds onto the host and normalises their weights.
func (c Clouds) check() (*problem, error) {
	x, n, d, err := cloud("x", c.X)
	if err != nil {
		return nil, err
	}
	y, m, dy, err := cloud("y", c.Y)
	if err != nil {
		return nil, err
	}
	if d != dy {
		return nil, fmt.Errorf("ot: x has %d columns, y has %d: %w", d, dy, engine.ErrShape)
	}
	if s := span(x, y, d); math.IsInf(s, 1) {
		return nil, fmt.Errorf("ot: the points lie so far apart that squared distances are infinite: %w", ErrNotFinite)
	}
	a, evenA, err := Normalize("x", c.A, n)
	if err != nil {
		return nil, err
	}
	b, evenB, err := Normalize("y", c.B, m)
	if err != nil {
		return nil, err
	}
	return &problem{n: n, m: m, d: d, x: x, y: y, a: a, b: b, uniform: n == m && evenA && evenB}, nil
}

// span returns the squared diagonal of the box around both clouds, which no squared distance exceeds.
func span(x, y []float64, d int) (square float64) {
	low, high := slices.Clone(x[:d]), slices.Clone(x[:d])
	for _, z := range [][]float64{x, y} {
		for ; len(z) > 0; z = z[d:] {
			for t, v := range z[:d] {
				if v < low[t] {
					low[t] = v
				}
				if v > high[t] {
					high[t] = v
				}
			}
		}
	}
	for t, v := range low {
		square += (high[t] - v) * (high[t] - v)
	}
	return square
}

// cloud reads one cloud and checks that every number of it is finite.
func cloud(name string, t *tensor.Dense) (data []float64, n, d int, err error) {
	data, n, d, err = engine.Matrix(t)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("ot: cloud %s: %w", name, err)
	}
	if n == 0 || d == 0 {
		return nil, 0, 0, fmt.Errorf("ot: cloud %s is empty (%d x %d): %w", name, n, d, engine.ErrShape)
	}
	for i, v := range data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, 0, 0, fmt.Errorf("ot: cloud %s, row %d, column %d is %v: %w", name, i/d, i%d, v, ErrNotFinite)
		}
	}
	return data, n, d, nil
}

// Normalize returns the n weights w of cloud name scaled to sum to 1, and whether all of them are equal;
// nil means 1/n each. Weights that are negative, not finite, all zero or not n in number are an error that
// names the cloud, the row and the value. w is not changed.
func Normalize(name string, w []float64, n int) (normalized []float64, uniform bool, err error) {
	if w == nil {
		return engine.EqualWeights(n), true, nil
	}
	if len(w) != n {
		return nil, false, fmt.Errorf("ot: %d weights for the %d rows of cloud %s: %w", len(w), n, name, engine.ErrShape)
	}
	normalized, err = engine.Normalize(w)
	var wrong *engine.WeightError
	switch {
	case errors.As(err, &wrong) && wrong.At >= 0:
		return nil, false, fmt.Errorf("ot: weight of row %d of cloud %s is %v: %w", wrong.At, name, wrong.Value, ErrWeights)
	case err != nil:
		return nil, false, fmt.Errorf("ot: the weights of cloud %s are all 0: %w", name, ErrWeights)
	}
	return normalized, !slices.ContainsFunc(w, func(v float64) bool { return v != w[0] }), nil
}
