package main

import (
	"context"
	"fmt"
	"math"
	"os/signal"
	"runtime"
	"strconv"
	"strings"

	"monge/engine/auto"
	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

func (s *sweepFlags) run(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "run SPEC|DIR",
		Short: "Do the runs that are not done",
		Long: `Do the runs of a specification that are not done, and keep every result in --out; or those of a sweep's directory. Runs
that fail are kept as failures and the others go on. An interrupt, TERM or USR1 stops the runs in flight and keeps what is
done; the same command goes on from there, with the bits of a sweep that nobody stopped. A long run is kept on its way: the
flows of compare, encode and decode by blocks of rows, certificates, Sinkhorn and the training of bound's networks every few
seconds, a suite by its cases. An exact solve begins anew, and so does what bound measures of a network. Any number of
processes, on this machine or others, may work on one directory; --shard I/N gives each its part. --reuse takes over what
another sweep has done of the same runs.`,
		Example: `  monge sweep run blindness.toml -o blindness --workers 2
  monge sweep run blindness.toml -o blindness --shard 3/16 --timeout 10m`,
		Args: cobra.ExactArgs(1),
	}
	s.addOverrides(c)
	s.addReuse(c)
	f := c.Flags()
	f.StringVarP(&s.dir, "out", "o", "", "directory of the sweep")
	f.IntVar(&s.workers, "workers", 0, "runs at a time, each in a process of its own (default one a CUDA device, else one)")
	f.StringVar(&s.shard, "shard", "", "I/N: only every N-th run, from the I-th on")
	f.DurationVar(&s.timeout, "timeout", 0, "longest time of a run (0 = none)")
	f.StringVar(&s.retry, "retry", "", "failed: do runs that failed again")
	f.BoolVar(&s.failFast, "fail-fast", false, "stop at the first run that fails")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		set, err := s.settings(a, f.Changed)
		if err != nil {
			return err
		}
		return s.execute(ctx, a, set, args[0])
	})
	return c
}

// settings checks the flags of run.
func (s *sweepFlags) settings(a *app, changed func(flag string) bool) (sweep.RunSettings, error) {
	set := sweep.RunSettings{Workers: s.workers, Timeout: s.timeout, Retry: s.retry == "failed", Force: a.force, FailFast: s.failFast, Version: version()}
	switch {
	case s.workers < 1 && changed("workers"):
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
	engines := workerEngines(a.engineName, auto.List)
	if s.workers == 0 {
		set.Workers = len(engines)
	}
	threads := a.threads
	if threads == 0 {
		threads = max(1, runtime.GOMAXPROCS(0)/set.Workers)
	}
	set.Work = newWorks(s).of
	set.Open = func(i int) (sweep.Worker, error) { return startWorker(engines[i%len(engines)], threads) }
	return set, nil
}

// workerEngines returns the engines that workers take in turn: every CUDA device that can be used where --engine leaves the
// choice among them, else the one engine that it names.
func workerEngines(name string, list func() []auto.Entry) (names []string) {
	if name == "auto" || name == "cuda" {
		for _, e := range list() {
			if e.Available && strings.HasPrefix(e.Name, "cuda") {
				names = append(names, e.Name)
			}
		}
	}
	if len(names) == 0 {
		names = []string{name}
	}
	return names
}

func (s *sweepFlags) execute(ctx context.Context, a *app, set sweep.RunSettings, path string) error {
	store, err := s.store(path)
	if err != nil {
		return err
	}
	if err := s.reuse(a, store); err != nil {
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
