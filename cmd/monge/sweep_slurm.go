package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// system runs a program of the system, whose messages become the error.
func system(ctx context.Context, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if text := strings.TrimSpace(stderr.String()); err != nil && text != "" {
		return out, fmt.Errorf("%s: %w: %s", name, err, text)
	}
	return out, err
}

func (s *sweepFlags) submit(a *app) *cobra.Command {
	var set sweep.SubmitSettings
	var dry bool
	c := &cobra.Command{
		Use:   "submit SPEC|DIR",
		Short: "Hand the runs that are not done to Slurm as a job array",
		Long: `Write DIR/slurm/array.sbatch and submit it: a job array whose tasks each do a part of the runs that are not done. A task
that nears its time limit keeps what is done and is queued again, and so is one whose node fails. [slurm] in the
specification adds #SBATCH lines and lines of shell. For another scheduler, monge sweep run --shard I/N is one task.`,
		Example: `  monge sweep submit blindness.toml -o blindness --dry-run
  monge sweep submit blindness.toml -o blindness --throttle 8 --chunk 10`,
		Args: cobra.ExactArgs(1),
	}
	s.addOverrides(c)
	s.addReuse(c)
	f := c.Flags()
	f.StringVarP(&s.dir, "out", "o", "", "directory of the sweep")
	f.IntVar(&set.Throttle, "throttle", 0, "most tasks at a time (0 = no limit)")
	f.IntVar(&set.Chunk, "chunk", 0, "runs a task (0 = one, or as many as MaxArraySize asks for)")
	f.IntVar(&set.Warning, "warning", 60, "seconds before the time limit at which a task stops and is queued again")
	f.DurationVar(&s.timeout, "timeout", 0, "longest time of a run (0 = none)")
	f.BoolVar(&dry, "dry-run", false, "print the script and submit nothing")
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		switch {
		case set.Throttle < 0 || set.Chunk < 0 || set.Warning < 0:
			return usagef("--throttle %d, --chunk %d, --warning %d: want no negative number", set.Throttle, set.Chunk, set.Warning)
		case s.timeout < 0:
			return usagef("--timeout %v: want no negative time", s.timeout)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		store, err := s.store(args[0])
		if err != nil {
			return err
		}
		if err := s.reuse(a, store); err != nil {
			return err
		}
		set.Program, set.Version = self, version()
		set.GPU = strings.HasPrefix(a.engineName, "cuda")
		if a.engineName != "auto" {
			set.Flags = append(set.Flags, "--engine="+a.engineName)
		}
		if s.timeout > 0 {
			set.Flags = append(set.Flags, "--timeout="+s.timeout.String())
		}
		return s.hand(ctx, a, store, set, dry)
	})
	return c
}

// hand submits, or prints the script of a dry run.
func (s *sweepFlags) hand(ctx context.Context, a *app, store *sweep.Store, set sweep.SubmitSettings, dry bool) error {
	if dry {
		script, tasks, err := store.Script(set, len(store.Plan.Runs))
		if err != nil {
			return err
		}
		return a.print(struct {
			Schema string `json:"schema"`
			Tasks  int    `json:"tasks"`
			Script string `json:"script"`
		}{"monge.sweep-script/1", tasks, script}, plainText(script))
	}
	job, err := store.Submit(ctx, system, set)
	if err != nil {
		return err
	}
	t := a.table()
	t.Section("sweep " + store.Plan.Spec.Name)
	if job == nil {
		t.Add("submitted", "nothing", "all runs are done")
		job = &sweep.Job{}
	} else {
		t.Add("job", job.ID, fmt.Sprintf("%d tasks; monge sweep status %s", job.Tasks, s.dir))
	}
	return a.print(struct {
		Schema string `json:"schema"`
		Job    string `json:"job"`
		Tasks  int    `json:"tasks"`
	}{"monge.sweep-submit/1", job.ID, job.Tasks}, t)
}

// plainText is a text that prints itself.
type plainText string

func (t plainText) String() string { return string(t) }

func (s *sweepFlags) cancel(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "cancel DIR",
		Short:   "Cancel a sweep's jobs on Slurm; what is done stays",
		Example: `  monge sweep cancel blindness`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.command(func(ctx context.Context, args []string) error {
		store, err := sweep.Open(args[0])
		if err != nil {
			return err
		}
		jobs, err := store.Cancel(ctx, system)
		if err != nil {
			return err
		}
		ids := []string{}
		t := a.table()
		t.Section("sweep " + store.Plan.Spec.Name)
		for _, j := range jobs {
			ids = append(ids, j.ID)
		}
		t.Add("cancelled", strconv.Itoa(len(jobs)), strings.Join(ids, ", "))
		return a.print(struct {
			Schema    string   `json:"schema"`
			Cancelled []string `json:"cancelled"`
		}{"monge.sweep-cancel/1", ids}, t)
	})
	return c
}
