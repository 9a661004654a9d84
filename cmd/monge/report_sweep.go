package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"monge/engine/report"
	"monge/engine/sweep"
)

// reportRows is the count of rows of a sweep's table on the page; all of them are in results.csv.
const reportRows = 200

// quantity is a column of results as people read it.
type quantity struct {
	column, title, axis string
}

// headline are the columns that a sweep's page shows, by command; those that a sweep lacks are left out.
func headline(command string) []quantity {
	seconds := quantity{"seconds", "Time of a run", "seconds"}
	switch command {
	case "compare":
		return []quantity{
			{"gap.relative_lower", "Gap to the optimum, at least", "(encoder - upper bound)/upper bound"},
			{"gap.relative_upper", "Gap to the optimum, at most", "(encoder - lower bound)/lower bound"},
			{"gap.slack_margin", "How far the cloud is from seeing a gap", "least slack / mean cost"},
			{"jacobian.asym_mean", "Asymmetry of the encoder's Jacobian", "mean |J - J^T|/|J|"},
			{"flow.nfe_mean", "Velocity evaluations a sample", "evaluations, mean"},
			seconds,
		}
	case "ot":
		return []quantity{
			{"cost", "Cost of the plan", "mean |x - y|^2"},
			{"lower", "The optimum is at least", "mean |x - y|^2"},
			{"upper", "The optimum is at most", "mean |x - y|^2"},
			{"iterations", "Iterations", "count"},
			{"marginal_error", "Error of the row marginal", "L1 norm"},
			seconds,
		}
	case "certify":
		return []quantity{
			{"relative_lower", "Gap to the optimum, at least", "(cost - upper bound)/upper bound"},
			{"relative_upper", "Gap to the optimum, at most", "(cost - lower bound)/lower bound"},
			{"slack_margin", "How far the cloud is from seeing a gap", "least slack / mean cost"},
			{"passes", "Passes over all pairs", "count"},
			seconds,
		}
	case "bound":
		return []quantity{
			{"sde.w2", "W2, reverse stochastic equation", "W2"},
			{"sde.theorem", "Bound of W2, reverse stochastic equation", "W2"},
			{"ode.w2", "W2, probability-flow ODE", "W2"},
			{"ode.theorem", "Bound of W2, probability-flow ODE", "W2"},
			{"j_sm", "Loss of the score", "J_SM, summed over coordinates"},
			seconds,
		}
	case "encode", "decode":
		return []quantity{
			{"flow.nfe_mean", "Velocity evaluations a sample", "evaluations, mean"},
			{"flow.nfe_max", "Velocity evaluations, the most of a sample", "evaluations"},
			{"flow.rejected", "Steps rejected", "count, all samples"},
			{"cost", "Cost of the pairs", "mean |x - z|^2"},
			seconds,
		}
	}
	return []quantity{seconds, {"peak_bytes", "Peak memory of a run", "bytes"}}
}

// view is what a sweep's page is made from.
type view struct {
	dir   string
	store *sweep.Store
	table *sweep.Table
	x, by string // the axis to plot over, and that of the curves; "" = none
}

func sweepSections(dir string) (string, []report.Section, error) {
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		return "", nil, nil
	}
	store, err := sweep.Open(dir)
	if err != nil {
		return "", nil, err
	}
	t, err := store.Collect("")
	if err != nil {
		return "", nil, err
	}
	v := &view{dir: dir, store: store, table: t}
	v.x, v.by = v.axes()
	p := store.Plan
	var sections []report.Section
	if p.Spec.Description != "" {
		sections = append(sections, report.Section{Title: "What is asked", Text: p.Spec.Description})
	}
	plots, means := v.figures()
	averaged := "Means over " + strings.Join(p.Spec.Repeat, ", ") + " with 95 % intervals by Student's t."
	if len(p.Spec.Repeat) == 0 {
		averaged = "Single runs."
	}
	if len(plots) > 0 {
		sections = append(sections, report.Section{Title: "Figures", Text: averaged, Figures: plots})
	}
	if rows := len(means.Rows); len(plots) > 0 || rows > 0 && rows < len(p.Runs) { // else the runs' table says it
		sections = append(sections, report.Section{Title: "Means", Text: averaged, Table: means})
	}
	if g := v.expected(); g != nil {
		sections = append(sections, report.Section{Title: "Expected beside measured", Table: g})
	}
	summary, failures, provenance, err := v.outcome()
	if err != nil {
		return "", nil, err
	}
	if len(failures) > 0 {
		sections = append(sections, report.Section{Title: "Failures", Blocks: failures})
	}
	runs, same := v.runs()
	sections = append(sections, report.Section{Title: "Runs", Text: same, Table: runs}, provenance)
	return summary, sections, nil
}

// axes returns the first axis that is not averaged over and has several numbers, "" for none, and the next one of several
// values.
func (v *view) axes() (x, by string) {
	var axes []string
	for _, k := range v.store.Plan.Keys {
		values := map[string]bool{}
		for _, r := range v.store.Plan.Runs {
			values[r.Axes[k].Text] = true
		}
		if len(values) > 1 && !slices.Contains(v.store.Plan.Spec.Repeat, k) {
			axes = append(axes, k)
		}
	}
	i := slices.IndexFunc(axes, func(k string) bool {
		j, err := v.table.Column(k)
		return err == nil && v.table.Numeric[j]
	})
	if i < 0 {
		return "", strings.Join(axes[:min(1, len(axes))], "")
	}
	if rest := slices.Delete(slices.Clone(axes), i, i+1); len(rest) > 0 {
		by = rest[0]
	}
	return axes[i], by
}

// quantities are those of the headline and of the expectations.
func (v *view) quantities() []quantity {
	q := headline(v.store.Plan.Spec.Command)
	for _, e := range v.store.Plan.Spec.Expect {
		if !slices.ContainsFunc(q, func(q quantity) bool { return q.column == e.Column }) {
			q = append(q, quantity{e.Column, e.Column, e.Column})
		}
	}
	return q
}

func (v *view) expectation(column string) *sweep.Expectation {
	for _, e := range v.store.Plan.Spec.Expect {
		if e.Column == column {
			return &e
		}
	}
	return nil
}

// expected holds the means beside the values that the specification expects; nil without any.
func (v *view) expected() *report.Grid {
	g := &report.Grid{Head: []string{"quantity", "at", "expected", "measured", "off by", "in standard errors"}, Numeric: []bool{false, false, true, true, true, true}}
	for _, e := range v.store.Plan.Spec.Expect {
		series, err := v.series(e.Column)
		if err != nil {
			continue
		}
		for _, s := range series {
			for i := range s.X {
				var at []string
				if v.by != "" {
					at = append(at, v.by+" = "+s.Name)
				}
				if v.x != "" {
					at = append(at, fmt.Sprintf("%s = %g", v.x, s.X[i]))
				}
				deviations := ""
				if s.Error[i] > 0 {
					deviations = fmt.Sprintf("%.2g", math.Abs(s.Y[i]-e.Value)/s.Error[i])
				}
				g.Rows = append(g.Rows, []string{e.Column, strings.Join(at, ", "), strconv.FormatFloat(e.Value, 'g', -1, 64), meanText(s, i), fmt.Sprintf("%.2g", s.Y[i]-e.Value), deviations})
			}
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

// outcome counts the runs, and gathers the logs of those that failed and where the others come from.
func (v *view) outcome() (summary string, failures []report.Block, provenance report.Section, err error) {
	p := v.store.Plan
	counts := map[sweep.State]int{}
	seconds, peak := 0., int64(0)
	var versions, hosts []string
	var first, last time.Time
	var failed []failure
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	for _, r := range p.Runs {
		state, rec := v.store.Look(r, "")
		counts[state]++
		if rec == nil {
			continue
		}
		seconds += rec.Seconds
		peak = max(peak, rec.PeakBytes)
		add(&versions, rec.Version)
		add(&hosts, rec.Host)
		if first.IsZero() || rec.Started.Before(first) {
			first = rec.Started
		}
		if rec.Started.After(last) {
			last = rec.Started
		}
		if state == sweep.Failed {
			log, err := os.ReadFile(v.store.Log(r))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", nil, provenance, err
			}
			failed = append(failed, failure{commandLine(r.Args), failureText(rec.Error, string(log))})
		}
	}
	summary = fmt.Sprintf("%s: %d of %d runs of monge %s done", p.Spec.Name, counts[sweep.Done]+counts[sweep.NotConverged], len(p.Runs), p.Spec.Command)
	for _, s := range []struct {
		state sweep.State
		text  string
	}{{sweep.NotConverged, "not converged"}, {sweep.Failed, "failed"}} {
		if n := counts[s.state]; n > 0 {
			summary += fmt.Sprintf(", %d %s", n, s.text)
		}
	}
	failures = failureBlocks(failed)
	made := &report.Grid{Head: []string{"", ""}}
	put := func(name, value string) {
		if value != "" {
			made.Rows = append(made.Rows, []string{name, value})
		}
	}
	put("version", strings.Join(versions, "; "))
	put("machines", strings.Join(hosts, ", "))
	for _, name := range []string{"engine.name", "engine.device", "engine.dtype"} {
		put(name, strings.Join(v.values(name), ", "))
	}
	if !first.IsZero() {
		put("runs started", first.Format(time.DateTime)+" to "+last.Format(time.DateTime)+" UTC")
		put("time of all runs", duration(seconds))
		put("largest peak memory of a run", bytesText(peak))
	}
	again := []report.Block{{Caption: "The first run by itself:", Text: commandLine(p.Runs[0].Args)}, {Caption: "What is missing, and a table of everything:", Text: commandLine([]string{"sweep", "run", v.dir}) + "\n" + commandLine([]string{"sweep", "collect", v.dir})}}
	return summary, failures, report.Section{Title: "How to make it again", Table: made, Blocks: again}, nil
}

// values are the different cells of a column.
func (v *view) values(column string) (values []string) {
	j := slices.Index(v.table.Columns, column)
	if j < 0 {
		return nil
	}
	for _, row := range v.table.Rows {
		if row[j] != "" && !slices.Contains(values, row[j]) {
			values = append(values, row[j])
		}
	}
	return values
}

// runs is the table of the runs with the columns in which they differ; same names the others with their values. Columns
// that say again what an axis says, and lists, are left to results.csv.
func (v *view) runs() (g *report.Grid, same string) {
	t := v.table
	var columns []int
	var constant []string
	for j, name := range t.Columns {
		values := v.values(name)
		_, last, nested := cutLast(name)
		switch {
		case name == "id" || name == "status" || slices.Contains(v.store.Plan.Keys, name):
			columns = append(columns, j)
		case len(values) == 0 || name == "schema" || name == "version" || strings.HasPrefix(values[0], "["):
		case nested && slices.Contains(slices.Concat(v.store.Plan.Keys, v.store.Plan.Made), last):
		case len(values) == 1 && len(t.Rows) > 1:
			constant = append(constant, name+" "+values[0])
		default:
			columns = append(columns, j)
		}
	}
	g = &report.Grid{More: max(0, len(t.Rows)-reportRows)}
	for _, j := range columns {
		g.Head, g.Numeric = append(g.Head, t.Columns[j]), append(g.Numeric, t.Numeric[j])
	}
	for _, row := range t.Rows[:min(len(t.Rows), reportRows)] {
		cells := make([]string, len(columns))
		for k, j := range columns {
			cells[k] = row[j]
		}
		cells[0] = row[0][:12]
		class := ""
		switch sweep.State(row[1]) {
		case sweep.Failed:
			class = "fail"
		case sweep.Missing, sweep.Stale:
			class = "skipped"
		}
		g.Rows, g.Classes = append(g.Rows, cells), append(g.Classes, class)
	}
	same = "All columns are in results.csv."
	if len(constant) > 0 {
		same = "The same in every run: " + strings.Join(constant, ", ") + ". " + same
	}
	return g, same
}

// cutLast cuts a name at its last dot.
func cutLast(name string) (before, after string, found bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}
