package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

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
    description = "What is asked, and what is expected; the report shows it."
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
    [expect]                               # values of columns of the results; the report holds them beside the measured
    "jacobian.asym_mean" = 0.129
    [slurm]                                # options of further #SBATCH lines, lines of shell before the runs
    sbatch = ["--partition=gpu", "--time=4:00:00"]
    setup = ["module load cuda"]

A run is identified by what it computes: its flags, and the contents of every file that it reads, also of those that a TOML
file names, wherever they lie. So it is never done twice; a sweep is resumed by the same run. Its result is there whole or not
at all, whatever stops the process.`,
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
	others    []string
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
	text, err := readText(path)
	if err != nil {
		return nil, err
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

// begun opens the directory of a sweep.
func (s *sweepFlags) begun(path string) (*sweep.Store, error) {
	if s.dir != "" || len(s.overrides) > 0 {
		return nil, usagef("%s is a sweep's directory: it takes no --out and no -S", path)
	}
	s.dir = path
	return sweep.Open(path)
}

func (s *sweepFlags) addReuse(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.others, "reuse", nil, "directory of another sweep, whose results serve runs that are the same; may be repeated")
}

// reuse takes over what other sweeps have done.
func (s *sweepFlags) reuse(a *app, store *sweep.Store) error {
	taken, err := store.Reuse(s.others, version())
	if taken > 0 {
		a.warn("%d results are taken over from %s", taken, strings.Join(s.others, ", "))
	}
	return err
}

// store opens the directory at path for its runs to be done, or makes that of the specification at path.
func (s *sweepFlags) store(path string) (*sweep.Store, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		store, err := s.begun(path)
		if err != nil {
			return nil, err
		}
		return store, store.CheckFiles()
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
