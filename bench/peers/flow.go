package main

import (
	"context"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// law makes the law of the arrays: a mixture of weights [K], means [K, d] and covs [K, d, d]; a Gaussian of mean
// [d], eigenvalues [d] and reflections [R, d]; or points [N, d] with the request's bandwidth.
func (s *session) law() (dist.Distribution, error) {
	switch {
	case s.has("weights"):
		return s.mixture()
	case s.has("eigenvalues"):
		return s.gaussian()
	}
	points, err := s.read("points")
	if err != nil {
		return nil, err
	}
	if len(points.Shape) != 2 {
		return nil, fmt.Errorf("points of shape %v: %w", points.Shape, engine.ErrShape)
	}
	return dist.NewPoints(points.Points(), nil, s.req.Bandwidth)
}

func (s *session) mixture() (dist.Distribution, error) {
	weights, err := s.read("weights")
	if err != nil {
		return nil, err
	}
	means, err := s.read("means")
	if err != nil {
		return nil, err
	}
	covs, err := s.read("covs")
	if err != nil {
		return nil, err
	}
	k := len(weights.Data)
	if len(means.Shape) != 2 || len(covs.Shape) != 3 || means.Shape[0] != k || covs.Shape[0] != k {
		return nil, fmt.Errorf("%d weights, means of shape %v, covariances of shape %v: %w", k, means.Shape, covs.Shape, engine.ErrShape)
	}
	d := means.Shape[1]
	m, c := make([][]float64, k), make([]*dist.Covariance, k)
	for i := range k {
		m[i] = means.Data[i*d : (i+1)*d]
		if c[i], err = dist.Full(mat.NewSymDense(d, covs.Data[i*d*d:(i+1)*d*d])); err != nil {
			return nil, err
		}
	}
	return dist.NewMixture(weights.Data, m, c)
}

func (s *session) gaussian() (dist.Distribution, error) {
	mean, err := s.read("mean")
	if err != nil {
		return nil, err
	}
	values, err := s.read("eigenvalues")
	if err != nil {
		return nil, err
	}
	reflections, err := s.read("reflections")
	if err != nil {
		return nil, err
	}
	d := len(mean.Data)
	var v [][]float64
	for i := 0; i < len(reflections.Data); i += d {
		v = append(v, reflections.Data[i:min(i+d, len(reflections.Data))])
	}
	c, err := dist.Reflected(values.Data, v)
	if err != nil {
		return nil, err
	}
	return dist.NewGaussian(mean.Data, c)
}

// encodeJob encodes x [N, d], with tangents [N, P, d] where there are any.
type encodeJob struct {
	e        engine.Engine
	t        engine.Dtype
	law      dist.Distribution
	x        *tensor.Dense
	settings flow.Settings
	r        *flow.Result
}

func newEncode(s *session) (job, error) {
	t, err := s.dtype()
	if err != nil {
		return nil, err
	}
	j := &encodeJob{e: s.e, t: t, settings: flow.Settings{Method: s.req.Method, Atol: s.req.Tol, Rtol: -1}}
	if j.law, err = s.law(); err != nil {
		return nil, err
	}
	x, err := s.read("x")
	if err != nil {
		return nil, err
	}
	if len(x.Shape) != 2 {
		return nil, fmt.Errorf("points of shape %v: %w", x.Shape, engine.ErrShape)
	}
	j.x = x.Points()
	if s.has("tangents") {
		v, err := s.read("tangents")
		if err != nil {
			return nil, err
		}
		j.settings.Tangents = tensor.New(tensor.WithShape(v.Shape...), tensor.WithBacking(v.Data))
	}
	return j, nil
}

func (j *encodeJob) run(ctx context.Context) (err error) {
	j.r, err = flow.Encode(ctx, j.e, j.t, j.law, j.x, &j.settings)
	return err
}

func (j *encodeJob) outcome() (outcome, error) {
	o := outcome{
		values: map[string]float64{"evaluations": j.r.Stats.NFEMean, "most": j.r.Stats.NFEMax},
		arrays: map[string][]float64{"z": j.r.X.Data().([]float64)},
	}
	if j.r.Tangents != nil {
		o.arrays["jv"] = j.r.Tangents.Data().([]float64)
	}
	return o, nil
}

func (j *encodeJob) free() {}

// scoreJob is one evaluation of E[x0 | x] for the rows of x at one time. The law and x lie on the engine before.
type scoreJob struct {
	e         engine.Engine
	field     dist.Field
	coef, x   engine.Buffer
	posterior engine.Buffer
}

func newScore(s *session) (_ job, err error) {
	t, err := s.dtype()
	if err != nil {
		return nil, err
	}
	law, err := s.law()
	if err != nil {
		return nil, err
	}
	x, err := s.read("x")
	if err != nil {
		return nil, err
	}
	if len(x.Shape) != 2 || x.Shape[1] != law.Dim() {
		return nil, fmt.Errorf("points of shape %v: %w", x.Shape, engine.ErrShape)
	}
	j := &scoreJob{e: s.e}
	defer func() {
		if err != nil {
			j.free()
		}
	}()
	if j.field, err = law.Bind(s.e, t); err != nil {
		return nil, err
	}
	n, d := x.Shape[0], x.Shape[1]
	for _, b := range []struct {
		to *engine.Buffer
		d  int
	}{{&j.coef, engine.CoefCount}, {&j.x, d}, {&j.posterior, d}} {
		if *b.to, err = s.e.Alloc(t, 1, n, b.d); err != nil {
			return nil, err
		}
	}
	coef := make([]float64, n*engine.CoefCount)
	for i := 0; i < len(coef); i += engine.CoefCount {
		coef[i+engine.CoefAlpha], coef[i+engine.CoefSigma] = math.Cos(s.req.Angle), math.Sin(s.req.Angle)
		coef[i+engine.CoefMean] = 1
	}
	if err = s.e.Write(j.coef, 0, coef); err != nil {
		return nil, err
	}
	return j, s.e.Write(j.x, 0, x.Data)
}

func (j *scoreJob) run(context.Context) error {
	return j.field.Eval(&dist.Request{Coef: j.coef, X: j.x, V: j.posterior})
}

func (j *scoreJob) outcome() (outcome, error) {
	v := make([]float64, engine.Len(j.posterior))
	err := j.e.Read(v, j.posterior, 0)
	return outcome{arrays: map[string][]float64{"posterior": v}}, err
}

func (j *scoreJob) free() {
	for _, b := range []engine.Buffer{j.coef, j.x, j.posterior} {
		if b != nil {
			b.Free()
		}
	}
	if j.field != nil {
		j.field.Free()
	}
}
