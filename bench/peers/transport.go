package main

import (
	"context"
	"fmt"

	"monge/engine"
	"monge/engine/ot"

	"gorgonia.org/tensor"
)

// clouds reads x and y.
func (s *session) clouds() (x, y *tensor.Dense, err error) {
	a, err := s.read("x")
	if err != nil {
		return nil, nil, err
	}
	b, err := s.read("y")
	if err != nil {
		return nil, nil, err
	}
	if len(a.Shape) != 2 || len(b.Shape) != 2 {
		return nil, nil, fmt.Errorf("clouds of shapes %v and %v: %w", a.Shape, b.Shape, engine.ErrShape)
	}
	return a.Points(), b.Points(), nil
}

// settings are Sinkhorn's: so many iterations from G = 0 without a schedule, or until the tolerance with one.
func (s *session) settings() (ot.SinkhornSettings, error) {
	t, err := s.dtype()
	q := ot.SinkhornSettings{Eps: s.req.Eps, Dtype: t, Tol: s.req.Tol}
	if s.req.Iterations > 0 {
		q.Tol, q.MaxIter, q.NoSchedule = -1, s.req.Iterations, true
	}
	return q, err
}

// sinkhornJob solves one entropic problem; its bracket is part of it.
type sinkhornJob struct {
	e        engine.Engine
	c        ot.Clouds
	settings ot.SinkhornSettings
	r        *ot.Result
}

func newSinkhorn(s *session) (job, error) {
	x, y, err := s.clouds()
	if err != nil {
		return nil, err
	}
	q, err := s.settings()
	return &sinkhornJob{e: s.e, c: ot.Clouds{X: x, Y: y}, settings: q}, err
}

func (j *sinkhornJob) run(ctx context.Context) (err error) {
	j.r, err = ot.Sinkhorn(ctx, j.e, j.c, &j.settings)
	return err
}

func (j *sinkhornJob) outcome() (outcome, error) {
	return outcome{
		values: map[string]float64{"cost": j.r.Cost, "iterations": float64(j.r.Iterations), "lower": j.r.Lower, "upper": j.r.Upper},
		notes:  map[string]string{"note": j.r.Note, "status": string(j.r.Status)},
		arrays: map[string][]float64{"f": j.r.F, "g": j.r.G},
	}, nil
}

func (j *sinkhornJob) free() {}

// batchJob solves x [B, n, d] against y [B, m, d].
type batchJob struct {
	e        engine.Engine
	problems []ot.Clouds
	settings ot.SinkhornSettings
	r        []*ot.Result
}

func newSinkhornBatch(s *session) (job, error) {
	x, err := s.read("x")
	if err != nil {
		return nil, err
	}
	y, err := s.read("y")
	if err != nil {
		return nil, err
	}
	if len(x.Shape) != 3 || len(y.Shape) != 3 || x.Shape[0] != y.Shape[0] || x.Shape[2] != y.Shape[2] {
		return nil, fmt.Errorf("batches of shapes %v and %v: %w", x.Shape, y.Shape, engine.ErrShape)
	}
	j := &batchJob{e: s.e}
	n, m, d := x.Shape[1], y.Shape[1], x.Shape[2]
	for b := range x.Shape[0] {
		j.problems = append(j.problems, ot.Clouds{
			X: engine.Points(x.Data[b*n*d:(b+1)*n*d], n, d),
			Y: engine.Points(y.Data[b*m*d:(b+1)*m*d], m, d),
		})
	}
	j.settings, err = s.settings()
	return j, err
}

func (j *batchJob) run(ctx context.Context) (err error) {
	j.r, err = ot.SinkhornBatch(ctx, j.e, j.problems, &j.settings)
	return err
}

func (j *batchJob) outcome() (outcome, error) {
	o := outcome{arrays: map[string][]float64{}}
	for _, r := range j.r {
		o.arrays["f"] = append(o.arrays["f"], r.F...)
		o.arrays["g"] = append(o.arrays["g"], r.G...)
	}
	if len(j.r) > 0 {
		o.notes = map[string]string{"note": j.r[0].Note}
	}
	return o, nil
}

func (j *batchJob) free() {}

// exactJob solves the assignment problem, with the proof.
type exactJob struct {
	e engine.Engine
	c ot.Clouds
	r *ot.Result
}

func newExact(s *session) (job, error) {
	x, y, err := s.clouds()
	return &exactJob{e: s.e, c: ot.Clouds{X: x, Y: y}}, err
}

func (j *exactJob) run(ctx context.Context) (err error) {
	j.r, err = ot.Exact(ctx, j.c, &ot.ExactSettings{Engine: j.e})
	return err
}

func (j *exactJob) outcome() (outcome, error) {
	return outcome{
		values: map[string]float64{"cost": j.r.Cost, "lower": j.r.Lower},
		notes:  map[string]string{"note": j.r.Note, "status": string(j.r.Status)},
	}, nil
}

func (j *exactJob) free() {}

// certifyJob brackets the pairing of row i with row i.
type certifyJob struct {
	e    engine.Engine
	x, y *tensor.Dense
	c    *ot.Certificate
}

func newCertify(s *session) (job, error) {
	x, y, err := s.clouds()
	return &certifyJob{e: s.e, x: x, y: y}, err
}

func (j *certifyJob) run(ctx context.Context) (err error) {
	j.c, err = ot.Certify(ctx, j.x, j.y, &ot.CertifySettings{Engine: j.e})
	return err
}

func (j *certifyJob) outcome() (outcome, error) {
	return outcome{
		values: map[string]float64{"cost": j.c.Cost, "lower": j.c.Lower, "upper": j.c.Upper, "passes": float64(j.c.Passes), "relative": j.c.RelativeUpper},
		notes:  map[string]string{"note": j.c.Note},
	}, nil
}

func (j *certifyJob) free() {}
