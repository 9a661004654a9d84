package sweep

import (
	"bytes"
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
	"text/template"
	"time"
)

// Command runs a program and returns its output; exec's on a machine with Slurm, a fake in tests. An error holds what the
// program said.
type Command func(ctx context.Context, name string, args ...string) ([]byte, error)

// SubmitSettings say how the runs of a sweep become the tasks of a Slurm job array.
type SubmitSettings struct {
	Program  string   // the command line's program, as a task calls it
	Flags    []string // further flags of sweep run
	Throttle int      // tasks that run at a time; 0 = no limit
	Chunk    int      // runs a task; 0 = as few as MaxArraySize allows
	GPU      bool     // one GPU a task
	Warning  int      // seconds before the time limit at which a task stops and is queued again; 0 = 60
	Version  string
}

// Job is an array that was submitted.
type Job struct {
	ID        string    `json:"id"`
	Tasks     int       `json:"tasks"`
	Submitted time.Time `json:"submitted"`
}

const (
	slurmName = "slurm"
	jobsName  = "jobs.json"
	// defaultMaxArray is Slurm's own default of MaxArraySize, of which the largest task is one below.
	defaultMaxArray = 1001
)

// Script returns the batch script for the runs that are not done, and its count of tasks, at most most; task i does the runs
// of shard i/tasks. A task that is told to stop ahead of its time limit, by USR1, keeps what is done and is queued again;
// one whose node fails too. 0 tasks mean that nothing is left to do.
func (s *Store) Script(set SubmitSettings, most int) (script string, tasks int, err error) {
	left := 0
	for _, r := range s.Plan.Runs {
		if state, _ := s.Look(r, set.Version); state == Missing || state == Stale {
			left++
		}
	}
	if left == 0 {
		return "", 0, nil
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return "", 0, fmt.Errorf("sweep: %w", err)
	}
	here, err := os.Getwd() // files that the runs name lie relative to it
	if err != nil {
		return "", 0, fmt.Errorf("sweep: %w", err)
	}
	// A shard is every tasks-th run, done or not: so many tasks that none has more than Chunk.
	tasks = len(s.Plan.Runs)
	if set.Chunk > 0 {
		tasks = (tasks + set.Chunk - 1) / set.Chunk
	}
	tasks = max(1, min(tasks, most))
	if set.Warning == 0 {
		set.Warning = 60
	}
	var b bytes.Buffer
	err = batch.Execute(&b, map[string]any{
		"Set": set, "Name": s.Plan.Spec.Name, "Dir": dir, "Here": here, "Tasks": tasks, "Last": tasks - 1, "Slurm": s.Plan.Spec.Slurm,
		"Runs": len(s.Plan.Runs), "Left": left,
	})
	if err != nil {
		return "", 0, fmt.Errorf("sweep: %w", err)
	}
	return b.String(), tasks, nil
}

var batch = template.Must(template.New("batch").Funcs(template.FuncMap{"quote": Quote}).Parse(`#!/bin/bash
# {{.Left}} of {{.Runs}} runs of the sweep {{.Name}} in {{.Tasks}} tasks.
#SBATCH --job-name={{quote .Name}}
#SBATCH --array=0-{{.Last}}{{with .Set.Throttle}}%{{.}}{{end}}
#SBATCH --output={{.Dir}}/slurm/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@{{.Set.Warning}}
{{- if .Set.GPU}}
#SBATCH --gres=gpu:1{{end}}
{{- range .Slurm.Sbatch}}
#SBATCH {{.}}{{end}}
set -u
cd {{quote .Here}} || exit 1
{{- range .Slurm.Setup}}
{{.}}{{end}}

# Ahead of the time limit: keep what is done, and queue this task again.
again() {
  kill -USR1 "$runs" 2>/dev/null
  wait "$runs"
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
  exit 0
}
trap again USR1
{{quote .Set.Program}} sweep run {{quote .Dir}} --shard $((SLURM_ARRAY_TASK_ID + 1))/{{.Tasks}}{{range .Set.Flags}} {{quote .}}{{end}} &
runs=$!
wait "$runs"
`))

// Quote quotes a word for the shell where it needs it.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Submit hands the runs that are not done to Slurm as a job array of no more tasks than MaxArraySize allows, and notes it in
// the directory. It returns nil where nothing is left to do.
func (s *Store) Submit(ctx context.Context, run Command, set SubmitSettings) (*Job, error) {
	most := defaultMaxArray
	out, err := run(ctx, "scontrol", "show", "config")
	if err != nil {
		return nil, fmt.Errorf("sweep: no Slurm answers: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "MaxArraySize" {
			if v, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && v > 0 {
				most = v
			}
		}
	}
	script, tasks, err := s.Script(set, most-1)
	if err != nil || tasks == 0 {
		return nil, err
	}
	path := filepath.Join(s.Dir, slurmName, "array.sbatch")
	if err := writeFile(path, []byte(script)); err != nil {
		return nil, err
	}
	if out, err = run(ctx, "sbatch", "--parsable", path); err != nil {
		return nil, fmt.Errorf("sweep: sbatch: %w", err)
	}
	id, _, _ := strings.Cut(strings.TrimSpace(string(out)), ";") // a cluster's name may follow
	if id == "" || strings.Trim(id, "0123456789") != "" {
		return nil, fmt.Errorf("sweep: sbatch answered %q: want a job's number", out)
	}
	job := Job{ID: id, Tasks: tasks, Submitted: time.Now().UTC()}
	jobs, err := s.Jobs()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(append(jobs, job), "", " ")
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	return &job, writeFile(filepath.Join(s.Dir, slurmName, jobsName), append(text, '\n'))
}

// Jobs returns the arrays that were submitted for the directory.
func (s *Store) Jobs() ([]Job, error) {
	path := filepath.Join(s.Dir, slurmName, jobsName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	var jobs []Job
	if err := json.Unmarshal(text, &jobs); err != nil {
		return nil, fmt.Errorf("sweep: %s: %w", path, err)
	}
	return jobs, nil
}

// Queue counts the tasks of a sweep's jobs that Slurm still has.
type Queue struct{ Running, Pending int }

// Queued asks Slurm. Without jobs it asks nobody.
func (s *Store) Queued(ctx context.Context, run Command) (q Queue, err error) {
	jobs, err := s.Jobs()
	if err != nil || len(jobs) == 0 {
		return q, err
	}
	// All of the user's tasks: a job that Slurm has forgotten would be an error by name.
	out, err := run(ctx, "squeue", "--me", "--array", "--noheader", "--format=%F %T")
	if err != nil {
		return q, fmt.Errorf("sweep: squeue: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || !slices.ContainsFunc(jobs, func(j Job) bool { return j.ID == fields[0] }) {
			continue
		}
		switch fields[1] {
		case "PENDING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED":
			q.Pending++
		default:
			q.Running++
		}
	}
	return q, nil
}

// Cancel cancels all jobs of the directory and returns them. What is done stays.
func (s *Store) Cancel(ctx context.Context, run Command) ([]Job, error) {
	jobs, err := s.Jobs()
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	args := []string{"--quiet"} // jobs that have ended are no error
	for _, j := range jobs {
		args = append(args, j.ID)
	}
	if _, err := run(ctx, "scancel", args...); err != nil {
		return nil, fmt.Errorf("sweep: scancel: %w", err)
	}
	return jobs, nil
}
