package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"monge/engine/report"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// planJSON is the result of sweep plan.
type planJSON struct {
	Schema   string        `json:"schema"`
	Name     string        `json:"name"`
	Command  string        `json:"command"`
	Runs     []planRunJSON `json:"runs"`
	Groups   []groupJSON   `json:"groups"`
	Estimate estimateJSON  `json:"estimate"`
}

type planRunJSON struct {
	ID      string            `json:"id"`
	Args    []string          `json:"args"`
	Axes    map[string]string `json:"axes"`
	Shape   string            `json:"shape"`
	Seconds number            `json:"seconds"`
	Bytes   number            `json:"bytes"`
	Basis   string            `json:"basis"`
}

// groupJSON are the runs of one shape, by their places in the list of runs.
type groupJSON struct {
	Shape    string  `json:"shape"`
	Runs     int     `json:"runs"`
	How      string  `json:"how"`
	Launches [][]int `json:"launches"`
}

// estimateJSON is of all runs together: Left without those that are done, Basis counts the runs by what they were estimated
// from.
type estimateJSON struct {
	Seconds number              `json:"seconds"`
	Left    number              `json:"seconds_left"`
	Bytes   number              `json:"bytes"` // the most of a run
	Basis   map[sweep.Basis]int `json:"basis"`
	How     string              `json:"how"`
}

func (s *sweepFlags) plan(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "plan SPEC|DIR",
		Short: "Show the runs of a specification, what they may take, and which go together; do nothing",
		Long: `Show the runs of a specification or of a sweep's directory, with an estimate of the time and memory of each and of all,
and the runs of equal shape: those that can be solved by one launch, and those that a worker does in turn. Nothing is run
and nothing written.

Estimates come from what is done in the directory: of the run itself, the mean of runs of equal shape and operations, or the
median time an operation. Where nothing is done they come from a count of operations alone, which is right within a
factor of ten or so; the last line says which. Memory is the largest peak of such runs, or that of the arrays.`,
		Example: `  monge sweep plan blindness.toml -S m=1,2,4
  monge sweep plan blindness.toml -o blindness`,
		Args: cobra.ExactArgs(1),
	}
	s.addOverrides(c)
	c.Flags().StringVarP(&s.dir, "out", "o", "", "directory of a sweep to learn from (default DIR itself)")
	c.RunE = a.command(func(_ context.Context, args []string) error {
		p, finished, work, err := s.known(args[0])
		if err != nil {
			return err
		}
		return a.print(s.estimates(a, p, finished, work))
	})
	return c
}

// known returns the plan at path, of a specification or of a directory, and the runs that are done in the directory.
func (s *sweepFlags) known(path string) (*sweep.Plan, []sweep.Finished, func(sweep.Run) sweep.Work, error) {
	work := newWorks(s).of
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		store, err := s.begun(path)
		if err != nil {
			return nil, nil, nil, err
		}
		return store.Plan, store.Finished(work), work, nil
	}
	p, err := s.read(path)
	if err != nil || s.dir == "" {
		return p, nil, work, err
	}
	if _, err := os.Stat(filepath.Clean(s.dir)); os.IsNotExist(err) { // not begun
		return p, nil, work, nil
	}
	store, err := sweep.Open(s.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	return p, store.Finished(work), work, nil
}

// estimates makes the answer of plan.
func (s *sweepFlags) estimates(a *app, p *sweep.Plan, finished []sweep.Finished, work func(sweep.Run) sweep.Work) (planJSON, *report.Table) {
	right := func(head string) report.Column { return report.Column{Head: head, Align: report.Right} }
	j := planJSON{Schema: "monge.sweep-plan/1", Name: p.Spec.Name, Command: p.Spec.Command}
	t := &report.Table{Columns: []report.Column{right("run"), {Head: "id"}, right("time"), right("memory"), {Head: "from"}, {Head: "command"}}, Colour: a.coloured()}
	each := sweep.EstimateRuns(p.Runs, work, finished)
	var all, left, most float64
	for i, r := range p.Runs {
		e := each[i]
		axes := map[string]string{}
		for k, v := range r.Axes {
			axes[k] = v.Text
		}
		j.Runs = append(j.Runs, planRunJSON{r.ID, r.Args, axes, work(r).Shape, number(e.Seconds), number(e.Bytes), string(e.Basis)})
		t.Add(strconv.Itoa(i+1), r.ID[:12], duration(e.Seconds), memory(e.Bytes), string(e.Basis), strings.Join(r.Args, " "))
		all += e.Seconds
		if e.Basis != sweep.Itself {
			left += e.Seconds
		}
		most = math.Max(most, e.Bytes)
	}
	for _, g := range sweep.Groups(p.Runs, work) {
		k := groupJSON{Shape: g.Shape, Launches: g.Launches}
		together := 0
		for _, l := range g.Launches {
			k.Runs += len(l)
			if len(l) > 1 {
				together++
			}
		}
		runs, how := fmt.Sprintf("%d runs", k.Runs), "one after the other, in one process and engine a worker: "+inTurn(p.Spec.Command)
		switch {
		case k.Runs == 1:
			runs, how = "1 run", "by itself"
		case together > 0:
			how = fmt.Sprintf("in %d launches, none of more than %d runs", len(g.Launches), sweep.MaxLaunch)
			if len(g.Launches) == 1 {
				how = "in one launch"
			}
		}
		k.How = how
		j.Groups = append(j.Groups, k)
		shape := g.Shape
		if shape == "" {
			shape = "of unknown shape"
		}
		t.Section(fmt.Sprintf("%s, %s: %s", runs, shape, how))
	}
	tally := sweep.Tally(each)
	how := howEstimated(tally, len(finished))
	j.Estimate = estimateJSON{number(all), number(left), number(most), tally, how}
	t.Section(fmt.Sprintf("in all %s on one worker, %s of them left; at most %s a run", duration(all), duration(left), memory(most)))
	t.Section(how)
	return j, t
}

// inTurn says why runs of equal shape are not done in one launch.
func inTurn(command string) string {
	switch command {
	case "compare", "encode", "decode":
		return "the rows of each are a batch already"
	case "ot":
		return "only plain Sinkhorn iterations share a launch (--schedule-eps off or --tol 0); accelerated ones, certificates and exact solves go each their own way"
	case "certify":
		return "the pairs of each are a batch already"
	}
	return "each has a launch of its own"
}

// howEstimated says what estimates were made from.
func howEstimated(tally map[sweep.Basis]int, finished int) string {
	var parts []string
	for _, b := range []struct {
		basis sweep.Basis
		what  string
	}{
		{sweep.Itself, "done already"}, {sweep.Alike, "from finished runs of equal shape and operations"},
		{sweep.Scaled, fmt.Sprintf("by operations, at the median rate of %d finished runs", finished)},
		{sweep.Model, fmt.Sprintf("by operations, at %.0e a second", sweep.ModelRate)}, {sweep.Unknown, "unknown until a run like it is done"},
	} {
		if n := tally[b.basis]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, b.what))
		}
	}
	how := "times: " + strings.Join(parts, "; ")
	if tally[sweep.Scaled]+tally[sweep.Model] > 0 {
		how += ". Operations, within a factor of ten: " + workModel
	}
	return how
}

// duration and memory write estimates with two digits.
func duration(seconds float64) string {
	switch {
	case math.IsNaN(seconds):
		return "-"
	case seconds < 60:
		return fmt.Sprintf("%.2g s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

func memory(bytes float64) string {
	if math.IsNaN(bytes) {
		return "-"
	}
	return bytesText(int64(bytes))
}
