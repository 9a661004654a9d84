package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"monge/engine/arrayio"
	"monge/engine/report"
	"monge/engine/study"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

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

func suiteSections(dir string) (string, []report.Section, error) {
	var j suiteJSON
	ok, err := readResult(filepath.Join(dir, "suite.json"), &j)
	if !ok || err != nil {
		return "", nil, err
	}
	g := &report.Grid{Head: []string{"case", "quantity", "expected", "measured", "tolerance", "verdict", "note"}, Numeric: []bool{false, false, true, true, true}}
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
	again := func(out string, ids ...string) string {
		args := append([]string{"suite"}, ids...)
		if j.Quick {
			args = append(args, "--quick")
		}
		return commandLine(append(args, "--seed", strconv.FormatUint(j.Seed, 10), "--engine", j.Engine.Name, "--dtype", j.Engine.Dtype, "--out", out))
	}
	sections := []report.Section{{Title: "Expected beside measured", Table: g}}
	var plots []report.Plot
	for _, f := range j.Figures {
		id, _, _ := strings.Cut(f.Title, " ")
		plots = append(plots, report.Plot{Figure: f.figure(), Command: again(filepath.Clean(dir)+"-"+id, id)})
	}
	if len(plots) > 0 {
		sections = append([]report.Section{{Title: "Figures", Figures: plots}}, sections...)
	} else if s, err := imageSection(dir, "suite.png", "Figures"); err != nil || s != nil {
		if err != nil {
			return "", nil, err
		}
		sections = append([]report.Section{*s}, sections...)
	}
	var ids []string
	if len(j.Cases) < len(study.Cases()) {
		for _, c := range j.Cases {
			ids = append(ids, c.ID)
		}
	}
	return "suite: " + j.summary(), append(sections, report.Section{Title: "How to make it again", Blocks: []report.Block{{Text: again(dir, ids...)}}}), nil
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
	g := &report.Grid{Head: []string{"quantity", "value"}}
	if err := sweep.Flatten(whole, func(name, value string) { g.Rows = append(g.Rows, []string{name, value}) }); err != nil {
		return "", nil, usagef("%s: %w", path, err)
	}
	sections := []report.Section{{Title: "Comparison", Table: g}}
	if s, err := imageSection(dir, "couplings.png", "Pairings"); err != nil || s != nil {
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
