package flow

import (
	"context"
	"fmt"
	"slices"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// densityRows is the count of rows that LogDensity asks for at a time: a cancelled context waits no longer.
const densityRows = 1024

// LogDensity returns ln p(x) of points x [N, D] under the law itself, from its closed form: what
// Settings.LogP finds by the integral of the divergence along the flow,
//
//	ln p(x) = ln N(E(x); 0, I) + int div v du.
//
// Its errors are those of Encode.
func LogDensity(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, x *tensor.Dense) ([]float64, error) {
	points, n, d, err := engine.Matrix(x)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	if d != law.Dim() {
		return nil, fmt.Errorf("flow: points in %d dimensions, the law is in %d: %w", d, law.Dim(), engine.ErrShape)
	}
	f, mean, err := dist.BindCentred(law, e, t)
	if err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	defer f.Free()
	mem := arena{e: e}
	defer mem.free()
	rows := max(1, min(n, densityRows))
	coef, pts := mem.stage(t, rows, 0, engine.CoefCount), mem.alloc(t, rows, 0, d)
	logp := mem.alloc(t, rows, 0, 1)
	if mem.err != nil {
		return nil, fmt.Errorf("flow: %w", mem.err)
	}
	for i := range rows { // the data end: alpha = 1, sigma = 0
		coef.row(i)[engine.CoefAlpha] = 1
	}
	out := make([]float64, n)
	for lo := 0; lo < n; lo += rows {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
		m := min(rows, n-lo)
		part := slices.Clone(points[lo*d : (lo+m)*d])
		for i := range part {
			if mean != nil {
				part[i] -= mean[i%d]
			}
		}
		if err := e.Write(pts.base, 0, part); err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
		c, err := coef.push(e, m)
		if err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
		if err := f.Eval(&dist.Request{Coef: c, X: pts.rows(m), LogP: logp.rows(m)}); err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
		if err := e.Read(out[lo:lo+m], logp.base, 0); err != nil {
			return nil, fmt.Errorf("flow: %w", err)
		}
	}
	return out, nil
}
