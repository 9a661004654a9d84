package main

import (
	"context"
	"io"
	"path/filepath"
	"strconv"

	"monge/engine/arrayio"
	"monge/engine/report"
	"monge/engine/study"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

func (s *sweepFlags) collect(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "collect DIR",
		Short:   "Gather all results into DIR/results.csv and DIR/results.parquet",
		Example: `  monge sweep collect blindness`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		store, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		t, err := store.Collect(version())
		if err != nil {
			return err
		}
		a.out.set.Force = true // they are made from what stays
		csv, parquet := filepath.Join(args[0], "results.csv"), filepath.Join(args[0], "results.parquet")
		for _, path := range []string{csv, parquet} {
			if err := a.out.declareFile(path); err != nil {
				return err
			}
		}
		err = a.out.save(ctx, func(o *arrayio.Outputs) error {
			if err := o.Add(csv, t.WriteCSV); err != nil {
				return err
			}
			return o.Add(parquet, func(w io.Writer) error { return arrayio.WriteColumns(w, parquet, t.Columns, t.Numeric, t.Rows) })
		})
		if err != nil {
			return err
		}
		return s.report(a, s.count(store, version()))
	})
	return c
}

func (s *sweepFlags) plot(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "plot DIR",
		Short: "Plot one column of the results over another: means and 95 % intervals over the repeated axes",
		Example: `  monge sweep plot blindness --x m --y gap.relative_upper -o gap.png
  monge sweep plot gap --x separation --y jacobian.asym_mean --by anisotropy --logy`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&s.x, "x", "", "column along x")
	f.StringVar(&s.y, "y", "", "column along y")
	f.StringVar(&s.by, "by", "", "column whose values are curves of their own")
	f.BoolVar(&s.logX, "logx", false, "logarithmic x")
	f.BoolVar(&s.logY, "logy", false, "logarithmic y")
	f.StringVarP(&s.out, "out", "o", "", "file for the picture (default DIR/Y.png)")
	c.RunE = a.command(func(ctx context.Context, args []string) error { return s.draw(ctx, a, args[0]) })
	return c
}

func (s *sweepFlags) draw(ctx context.Context, a *app, dir string) error {
	if s.x == "" || s.y == "" {
		return usagef("sweep plot: --x and --y are needed")
	}
	store, err := sweep.Open(dir)
	if err != nil {
		return err
	}
	t, err := store.Collect("")
	if err != nil {
		return err
	}
	series, err := t.SeriesOf(s.x, s.y, s.by)
	if err != nil {
		return err
	}
	figure := sweepFigure(store.Plan.Spec.Name, s.x, s.y, s.by, series)
	figure.LogX, figure.LogY = s.logX, s.logY
	out := s.out
	if out == "" {
		out = filepath.Join(dir, s.y+".png")
		a.out.set.Force = true
	}
	if err := a.out.declareFile(out, ".png"); err != nil {
		return err
	}
	err = a.out.save(ctx, func(o *arrayio.Outputs) error {
		return o.Add(out, func(w io.Writer) error {
			return report.Figures(w, "monge sweep: "+store.Plan.Spec.Name, []study.Figure{figure})
		})
	})
	if err != nil {
		return err
	}
	table := a.table()
	table.Section(s.y + " over " + s.x)
	table.Add("curves", strconv.Itoa(len(series)))
	table.Add("wrote", out)
	return a.print(struct {
		Schema string `json:"schema"`
		Curves int    `json:"curves"`
		Wrote  string `json:"wrote"`
	}{"monge.sweep-plot/1", len(series), out}, table)
}
