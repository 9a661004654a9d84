package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// sweepJSON is the result of sweep run and sweep status.
type sweepJSON struct {
	Schema       string `json:"schema"`
	Name         string `json:"name"`
	Runs         int    `json:"runs"`
	Done         int    `json:"done"`
	NotConverged int    `json:"not_converged"`
	Failed       int    `json:"failed"`
	Stale        int    `json:"stale"`
	Missing      int    `json:"missing"`
	Running      int    `json:"running"` // tasks in Slurm's queue, and the next
	Pending      int    `json:"pending"`
	Held         int    `json:"held"`
	Left         number `json:"seconds_left"`
	Ran          int    `json:"ran"`
	Seconds      number `json:"seconds"`
	Overhead     number `json:"overhead"`
}

// count counts the runs of a sweep by their states.
func (s *sweepFlags) count(store *sweep.Store, version string) sweepJSON {
	j := sweepJSON{Schema: "monge.sweep-status/1", Seconds: number(math.NaN()), Overhead: number(math.NaN()), Left: number(math.NaN()), Name: store.Plan.Spec.Name, Runs: len(store.Plan.Runs)}
	for _, r := range store.Plan.Runs {
		state, _ := store.Look(r, version)
		*map[sweep.State]*int{sweep.Done: &j.Done, sweep.NotConverged: &j.NotConverged, sweep.Failed: &j.Failed, sweep.Stale: &j.Stale, sweep.Missing: &j.Missing}[state]++
	}
	return j
}

func (s *sweepFlags) report(a *app, j sweepJSON) error {
	t := a.table()
	t.Section("sweep " + j.Name)
	for _, r := range []struct {
		name string
		n    int
		note string
	}{
		{"runs", j.Runs, ""}, {"done", j.Done, ""}, {"not converged", j.NotConverged, "done, with exit code 3"},
		{"failed", j.Failed, "see runs/ID/failed.json and log.txt; --retry failed does them again"},
		{"stale", j.Stale, "results of another version of the code"}, {"missing", j.Missing, "not done yet"},
		{"running", j.Running, "tasks on Slurm"}, {"pending", j.Pending, "tasks in Slurm's queue"}, {"held", j.Held, "tasks that wait for scontrol release"},
	} {
		if r.n > 0 || r.name == "runs" || r.name == "done" {
			t.Add(r.name, strconv.Itoa(r.n), r.note)
		}
	}
	if j.Running > 0 && text(j.Left) != "-" {
		t.Add("time left", time.Duration(float64(j.Left)*float64(time.Second)).Round(time.Second).String(), "about, as sweep plan estimates it")
	}
	if err := a.print(j, t); err != nil {
		return err
	}
	if j.Failed > 0 {
		return fmt.Errorf("sweep: %d of %d runs %w", j.Failed, j.Runs, errRuns)
	}
	if j.NotConverged > 0 {
		return fmt.Errorf("sweep: %d of %d runs %w", j.NotConverged, j.Runs, errNotConverged)
	}
	return nil
}

func (s *sweepFlags) status(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "status DIR",
		Short:   "Count the runs of a sweep that are done, failed, missing",
		Example: `  monge sweep status blindness --json`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		store, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		j := s.count(store, version())
		q, err := store.Queued(ctx, system)
		if err != nil { // the runs' own states stand without it
			a.warn("%v", err)
		}
		j.Running, j.Pending, j.Held = q.Running, q.Pending, q.Held
		if left, ok := store.Left(version(), newWorks(s).of, q.Running); ok {
			j.Left = number(left)
		}
		return s.report(a, j)
	})
	return c
}
