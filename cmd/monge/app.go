package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/auto"
	"monge/engine/nearest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"gorgonia.org/tensor"
)

// app is one invocation: the flags that every command has, and where it writes.
type app struct {
	stdout, stderr io.Writer

	engineName, dtypeName string
	threads               int
	seed                  uint64
	json, force, verbose  bool
	key                   string
	columns               []string

	out     outputs
	bar     progress
	service service // of a worker; the zero value otherwise
}

// newRoot makes the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "monge",
		Short: "How far is a diffusion model's encoder from the optimal transport map?",
		Long: `monge pushes points through the probability-flow ODE of a diffusion model whose score is known exactly,
and compares the pairing of data with latents that it makes with optimal transport: the gap in cost with
certified bounds, the asymmetry of the encoder's Jacobian, and pictures.

Exit codes: 0 done; 1 failed while running; 2 wrong usage or input; 3 done, and something did not converge;
130 interrupted.`,
		Example: `  monge compare
  monge compare --dist G1 -n 2000 --out g1
  monge ot X.npy Y.npy --solver sinkhorn --eps-rel 0.01 --json`,
		Version:               version(),
		SilenceUsage:          true,
		SilenceErrors:         true,
		DisableFlagsInUseLine: true,
		CompletionOptions:     cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:                  unknownCommand,
		RunE:                  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddCommand(newCompare(a), newEncode(a), newDecode(a), newSample(a), newOT(a), newCertify(a), newBound(a), newSuite(a), newReport(a), newEngines(a))
	for _, c := range root.Commands() {
		a.finish(c)
	}
	sweeps := newSweep(a, root)
	for _, c := range sweeps.Commands() {
		if !c.Hidden {
			a.finish(c)
		}
	}
	root.AddCommand(sweeps)
	root.SetHelpCommand(newHelp(root))
	return root
}

// finish adds the flags that every command has, and says what a wrong count of arguments should have been.
func (a *app) finish(c *cobra.Command) {
	a.addFlags(c)
	counted := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		err := counted(c, args)
		if err == nil {
			return nil
		}
		got := fmt.Sprintf("%d arguments", len(args))
		if len(args) == 1 {
			got = fmt.Sprintf("%q alone", args[0])
		}
		return fmt.Errorf("%s: got %s; want %s%s", c.Name(), got, c.CommandPath(), strings.TrimPrefix(c.Use, c.Name()))
	}
}

// unknownCommand is the error of an argument of root that names none of its commands.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("no command %q%s", args[0], nearest.Hint(args[0], names))
}

// flagError says of an error of the command line's parser which flag and value it is about, and what would do.
func flagError(c *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &value):
		want := map[string]string{"int": "a whole number", "uint": "a whole number from 0 on", "float": "a number", "duration": "a time such as 90s or 10m"}
		f := value.GetFlag()
		kind, _ := pflag.UnquoteUsage(f)
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		if w, ok := want[kind]; ok {
			return fmt.Errorf("%s%s %q: want %s", dashes, f.Name, value.GetValue(), w)
		}
	case errors.As(err, &unknown):
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if hint := nearest.Hint(unknown.GetSpecifiedName(), names); hint != "" {
			return fmt.Errorf("%w%s", err, strings.Replace(hint, "mean ", "mean --", 1))
		}
	}
	return err
}

// newHelp is cobra's help command, for which a name that it does not know is no error.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Long:  "Help about a command, the same as its --help.",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("help: no command %q", strings.Join(args, " "))
			}
			return c.Help()
		},
	}
}

// addFlags adds the flags that every command has.
func (a *app) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&a.engineName, "engine", "auto", "where to compute: auto, cpu, cuda, cuda:N")
	f.StringVar(&a.dtypeName, "dtype", "f64", "type of the numbers computed with: f64, f32")
	f.IntVar(&a.threads, "threads", 0, "most goroutines that compute at a time (0 = one a processor)")
	f.Uint64Var(&a.seed, "seed", 1, "seed of everything random")
	f.BoolVar(&a.json, "json", false, "one JSON object on stdout instead of a table")
	f.BoolVar(&a.force, "force", false, "overwrite existing outputs")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say on stderr what is done and why")
}

// addFileFlags adds the flags of commands that read arrays.
func (a *app) addFileFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.key, "key", "", "name of the array in .npz inputs")
	c.Flags().StringSliceVar(&a.columns, "columns", nil, "columns of the points to take: names, numbers from 1, ranges 2-5")
}

// command makes the function that cobra calls of one that runs a command.
func (a *app) command(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		a.out.set.Force = a.force
		a.bar.start(a.stderr)
		var empty error
		c.Flags().Visit(func(f *pflag.Flag) {
			if v := f.Value.String(); empty == nil && (v == "" || v == "[]") {
				empty = usagef("--%s: an empty value", f.Name)
			}
		})
		if empty != nil {
			return empty
		}
		if a.threads < 0 {
			return usagef("--threads %d: want 0 or more", a.threads)
		}
		if _, err := engine.ParseDtype(a.dtypeName); err != nil {
			return usagef("--dtype %q: want f64 or f32", a.dtypeName)
		}
		if err := f(c.Context(), args); err != nil {
			return &runError{err}
		}
		return nil
	}
}

// dtype returns --dtype, which command has checked.
func (a *app) dtype() engine.Dtype {
	t, _ := engine.ParseDtype(a.dtypeName)
	return t
}

// open opens the engine that --engine names; release gives it back.
func (a *app) open() (engine.Engine, error) {
	if a.service.engines != nil {
		return a.service.engines.get(a)
	}
	return a.openNew()
}

func (a *app) release(e engine.Engine) {
	if a.service.engines == nil {
		_ = e.Close() // what it computed is on the host
	}
}

func (a *app) openNew() (engine.Engine, error) {
	e, notice, err := auto.Open(a.engineName, auto.Options{Threads: a.threads})
	if err != nil {
		return nil, usage(fmt.Errorf("--engine %s: %w", a.engineName, err))
	}
	if notice != "" {
		a.warn("%s", notice)
	}
	info := e.Info()
	a.note("engine %s: %s, %d threads, %s free", info.Name, info.Device, info.Threads, bytesText(info.Free))
	return e, nil
}

// hostMemory is the bytes that the process may take: what the host has free, less a tenth for what is not
// Go's and for the system.
func hostMemory() (int64, error) {
	host, _, err := auto.Open("cpu", auto.Options{})
	if err != nil {
		return 0, err
	}
	defer host.Close()
	return host.Info().Free / 10 * 9, nil
}

// limitMemory makes the garbage collector work harder before memory runs out, so that what fits is what is
// alive. GOMEMLIMIT, where it is set, stands. What is free is counted within the limit: it is set once in a process.
func limitMemory() {
	if limit, err := hostMemory(); err == nil && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}

// fits returns an error that names what where so many float64 numbers are more than the host's free memory.
func fits(what string, numbers float64) error {
	free, err := hostMemory()
	if err != nil {
		return err
	}
	if need := 8 * numbers; need > float64(free) {
		return usage(&engine.MemoryError{What: what, Asked: int64(min(need, 1<<62)), Free: free})
	}
	return nil
}

// warn writes a line to stderr.
func (a *app) warn(format string, args ...any) {
	a.bar.clear()
	fmt.Fprintf(a.stderr, "monge: "+format+"\n", args...)
}

// note writes a line to stderr with -v.
func (a *app) note(format string, args ...any) {
	if a.verbose {
		a.warn(format, args...)
	}
}

// points reads a cloud of points.
func (a *app) points(path string) (*tensor.Dense, error) {
	arr, err := arrayio.ReadPoints(path, arrayio.Options{Key: a.key, Columns: a.columns})
	if err != nil {
		return nil, err
	}
	for _, n := range arr.Notes {
		a.warn("%s: %s", path, n)
	}
	return arr.Points(), nil
}

// coloured says whether stdout is a terminal that wants colour.
func (a *app) coloured() bool {
	return isTerminal(a.stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// version is the module's version and, where the build recorded it, the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v + " " + info.GoVersion
}

func bytesText(b int64) string {
	const unit = 1 << 10
	switch {
	case b >= unit*unit*unit:
		return fmt.Sprintf("%.1f GiB", float64(b)/(unit*unit*unit))
	case b >= unit*unit:
		return fmt.Sprintf("%.1f MiB", float64(b)/(unit*unit))
	}
	return fmt.Sprintf("%d bytes", b)
}
