package main

import (
	"context"
	"math"
	"slices"
	"time"

	"monge/engine"

	"gonum.org/v1/gonum/stat"
)

// repeats is how often a size is run; the least time counts.
const repeats = 3

// curve is the time of a workload against one of its sizes.
type curve struct {
	workload string
	fixed    string // the sizes that stay
	axis     string // the one that grows
	expected string // order of the count of operations
	t        engine.Dtype
	sizes    []int
	// prepare makes the inputs of a size, and the run to be timed.
	prepare func(ctx context.Context, e engine.Engine, t engine.Dtype, size int) (run func() error, free func(), err error)

	at, seconds []float64
}

func (c *curve) title() string { return c.workload + " against " + c.axis + ", " + c.t.String() }

// measure runs the sizes until one takes longer than the limit.
func (c *curve) measure(ctx context.Context, e engine.Engine, longest time.Duration) error {
	for _, size := range c.sizes {
		seconds, err := c.time(ctx, e, size)
		if err != nil {
			return err
		}
		c.at, c.seconds = append(c.at, float64(size)), append(c.seconds, seconds)
		if seconds > longest.Seconds() {
			return nil
		}
	}
	return nil
}

// time returns the least seconds of a size, after a run that does not count.
func (c *curve) time(ctx context.Context, e engine.Engine, size int) (float64, error) {
	run, free, err := c.prepare(ctx, e, c.t, size)
	if err != nil {
		return 0, err
	}
	defer free()
	least := math.Inf(1)
	for i := range repeats + 1 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		took, err := engine.Time(e, run)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			least = min(least, took.Seconds())
		}
	}
	return least, nil
}

// order returns the slope of the logarithm of the time against the size's over the upper half of the sizes,
// where what does not grow matters least; NaN for fewer than two.
func (c *curve) order() float64 {
	lo := len(c.at) / 2
	if len(c.at)-lo < 2 {
		lo = max(0, len(c.at)-2)
	}
	if len(c.at)-lo < 2 {
		return math.NaN()
	}
	x, y := slices.Clone(c.at[lo:]), slices.Clone(c.seconds[lo:])
	for i := range x {
		x[i], y[i] = math.Log(x[i]), math.Log(y[i])
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope
}
