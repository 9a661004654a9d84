package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"monge/engine/arrayio"
	"monge/engine/report"
	"monge/engine/study"

	"github.com/spf13/cobra"
)

// suiteJSON is the result of suite.
type suiteJSON struct {
	Schema  string      `json:"schema"`
	Quick   bool        `json:"quick"`
	Seed    uint64      `json:"seed"`
	Engine  engineJSON  `json:"engine"`
	Cases   []caseJSON  `json:"cases"`
	Counts  verdictJSON `json:"counts"`
	Seconds number      `json:"seconds"`
	// Figures are in the file alone.
	Figures []figureJSON `json:"figures,omitempty"`
}

type caseJSON struct {
	ID      string        `json:"id"`
	Title   string        `json:"title"`
	Status  study.Verdict `json:"status"`
	Reason  string        `json:"reason"`
	Rows    []caseRowJSON `json:"rows"`
	Seconds number        `json:"seconds"`
}

// caseRowJSON passes where |measured - expected| <= tolerance.
type caseRowJSON struct {
	Name      string `json:"name"`
	Expected  number `json:"expected"`
	Measured  number `json:"measured"`
	Tolerance number `json:"tolerance"`
	Pass      bool   `json:"pass"`
	Note      string `json:"note,omitempty"`
}

// verdictJSON counts cases.
type verdictJSON struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Skipped int `json:"skipped"`
}

// errCases marks a suite of which cases failed.
var errCases = errors.New("off their expected values")

// suiteFlags are the flags of suite.
type suiteFlags struct {
	quick       bool
	out, images string
	list        bool
}

func newSuite(a *app) *cobra.Command {
	var f suiteFlags
	c := &cobra.Command{
		Use:   "suite [ID...]",
		Short: "Run the experiments with known answers: measured beside expected",
		Long: `Run the suite of experiments on the encoder and on optimal transport, all of it or by name. Every case
measures numbers whose values are known, from closed forms, independent computations or published tables, and
prints them beside those with the tolerance and its verdict. Exit code 3 says that a case failed.

The full sizes take long (dimensions up to 12288); --quick takes the small ones. --out is written after every case,
so that an interrupt keeps those that are done.`,
		Example: `  monge suite --quick
  monge suite E06 E08
  monge suite --list
  monge suite E15 --images mnist.npy --out suite`,
		Args: cobra.ArbitraryArgs,
	}
	fl := c.Flags()
	fl.BoolVar(&f.quick, "quick", false, "small sizes")
	fl.BoolVar(&f.list, "list", false, "list the cases")
	fl.StringVarP(&f.out, "out", "o", "", "directory for suite.json, suite.csv, suite.txt and suite.png")
	fl.StringVar(&f.images, "images", "", "images for E15, one a row or [N, C, H, W]")
	a.addFileFlags(c)
	c.RunE = a.command(func(ctx context.Context, args []string) error { return f.run(ctx, a, args) })
	return c
}

func (f *suiteFlags) run(ctx context.Context, a *app, ids []string) error {
	began := time.Now()
	cases, err := chosen(ids)
	if err != nil {
		return err
	}
	if f.list {
		return f.print(a, cases)
	}
	if err := f.declare(a); err != nil {
		return err
	}
	s := study.SuiteSettings{Quick: f.quick, Seed: a.seed, Dtype: a.dtype(), Progress: a.bar.set}
	if f.images != "" {
		if s.Images, err = a.points(f.images); err != nil {
			return err
		}
	}
	e, err := a.open()
	if err != nil {
		return err
	}
	defer a.release(e)
	j := suiteJSON{Schema: "monge.suite/1", Quick: f.quick, Seed: a.seed, Engine: describeEngine(e, a.dtype()), Cases: []caseJSON{}}
	var figures []study.Figure
	kept := a.checkpoint()
	var done []study.CaseResult
	kept.Load(suiteCases, &done)
	for i, c := range cases {
		if i == len(done) {
			r, err := c.Run(ctx, e, s)
			if err != nil {
				return err
			}
			done = append(done, *r)
			if err := kept.Save(suiteCases, done); err != nil { // the suite itself may still end well
				a.warn("%v", err)
			}
		}
		r := &done[i]
		a.note("%s %s, %.3g s", r.ID, r.Status, r.Elapsed.Seconds())
		j.add(r)
		for _, g := range r.Figures {
			g.Title = r.ID + "  " + g.Title
			figures = append(figures, g)
		}
		j.Seconds = number(time.Since(began).Seconds())
		// After every case: whatever stops the rest, what is done is kept.
		if err := f.save(ctx, a, i > 0, j, figures); err != nil {
			return err
		}
	}
	if err := a.print(j, j.table(a.coloured())); err != nil {
		return err
	}
	if j.Counts.Fail > 0 {
		return fmt.Errorf("suite: %d of %d cases are %w", j.Counts.Fail, len(j.Cases), errCases)
	}
	return nil
}

// suiteCases names the cases that are done in a run's checkpoint.
const suiteCases = "cases"

// chosen returns the cases of these names, all for none, in the suite's order.
func chosen(ids []string) ([]study.Case, error) {
	all := study.Cases()
	var cases []study.Case
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(c study.Case) bool { return strings.EqualFold(c.ID, id) }) {
			return nil, usagef("suite: no case %q; monge suite --list names them", id)
		}
	}
	for _, c := range all {
		if len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(c.ID, id) }) {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// print lists the cases.
func (f *suiteFlags) print(a *app, cases []study.Case) error {
	t := &report.Table{Columns: []report.Column{{Head: "case"}, {Head: "experiment"}}, Colour: a.coloured()}
	j := suiteJSON{Schema: "monge.suite/1", Cases: []caseJSON{}}
	for _, c := range cases {
		t.Add(c.ID, c.Title)
		j.Cases = append(j.Cases, caseJSON{ID: c.ID, Title: c.Title, Rows: []caseRowJSON{}})
	}
	return a.print(j, t)
}

// files are the paths of the results.
func (f *suiteFlags) files() []string {
	var paths []string
	for _, name := range []string{"suite.json", "suite.csv", "suite.txt", "suite.png"} {
		paths = append(paths, filepath.Join(f.out, name))
	}
	return paths
}

func (f *suiteFlags) declare(a *app) error {
	if f.out == "" {
		return nil
	}
	if err := a.out.createDir(f.out); err != nil {
		return err
	}
	for _, path := range f.files() {
		if err := a.out.declareFile(path); err != nil {
			return err
		}
	}
	return nil
}

// save writes the cases so far, again where it did so before.
func (f *suiteFlags) save(ctx context.Context, a *app, again bool, j suiteJSON, figures []study.Figure) error {
	if f.out == "" {
		return nil
	}
	if again {
		if err := a.out.renew(f.files()); err != nil {
			return err
		}
	}
	return a.out.save(ctx, func(o *arrayio.Outputs) error { return f.write(o, j, figures) })
}

func (j *suiteJSON) add(r *study.CaseResult) {
	c := caseJSON{ID: r.ID, Title: r.Title, Status: r.Status, Reason: r.Reason, Rows: []caseRowJSON{}, Seconds: number(r.Elapsed.Seconds())}
	for _, row := range r.Rows {
		c.Rows = append(c.Rows, caseRowJSON{row.Name, number(row.Expected), number(row.Measured), number(row.Tolerance), row.Pass, row.Note})
	}
	switch r.Status {
	case study.Pass:
		j.Counts.Pass++
	case study.Fail:
		j.Counts.Fail++
	case study.Skipped:
		j.Counts.Skipped++
	}
	j.Cases = append(j.Cases, c)
}

func (j *suiteJSON) table(colour bool) *report.Table {
	right := func(head string) report.Column { return report.Column{Head: head, Align: report.Right} }
	t := &report.Table{Columns: []report.Column{{Head: "case"}, {Head: "quantity"}, right("expected"), right("measured"), right("tolerance"), {Head: "verdict"}, {Head: "note"}}, Colour: colour}
	for _, c := range j.Cases {
		head := fmt.Sprintf("%s %s: %s (%.3g s)", c.ID, c.Status, c.Title, float64(c.Seconds))
		if c.Reason != "" {
			head += "; " + c.Reason
		}
		t.Section(head)
		for _, r := range c.Rows {
			t.Add(c.ID, r.Name, digits(r.Expected), digits(r.Measured), fmt.Sprintf("%.2g", float64(r.Tolerance)), string(r.verdict()), r.Note)
		}
	}
	t.Section(fmt.Sprintf("%s in %.3g s", j.summary(), float64(j.Seconds)))
	return t
}

// summary counts the cases.
func (j *suiteJSON) summary() string {
	s := fmt.Sprintf("%d of %d cases pass", j.Counts.Pass, len(j.Cases))
	if j.Counts.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", j.Counts.Skipped)
	}
	return s
}

func (r *caseRowJSON) verdict() study.Verdict {
	if r.Pass {
		return study.Pass
	}
	return study.Fail
}

// digits prints a number of the suite: as many digits as its golden values have.
func digits(v number) string {
	if s := text(v); s == "-" {
		return s
	}
	return strconv.FormatFloat(float64(v), 'g', 10, 64)
}

func (f *suiteFlags) write(o *arrayio.Outputs, j suiteJSON, figures []study.Figure) error {
	at := func(name string) string { return filepath.Join(f.out, name) }
	for _, g := range figures {
		j.Figures = append(j.Figures, describeFigure(g))
	}
	if err := writeJSON(o, at("suite.json"), j); err != nil {
		return err
	}
	if err := o.Add(at("suite.csv"), j.csv); err != nil {
		return err
	}
	if err := o.Add(at("suite.txt"), func(w io.Writer) error {
		_, err := j.table(false).WriteTo(w)
		return err
	}); err != nil {
		return err
	}
	return o.Add(at("suite.png"), func(w io.Writer) error {
		return report.Figures(w, "monge suite: "+j.summary(), figures)
	})
}

// csv writes one line a number; a case without numbers has a line of its own.
func (j *suiteJSON) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	cell := func(v number) string {
		if s := text(v); s == "-" {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', -1, 64)
	}
	lines := [][]string{{"id", "name", "expected", "measured", "tolerance", "verdict", "note"}}
	for _, k := range j.Cases {
		if len(k.Rows) == 0 {
			lines = append(lines, []string{k.ID, k.Title, "", "", "", string(k.Status), k.Reason})
		}
		for _, r := range k.Rows {
			lines = append(lines, []string{k.ID, r.Name, cell(r.Expected), cell(r.Measured), cell(r.Tolerance), string(r.verdict()), r.Note})
		}
	}
	return c.WriteAll(lines)
}
