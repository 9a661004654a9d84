package enginetest

import (
	"hash/fnv"
	"math"

	"monge/engine"
	"monge/engine/rng"
)

func unwritten(t engine.Dtype) float64 {
	if t == engine.I32 {
		return -7
	}
	return math.NaN()
}

// uneven draws a case's inputs; equal names give equal numbers.
type uneven struct {
	*rng.Source
	t engine.Dtype
}

func newUneven(name string, t engine.Dtype) uneven {
	h := fnv.New64a()
	h.Write([]byte(name))
	return uneven{rng.NewSource(h.Sum64(), 0), t}
}

// round gives the number that a buffer of the case's dtype holds.
func (g uneven) round(x float64) float64 {
	if g.t == engine.F32 {
		return float64(float32(x))
	}
	return x
}

// array fills [b, n, d] from f, rounded to the dtype.
func (g uneven) array(b, n, d int, f func(b, i, j int) float64) *array {
	a := newArray(b, n, d)
	at := 0
	for p := range b {
		for i := range n {
			for j := range d {
				a.x[at] = g.round(f(p, i, j))
				at++
			}
		}
	}
	return a
}

// cloud draws rows around offset: one in eleven is an outlier 20 times as far out, and one in thirteen
// repeats the row three before it.
func (g uneven) cloud(b, n, d int, offset float64) *array {
	a := g.array(b, n, d, func(_, i, _ int) float64 {
		size := 1.0
		if i%11 == 4 {
			size = 20
		}
		return offset + size*g.Normal()
	})
	for p := range b {
		for i := 5; i < n; i += 13 {
			copy(a.x[(p*n+i)*d:][:d], a.x[(p*n+i-3)*d:][:d])
		}
	}
	return a
}

// normals draws standard normal numbers.
func (g uneven) normals(b, n, d int) *array {
	return g.array(b, n, d, func(_, _, _ int) float64 { return g.Normal() })
}

// weights draws positive numbers over three decades; one in five is zero.
func (g uneven) weights(b, n int) *array {
	return g.array(b, n, 1, func(_, i, _ int) float64 {
		if i%5 == 3 {
			return 0
		}
		return math.Pow(10, -3*g.Float64())
	})
}
