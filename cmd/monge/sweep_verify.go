package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

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
		Use:   "verify DIR",
		Short: "Run a few runs again on the CPU in float64 and compare",
		Long: `Run a few of the runs that are done again, on the CPU in float64, and compare every number of their results. They may
differ by a hundred times what the run was asked for (--rtol and --atol, --tol of Sinkhorn's iteration), and no less than
100 times 64 roundoffs where it was float32, 4e-4: the tolerance that flows have then, and what the encoder makes of it.
Gaps, margins and asymmetries are compared by their difference, since they may be 0; steps and iterations, times and
engines are not compared, nor is what rounding decides in float32, such as which of nearly equal pairs was taken.`,
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
		if err := store.CheckFiles(); err != nil {
			return err
		}
		w, err := startWorker("cpu", runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		defer w.Close()
		v, err := store.Verify(ctx, withoutOutputs{w}, s.k, a.seed)
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
			t.Add(d.Run.ID[:12], d.Name, fmt.Sprintf("was %s, is %s, may differ by %.2g", d.Was, d.Is, d.Tolerance))
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

// withoutOutputs is a worker whose runs write no files: those that are there stay what they are.
type withoutOutputs struct{ sweep.Worker }

func (w withoutOutputs) Run(ctx context.Context, lines []sweep.Request) ([]sweep.Outcome, error) {
	for i, l := range lines {
		lines[i].Args = slices.DeleteFunc(slices.Clone(l.Args), func(arg string) bool {
			name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			return arg != name && isOutput(l.Args[0], name)
		})
	}
	return w.Worker.Run(ctx, lines)
}
