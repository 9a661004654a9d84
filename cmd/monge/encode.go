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

func newFlowCommand(a *app, f integrate, name string, c *cobra.Command) *cobra.Command {
	var law lawFlags
	var fl flowFlags
	var out, jacobian, logp string
	c.Args = cobra.ExactArgs(1)
	law.add(c)
	c.Flags().StringVarP(&out, "out", "o", "", "file for the points (.npy, .npz, .csv, .tsv, .parquet, each with .gz)")
	c.Flags().StringVar(&jacobian, "jacobian", "", "file for the Jacobians [N, d, d]")
	c.Flags().StringVar(&logp, "logp", "", "file for the log densities at the data end [N]")
	fl.add(c)
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		began := time.Now()
		s, err := fl.settings(c)
		if err != nil {
			return err
		}
		if err := law.check(c); err != nil {
			return err
		}
		if law.dist == "" && law.data == "" {
			return usagef("%s: want --dist or --data", name)
		}
		if out == "" && jacobian == "" && logp == "" && !a.json {
			return usagef("%s: no output: want -o FILE, --jacobian FILE or --logp FILE, or --json for the numbers alone", name)
		}
		files := []struct {
			path string
			rank int
		}{{out, 2}, {jacobian, 3}, {logp, 1}}
		for _, file := range files {
			if file.path != "" {
				if err := a.out.declare(file.path, file.rank); err != nil {
					return err
				}
			}
		}
		l, err := law.load(a)
		if err != nil {
			return err
		}
		x, err := a.points(args[0])
		if err != nil {
			return err
		}
		n, d := x.Shape()[0], x.Shape()[1]
		if d != l.law.Dim() {
			return usagef("%s has %d columns, %s is a law in %d dimensions", args[0], d, l.name, l.law.Dim())
		}
		e, err := a.open()
		if err != nil {
			return err
		}
		defer a.release(e)
		rows := float64(n) * float64(d)
		if err := fits(fmt.Sprintf("%d points in %d dimensions", n, d), 2*rows); err != nil {
			return err
		}
		if jacobian != "" {
			if err := fits(fmt.Sprintf("--jacobian of %d points in %d dimensions", n, d), rows*float64(d+2)); err != nil {
				return err
			}
		}
		s.Jacobian, s.LogP, s.Progress = jacobian != "", logp != "", a.bar.of(name)
		r, err := a.keeping(f)(ctx, e, a.dtype(), l.law, x, &s)
		if err != nil {
			return err
		}
		from, _, _, err := engine.Matrix(x)
		if err != nil {
			return err
		}
		data, _, _, err := engine.Matrix(r.X)
		if err != nil {
			return err
		}
		distance := floats.Distance(from, data, 2)
		err = a.out.save(ctx, func(o *arrayio.Outputs) error {
			if out != "" {
				if err := o.Write(out, []int{n, d}, data); err != nil {
					return err
				}
			}
			if jacobian != "" {
				if err := o.Write(jacobian, []int{n, d, d}, r.Jacobian.Data().([]float64)); err != nil {
					return err
				}
			}
			if logp != "" {
				return o.Write(logp, []int{n}, r.LogP)
			}
			return nil
		})
		if err != nil {
			return err
		}
		j := encodeJSON{
			Schema: "monge." + name + "/1", N: n, D: d, Flow: describeFlow(&fl, r.Stats), Cost: number(distance * distance / float64(n)),
			Engine: describeEngine(e, a.dtype()), Seconds: number(time.Since(began).Seconds()),
		}
		t := a.table()
		t.Add("points", fmt.Sprintf("%d x %d", n, d), "through the flow of "+l.name)
		t.Add("cost", text(j.Cost), "mean |x - z|^2 of the pairs")
		addFlow(t, &fl, j.Flow)
		addEngine(t, j.Engine)
		t.Add("seconds", text(j.Seconds), "in all")
		for _, file := range files {
			if file.path != "" {
				t.Add("wrote", file.path)
			}
		}
		return a.print(j, t)
	})
	return c
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
