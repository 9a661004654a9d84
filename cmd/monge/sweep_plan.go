package main

import (
	"context"
	"strconv"
	"strings"

	"monge/engine/report"

	"github.com/spf13/cobra"
)

// planJSON is the result of sweep plan.
type planJSON struct {
	Schema  string        `json:"schema"`
	Name    string        `json:"name"`
	Command string        `json:"command"`
	Runs    []planRunJSON `json:"runs"`
}

type planRunJSON struct {
	ID   string            `json:"id"`
	Args []string          `json:"args"`
	Axes map[string]string `json:"axes"`
}

func (s *sweepFlags) plan(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "plan SPEC",
		Short:   "Show the runs of a specification, without doing them",
		Example: `  monge sweep plan blindness.toml -S m=1,2,4`,
		Args:    cobra.ExactArgs(1),
	}
	s.addOverrides(c)
	c.RunE = a.command(func(_ context.Context, args []string) error {
		p, err := s.read(args[0])
		if err != nil {
			return err
		}
		j := planJSON{Schema: "monge.sweep-plan/1", Name: p.Spec.Name, Command: p.Spec.Command}
		t := &report.Table{Columns: []report.Column{{Head: "run", Align: report.Right}, {Head: "id"}, {Head: "command"}}, Colour: a.coloured()}
		for i, r := range p.Runs {
			axes := map[string]string{}
			for k, v := range r.Axes {
				axes[k] = v.Text
			}
			j.Runs = append(j.Runs, planRunJSON{r.ID, r.Args, axes})
			t.Add(strconv.Itoa(i+1), r.ID[:12], strings.Join(r.Args, " "))
		}
		return a.print(j, t)
	})
	return c
}
