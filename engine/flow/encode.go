package flow

import (
	"context"
	"fmt"
	"math"
	"time"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// Encode moves points x [N, D] from the data to the latent end of the law's probability-flow ODE
//
//	dx/du = alpha' E[x0|x] + sigma' E[e|x],
//
// or to the horizon Settings.Tau, and returns variance preserving states there. A row's result does not
// depend on the other rows. nil s means the defaults.
//
// It returns errors that wrap ErrSettings, engine.ErrShape, engine.ErrOutOfMemory, engine.ErrDiverged
// (an *engine.DivergedError names the row) and the context's own error.
func Encode(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, s *Settings) (*Result, error) {
	return flow(ctx, e, t, law, x, s, +1)
}

// Decode is the inverse of Encode: latent points go to data. Its Jacobian is the decoder's, and LogP is the
// log density of the points that it produced.
func Decode(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, z *tensor.Dense, s *Settings) (*Result, error) {
	return flow(ctx, e, t, law, z, s, -1)
}

func flow(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense, s *Settings, dir float64) (*Result, error) {
	began := time.Now()
	if t != engine.F64 && t != engine.F32 {
		return nil, fmt.Errorf("flow: states of type %v: %w", t, engine.ErrDtype)
	}
	p, err := newPlan(s, t, dir)
	if err != nil {
		return nil, err
	}
	points, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	if d != law.Dim() {
		return nil, fmt.Errorf("flow: points in %d dimensions, the law is in %d: %w", d, law.Dim(), engine.ErrShape)
	}
	w := &work{plan: p, n: n, d: d, points: points}
	if err := w.readTangents(); err != nil {
		return nil, err
	}
	for i, v := range points {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("flow: coordinate %d is not finite: %w", i%d, &engine.DivergedError{Row: i / d, Time: p.theta((&run{plan: p}).start())})
		}
	}
	res, err := w.inSpan(ctx, e, t, law, s)
	if res == nil && err == nil {
		res, err = w.everywhere(ctx, e, t, law)
	}
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	res.Stats.Elapsed = time.Since(began)
	res.Stats.Seconds = res.Stats.Elapsed.Seconds()
	return res, nil
}

// everywhere takes the points through the flow in all dimensions of the law.
func (w *work) everywhere(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution) (*Result, error) {
	f, mean, err := dist.BindCentred(law, e, t)
	if err != nil {
		return nil, err
	}
	defer f.Free()
	w.mean, w.width = mean, dist.Width(law)
	w.results()
	if err := w.all(ctx, e, t, f); err != nil {
		return nil, err
	}
	return w.result(), nil
}
