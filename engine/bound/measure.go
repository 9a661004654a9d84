package bound

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/ot"

	"gorgonia.org/tensor"
)

// Distances are W2 between two clouds: Exact of an optimal assignment, Sliced the root of the mean of the squared
// distances of projections (not times d), Entropic the root of <P, C> of the entropic plan at eps = .05 mean cost.
// Between two clouds of one law, all of them are above 0 by a bias of their own.
type Distances struct{ Exact, Sliced, Entropic float64 }

// Measure returns the distances of two clouds.
func Measure(ctx context.Context, e engine.Engine, c ot.Clouds, seed uint64) (m Distances, err error) {
	exact, err := ot.Exact(ctx, c, nil)
	if err != nil {
		return m, fmt.Errorf("bound: %w", err)
	}
	sliced, err := ot.Sliced(ctx, c, &ot.SlicedSettings{Seed: seed})
	if err != nil {
		return m, fmt.Errorf("bound: %w", err)
	}
	entropic, err := ot.Sinkhorn(ctx, e, c, &ot.SinkhornSettings{EpsRel: .05})
	if err != nil {
		return m, fmt.Errorf("bound: %w", err)
	}
	d := float64(c.X.Shape()[1])
	return Distances{math.Sqrt(exact.Cost), math.Sqrt(sliced.Cost / d), math.Sqrt(entropic.Cost)}, nil
}

// rootMeanSquare returns sqrt(mean |x_i - y_i|^2).
func rootMeanSquare(x, y *tensor.Dense) (float64, error) {
	a, n, _, err := engine.Matrix(x)
	if err != nil {
		return 0, err
	}
	b, _, _, err := engine.Matrix(y)
	if err != nil {
		return 0, err
	}
	var sum float64
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return math.Sqrt(sum / float64(n)), nil
}
