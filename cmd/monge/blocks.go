package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/sweep"

	"gorgonia.org/tensor"
)

// block is a part of a flow's rows that is done.
type block struct {
	X, Jacobian, Tangents, LogP []float64
	Stats                       flow.Stats
}

// blockSeconds is about what a block takes, and so the most that is lost.
const blockSeconds = 10

// checkpoint is the run's, nil where there is none.
func (a *app) checkpoint() *sweep.Checkpoint {
	if a.service.checkpoint == "" {
		return nil
	}
	return &sweep.Checkpoint{Dir: a.service.checkpoint, Version: version()}
}

// keeping returns the flow f in blocks of rows, each kept when it is done: a run that was stopped goes on with the first
// that is not. A row's result does not depend on the other rows, so the bits are those of f. Flows are told apart by the
// order in which a run calls them. Without a checkpoint it is f.
func (a *app) keeping(f integrate) integrate {
	kept := a.checkpoint()
	if kept == nil {
		return f
	}
	calls := 0
	return func(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, s *flow.Settings) (*flow.Result, error) {
		calls++
		data, n, d, err := engine.Matrix(x)
		if err != nil {
			return nil, err
		}
		if s == nil {
			s = new(flow.Settings)
		}
		rows := blockRows(law, s)
		if rows >= n {
			return f(ctx, e, t, law, x, s)
		}
		began := time.Now()
		var parts []block
		for lo := 0; lo < n; lo += rows {
			hi := min(n, lo+rows)
			name := fmt.Sprintf("flow-%d-row-%d", calls, lo)
			var b block
			if !kept.Load(name, &b) {
				one := *s
				if v := s.Tangents; v != nil {
					p := v.Shape()[1]
					one.Tangents = tensor.New(tensor.WithShape(hi-lo, p, d), tensor.WithBacking(v.Data().([]float64)[lo*p*d:hi*p*d:hi*p*d]))
				}
				if s.Progress != nil {
					one.Progress = func(done, _ int) { s.Progress(lo+done, n) }
				}
				r, err := f(ctx, e, t, law, engine.Points(slices.Clone(data[lo*d:hi*d]), hi-lo, d), &one)
				if err != nil {
					return nil, offset(err, lo)
				}
				b = block{X: numbers(r.X), Jacobian: numbers(r.Jacobian), Tangents: numbers(r.Tangents), LogP: r.LogP, Stats: r.Stats}
				if err := kept.Save(name, b); err != nil { // the run itself may still end well
					a.warn("%v", err)
				}
			}
			parts = append(parts, b)
		}
		return join(parts, s, n, d, time.Since(began)), nil
	}
}

// blockRows returns how many rows take about blockSeconds.
func blockRows(law dist.Distribution, s *flow.Settings) int {
	c := &call{flags: map[string]string{"steps": fmt.Sprint(s.Steps)}}
	width := 1.
	if s.Jacobian {
		width += float64(law.Dim())
	}
	if s.Tangents != nil {
		width += float64(s.Tangents.Shape()[1])
	}
	row := c.flow([2]float64{float64(law.Dim()), dist.Work(law)}) * width
	return int(math.Max(16, blockSeconds*sweep.ModelRate/row))
}

// numbers returns a tensor's, nil where there is none.
func numbers(t *tensor.Dense) []float64 {
	if t == nil {
		return nil
	}
	return t.Data().([]float64)
}

// offset counts the row of an error from the first of all.
func offset(err error, lo int) error {
	var d *engine.DivergedError
	if errors.As(err, &d) {
		d.Row += lo
	}
	return err
}

// join puts blocks together. Evaluations are halves of integers, so that sums of them are exact.
func join(parts []block, s *flow.Settings, n, d int, elapsed time.Duration) *flow.Result {
	var all block
	var evaluations float64
	for _, b := range parts {
		all.X, all.Jacobian = append(all.X, b.X...), append(all.Jacobian, b.Jacobian...)
		all.Tangents, all.LogP = append(all.Tangents, b.Tangents...), append(all.LogP, b.LogP...)
		evaluations += math.Round(2*b.Stats.NFEMean*float64(len(b.X)/d)) / 2
		all.Stats.NFEMax = math.Max(all.Stats.NFEMax, b.Stats.NFEMax)
		all.Stats.Rejected += b.Stats.Rejected
	}
	all.Stats.NFEMean = evaluations / float64(n)
	all.Stats.Elapsed, all.Stats.Seconds = elapsed, elapsed.Seconds()
	r := &flow.Result{X: engine.Points(all.X, n, d), LogP: all.LogP, Stats: all.Stats}
	if s.Jacobian {
		r.Jacobian = tensor.New(tensor.WithShape(n, d, d), tensor.WithBacking(all.Jacobian))
	}
	if s.Tangents != nil {
		r.Tangents = tensor.New(tensor.WithShape(n, s.Tangents.Shape()[1], d), tensor.WithBacking(all.Tangents))
	}
	return r
}
