package flow

import (
	"context"
	"math"

	"monge/engine"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

// inSpan takes the points through the flow of a law of few points in many dimensions: in their span, where the law
// is one of points in fewer dimensions, and by a factor orthogonal to it, where it is N(0, h² I). What moves with the
// origin c alone, alpha c, is taken out before and added again. The result is nil where the law has no such span. Tolerances
// hold for the coordinates in the span, which are fewer and no smaller than those of the points.
func (w *work) inSpan(ctx context.Context, e engine.Engine, t engine.Dtype, law dist.Distribution, s *Settings) (*Result, error) {
	spanner, ok := law.(dist.Spanner)
	if !ok || w.Jacobian || w.n == 0 {
		return nil, nil
	}
	span, err := spanner.Span(ctx, e)
	if span == nil || err != nil {
		return nil, err
	}
	first, last := 1., w.horizonAlpha()
	if w.dir < 0 {
		first, last = last, first
	}
	var inner Settings
	if s != nil {
		inner = *s
	}
	points, err := span.Coordinates(ctx, e, w.points, first)
	if err != nil {
		return nil, err
	}
	tangents, err := span.Coordinates(ctx, e, w.tangents, 0)
	if err != nil {
		return nil, err
	}
	if r := span.Law.Dim(); w.Tangents != nil {
		inner.Tangents = tensor.New(tensor.WithShape(w.n, w.given, r), tensor.WithBacking(tangents))
	}
	res, err := flow(ctx, e, t, span.Law, span.Tensor(points), &inner, w.dir)
	if err != nil {
		return nil, err
	}
	factor, err := w.orthogonal(ctx, e, span.Law.Bandwidth(), inner)
	if err != nil {
		return nil, err
	}
	out := &Result{LogP: res.LogP, Stats: res.Stats}
	for i := range out.LogP {
		out.LogP[i] += w.orthogonalDensity(span, i, first, factor, points)
	}
	moved, _, _, err := engine.Matrix(res.X)
	if err != nil {
		return nil, err
	}
	x := make([]float64, len(w.points))
	for i, v := range w.points {
		x[i] = v - first*span.Origin[i%w.d]
	}
	if err := lift(ctx, e, span, x, factor, moved, points); err != nil {
		return nil, err
	}
	for i := range x {
		x[i] += last * span.Origin[i%w.d]
	}
	out.X = engine.Points(x, w.n, w.d)
	if w.Tangents != nil {
		v := append([]float64(nil), w.tangents...)
		if err := lift(ctx, e, span, v, factor, res.Tangents.Data().([]float64), tangents); err != nil {
			return nil, err
		}
		out.Tangents = tensor.New(tensor.WithShape(w.n, w.given, w.d), tensor.WithBacking(v))
	}
	return out, nil
}

// lift replaces rows x by factor x + the basis's rows times (to - factor from), coordinates in the span.
func lift(ctx context.Context, e engine.Engine, span *dist.Span, x []float64, factor float64, to, from []float64) error {
	c := append([]float64(nil), to...)
	for i, v := range from {
		c[i] -= factor * v
	}
	return span.Lift(ctx, e, x, factor, c)
}

// horizonAlpha is alpha at the horizon, of variance preserving states.
func (w *work) horizonAlpha() float64 {
	if w.limit() {
		return 0
	}
	return math.Cos(w.theta1)
}

// orthogonal returns what the flow of N(0, h²) multiplies points by.
func (w *work) orthogonal(ctx context.Context, e engine.Engine, h float64, s Settings) (float64, error) {
	c, err := dist.Isotropic(1, h*h)
	if err != nil {
		return 0, err
	}
	law, err := dist.NewGaussian([]float64{0}, c)
	if err != nil {
		return 0, err
	}
	s.Tangents, s.LogP, s.Progress = nil, false, nil
	r, err := flow(ctx, e, engine.F64, law, engine.Points([]float64{1}, 1, 1), &s, w.dir)
	if err != nil {
		return 0, err
	}
	return r.X.Data().([]float64)[0], nil
}

// orthogonalDensity is row i's log density of N(0, h² I) orthogonal to the span, at the data end.
func (w *work) orthogonalDensity(span *dist.Span, i int, shift, factor float64, coordinates []float64) float64 {
	r := span.Law.Dim()
	square := 0.0
	for t, v := range w.points[i*w.d : (i+1)*w.d] {
		v -= shift * span.Origin[t]
		square += v * v
	}
	for _, c := range coordinates[i*r : (i+1)*r] {
		square -= c * c
	}
	square = max(0, square)
	if w.dir < 0 {
		square *= factor * factor
	}
	h := span.Law.Bandwidth()
	return -square/(2*h*h) - float64(w.d-r)/2*math.Log(2*math.Pi*h*h)
}
