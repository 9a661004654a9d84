package main

import (
	"context"
	"fmt"
	"time"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/report"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"
)

// encodeJSON is the result of encode and decode.
type encodeJSON struct {
	Schema  string     `json:"schema"`
	N       int        `json:"n"`
	D       int        `json:"d"`
	Flow    flowJSON   `json:"flow"`
	Cost    number     `json:"cost"` // mean |x - z|^2 of the pairs
	Engine  engineJSON `json:"engine"`
	Seconds number     `json:"seconds"`
}

// integrate is flow.Encode or flow.Decode.
type integrate func(context.Context, engine.Engine, engine.Dtype, dist.Distribution, *tensor.Dense, *flow.Settings) (*flow.Result, error)

func newEncode(a *app) *cobra.Command {
	return newFlowCommand(a, flow.Encode, "encode", &cobra.Command{
		Use:   "encode (--dist D | --data FILE --bandwidth H) X -o Z",
		Short: "Push points through the flow, from data to latents",
		Long: `Push the rows of X through the encoder of a distribution: the flow of its probability-flow ODE, to the
limit tau -> infinity or to --tau. --jacobian writes dz/dx as [N, d, d], --logp the log density of the data
as [N]. --json without any of them gives the numbers alone: evaluations, steps, cost, time.`,
		Example: `  monge encode --dist G1 X.npy -o Z.npy --jacobian J.npy --logp L.npy
  monge encode --data rows.csv --bandwidth 0.3 X.csv -o Z.npy --rtol 1e-10 --atol 1e-10`,
	})
}

func newDecode(a *app) *cobra.Command {
	return newFlowCommand(a, flow.Decode, "decode", &cobra.Command{
		Use:   "decode (--dist D | --data FILE --bandwidth H) Z -o X",
		Short: "Push points back through the flow, from latents to data",
		Long: `Push the rows of Z back through the flow of a distribution, the inverse of encode with the same flags.
--jacobian writes dx/dz as [N, d, d], --logp the log density of the data points as [N].`,
		Example: `  monge decode --dist G1 Z.npy -o X.npy
  monge decode --dist digits Z.npy -o images.npy --method heun --rtol 1e-5 --atol 1e-5`,
	})
}

// flowCommand is encode or decode.
type flowCommand struct {
	name                string
	integrate           integrate
	law                 lawFlags
	flow                flowFlags
	out, jacobian, logp string
}

func newFlowCommand(a *app, f integrate, name string, c *cobra.Command) *cobra.Command {
	p := &flowCommand{name: name, integrate: f}
	c.Args = cobra.ExactArgs(1)
	p.law.add(c)
	c.Flags().StringVarP(&p.out, "out", "o", "", "file for the points (.npy, .npz, .csv, .tsv, .parquet, each with .gz)")
	c.Flags().StringVar(&p.jacobian, "jacobian", "", "file for the Jacobians [N, d, d]")
	c.Flags().StringVar(&p.logp, "logp", "", "file for the log densities at the data end [N]")
	p.flow.add(c)
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, args []string) error { return p.run(ctx, a, c, args[0]) })
	return c
}

// check looks at the flags without opening files.
func (p *flowCommand) check(a *app, c *cobra.Command) (flow.Settings, error) {
	s, err := p.flow.settings(c)
	if err != nil {
		return s, err
	}
	if err := p.law.check(c); err != nil {
		return s, err
	}
	if p.law.dist == "" && p.law.data == "" {
		return s, usagef("%s: want --dist or --data", p.name)
	}
	if p.out == "" && p.jacobian == "" && p.logp == "" && !a.json {
		return s, usagef("%s: no output: want -o FILE, --jacobian FILE or --logp FILE, or --json for the numbers alone", p.name)
	}
	return s, nil
}

// files are the outputs that were asked for, with the ranks of their arrays.
func (p *flowCommand) files() (paths []string, ranks []int) {
	for _, f := range []struct {
		path string
		rank int
	}{{p.out, 2}, {p.jacobian, 3}, {p.logp, 1}} {
		if f.path != "" {
			paths, ranks = append(paths, f.path), append(ranks, f.rank)
		}
	}
	return paths, ranks
}

func (p *flowCommand) run(ctx context.Context, a *app, c *cobra.Command, path string) error {
	began := time.Now()
	s, err := p.check(a, c)
	if err != nil {
		return err
	}
	paths, ranks := p.files()
	for i, path := range paths {
		if err := a.out.declare(path, ranks[i]); err != nil {
			return err
		}
	}
	l, err := p.law.load(a)
	if err != nil {
		return err
	}
	x, err := a.points(path)
	if err != nil {
		return err
	}
	n, d := x.Shape()[0], x.Shape()[1]
	if d != l.law.Dim() {
		return usagef("%s has %d columns, %s is a law in %d dimensions", path, d, l.name, l.law.Dim())
	}
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)
	if err := p.fits(n, d); err != nil {
		return err
	}
	s.Jacobian, s.LogP, s.Progress = p.jacobian != "", p.logp != "", a.bar.of(p.name)
	r, err := a.keeping(p.integrate)(ctx, e, a.dtype(), l.law, x, &s)
	if err != nil {
		return err
	}
	from, _, _, err := engine.Matrix(x)
	if err != nil {
		return err
	}
	to, _, _, err := engine.Matrix(r.X)
	if err != nil {
		return err
	}
	distance := floats.Distance(from, to, 2)
	if err := a.out.save(ctx, func(o *arrayio.Outputs) error { return p.write(o, r, to) }); err != nil {
		return err
	}
	j := encodeJSON{
		Schema: "monge." + p.name + "/1", N: n, D: d, Flow: describeFlow(&p.flow, r.Stats), Cost: number(distance * distance / float64(n)),
		Engine: describeEngine(e, a.dtype()), Seconds: number(time.Since(began).Seconds()),
	}
	t := a.table()
	t.Add("points", fmt.Sprintf("%d x %d", n, d), "through the flow of "+l.name)
	t.Add("cost", text(j.Cost), "mean |x - z|^2 of the pairs")
	addFlow(t, &p.flow, j.Flow)
	addEngine(t, j.Engine)
	t.Add("seconds", text(j.Seconds), "in all")
	for _, path := range paths {
		t.Add("wrote", path)
	}
	return a.print(j, t)
}

// fits returns an error where n points, or their Jacobians, are more than the host's free memory.
func (p *flowCommand) fits(n, d int) error {
	rows := float64(n) * float64(d)
	if err := fits(fmt.Sprintf("%d points in %d dimensions", n, d), 2*rows); err != nil || p.jacobian == "" {
		return err
	}
	return fits(fmt.Sprintf("--jacobian of %d points in %d dimensions", n, d), rows*float64(d+2))
}

// write writes the arrays that were asked for; x are the points of the result.
func (p *flowCommand) write(o *arrayio.Outputs, r *flow.Result, x []float64) error {
	n, d := r.X.Shape()[0], r.X.Shape()[1]
	if p.out != "" {
		if err := o.Write(p.out, []int{n, d}, x); err != nil {
			return err
		}
	}
	if p.jacobian != "" {
		if err := o.Write(p.jacobian, []int{n, d, d}, r.Jacobian.Data().([]float64)); err != nil {
			return err
		}
	}
	if p.logp != "" {
		return o.Write(p.logp, []int{n}, r.LogP)
	}
	return nil
}

// table starts a table of what, value and meaning.
func (a *app) table() *report.Table {
	return &report.Table{Columns: []report.Column{{}, {}, {}}, Colour: a.coloured()}
}

// text prints a number of a table.
func text(v number) string {
	b, err := v.MarshalJSON()
	if err != nil || string(b) == "null" {
		return "-"
	}
	return fmt.Sprintf("%.6g", float64(v))
}

// percent prints a relative number.
func percent(v number) string {
	if s := text(v); s == "-" {
		return s
	}
	return fmt.Sprintf("%.4g %%", 100*float64(v))
}

func addFlow(t *report.Table, f *flowFlags, j flowJSON) {
	control := fmt.Sprintf("rtol %.3g, atol %.3g", f.rtol, f.atol)
	if f.steps > 0 {
		control = fmt.Sprintf("%d equal steps", f.steps)
	}
	t.Add("method", j.Method, fmt.Sprintf("%s, schedule %s, tau = %s", control, j.Schedule, f.tau))
	t.Add("evaluations", text(j.NFEMean), fmt.Sprintf("of the velocity a sample, at most %s; %d steps rejected; %s s", text(j.NFEMax), j.Rejected, text(j.Seconds)))
}

func addEngine(t *report.Table, j engineJSON) {
	where := j.Device
	switch {
	case j.Threads == 1:
		where += ", 1 thread"
	case j.Threads > 1:
		where += fmt.Sprintf(", %d threads", j.Threads)
	}
	t.Add("engine", j.Name+" "+j.Dtype, where)
}
