package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"monge/engine/arrayio"
	"monge/engine/report"
	"monge/engine/study"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errRuns marks a sweep of which runs failed.
var errRuns = errors.New("failed")

func newSweep(a *app, root *cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Grids of runs, here or on Slurm: plan, run, resume, collect, plot, verify",
		Long: `Run a command over grids of its flags. A specification in TOML names the command, fixed flags and axes:

    name = "blindness"
    command = "compare"                    # compare, ot, certify, encode, bound, suite
    repeat = ["seed"]                      # axes that plots average over
    [set]
    n = 500
    [grid]                                 # product of axes: a list, {from, to, step}, {from, to, factor}
    m = [1, 2, 4, 8]
    seed = {from = 1, to = 5, step = 1}
    [[zip]]                                # axes of equal length that go together
    rtol = [1e-6, 1e-8]
    atol = [1e-7, 1e-9]
    [derive]                               # flags made from axes
    dist = "copies:of=G1,m={m}"
    [slurm]                                # options of further #SBATCH lines, lines of shell before the runs
    sbatch = ["--partition=gpu", "--time=4:00:00"]
    setup = ["module load cuda"]

A run is identified by what it computes, so it is never done twice; a sweep is resumed by the same run. Its result is there
whole or not at all, whatever stops the process.`,
		Example: `  monge sweep plan blindness.toml -S m=1,2
  monge sweep run blindness.toml -o blindness --workers 2
  monge sweep plot blindness --x m --y gap.relative_upper -o gap.png`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("sweep: no command %q: want plan, run, submit, status, cancel, collect, plot or verify", args[0])
			}
			return errors.New("sweep: want one of plan, run, submit, status, cancel, collect, plot, verify")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	s := &sweepFlags{root: root}
	c.AddCommand(s.plan(a), s.run(a), s.submit(a), s.status(a), s.cancel(a), s.collect(a), s.plot(a), s.verify(a), newSweepWorker(a))
	return c
}

// sweepFlags are the flags of sweep's commands.
type sweepFlags struct {
	root      *cobra.Command
	overrides []string
	dir       string
	workers   int
	shard     string
	timeout   time.Duration
	retry     string
	failFast  bool
	x, y, by  string
	logX      bool
	logY      bool
	out       string
	k         int
}

// Flags implements sweep.Commands.
func (s *sweepFlags) Flags(command string) (map[string]string, error) {
	sweepable := []string{"compare", "ot", "certify", "encode", "decode", "sample", "bound", "suite"}
	for _, name := range sweepable {
		if name != command {
			continue
		}
		c, _, err := s.root.Find([]string{command})
		if err != nil {
			return nil, err
		}
		flags := map[string]string{}
		c.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = f.DefValue })
		return flags, nil
	}
	return nil, fmt.Errorf("want one of %s: %w", strings.Join(sweepable, ", "), sweep.ErrSpec)
}

// read reads a specification into its plan.
func (s *sweepFlags) read(path string) (*sweep.Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, usagef("%s: %w", path, err)
	}
	spec, err := sweep.Parse(path, text, s.overrides...)
	if err != nil {
		return nil, err
	}
	p, err := sweep.New(spec, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func (s *sweepFlags) addOverrides(c *cobra.Command) {
	c.Flags().StringArrayVarP(&s.overrides, "set", "S", nil, "KEY=V1,V2: other values of an axis or a flag of [set]; may be repeated")
}

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
	Left         number `json:"seconds_left"`
	Ran          int    `json:"ran"`
	Seconds      number `json:"seconds"`
	Overhead     number `json:"overhead"`
}

func (s *sweepFlags) run(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "run SPEC|DIR",
		Short: "Do the runs that are not done",
		Long: `Do the runs of a specification that are not done, and keep every result in --out; or those of a sweep's directory. Runs that fail are kept as failures
and the others go on. An interrupt, TERM or USR1 stops the runs in flight and keeps what is done; the same command goes on
from there. Any number of processes, on this machine or others, may work on one directory; --shard I/N gives each its part.`,
		Example: `  monge sweep run blindness.toml -o blindness --workers 2
  monge sweep run blindness.toml -o blindness --shard 3/16 --timeout 10m`,
		Args: cobra.ExactArgs(1),
	}
	s.addOverrides(c)
	f := c.Flags()
	f.StringVarP(&s.dir, "out", "o", "", "directory of the sweep")
	f.IntVar(&s.workers, "workers", 1, "runs at a time, each in a process of its own")
	f.StringVar(&s.shard, "shard", "", "I/N: only every N-th run, from the I-th on")
	f.DurationVar(&s.timeout, "timeout", 0, "longest time of a run (0 = none)")
	f.StringVar(&s.retry, "retry", "", "failed: do runs that failed again")
	f.BoolVar(&s.failFast, "fail-fast", false, "stop at the first run that fails")
	c.RunE = a.command(func(ctx context.Context, args []string) error { return s.execute(ctx, a, args[0]) })
	return c
}

// store opens the directory at path, or makes that of the specification at path.
func (s *sweepFlags) store(path string) (*sweep.Store, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if s.dir != "" || len(s.overrides) > 0 {
			return nil, usagef("%s is a sweep's directory: it takes no --out and no -S", path)
		}
		s.dir = path
		return sweep.Open(path)
	}
	if s.dir == "" {
		return nil, usagef("sweep: --out DIR is needed for a specification")
	}
	p, err := s.read(path)
	if err != nil {
		return nil, err
	}
	return sweep.Create(s.dir, p)
}

// settings checks the flags of run.
func (s *sweepFlags) settings(a *app) (sweep.RunSettings, error) {
	set := sweep.RunSettings{Workers: s.workers, Timeout: s.timeout, Retry: s.retry == "failed", Force: a.force, FailFast: s.failFast, Version: version()}
	switch {
	case s.workers < 1:
		return set, usagef("--workers %d: want at least 1", s.workers)
	case s.timeout < 0:
		return set, usagef("--timeout %v: want no negative time", s.timeout)
	case s.retry != "" && s.retry != "failed":
		return set, usagef("--retry %q: want failed", s.retry)
	}
	if s.shard != "" {
		i, n, ok := strings.Cut(s.shard, "/")
		var err1, err2 error
		set.Shard, err1 = strconv.Atoi(i)
		set.Shards, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || set.Shard < 1 || set.Shards < set.Shard {
			return set, usagef("--shard %q: want I/N with 1 <= I <= N", s.shard)
		}
	}
	threads := a.threads
	if threads == 0 {
		threads = max(1, runtime.GOMAXPROCS(0)/s.workers)
	}
	engine := a.engineName
	set.Open = func(i int) (sweep.Worker, error) { return startWorker(engine, i, threads) }
	return set, nil
}

func (s *sweepFlags) execute(ctx context.Context, a *app, path string) error {
	set, err := s.settings(a)
	if err != nil {
		return err
	}
	store, err := s.store(path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, checkpointSignals()...)
	defer stop()
	set.Progress = func(done, total int, r sweep.Run, state sweep.State) {
		a.bar.set("runs", done, total)
		if state == sweep.Failed {
			a.warn("run %s failed: %s: see %s", r.ID[:12], strings.Join(r.Args, " "), store.Log(r))
		}
	}
	sum, err := store.Execute(ctx, set)
	a.out.keep(fmt.Sprintf("%d runs in %s", sum.Kept+sum.Ran, s.dir))
	if err != nil {
		return err
	}
	j := s.count(store, set.Version)
	j.Ran, j.Seconds, j.Overhead = sum.Ran, number(sum.Seconds), number(math.NaN())
	if workers := min(set.Workers, sum.Ran); workers > 0 {
		j.Overhead = number(1 - sum.Busy/(sum.Seconds*float64(workers)))
	}
	return s.report(a, j)
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
		{"running", j.Running, "tasks on Slurm"}, {"pending", j.Pending, "tasks in Slurm's queue"},
	} {
		if r.n > 0 || r.name == "runs" || r.name == "done" {
			t.Add(r.name, strconv.Itoa(r.n), r.note)
		}
	}
	if j.Running > 0 && text(j.Left) != "-" {
		t.Add("time left", time.Duration(float64(j.Left)*float64(time.Second)).Round(time.Second).String(), "about, from the runs that are done")
	}
	if err := a.print(j, t); err != nil {
		return err
	}
	if j.Failed > 0 {
		return fmt.Errorf("sweep: %d of %d runs %w", j.Failed, j.Runs, errRuns)
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
		j.Running, j.Pending = q.Running, q.Pending
		if left, ok := store.Left(version(), q.Running); ok {
			j.Left = number(left)
		}
		return s.report(a, j)
	})
	return c
}

func (s *sweepFlags) collect(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "collect DIR",
		Short:   "Gather all results into DIR/results.csv and DIR/results.parquet",
		Example: `  monge sweep collect blindness`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		store, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		t, err := store.Collect(version())
		if err != nil {
			return err
		}
		a.out.set.Force = true // they are made from what stays
		csv, parquet := filepath.Join(args[0], "results.csv"), filepath.Join(args[0], "results.parquet")
		for _, path := range []string{csv, parquet} {
			if err := a.out.declareFile(path); err != nil {
				return err
			}
		}
		err = a.out.save(ctx, func(o *arrayio.Outputs) error {
			if err := o.Add(csv, t.WriteCSV); err != nil {
				return err
			}
			return o.Add(parquet, func(w io.Writer) error { return arrayio.WriteColumns(w, parquet, t.Columns, t.Numeric, t.Rows) })
		})
		if err != nil {
			return err
		}
		return s.report(a, s.count(store, version()))
	})
	return c
}

func (s *sweepFlags) plot(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "plot DIR",
		Short: "Plot one column of the results over another: means and 95 % intervals over the repeated axes",
		Example: `  monge sweep plot blindness --x m --y gap.relative_upper -o gap.png
  monge sweep plot gap --x separation --y jacobian.asym_mean --by anisotropy --logy`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&s.x, "x", "", "column along x")
	f.StringVar(&s.y, "y", "", "column along y")
	f.StringVar(&s.by, "by", "", "column whose values are curves of their own")
	f.BoolVar(&s.logX, "logx", false, "logarithmic x")
	f.BoolVar(&s.logY, "logy", false, "logarithmic y")
	f.StringVarP(&s.out, "out", "o", "", "file for the picture (default DIR/Y.png)")
	c.RunE = a.command(func(ctx context.Context, args []string) error { return s.draw(ctx, a, args[0]) })
	return c
}

func (s *sweepFlags) draw(ctx context.Context, a *app, dir string) error {
	if s.x == "" || s.y == "" {
		return usagef("sweep plot: --x and --y are needed")
	}
	store, err := sweep.Open(dir)
	if err != nil {
		return err
	}
	t, err := store.Collect("")
	if err != nil {
		return err
	}
	series, err := t.SeriesOf(s.x, s.y, s.by)
	if err != nil {
		return err
	}
	figure := sweepFigure(store.Plan.Spec.Name, s.x, s.y, s.by, series)
	figure.LogX, figure.LogY = s.logX, s.logY
	out := s.out
	if out == "" {
		out = filepath.Join(dir, s.y+".png")
		a.out.set.Force = true
	}
	if err := a.out.declareFile(out, ".png"); err != nil {
		return err
	}
	err = a.out.save(ctx, func(o *arrayio.Outputs) error {
		return o.Add(out, func(w io.Writer) error {
			return report.Figures(w, "monge sweep: "+store.Plan.Spec.Name, []study.Figure{figure})
		})
	})
	if err != nil {
		return err
	}
	table := a.table()
	table.Section(s.y + " over " + s.x)
	table.Add("curves", strconv.Itoa(len(series)))
	table.Add("wrote", out)
	return a.print(struct {
		Schema string `json:"schema"`
		Curves int    `json:"curves"`
		Wrote  string `json:"wrote"`
	}{"monge.sweep-plot/1", len(series), out}, table)
}

// verifyJSON is the result of sweep verify.
type verifyJSON struct {
	Schema      string           `json:"schema"`
	Runs        int              `json:"runs"`
	Numbers     int              `json:"numbers"`
	Differences []differenceJSON `json:"differences"`
}

type differenceJSON struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Was       string `json:"was"`
	Is        string `json:"is"`
	Tolerance number `json:"tolerance"`
}

func (s *sweepFlags) verify(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "verify DIR",
		Short:   "Run a few runs again on the CPU in float64 and compare",
		Example: `  monge sweep verify blindness -k 5`,
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().IntVarP(&s.k, "runs", "k", 5, "runs to do again, drawn with --seed")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		if s.k < 1 {
			return usagef("-k %d: want at least 1", s.k)
		}
		store, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		w, err := startWorker("cpu", 0, runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		defer w.Close()
		v, err := store.Verify(ctx, w, s.k, a.seed)
		if err != nil {
			return err
		}
		j := verifyJSON{Schema: "monge.sweep-verify/1", Runs: len(v.Runs), Numbers: v.Numbers, Differences: []differenceJSON{}}
		t := a.table()
		t.Section("verified on the CPU in float64")
		t.Add("runs", strconv.Itoa(len(v.Runs)))
		t.Add("numbers", strconv.Itoa(v.Numbers), fmt.Sprintf("%d differ", len(v.Differences)))
		for _, d := range v.Differences {
			j.Differences = append(j.Differences, differenceJSON{d.Run.ID, d.Name, d.Was, d.Is, number(d.Tolerance)})
			t.Add(d.Run.ID[:12], d.Name, fmt.Sprintf("was %s, is %s", d.Was, d.Is))
		}
		if err := a.print(j, t); err != nil {
			return err
		}
		if len(v.Differences) > 0 {
			return fmt.Errorf("sweep: verify: %d numbers differ: %w", len(v.Differences), errRuns)
		}
		return nil
	})
	return c
}
