package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"monge/engine"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/schedule"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// stepsTable runs flows twice: as the engine's optional interfaces make them ([engine.Stepper] and
// [engine.Trajectories]), and composed of the operations of engine.Engine with the control on the host. In float64 the two
// make the same steps, evaluation for evaluation, and agree to rounding; an engine without the interfaces
// composes both.
func stepsTable() []Case {
	var list []Case
	add := func(name string, law func() (dist.Distribution, error), n int, s flow.Settings, decode bool) {
		list = append(list, Case{Op: "Steps", Name: name, run: func(d *device) error { return d.steps(name, law, n, s, decode) }})
	}
	g1 := func() (dist.Distribution, error) { return dist.G1(), nil }
	g2 := func() (dist.Distribution, error) { return dist.G2(), nil }
	all := flow.Settings{Jacobian: true, LogP: true}
	for _, m := range []string{"adams", "dopri5"} {
		with := func(s flow.Settings) flow.Settings {
			s.Method = m
			return s
		}
		add(m+"-encode", g1, 21, with(flow.Settings{}), false)
		add(m+"-decode", g1, 21, with(flow.Settings{}), true)
		add(m+"-all-encode", g2, 5, with(all), false)
		add(m+"-all-decode", g2, 3, with(all), true)
		add(m+"-horizon", g2, 5, with(flow.Settings{Tau: 2}), false)
		add(m+"-own-bases", ownBases, 5, with(flow.Settings{}), false)
		add(m+"-diagonal", func() (dist.Distribution, error) { return diagonal(3, 3) }, 5, with(flow.Settings{Rtol: 1e-6, Atol: 1e-6}), false)
		add(m+"-own-bases-d7", func() (dist.Distribution, error) { return turned(2, 7, true) }, 3, with(flow.Settings{Rtol: 1e-6, Atol: 1e-6}), false)
		add(m+"-own-bases-d12", func() (dist.Distribution, error) { return turned(3, 12, true) }, 5, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5}), false)
		add(m+"-axes-d27", func() (dist.Distribution, error) { return turned(4, 27, false) }, 3, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5}), true)
		add(m+"-d5", func() (dist.Distribution, error) { return diagonal(3, 5) }, 11, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5}), true)
		add(m+"-axes-d17", func() (dist.Distribution, error) { return turned(3, 17, false) }, 5, with(flow.Settings{Rtol: 1e-4, Atol: 1e-4}), false)
		add(m+"-own-bases-d32", func() (dist.Distribution, error) { return turned(2, 32, true) }, 2, with(flow.Settings{Rtol: 1e-3, Atol: 1e-3}), false)
		add(m+"-all-d5", func() (dist.Distribution, error) { return diagonal(2, 5) }, 3, with(flow.Settings{Rtol: 1e-4, Atol: 1e-4, Jacobian: true, LogP: true}), true)
		add(m+"-all-d9", func() (dist.Distribution, error) { return turned(2, 9, true) }, 2, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5, Jacobian: true, LogP: true}), false)
		add(m+"-all-axes-d10", func() (dist.Distribution, error) { return turned(2, 10, false) }, 2, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5, Jacobian: true, LogP: true}), true)
		add(m+"-d20", func() (dist.Distribution, error) { return diagonal(2, 20) }, 5, with(flow.Settings{Rtol: 1e-5, Atol: 1e-5}), false)
		for _, name := range schedule.Names()[1:] {
			path, err := schedule.ByName(name)
			if err != nil {
				panic(err)
			}
			add(m+"-path-"+name, g1, 3, with(flow.Settings{Path: path, Rtol: 1e-6, Atol: 1e-6}), false)
		}
	}
	for name, s := range map[string]flow.Settings{"adams": {}, "dopri5": {Method: "dopri5"}} {
		list = append(list,
			Case{Op: "Steps", Name: name + "-rows-alone", run: func(d *device) error { return d.stepsAlone(dist.G1(), 40, s) }},
			Case{Op: "Steps", Name: name + "-rows-alone-d20", run: func(d *device) error {
				law, err := diagonal(2, 20)
				if err != nil {
					return err
				}
				s.Rtol, s.Atol = 1e-5, 1e-5
				return d.stepsAlone(law, 7, s)
			}},
			Case{Op: "Steps", Name: name + "-rows-alone-d8", run: func(d *device) error {
				law, err := turned(3, 8, true)
				if err != nil {
					return err
				}
				s.Rtol, s.Atol = 1e-4, 1e-4
				return d.stepsAlone(law, 11, s)
			}},
			Case{Op: "Steps", Name: name + "-broken-row", run: func(d *device) error { return d.stepsBroken(s) }})
	}
	list = append(list, Case{Op: "Steps", Name: "gaussian", run: (*device).stepsGaussian})
	add("heun", g1, 3, flow.Settings{Method: "heun", Rtol: 1e-4, Atol: 1e-4}, false)
	// The slope at the state outlives a rejection: rows that are side by side then want different stages.
	add("heun-d5", func() (dist.Distribution, error) { return diagonal(3, 5) }, 7, flow.Settings{Method: "heun", Rtol: 1e-4, Atol: 1e-4}, false)
	add("heun-d20", func() (dist.Distribution, error) { return diagonal(2, 20) }, 3, flow.Settings{Method: "heun", Rtol: 1e-3, Atol: 1e-3}, false)
	add("rk4", g1, 3, flow.Settings{Method: "rk4", Steps: 13}, false)
	add("rk4-d20", func() (dist.Distribution, error) { return diagonal(2, 20) }, 3, flow.Settings{Method: "rk4", Steps: 13}, true)
	add("euler", g1, 3, flow.Settings{Method: "euler", Steps: 7}, false)
	add("dopri5-steps", g1, 3, flow.Settings{Method: "dopri5", Steps: 9}, false)
	return list
}

// ownBases is a mixture of three components whose covariances share no axes.
func ownBases() (dist.Distribution, error) {
	var covs []*dist.Covariance
	for k := range 3 {
		s, c := math.Sincos(.7 + float64(k))
		l0, l1 := .3, .02*float64(k+1)
		cov, err := dist.Full(mat.NewSymDense(2, []float64{l0*c*c + l1*s*s, (l0 - l1) * s * c, (l0 - l1) * s * c, l0*s*s + l1*c*c}))
		if err != nil {
			return nil, err
		}
		covs = append(covs, cov)
	}
	return dist.NewMixture([]float64{.5, .2, .3}, [][]float64{{0, 0}, {2, 1}, {-1, 1.5}}, covs)
}

// diagonal is a mixture of k components in d dimensions with variances of their own along the axes.
func diagonal(k, d int) (dist.Distribution, error) {
	g := newUneven("diagonal", engine.F64)
	var covs []*dist.Covariance
	var means [][]float64
	for range k {
		mean, vars := make([]float64, d), make([]float64, d)
		for j := range d {
			mean[j], vars[j] = g.Normal(), math.Pow(10, g.Float64()-1)
		}
		cov, err := dist.Diagonal(vars)
		if err != nil {
			return nil, err
		}
		means, covs = append(means, mean), append(covs, cov)
	}
	return dist.NewMixture(nil, means, covs)
}

// turned is a mixture of k components in d dimensions with own axes, or all with the same, made of reflections.
func turned(k, d int, own bool) (dist.Distribution, error) {
	g := newUneven("turned", engine.F64)
	var covs []*dist.Covariance
	var means [][]float64
	mirrors := [][]float64{make([]float64, d), make([]float64, d)}
	for i := range k {
		mean, vars := make([]float64, d), make([]float64, d)
		for j := range d {
			mean[j], vars[j] = g.Normal(), math.Pow(10, g.Float64()-1)
		}
		for _, v := range mirrors {
			if own || i == 0 {
				g.unitVector(v)
			}
		}
		cov, err := dist.Reflected(vars, mirrors)
		if err == nil && own {
			full := mat.NewSymDense(d, nil)
			for a := range d {
				row := make([]float64, d)
				row[a] = 1
				cov.Apply(row, row, func(l float64) float64 { return l })
				for b := a; b < d; b++ {
					full.SetSym(a, b, row[b])
				}
			}
			cov, err = dist.Full(full)
		}
		if err != nil {
			return nil, err
		}
		means, covs = append(means, mean), append(covs, cov)
	}
	return dist.NewMixture(nil, means, covs)
}

// composed is an engine without its optional interfaces.
type composed struct{ engine.Engine }

func (d *device) steps(name string, of func() (dist.Distribution, error), n int, s flow.Settings, decode bool) error {
	law, err := of()
	if err != nil {
		return err
	}
	x := law.Sample(3, n)
	if decode {
		g := newUneven("Steps/"+name, d.t)
		x = engine.Points(g.normals(1, n, law.Dim()).x, n, law.Dim())
	}
	// In float32 rounding moves steps, and with them the count; only the tolerance is common then.
	if d.t == engine.F32 {
		s.Rtol, s.Atol = max(s.Rtol, 1e-5), max(s.Atol, 1e-5)
	}
	run := func(e engine.Engine) (*flow.Result, error) {
		if decode {
			return flow.Decode(context.Background(), e, d.t, law, x, &s)
		}
		return flow.Encode(context.Background(), e, d.t, law, x, &s)
	}
	want, err := run(composed{d.e})
	if err != nil {
		return fmt.Errorf("composed: %w", err)
	}
	for _, e := range ways(d.e) {
		got, err := run(e)
		if err == nil {
			err = sameSteps(got, want, d.t, max(s.Rtol, s.Atol))
		}
		if err != nil {
			return fmt.Errorf("%T: %w", e, err)
		}
	}
	return nil
}

// stepsOnly is an engine without trajectories.
type stepsOnly struct{ engine.Stepper }

// ways returns the engine, and the same with fewer of its optional interfaces.
func ways(e engine.Engine) []engine.Engine {
	if s, ok := e.(engine.Stepper); ok {
		return []engine.Engine{e, stepsOnly{s}}
	}
	return []engine.Engine{e}
}

// sameSteps compares a flow with the composed one.
func sameSteps(got, want *flow.Result, t engine.Dtype, control float64) error {
	// Between steps rounding grows as errors do, a hundred times at the most here.
	tol := 1e-11
	if t == engine.F32 {
		tol = 100 * control
	} else if got.Stats.NFEMean != want.Stats.NFEMean || got.Stats.NFEMax != want.Stats.NFEMax || got.Stats.Rejected != want.Stats.Rejected {
		return fmt.Errorf("%g evaluations a row, %g at most, %d rejected; composed %g, %g, %d", got.Stats.NFEMean, got.Stats.NFEMax, got.Stats.Rejected,
			want.Stats.NFEMean, want.Stats.NFEMax, want.Stats.Rejected)
	}
	if err := near("X", numbers(got.X), numbers(want.X), tol); err != nil {
		return err
	}
	if err := near("Jacobian", numbers(got.Jacobian), numbers(want.Jacobian), tol); err != nil {
		return err
	}
	return near("LogP", got.LogP, want.LogP, tol)
}

// stepsAlone takes rows there and back, all together and one by one: a row's result is the same to the bit.
func (d *device) stepsAlone(law dist.Distribution, n int, s flow.Settings) error {
	ctx, dim := context.Background(), law.Dim()
	there := func(x *tensor.Dense) (*flow.Result, *flow.Result, error) {
		z, err := flow.Encode(ctx, d.e, d.t, law, x, &s)
		if err != nil {
			return nil, nil, err
		}
		back, err := flow.Decode(ctx, d.e, d.t, law, z.X, &s)
		return z, back, err
	}
	x := law.Sample(7, n)
	z, back, err := there(x)
	if err != nil {
		return err
	}
	for _, i := range []int{0, n / 2, n - 1} {
		row := func(x *tensor.Dense) []float64 { return numbers(x)[i*dim : (i+1)*dim] }
		z1, back1, err := there(engine.Points(row(x), 1, dim))
		if err != nil {
			return err
		}
		if err := same(fmt.Sprintf("row %d encoded alone", i), numbers(z1.X), row(z.X)); err != nil {
			return err
		}
		if err := same(fmt.Sprintf("row %d decoded alone", i), numbers(back1.X), row(back.X)); err != nil {
			return err
		}
	}
	return nil
}

// stepsGaussian compares with the closed form of a Gaussian's encoder, (x_j - m_j) / sqrt(l_j), its Jacobian and its density.
func (d *device) stepsGaussian() error {
	mean, vars := []float64{1, -2, .5}, []float64{.3, 2, .05}
	cov, err := dist.Diagonal(vars)
	if err != nil {
		return err
	}
	law, err := dist.NewGaussian(mean, cov)
	if err != nil {
		return err
	}
	x := law.Sample(5, 9)
	var want, jac, logp []float64
	for i, v := range numbers(x) {
		j := i % 3
		if j == 0 {
			logp = append(logp, 0)
		}
		z := (v - mean[j]) / math.Sqrt(vars[j])
		want = append(want, z)
		logp[i/3] -= (z*z + math.Log(2*math.Pi*vars[j])) / 2
		for k := range 3 {
			if k == j {
				jac = append(jac, 1/math.Sqrt(vars[j]))
			} else {
				jac = append(jac, 0)
			}
		}
	}
	for _, method := range []string{"adams", "dopri5"} {
		s := flow.Settings{Method: method, Rtol: 1e-9, Atol: 1e-9, Jacobian: true, LogP: true}
		// Dopri5's global error is some ten tolerances, and the encoder stretches it by up to 1/sqrt(.05); float32
		// has steps of 4e-6 at the least.
		tol := 1e-7
		if d.t == engine.F32 {
			s.Rtol, s.Atol, tol = 1e-5, 1e-5, 1e-3
		}
		for _, e := range append(ways(d.e), composed{d.e}) {
			r, err := flow.Encode(context.Background(), e, d.t, law, x, &s)
			if err == nil {
				err = near("X", numbers(r.X), want, tol)
			}
			if err == nil {
				err = near("Jacobian", numbers(r.Jacobian), jac, tol)
			}
			if err == nil {
				err = near("LogP", r.LogP, logp, tol)
			}
			if err != nil {
				return fmt.Errorf("%s, %T: %w", method, e, err)
			}
		}
	}
	return nil
}

// stepsBroken sends a row where squares are infinite and slopes no numbers: the error names it.
func (d *device) stepsBroken(s flow.Settings) error {
	s.Rtol, s.Atol = 1e-5, 1e-5
	for _, e := range append(ways(d.e), composed{d.e}) {
		_, err := flow.Decode(context.Background(), e, d.t, dist.G1(), engine.Points([]float64{.1, .2, 1e200, 1e200, -.3, 1}, 3, 2), &s)
		var broken *engine.DivergedError
		if !errors.As(err, &broken) || broken.Row != 1 {
			return fmt.Errorf("%T: error %v, want one of row 1", e, err)
		}
	}
	return nil
}

func numbers(x *tensor.Dense) []float64 {
	if x == nil {
		return nil
	}
	return x.Data().([]float64)
}

// near reports a number further from want's than tol of their common size.
func near(name string, got, want []float64, tol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	size := 1.0
	for _, w := range want {
		size = max(size, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol*size) {
			return fmt.Errorf("%s[%d] = %v, want %v within %g", name, i, got[i], w, tol*size)
		}
	}
	return nil
}
