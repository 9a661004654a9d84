package enginetest

import (
	"fmt"
	"math"

	"monge/engine/rng"
)

// normalCase is one call of Normal.
type normalCase struct {
	name                 string
	b, n, d              int
	seed, stream, offset uint64
}

func normalTable() []Case {
	var list []Case
	for _, c := range []normalCase{
		{"one", 1, 1, 1, 1, 0, 0},
		{"odd-offset", 3, 17, 5, 7, 3, 11},
		{"even-offset", 1, 65, 3, 7, 3, 1000},
		{"long", 1, 20_001, 1, 1<<63 + 5, 1<<40 + 1, 1<<33 + 1},
		{"empty", 1, 0, 3, 1, 0, 0},
	} {
		list = append(list, Case{Op: "Normal", Name: c.name, run: c.check})
	}
	return list
}

// check demands the numbers of package rng. The integers agree, so a pair z0, z1 differs by the rounding
// of ln, the root, and sin and cos of an angle of up to 2 pi, which is 2 pi roundings of |z|; one more
// is the result's own.
func (c normalCase) check(d *device) error {
	out := d.out(c.b, c.n, c.d)
	if d.err != nil {
		return d.err
	}
	if err := d.e.Normal(out, c.seed, c.stream, c.offset); err != nil {
		return err
	}
	got := d.read(out)
	first := c.offset &^ 1
	skip := int(c.offset - first)
	want := make([]float64, skip+len(got)+1) // whole pairs
	rng.Normals(want, c.seed, c.stream, first)
	for i, z := range got {
		at := i + skip
		size := math.Hypot(want[at&^1], want[at|1])
		if tol := (2*math.Pi + 4) * d.t.Eps() * size; !(math.Abs(z-want[at]) <= tol) {
			return fmt.Errorf("number %d = %v, want %v within %.3g", i, z, want[at], tol)
		}
	}
	return d.err
}
