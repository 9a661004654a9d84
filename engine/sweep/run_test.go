package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// worker answers with the flag seed squared. It fails, hangs, dies or answers badly on the seeds asked for.
type worker struct {
	fail, hang, die, babble string
	runs                    *atomic.Int64
	wait                    time.Duration
}

func (w worker) Close() error { return nil }

func (w worker) Run(ctx context.Context, lines []Request) (out []Outcome, err error) {
	for _, l := range lines {
		o, err := w.one(ctx, l.Args)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (w worker) one(ctx context.Context, args []string) (Outcome, error) {
	w.runs.Add(1)
	var seed int
	for _, a := range args {
		if s, ok := strings.CutPrefix(a, "--seed="); ok {
			fmt.Sscan(s, &seed)
		}
	}
	is := func(s string) bool { return s != "" && fmt.Sprint(seed) == s }
	switch {
	case is(w.fail):
		return Outcome{Code: 1, Stderr: []byte("noise\nmonge: no luck\n")}, nil
	case is(w.hang):
		<-ctx.Done()
		return Outcome{}, ctx.Err()
	case is(w.die):
		return Outcome{}, errors.New("the worker ended")
	case is(w.babble):
		return Outcome{Stdout: []byte("hello")}, nil
	}
	select {
	case <-time.After(w.wait):
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	return Outcome{Stdout: fmt.Appendf(nil, `{"seed": %d, "gap": {"square": %d, "list": [1, 2], "none": null}, "name": "s", "seconds": 1.5, "engine": {"name": "cpu"}}`, seed, seed*seed), PeakBytes: 1 << 20}, nil
}

func tenSeeds(t testing.TB) *Plan {
	t.Helper()
	return plan(t, "name = \"ten\"\ncommand = \"compare\"\nrepeat = [\"seed\"]\n[grid]\nn = [1, 2]\nseed = {from = 1, to = 5, step = 1}\n")
}

func create(t testing.TB, dir string, p *Plan) *Store {
	t.Helper()
	s, err := Create(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExecute(t *testing.T) {
	const hangs = time.Second // the other runs take no time, but a busy machine may
	dir := filepath.Join(t.TempDir(), "s")
	s := create(t, dir, tenSeeds(t))
	var runs atomic.Int64
	w := worker{fail: "2", die: "3", babble: "4", hang: "5", runs: &runs}
	open := func(int) (Worker, error) { return w, nil }
	set := RunSettings{Workers: 3, Open: open, Version: "v1", Timeout: hangs}
	sum, err := s.Execute(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Ran != 10 || sum.Failed != 8 {
		t.Errorf("%+v", sum)
	}
	reasons := map[string]string{"2": "no luck", "3": "the worker ended", "4": "no JSON", "5": "longer than " + hangs.String()}
	for _, r := range s.Plan.Runs {
		state, rec := s.Look(r, "v1")
		want := reasons[r.Axes["seed"].Text]
		if want == "" && state != Done || want != "" && (state != Failed || !strings.Contains(rec.Error, want)) {
			t.Errorf("seed %s: %s, %+v; want %q", r.Axes["seed"].Text, state, rec, want)
		}
	}
	// Again: failures stay until they are asked for.
	if sum, err = s.Execute(t.Context(), set); err != nil || sum.Ran != 0 || sum.Kept != 10 {
		t.Errorf("again: %+v, %v", sum, err)
	}
	w = worker{runs: &runs}
	set.Retry = true
	if sum, err = s.Execute(t.Context(), set); err != nil || sum.Ran != 8 || sum.Failed != 0 {
		t.Errorf("retry: %+v, %v", sum, err)
	}
	// Another version of the code: all are stale, and done again.
	if state, _ := s.Look(s.Plan.Runs[0], "v2"); state != Stale {
		t.Errorf("another version: %s", state)
	}
	set.Version = "v2"
	if sum, err = s.Execute(t.Context(), set); err != nil || sum.Ran != 10 {
		t.Errorf("another version: %+v, %v", sum, err)
	}
	set.Force, w.fail, set.FailFast, set.Workers = true, "1", true, 1
	if sum, err = s.Execute(t.Context(), set); !errors.Is(err, ErrFailed) || sum.Ran != 1 {
		t.Errorf("fail fast: %+v, %v", sum, err)
	}
}

func TestShards(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), tenSeeds(t))
	var runs atomic.Int64
	for i := 1; i <= 3; i++ {
		sum, err := s.Execute(t.Context(), RunSettings{Shard: i, Shards: 3, Open: func(int) (Worker, error) { return worker{runs: &runs}, nil }})
		if err != nil || sum.Kept != 0 {
			t.Errorf("shard %d: %+v, %v", i, sum, err)
		}
	}
	if runs.Load() != 10 {
		t.Errorf("%d runs of 10", runs.Load())
	}
}

// TestInterrupted stops a sweep at random moments until it is done: every run is done exactly once in the end, with the
// numbers of a sweep that nobody stopped, and results cut short are done again.
func TestInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	s := create(t, dir, tenSeeds(t))
	var runs atomic.Int64
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := 0; ; round++ {
		if round == 200 {
			t.Fatal("it does not end")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(12+round))*time.Millisecond)
		_, err := s.Execute(ctx, RunSettings{Workers: 2, Open: func(int) (Worker, error) { return worker{runs: &runs, wait: 3 * time.Millisecond}, nil }})
		cancel()
		if err == nil {
			break
		}
		if round%3 == 0 { // a disk that lost the end of a file
			for _, r := range s.Plan.Runs {
				path := s.path(r, resultName)
				if info, err := os.Stat(path); err == nil && rnd.IntN(3) == 0 {
					if err := os.Truncate(path, info.Size()/2); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	table, err := s.Collect("")
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 10 {
		t.Fatalf("%d rows", len(table.Rows))
	}
	square, err := table.Column("gap.square")
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range table.Rows {
		if want := fmt.Sprint((i%5 + 1) * (i%5 + 1)); row[square] != want || row[1] != "done" {
			t.Errorf("row %d: %v, want %s", i, row, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, runsName, "*", ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTwoProcesses works on one directory with two stores at a time.
func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	p := tenSeeds(t)
	var wg sync.WaitGroup
	var runs atomic.Int64
	for range 2 {
		s := create(t, dir, p)
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := s.Execute(t.Context(), RunSettings{Open: func(int) (Worker, error) { return worker{runs: &runs}, nil }}); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	for _, r := range p.Runs {
		if state, _ := create(t, dir, p).Look(r, ""); state != Done {
			t.Errorf("%s: %s", r.ID, state)
		}
	}
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, tenSeeds(t)); !errors.Is(err, ErrDirectory) {
		t.Errorf("a directory with other files: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrDirectory) {
		t.Errorf("no sweep: %v", err)
	}
	other := filepath.Join(t.TempDir(), "s")
	create(t, other, tenSeeds(t))
	if _, err := Create(other, plan(t, "command = \"compare\"\n[grid]\nn = [7]\n")); !errors.Is(err, ErrDirectory) {
		t.Errorf("another plan: %v", err)
	}
	s, err := Open(other)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(tenSeeds(t).Runs)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(s.Plan.Runs); err != nil || string(got) != string(want) {
		t.Errorf("the plan that was opened: %s, %v; want %s", got, err, want)
	}
}

func TestCollectAndSeries(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), tenSeeds(t))
	var runs atomic.Int64
	if _, err := s.Execute(t.Context(), RunSettings{Version: "v", Only: []int{0, 1, 2, 3, 4, 5}, Open: func(int) (Worker, error) { return worker{runs: &runs}, nil }}); err != nil {
		t.Fatal(err)
	}
	table, err := s.Collect("v")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(table.Columns, " "); got != "id status n seed result.seed gap.square gap.list gap.none name version engine.name seconds peak_bytes" {
		t.Errorf("columns %s", got)
	}
	if got := strings.Join(table.Rows[1][1:], "|"); got != "done|1|2|2|4|[1,2]||s|v|cpu|1.5|1048576" {
		t.Errorf("row 2: %s", got)
	}
	if got := strings.Join(table.Rows[9][1:], "|"); got != "missing|2|5|||||||||" {
		t.Errorf("row 10: %s", got)
	}
	series, err := table.SeriesOf("n", "gap.square", "")
	if err != nil {
		t.Fatal(err)
	}
	// 1, 4, 9, 16, 25: mean 11, standard deviation sqrt(93.5), t(4) at .975 is 2.776445105.
	one := series[0]
	half := 2.776445105 * 9.669539802906858 / 2.23606797749979
	if len(series) != 1 || len(one.X) != 2 || one.Y[0] != 11 || one.N[0] != 5 || one.Y[1] != 1 || one.High[1] != 1 {
		t.Fatalf("%+v", series)
	}
	if d := one.High[0] - 11 - half; d > 1e-7 || d < -1e-7 { // digits of the quantile
		t.Errorf("interval %v, want 11 + %v", one.High[0], half)
	}
	if by, err := table.SeriesOf("seed", "gap.square", "n"); err != nil || len(by) != 2 || by[1].Name != "2" {
		t.Errorf("by n: %+v, %v", by, err)
	}
	if _, err := table.SeriesOf("n", "nothing", ""); !errors.Is(err, ErrSpec) {
		t.Errorf("no column: %v", err)
	}
}

// wrong gives other numbers than worker.
type wrong struct{ worker }

func (w wrong) Run(ctx context.Context, lines []Request) ([]Outcome, error) {
	out, err := w.worker.Run(ctx, lines)
	for i := range out {
		out[i].Stdout = []byte(strings.Replace(string(out[i].Stdout), `"square": `, `"square": 1`, 1))
	}
	return out, err
}

func TestVerify(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), tenSeeds(t))
	var runs atomic.Int64
	w := worker{runs: &runs}
	if _, err := s.Execute(t.Context(), RunSettings{Open: func(int) (Worker, error) { return w, nil }}); err != nil {
		t.Fatal(err)
	}
	v, err := s.Verify(t.Context(), w, 4, 1)
	if err != nil || len(v.Runs) != 4 || len(v.Differences) != 0 || v.Numbers == 0 {
		t.Errorf("the same numbers: %+v, %v", v, err)
	}
	v, err = s.Verify(t.Context(), wrong{w}, 100, 1)
	if err != nil || len(v.Runs) != 10 || len(v.Differences) != 10 || v.Differences[0].Name != "gap.square" {
		t.Errorf("other numbers: %+v, %v", v, err)
	}
}

// TestTolerances: what a run was asked for decides how near its numbers must be, and what rounding decides is left out.
func TestTolerances(t *testing.T) {
	for _, c := range []struct {
		args   string
		name   string
		was    string
		is     string
		differ bool
	}{
		{"compare", "cost.encoder", "2", "2.0000019", false}, // 1e-6 of it: a hundred times 1e-8
		{"compare", "cost.encoder", "2", "2.0000021", true},
		{"compare --rtol=1e-6 --atol=1e-9", "cost.encoder", "2", "2.00019", false},
		{"compare --dtype=f32", "cost.encoder", "2", "2.0007", false}, // 4e-4
		{"compare --dtype=f32", "cost.encoder", "2", "2.0009", true},
		{"compare", "gap.relative_upper", "3e-15", "9e-8", false}, // a difference of equal numbers
		{"compare", "gap.relative_upper", "3e-15", "2e-6", true},
		{"compare", "gap.moved_fraction", "0.25", "0.26", true},
		{"compare --dtype=f32", "gap.moved_fraction", "0.25", "0.26", false},
		{"compare --dtype=f32", "gap.certified_optimal", "true", "false", false},
		{"compare", "gap.certified_optimal", "true", "false", true},
		{"compare", "flow.nfe_mean", "50", "60", false},
		{"ot --solver=sinkhorn", "cost", "1", "1.00009", false}, // tol is 1e-6
		{"ot --solver=sinkhorn --tol=1e-3", "cost", "1", "1.05", false},
		{"ot --solver=sinkhorn", "iterations", "40", "46", false},
		{"ot", "status", "optimal", "estimate", true},
		{"ot", "cost", "1", "", true},
	} {
		quote := func(v string) string {
			if json.Valid([]byte(v)) {
				return v
			}
			if v == "" {
				return "null"
			}
			return fmt.Sprintf("%q", v)
		}
		object := func(v string) []byte {
			text := quote(v)
			parts := strings.Split(c.name, ".")
			for i := len(parts) - 1; i >= 0; i-- {
				text = fmt.Sprintf("{%q: %s}", parts[i], text)
			}
			return []byte(text)
		}
		v := &Verification{}
		if err := v.compare(Run{Args: strings.Fields(c.args)}, object(c.was), object(c.is)); err != nil {
			t.Fatal(err)
		}
		if got := len(v.Differences) == 1; got != c.differ {
			t.Errorf("%s, %s: %s and %s differ: %v, want %v", c.args, c.name, c.was, c.is, got, c.differ)
		}
	}
}

// TestCreateAtOnce: of several plans that begin on one empty directory at the same moment one has it, and the others hear of
// it; those that want the same plan all have it.
func TestCreateAtOnce(t *testing.T) {
	for trial := range 20 {
		dir := filepath.Join(t.TempDir(), "s")
		var plans []*Plan
		for k := range 8 { // four plans, each twice
			plans = append(plans, plan(t, fmt.Sprintf("command = \"compare\"\n[grid]\nn = [%d]\n", 1+k/2)))
		}
		errs := make([]error, len(plans))
		var wg sync.WaitGroup
		for k, p := range plans {
			wg.Go(func() { _, errs[k] = Create(dir, p) })
		}
		wg.Wait()
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range plans {
			if p.Runs[0].ID == s.Plan.Runs[0].ID {
				if errs[k] != nil {
					t.Errorf("trial %d: its own plan: %v", trial, errs[k])
				}
			} else if !errors.Is(errs[k], ErrDirectory) || !strings.Contains(errs[k].Error(), "its run 1 is compare --n=") {
				t.Errorf("trial %d: another plan: %v", trial, errs[k])
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, temporary+"*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// TestOutputsAgain: a run that was stopped may write over its own files, one that is new or that failed may not.
func TestOutputsAgain(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), plan(t, "command = \"compare\"\n[grid]\nn = [1]\n"))
	r := s.Plan.Runs[0]
	for _, want := range []bool{false, true, true} {
		if again, err := s.begin(r); err != nil || again != want {
			t.Errorf("begun again: %v, %v; want %v", again, err, want)
		}
	}
	if err := s.keep(r, &Record{Schema: recordSchema, ID: r.ID, Error: "it exists"}, nil); err != nil {
		t.Fatal(err)
	}
	if again, err := s.begin(r); err != nil || again {
		t.Errorf("after a failure: %v, %v", again, err)
	}
}

// TestRights: a sweep's files have the rights of any file that the process makes, whoever else may read or write those.
func TestRights(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), plan(t, "command = \"compare\"\n[grid]\nn = [1]\n"))
	plain := filepath.Join(s.Dir, "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.Stat(filepath.Join(s.Dir, manifestName)); err != nil || got.Mode() != want.Mode() {
		t.Errorf("%v, %v, want %v", got.Mode(), err, want.Mode())
	}
}
