package study

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// BasinSettings are the settings of [Basins]. nil and the zero value are the defaults.
type BasinSettings struct {
	N     int    // points drawn from N(0, I); 0 = 100,000
	Seed  uint64 // of the draw
	Dtype engine.Dtype
}

// BasinComparison sets the decoder's basins against the optimal power cells.
type BasinComparison struct {
	Cells *ot.SemiDiscreteResult // the optimal map from N(0, I)
	N     int                    // points drawn
	Flow  flow.Stats
	// FlowMasses are the shares of the points that the decoder sends to each atom: the weights, but for
	// sampling.
	FlowMasses []float64
	// Moved is the share of the mass that decoder and optimal map send to different atoms. Errors are standard
	// errors of means over the points.
	Moved, MovedError float64
	// OptimalCost is that of the optimal map, Cells.Cost. Excess is what the decoder's costs more,
	//
	//	E [(|x - y_k|² - ψ_k) - (|x - y_j|² - ψ_j)]   with k the basin and j the cell of x,
	//
	// which is at least 0 at every point: as both maps reach the same masses, ψ adds nothing to the mean and
	// takes nearly all of its variance away. FlowCost is their sum.
	FlowCost, OptimalCost float64
	Excess, ExcessError   float64
}

// streamBasins is the stream of random numbers of the points.
const streamBasins = 0x62617369

// Basins compares the two ways to send N(0, I) to atoms with weights (nil = equal): the decoder of the
// probability-flow ODE in the limit of no smoothing (a bandwidth of a thousandth of the largest distance of an atom from
// their mean stands for it), which sends a point to the atom whose basin it lies in, and
// the optimal map, which sends it to that of its power cell (ot.SemiDiscrete). Both have cells of the masses asked
// for; they are the same cells exactly when the decoder is optimal, as for two or for collinear atoms.
func Basins(ctx context.Context, e engine.Engine, atoms *tensor.Dense, weights []float64, s *BasinSettings) (*BasinComparison, error) {
	if s == nil {
		s = new(BasinSettings)
	}
	n := s.N
	if n == 0 {
		n = 100000
	}
	if n < 2 {
		return nil, fmt.Errorf("study: basins: %d points: %w", n, engine.ErrShape)
	}
	c := &BasinComparison{N: n}
	var err error
	if c.Cells, err = ot.SemiDiscrete(ctx, atoms, weights, nil); err != nil {
		return nil, err
	}
	y, count, d, err := engine.Matrix(atoms)
	if err != nil {
		return nil, err
	}
	h := reach(y, c.Cells.Weights, d) / 1000
	if h == 0 { // one place
		h = 1
	}
	law, err := dist.NewPoints(atoms, weights, h)
	if err != nil {
		return nil, err
	}
	z := make([]float64, n*d)
	rng.Normals(z, s.Seed, streamBasins, 0)
	x := engine.Points(z, n, d)
	// A point's basin is wanted, not its digits.
	decoded, err := flow.Decode(ctx, e, s.Dtype, law, x, &flow.Settings{Rtol: 1e-6, Atol: 1e-6})
	if err != nil {
		return nil, err
	}
	c.Flow = decoded.Stats
	nearest := ot.PowerCells{Atoms: atoms, Psi: make([]float64, count)}
	for j, b := range c.Cells.Weights {
		if b == 0 {
			nearest.Psi[j] = math.Inf(-1)
		}
	}
	basin, err := nearest.Assign(ctx, decoded.X)
	if err != nil {
		return nil, err
	}
	cell, err := c.Cells.Assign(ctx, x)
	if err != nil {
		return nil, err
	}
	c.compare(z, y, d, basin, cell)
	return c, nil
}

// compare takes the means over the points z.
func (c *BasinComparison) compare(z, y []float64, d int, basin, cell []int32) {
	c.FlowMasses = make([]float64, len(y)/d)
	var moved, excess mean
	for i, k := range basin {
		c.FlowMasses[k] += 1 / float64(c.N)
		j := cell[i]
		if j == k {
			moved.add(0)
			excess.add(0)
			continue
		}
		x := z[i*d : (i+1)*d]
		moved.add(1)
		excess.add(square(x, y[int(k)*d:int(k+1)*d]) - c.Cells.Psi[k] - square(x, y[int(j)*d:int(j+1)*d]) + c.Cells.Psi[j])
	}
	c.Moved, c.MovedError = moved.estimate()
	c.Excess, c.ExcessError = excess.estimate()
	c.OptimalCost = c.Cells.Cost
	c.FlowCost = c.OptimalCost + c.Excess
}

// mean is Welford's running mean and sum of squares about it.
type mean struct{ n, m, s float64 }

func (a *mean) add(v float64) {
	a.n++
	e := v - a.m
	a.m += e / a.n
	a.s += e * (v - a.m)
}

// estimate returns the mean and its standard error.
func (a *mean) estimate() (value, stderr float64) { return a.m, math.Sqrt(a.s / (a.n * (a.n - 1))) }

func square(x, y []float64) float64 {
	var s float64
	for t, v := range x {
		s += (v - y[t]) * (v - y[t])
	}
	return s
}

// reach is the largest distance of a row of y [n, d] with weight from their mean.
func reach(y, w []float64, d int) float64 {
	centre := make([]float64, d)
	for j, b := range w {
		for t, v := range y[j*d : (j+1)*d] {
			centre[t] += b * v
		}
	}
	r := 0.
	for j, b := range w {
		if b > 0 {
			r = max(r, square(centre, y[j*d:(j+1)*d]))
		}
	}
	return math.Sqrt(r)
}
