package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/bound"
	"monge/engine/report"
	"monge/engine/study"

	"github.com/spf13/cobra"
)

// boundJSON is the result of bound.
type boundJSON struct {
	Schema    string             `json:"schema"`
	D         int                `json:"d"`
	JSM       number             `json:"j_sm"`
	JSMError  number             `json:"j_sm_error"`
	JDSM      number             `json:"j_dsm"`
	SDE       sideJSON           `json:"sde"`
	ODE       sideJSON           `json:"ode"`
	Posterior number             `json:"posterior"`
	W2        distancesJSON      `json:"w2"`
	Bias      distancesJSON      `json:"w2_bias"`
	Lipschitz boundLipschitzJSON `json:"lipschitz"`
	Status    string             `json:"status"`
	Seconds   number             `json:"seconds"`
	Engine    engineJSON         `json:"engine"`
}

type sideJSON struct {
	W2           number `json:"w2"`
	Theorem      number `json:"theorem"`
	Corollary    number `json:"corollary"`
	Offset       number `json:"offset"`
	LogIntercept number `json:"log_intercept"`
	LogTheorem   number `json:"log_theorem"`
	LogCorollary number `json:"log_corollary"`
	LogOffset    number `json:"log_offset"`
}

type distancesJSON struct {
	Exact    number `json:"exact"`
	Sliced   number `json:"sliced"`
	Entropic number `json:"entropic"`
	N        count  `json:"n"`
}

type boundLipschitzJSON struct {
	Method string `json:"method"`
	Max    number `json:"max"`
}

// Statuses of bound: every number is a bound, or L_s is estimated from below, or time is discrete.
const (
	statusProved    = "bound"
	statusEstimated = "estimate"
)

type boundFlags struct {
	dist, out, plot string
}

func newBound(a *app) *cobra.Command {
	var f boundFlags
	c := &cobra.Command{
		Use:   "bound FILE.toml",
		Short: "Bound the Wasserstein distance between a score model's samples and the data",
		Long: `Bound W2 between the samples of a score model and the data by the model's loss: for the reverse stochastic equation
and for the probability-flow ODE, and measure the distance itself.

    [data]                    # as --dist; or name = "moons"
    kind = "gaussian"
    mean = [0.0]
    cov = [[0.25]]
    [schedule]                # linear: beta0, beta1, T; discrete: betas, or steps, min, max, shape = "sigmoid"
    kind = "linear"
    [model]                   # exact; scaled (delta); network (file = "w.safetensors", or train = {epochs = 100, ..})
    kind = "scaled"
    delta = 0.05
    [start]                   # normal; marginal: the model starts from the noised data
    kind = "normal"
    [estimate]                # lipschitz = analytic, pairs (spacing, of a grid), power; samples, clouds, steps, seed
    lipschitz = "analytic"

J is summed over the coordinates. status is "bound" where every number is one, "estimate" where the Lipschitz constants
are estimated from below (pairs, power) or time is discrete: the theorem's integrals are then sums over the steps, which
leave out the steps' own error. The measured distances of clouds are above 0 for equal laws: w2_bias says by
how much.`,
		Example: `  monge bound gaussian.toml
  monge bound gaussian.toml --dist gaussian:d=64
  monge bound moons.toml --json -o moons.json`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&f.dist, "dist", "", "distribution in place of the file's [data]")
	c.Flags().StringVarP(&f.out, "out", "o", "", "file for the JSON result")
	c.Flags().StringVar(&f.plot, "plot", "", "PNG of the distance against the loss, stop by stop where a network is trained")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		return f.run(ctx, a, args[0], c.Flags().Changed("seed"))
	})
	return c
}

func (f *boundFlags) run(ctx context.Context, a *app, path string, seeded bool) error {
	began := time.Now()
	spec, err := f.read(a, path)
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := a.out.declareFile(f.out); err != nil {
			return err
		}
	}
	if f.plot != "" {
		if err := a.out.declareFile(f.plot, ".png"); err != nil {
			return err
		}
	}
	if n := spec.Network; n != nil && n.Train != nil && n.Train.Save != "" {
		if err := a.out.declareFile(n.Train.Save, ".safetensors"); err != nil {
			return err
		}
	}
	s := spec.Settings
	if seeded {
		s.Seed = a.seed
	}
	s.Dtype = a.dtype()
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)
	network, stops, r, err := f.estimate(ctx, a, e, spec, s, seeded)
	if err != nil {
		return err
	}
	j := f.result(e, s.Dtype, r)
	j.Seconds = number(time.Since(began).Seconds())
	err = a.out.save(ctx, func(o *arrayio.Outputs) error {
		if n := spec.Network; n != nil && n.Train != nil && n.Train.Save != "" {
			if err := o.Add(n.Train.Save, network.Save); err != nil {
				return err
			}
		}
		if f.plot != "" {
			figure := f.figure(path, r, stops)
			if err := o.Add(f.plot, func(w io.Writer) error { return report.Figures(w, "monge bound", []study.Figure{figure}) }); err != nil {
				return err
			}
		}
		if f.out == "" {
			return nil
		}
		return writeJSON(o, f.out, j)
	})
	if err != nil {
		return err
	}
	return a.print(j, f.table(a, j, r))
}

// read reads the specification.
func (f *boundFlags) read(a *app, path string) (*bound.Spec, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	spec, err := bound.Parse(path, text, a.array)
	if err != nil {
		return nil, usage(err)
	}
	for _, w := range spec.Warnings {
		a.warn("%s", w)
	}
	if f.dist != "" {
		l, err := a.law(f.dist)
		if err != nil {
			return nil, err
		}
		spec.Law = l.law
	}
	return spec, nil
}

// estimate makes the model, by reading or training its network, and the estimate; stops are those of a training that is
// to be plotted.
func (f *boundFlags) estimate(ctx context.Context, a *app, e engine.Engine, spec *bound.Spec, s bound.Settings, seeded bool) (*bound.Network, []bound.Stop, *bound.Result, error) {
	var m *bound.Network
	var err error
	switch n := spec.Network; {
	case n == nil:
	case n.Train != nil:
		t := *n.Train
		if seeded {
			t.Seed = a.seed
		}
		if f.plot != "" {
			return bound.Trace(ctx, e, spec.Process, spec.Law, t, s, a.bar.of("training"))
		}
		if kept := a.checkpoint(); kept != nil {
			t.Resume, t.Keep = keeper[bound.TrainState](a, kept, "training")
		}
		progress := a.bar.of("training")
		m, err = bound.Train(ctx, spec.Process, spec.Law, t, func(epoch, epochs int, _ *bound.Network) error {
			progress(epoch, epochs)
			return nil
		})
	default:
		var w arrayio.Weights
		if w, err = arrayio.ReadSafetensors(n.File); err != nil {
			return nil, nil, nil, err
		}
		if m, err = bound.FromWeights(w, spec.Law.Dim(), len(spec.Process.Times())); err != nil {
			err = usagef("%s: %w", n.File, err)
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if m != nil {
		if s.Model, err = m.Model(spec.Process); err != nil {
			return nil, nil, nil, err
		}
	}
	s.Progress = a.bar.of("times")
	r, err := bound.Estimate(ctx, e, spec.Process, spec.Law, s)
	return m, nil, r, err
}

// figure plots the stops of a training, or the one model: its distance and its bounds over the loss J_SM.
func (f *boundFlags) figure(path string, r *bound.Result, stops []bound.Stop) study.Figure {
	if stops != nil {
		return study.TrainingFigure(path, stops)
	}
	x := math.Log(r.JSM)
	span := []float64{x - 2, x + 2}
	line := func(name string, s bound.Side) study.Curve {
		return study.Curve{Name: name, X: span, Y: []float64{span[0]/2 + s.LogIntercept, span[1]/2 + s.LogIntercept}, Dashed: true}
	}
	return study.Figure{Title: path, X: "log J_SM", Y: "log W2", Curves: []study.Curve{
		{Name: "measured between clouds", X: []float64{x}, Y: []float64{math.Log(r.Clouds.Exact)}},
		line("SDE, without offset", r.SDE), line("ODE, without offset", r.ODE),
	}}
}

func (f *boundFlags) result(e engine.Engine, t engine.Dtype, r *bound.Result) boundJSON {
	side := func(s bound.Side, w2 float64) sideJSON {
		return sideJSON{
			W2: number(w2), Theorem: number(s.Theorem), Corollary: number(s.Corollary), Offset: number(s.Offset), LogIntercept: number(s.LogIntercept),
			LogTheorem: number(s.LogTheorem), LogCorollary: number(s.LogCorollary), LogOffset: number(s.LogOffset),
		}
	}
	n := r.N
	if n == 0 {
		n = -1
	}
	distances := func(d bound.Distances) distancesJSON {
		return distancesJSON{number(d.Exact), number(d.Sliced), number(d.Entropic), count(n)}
	}
	status := statusEstimated
	if r.Rigorous {
		status = statusProved
	}
	return boundJSON{
		Schema: "monge.bound/1", D: r.Dim, JSM: number(r.JSM), JSMError: number(r.JSMError), JDSM: number(r.JDSM),
		SDE: side(r.SDE, r.SDEW2), ODE: side(r.ODE, r.ODEW2), Posterior: number(r.Posterior),
		W2: distances(r.Clouds), Bias: distances(r.Bias),
		Lipschitz: boundLipschitzJSON{r.Method, number(r.Lipschitz)},
		Status:    status, Engine: describeEngine(e, t),
	}
}

func (f *boundFlags) table(a *app, j boundJSON, r *bound.Result) *report.Table {
	t := a.table()
	t.Section("loss, summed over the coordinates")
	t.Add("J_SM", text(j.JSM), "1/2 int g^2 E |score - model|^2")
	t.Add("J_DSM", text(j.JDSM), "the same with the noise's own score")
	t.Add("L_s", text(j.Lipschitz.Max), "the largest one-sided Lipschitz constant of the model, by "+j.Lipschitz.Method)
	for _, s := range []struct {
		title string
		side  sideJSON
		r     bound.Side
	}{{"reverse stochastic equation", j.SDE, r.SDE}, {"probability-flow ODE", j.ODE, r.ODE}} {
		t.Section("W2(data, samples): " + s.title)
		if text(s.side.W2) != "-" {
			t.Add("exact", text(s.side.W2), "both are Gaussian")
		}
		t.Add("theorem", large(s.side.Theorem, s.r.LogTheorem))
		t.Add("corollary", large(s.side.Corollary, s.r.LogCorollary), "from the loss alone")
		t.Add("offset", large(s.side.Offset, s.r.LogOffset), "the part of both that comes from the start")
		t.Add("log intercept", text(s.side.LogIntercept), "log W2 <= 1/2 log J_SM + this, without the offset")
	}
	if text(j.Posterior) != "-" {
		t.Add("posterior", text(j.Posterior), "Alekseev-Groebner: along the model's own trajectories")
	}
	if r.N > 0 {
		t.Section(fmt.Sprintf("measured between clouds of %d points", r.N))
		t.Add("exact", text(j.W2.Exact), "two clouds of data: "+text(j.Bias.Exact))
		t.Add("entropic", text(j.W2.Entropic), "two clouds of data: "+text(j.Bias.Entropic))
		t.Add("sliced", text(j.W2.Sliced), "two clouds of data: "+text(j.Bias.Sliced))
	}
	t.Section("run")
	t.Add("status", j.Status, reason(r))
	t.Add("seconds", text(j.Seconds), "in all")
	if f.out != "" {
		t.Add("wrote", f.out)
	}
	return t
}

// reason says what the status rests on.
func reason(r *bound.Result) string {
	switch {
	case r.Rigorous:
		return "upper bounds"
	case r.Method == bound.Analytic:
		return "the theorem's integrals are sums over the steps, whose own error they leave out: no proof"
	}
	return "L_s is estimated from below: no proof"
}

// large shows a number, or its logarithm where it is beyond the range of float64.
func large(v number, log float64) string {
	if math.IsInf(float64(v), 1) && !math.IsInf(log, 0) {
		return fmt.Sprintf("exp(%.6g)", log)
	}
	return text(v)
}
