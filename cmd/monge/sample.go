package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/dist"
	"monge/engine/report"

	"github.com/spf13/cobra"
)

// sampleJSON is the result of sample.
type sampleJSON struct {
	Schema    string `json:"schema"`
	Dist      string `json:"dist"`
	N         int    `json:"n"`
	D         int    `json:"d"`
	Seed      uint64 `json:"seed"`
	Bandwidth number `json:"bandwidth"`
	Seconds   number `json:"seconds"`
}

// lawsJSON is the result of sample --list.
type lawsJSON struct {
	Schema        string    `json:"schema"`
	Distributions []lawJSON `json:"distributions"`
}

type lawJSON struct {
	Name        string   `json:"name"`
	Params      []string `json:"params"` // key=default
	Description string   `json:"description"`
}

func newSample(a *app) *cobra.Command {
	var n int
	var out string
	var list bool
	c := &cobra.Command{
		Use:   "sample (DIST -o FILE | --list)",
		Short: "Draw points from a distribution",
		Long: `Draw points from a distribution: a name, a name with parameters, or a TOML file. Point i depends on the
seed and i alone, so a longer draw begins with a shorter one.`,
		Example: `  monge sample G1 -n 1000 -o X.npy
  monge sample gaussian:d=64,seed=3 -n 500 --seed 7 -o X.csv
  monge sample --list`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().IntVarP(&n, "n", "n", 1000, "points to draw")
	c.Flags().StringVarP(&out, "out", "o", "", "file for the points (.npy, .npz, .csv, .tsv, .parquet, each with .gz)")
	c.Flags().BoolVar(&list, "list", false, "list the names")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		switch {
		case list && len(args) > 0:
			return usagef("--list takes no distribution, got %q", args[0])
		case list:
			return a.listLaws()
		case len(args) == 0:
			return usagef("sample: no distribution: want a name of monge sample --list or a TOML file")
		case n <= 0:
			return usagef("-n %d: want a positive number", n)
		case out == "":
			return usagef("sample: no output: want -o FILE")
		}
		began := time.Now()
		if err := a.out.declare(out, 2); err != nil {
			return err
		}
		l, err := a.law(args[0])
		if err != nil {
			return err
		}
		e, err := a.open()
		if err != nil {
			return err
		}
		defer a.release(e)
		d := l.law.Dim()
		// Laws made of others hold their parts beside the whole.
		if err := fits(fmt.Sprintf("-n %d in %d dimensions", n, d), 2*float64(n)*float64(d)); err != nil {
			return err
		}
		x, _, _, err := engine.Matrix(l.law.Sample(a.seed, n))
		if err != nil {
			return err
		}
		err = a.out.save(ctx, func(o *arrayio.Outputs) error { return o.Write(out, []int{n, d}, x) })
		if err != nil {
			return err
		}
		j := sampleJSON{
			Schema: "monge.sample/1", Dist: l.name, N: n, D: d, Seed: a.seed, Bandwidth: l.bandwidthJSON(),
			Seconds: number(time.Since(began).Seconds()),
		}
		t := a.table()
		t.Add("points", fmt.Sprintf("%d x %d", n, d), fmt.Sprintf("drawn from %s with seed %d", l.name, a.seed))
		t.Add("wrote", out)
		return a.print(j, t)
	})
	return c
}

func (a *app) listLaws() error {
	j := lawsJSON{Schema: "monge.distributions/1"}
	t := &report.Table{Columns: []report.Column{{Head: "name"}, {Head: "parameters"}, {Head: "what"}}, Colour: a.coloured()}
	for _, n := range dist.Names() {
		j.Distributions = append(j.Distributions, lawJSON{n.Name, append([]string{}, n.Params...), n.Description})
		t.Add(n.Name, strings.Join(n.Params, ","), n.Description)
	}
	return a.print(j, t)
}
