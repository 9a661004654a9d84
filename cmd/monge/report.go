package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"monge/engine/arrayio"
	"monge/engine/report"
	"monge/engine/study"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// reportRows is the count of rows of a sweep's table on the page; all of them are in results.csv.
const reportRows = 200

func newReport(a *app) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "One self-contained HTML page from results",
		Long: `Make one HTML page, which asks nothing of the network, from a directory of results: of a sweep, of the suite, of compare,
or one that holds such directories. The page has the tables and figures, what failed with its log, and how to make each
result again.`,
		Example: `  monge report blindness
  monge report suite -o suite.html`,
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVarP(&out, "out", "o", "", "file for the page (default DIR/report.html)")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		if out == "" {
			out = filepath.Join(args[0], "report.html")
			a.out.set.Force = true // it is made from what stays
		}
		page, err := pageOf(args[0])
		if err != nil {
			return err
		}
		if err := a.out.declareFile(out, ".html"); err != nil {
			return err
		}
		if err := a.out.save(ctx, func(o *arrayio.Outputs) error { return o.Add(out, page.Write) }); err != nil {
			return err
		}
		t := a.table()
		t.Section(page.Title)
		t.Add("sections", strconv.Itoa(len(page.Sections)), page.Summary)
		t.Add("wrote", out)
		return a.print(struct {
			Schema   string `json:"schema"`
			Title    string `json:"title"`
			Sections int    `json:"sections"`
			Wrote    string `json:"wrote"`
		}{"monge.report/1", page.Title, len(page.Sections), out}, t)
	})
	return c
}

// pageOf makes the page of a directory, with a part for each of its own that holds results.
func pageOf(dir string) (*report.Page, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	page := &report.Page{Title: "monge: " + filepath.Base(filepath.Clean(dir))}
	places := []string{dir}
	for _, e := range entries {
		if e.IsDir() {
			places = append(places, filepath.Join(dir, e.Name()))
		}
	}
	var summaries []string
	for _, place := range places {
		for _, make := range []func(string) (string, []report.Section, error){sweepSections, suiteSections, compareSections} {
			summary, sections, err := make(place)
			if err != nil {
				return nil, err
			}
			if len(sections) == 0 {
				continue
			}
			if place != dir {
				for i := range sections {
					sections[i].Title = filepath.Base(place) + ": " + sections[i].Title
				}
				summary = filepath.Base(place) + ": " + summary
			}
			summaries = append(summaries, summary)
			page.Sections = append(page.Sections, sections...)
		}
	}
	if len(page.Sections) == 0 {
		return nil, usagef("%s: no results are there: no manifest.json, suite.json or compare.json", dir)
	}
	page.Summary = strings.Join(summaries, "; ")
	return page, nil
}

// readResult reads a JSON file of the directory; there is none where it returns false.
func readResult(path string, into any) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, usagef("%s: %w", path, err)
	}
	return true, nil
}

// headline are the columns that a sweep's page plots, by command; those that a sweep lacks are left out.
func headline(command string) []string {
	switch command {
	case "compare":
		return []string{"gap.relative_lower", "gap.relative_upper", "gap.slack_margin", "jacobian.asym_mean", "flow.nfe_mean", "seconds"}
	case "ot":
		return []string{"cost", "lower", "upper", "iterations", "marginal_error", "seconds"}
	case "certify":
		return []string{"relative_lower", "relative_upper", "slack_margin", "passes", "seconds"}
	case "bound":
		return []string{"sde.theorem", "ode.theorem", "posterior", "w2.exact", "j_sm", "seconds"}
	}
	return []string{"seconds", "peak_bytes"}
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
	p := store.Plan
	counts := map[sweep.State]int{}
	var failures []report.Block
	for _, r := range p.Runs {
		state, rec := store.Look(r, "")
		counts[state]++
		if state == sweep.Failed {
			log, err := os.ReadFile(store.Log(r))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", nil, err
			}
			failures = append(failures, report.Block{Caption: "monge " + strings.Join(r.Args, " "), Text: rec.Error + "\n" + string(log)})
		}
	}
	summary := fmt.Sprintf("%s: %d of %d runs of monge %s done", p.Spec.Name, counts[sweep.Done]+counts[sweep.NotConverged], len(p.Runs), p.Spec.Command)
	if n := counts[sweep.Failed]; n > 0 {
		summary += fmt.Sprintf(", %d failed", n)
	}
	figures, commands := sweepFigures(dir, p, t)
	sections := []report.Section{{Title: "figures", Text: "Means over " + or(strings.Join(p.Spec.Repeat, ", "), "single runs") + " with 95 % intervals.", Figures: figures}}
	if len(figures) == 0 {
		sections = nil
	}
	table := &report.Grid{Head: t.Columns, Numeric: t.Numeric, Rows: slices.Clone(t.Rows[:min(len(t.Rows), reportRows)]), More: max(0, len(t.Rows)-reportRows)}
	for i, row := range table.Rows {
		table.Rows[i] = append([]string{row[0][:12]}, row[1:]...)
		class := ""
		switch sweep.State(row[1]) {
		case sweep.Failed:
			class = "fail"
		case sweep.Missing, sweep.Stale:
			class = "skipped"
		}
		table.Classes = append(table.Classes, class)
	}
	sections = append(sections, report.Section{Title: "runs", Table: table})
	if len(failures) > 0 {
		sections = append(sections, report.Section{Title: "failures", Blocks: failures})
	}
	reproduce := []report.Block{{Caption: "The first run:", Text: "monge " + strings.Join(p.Runs[0].Args, " ")}}
	if len(commands) > 0 {
		reproduce = append(reproduce, report.Block{Caption: "The figures:", Text: strings.Join(commands, "\n")})
	}
	return summary, append(sections, report.Section{Title: "how to make it again", Blocks: reproduce}), nil
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// sweepFigures plots the headline columns over the first axis that is not averaged over and has several numbers, with a
// curve for each value of the next such axis; and the commands that do the same.
func sweepFigures(dir string, p *sweep.Plan, t *sweep.Table) (figures []study.Figure, commands []string) {
	var axes []string
	for _, k := range p.Keys {
		values := map[string]bool{}
		for _, r := range p.Runs {
			values[r.Axes[k].Text] = true
		}
		if len(values) > 1 && !slices.Contains(p.Spec.Repeat, k) {
			axes = append(axes, k)
		}
	}
	i := slices.IndexFunc(axes, func(k string) bool {
		j, err := t.Column(k)
		return err == nil && t.Numeric[j]
	})
	if i < 0 {
		return nil, nil
	}
	x := axes[i]
	by := ""
	if rest := slices.Delete(slices.Clone(axes), i, i+1); len(rest) > 0 {
		by = rest[0]
	}
	for _, y := range headline(p.Spec.Command) {
		series, err := t.SeriesOf(x, y, by)
		if err != nil { // the results have no such number
			continue
		}
		f := sweepFigure(y, x, y, by, series)
		f.LogX = spread(f, func(c study.Curve) []float64 { return c.X })
		f.LogY = spread(f, func(c study.Curve) []float64 { return c.Y })
		command := fmt.Sprintf("monge sweep plot %s --x %s --y %s", dir, x, y)
		if by != "" {
			command += " --by " + by
		}
		if f.LogX {
			command += " --logx"
		}
		if f.LogY {
			command += " --logy"
		}
		figures, commands = append(figures, f), append(commands, command)
	}
	return figures, commands
}

// sweepFigure makes the figure of series.
func sweepFigure(title, x, y, by string, series []sweep.Series) study.Figure {
	f := study.Figure{Title: title, X: x, Y: y}
	for _, s := range series {
		name := s.Name
		if by != "" {
			name = by + " = " + s.Name
		}
		f.Curves = append(f.Curves, study.Curve{Name: name, X: s.X, Y: s.Y, Low: s.Low, High: s.High})
	}
	return f
}

// spread says whether the numbers are positive and span more than a factor of 30, so that a logarithmic axis shows them.
func spread(f study.Figure, of func(study.Curve) []float64) bool {
	var all []float64
	for _, c := range f.Curves {
		all = append(all, of(c)...)
	}
	return len(all) > 0 && slices.Min(all) > 0 && slices.Max(all) > 30*slices.Min(all)
}

func suiteSections(dir string) (string, []report.Section, error) {
	var j suiteJSON
	ok, err := readResult(filepath.Join(dir, "suite.json"), &j)
	if !ok || err != nil {
		return "", nil, err
	}
	g := &report.Grid{Head: []string{"case", "number", "expected", "measured", "tolerance", "verdict", "note"}, Numeric: []bool{false, false, true, true, true}}
	for _, c := range j.Cases {
		if len(c.Rows) == 0 {
			g.Rows = append(g.Rows, []string{c.ID, c.Title, "", "", "", string(c.Status), c.Reason})
			g.Classes = append(g.Classes, string(c.Status))
		}
		for _, r := range c.Rows {
			g.Rows = append(g.Rows, []string{c.ID, r.Name, digits(r.Expected), digits(r.Measured), text(r.Tolerance), string(r.verdict()), r.Note})
			g.Classes = append(g.Classes, string(r.verdict()))
		}
	}
	command := "monge suite"
	if j.Quick {
		command += " --quick"
	}
	sections := []report.Section{{Title: "expected beside measured", Table: g}}
	if s, err := imageSection(dir, "suite.png", "figures"); err != nil || s != nil {
		if err != nil {
			return "", nil, err
		}
		sections = append([]report.Section{*s}, sections...)
	}
	again := fmt.Sprintf("%s --seed %d --engine %s --dtype %s --out %s", command, j.Seed, j.Engine.Name, j.Engine.Dtype, dir)
	return "suite: " + j.summary(), append(sections, report.Section{Title: "how to make it again", Blocks: []report.Block{{Text: again}}}), nil
}

func compareSections(dir string) (string, []report.Section, error) {
	path := filepath.Join(dir, "compare.json")
	var j compareJSON
	ok, err := readResult(path, &j)
	if !ok || err != nil {
		return "", nil, err
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	g := &report.Grid{Head: []string{"number", "value"}}
	if err := sweep.Flatten(whole, func(name, value string) { g.Rows = append(g.Rows, []string{name, value}) }); err != nil {
		return "", nil, usagef("%s: %w", path, err)
	}
	sections := []report.Section{{Title: "comparison", Table: g}}
	if s, err := imageSection(dir, "couplings.png", "pairings"); err != nil || s != nil {
		if err != nil {
			return "", nil, err
		}
		sections = append([]report.Section{*s}, sections...)
	}
	summary := fmt.Sprintf("compare: %s, %d points, d = %d: gap between %s and %s of the optimum", j.Problem.Dist, j.Problem.N, j.Problem.D, percent(j.Gap.RelativeLower), percent(j.Gap.RelativeUpper))
	return summary, sections, nil
}

// imageSection shows a picture of the directory, if it is there.
func imageSection(dir, name, title string) (*report.Section, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &report.Section{Title: title, Images: []report.Image{{Caption: name, PNG: b}}}, nil
}
