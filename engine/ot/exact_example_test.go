package ot_test

import (
	"context"
	"fmt"

	"monge/engine"
	"monge/engine/ot"
)

func ExampleExact() {
	x := engine.Points([]float64{0, 0, 4, 0, 0, 3}, 3, 2)
	y := engine.Points([]float64{4, 1, 0, 4, 1, 0}, 3, 2)
	r, err := ot.Exact(context.Background(), ot.Clouds{X: x, Y: y}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Status, r.Cost, r.Assignment)
	r, err = ot.Exact(context.Background(), ot.Clouds{X: x, Y: y, A: []float64{2, 1, 1}, B: []float64{1, 1, 2}}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Status, r.Cost, r.Plan)
	// Output:
	// optimal 1 [2 0 1]
	// optimal 1 [{0 2 0.5} {1 0 0.25} {2 1 0.25}]
}
