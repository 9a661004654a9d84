package main

import (
	"context"

	"monge/engine/auto"
	"monge/engine/report"

	"github.com/spf13/cobra"
)

type enginesJSON struct {
	Schema  string          `json:"schema"`
	Engines []availableJSON `json:"engines"`
}

type availableJSON struct {
	Name      string `json:"name"`
	Device    string `json:"device"`
	Memory    int64  `json:"memory"`
	Available bool   `json:"available"`
	Reason    string `json:"reason"`
}

func newEngines(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "engines",
		Short: "List what this build can compute on",
		Long:  `List the engines of this build: their devices and memory, and why one is not usable.`,
		Example: `  monge engines
  monge engines --json`,
		Args: cobra.NoArgs,
	}
	c.RunE = a.command(func(context.Context, []string) error {
		j := enginesJSON{Schema: "monge.engines/1"}
		t := &report.Table{Columns: []report.Column{{Head: "engine"}, {Head: "usable"}, {Head: "memory", Align: report.Right}, {Head: "device"}}, Colour: a.coloured()}
		for _, e := range auto.List() {
			j.Engines = append(j.Engines, availableJSON{e.Name, e.Device, e.Memory, e.Available, e.Reason})
			usable, memory, what := "yes", "", e.Device
			if e.Memory > 0 {
				memory = bytesText(e.Memory)
			}
			if !e.Available {
				usable, what = "no", e.Reason
			}
			t.Add(e.Name, usable, memory, what)
		}
		return a.print(j, t)
	})
	return c
}
