package study

import (
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/rng"

	"gorgonia.org/tensor"
)

// batchCase is E20: on mixtures of almost atoms, where the transition from one component to all of them comes
// at very different times, every sample has its own steps. Its latent is then the same to the bit whatever
// else is in the batch; one step for all of them must follow the hardest sample at every time.
func batchCase(t *trial) error {
	narrow, err := dist.Isotropic(2, 1e-4)
	if err != nil {
		return err
	}
	atoms, err := dist.NewMixture([]float64{.5, .3, .2}, [][]float64{{0, 0}, {3, 0}, {.5, 1.5}}, []*dist.Covariance{narrow})
	if err != nil {
		return err
	}
	clusters, err := dist.Clusters(.0125)
	if err != nil {
		return err
	}
	d := of(t, 64, 3072)
	points, err := dist.NewPoints(spread(of(t, 50, 500), d), nil, .2)
	if err != nil {
		return err
	}
	laws := []namedLaw{{"triangle of atoms", atoms}, {"four clusters", clusters}, {"smoothed points", points}}
	for i, l := range laws {
		if err := t.alone(l.name, l.law); err != nil {
			return err
		}
		if err := t.done(i+1, len(laws)); err != nil {
			return err
		}
	}
	return nil
}

// spread returns n standard normal points of d coordinates.
func spread(n, d int) *tensor.Dense {
	x := make([]float64, n*d)
	rng.Normals(x, 5, lineStream, 0)
	return engine.Points(x, n, d)
}

func (t *trial) alone(name string, law dist.Distribution) error {
	n, d := 24, law.Dim()
	x := t.sample(law, n)
	s := flow.Settings{Rtol: 1e-8, Atol: 1e-8}
	for _, method := range []string{"adams", "dopri5"} {
		s.Method = method
		whole, err := t.encode(law, x, s)
		if err != nil {
			return err
		}
		differ := 0
		for i := range n {
			own, err := t.encode(law, engine.Points(numbers(x)[i*d:(i+1)*d], 1, d), s)
			if err != nil {
				return err
			}
			for k, v := range numbers(own.X) {
				if math.Float64bits(v) != math.Float64bits(numbers(whole.X)[i*d+k]) {
					differ++
				}
			}
		}
		t.row(name+" "+method+": numbers that the batch changes", 0, float64(differ), 0, "of %d", n*d)
	}
	return t.shared(name, law, n)
}

// shared puts the same samples into one row of as many independent blocks: they share their steps then, and
// the tolerance is that of their mean square error.
func (t *trial) shared(name string, law dist.Distribution, n int) error {
	row, err := dist.NewCopies(law, n)
	if err != nil {
		return err
	}
	x := t.sample(law, n)
	ref, err := t.encode(law, x, strict())
	if err != nil {
		return err
	}
	fig := Figure{Title: name + ": steps of one's own", X: "velocity evaluations a sample", Y: "largest error", LogX: true, LogY: true,
		Curves: []Curve{{Name: "a step a sample"}, {Name: "one step for all"}}}
	for tol := 1e-4; tol >= t.within(1e-9, 10); tol /= 10 {
		s := flow.Settings{Rtol: tol, Atol: tol}
		for c, q := range []struct {
			law dist.Distribution
			x   *tensor.Dense
		}{{law, x}, {row, engine.Points(numbers(x), 1, n*law.Dim())}} {
			r, err := t.encode(q.law, q.x, s)
			if err != nil {
				return err
			}
			curve := &fig.Curves[c]
			curve.X, curve.Y = append(curve.X, r.Stats.NFEMean), append(curve.Y, farthest(numbers(r.X), numbers(ref.X)))
		}
	}
	own, all := fig.Curves[0], fig.Curves[1]
	last := len(own.X) - 1
	t.row(name+": evaluations over those of one step for all", .6, own.X[last]/all.X[last], .35,
		"%.0f (largest error %.1g) against %.0f (%.1g)", own.X[last], own.Y[last], all.X[last], all.Y[last])
	t.figure(fig)
	return t.ctx.Err()
}
