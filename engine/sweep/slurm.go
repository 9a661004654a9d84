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
	// maxRestarts ends a task whose run is stopped again and again before it is done.
	maxRestarts = 100
)

// Script returns the batch script for the runs that are not done, and its count of tasks, at most most; task i does those of
// one of at most so many shards, and shards without any have no task. A task that is told to stop ahead of its time limit, by USR1, keeps what is done and is queued again;
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
	all := len(s.Plan.Runs)
	if set.Chunk > 0 {
		all = (all + set.Chunk - 1) / set.Chunk
	}
	all = max(1, min(all, most))
	var shards []int // with work
	seen := make([]bool, all)
	for i, r := range s.Plan.Runs {
		if state, _ := s.Look(r, set.Version); (state == Missing || state == Stale) && !seen[i%all] {
			seen[i%all] = true
			shards = append(shards, i%all)
		}
	}
	slices.Sort(shards)
	if set.Warning == 0 {
		set.Warning = 60
	}
	line := func(text string) string { // of the script, whatever the text
		return strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, text)
	}
	extra := make([]string, len(s.Plan.Spec.Slurm.Sbatch))
	for i, option := range s.Plan.Spec.Slurm.Sbatch {
		extra[i] = strings.TrimPrefix(line(option), "#SBATCH ")
	}
	var b bytes.Buffer
	err = batch.Execute(&b, map[string]any{
		"Set": set, "Name": line(s.Plan.Spec.Name), "Dir": dir, "Here": here, "Tasks": len(shards), "All": all, "Array": ranges(shards),
		"Log":    strings.ReplaceAll(filepath.Join(dir, slurmName), "%", "%%") + "/%A_%a.log",
		"Sbatch": extra, "Setup": s.Plan.Spec.Slurm.Setup, "Runs": len(s.Plan.Runs), "Left": left, "Restarts": maxRestarts,
	})
	if err != nil {
		return "", 0, fmt.Errorf("sweep: %w", err)
	}
	return b.String(), len(shards), nil
}

// ranges writes increasing numbers as sbatch takes them: 0-3,7,9-10.
func ranges(v []int) string {
	var parts []string
	for lo := 0; lo < len(v); {
		hi := lo
		for hi+1 < len(v) && v[hi+1] == v[hi]+1 {
			hi++
		}
		part := strconv.Itoa(v[lo])
		if hi > lo {
			part += "-" + strconv.Itoa(v[hi])
		}
		parts = append(parts, part)
		lo = hi + 1
	}
	return strings.Join(parts, ",")
}

// The setup comes before set -u: what sites and environments bring along often reads variables that are not set.
var batch = template.Must(template.New("batch").Funcs(template.FuncMap{"quote": Quote}).Parse(`#!/bin/bash
# {{.Left}} of {{.Runs}} runs of the sweep {{.Name}} in {{.Tasks}} tasks.
#SBATCH --job-name={{quote .Name}}
#SBATCH --array={{.Array}}{{with .Set.Throttle}}%{{.}}{{end}}
#SBATCH --output={{quote .Log}}
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@{{.Set.Warning}}
{{- if .Set.GPU}}
#SBATCH --gres=gpu:1{{end}}
{{- range .Sbatch}}
#SBATCH {{.}}{{end}}
{{- range .Setup}}
{{.}}{{end}}
set -u
cd {{quote .Here}} || exit 1

# Ahead of the time limit: keep what is done, and queue this task again.
again() {
  kill -USR1 "$runs" 2>/dev/null
  wait "$runs"
  if [ "${SLURM_RESTART_COUNT:-0}" -ge {{.Restarts}} ]; then
    echo "queued again {{.Restarts}} times: a run needs longer than the time limit" >&2
    exit 1
  fi
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" && exit 0
  echo "not queued again: submit the sweep again" >&2
  exit 1
}
trap again USR1
# Cancelled or preempted: keep what is done.
trap 'kill "$runs" 2>/dev/null; wait "$runs"; exit 143' TERM
{{quote .Set.Program}} sweep run {{quote .Dir}} --shard $((SLURM_ARRAY_TASK_ID + 1))/{{.All}}{{range .Set.Flags}} {{quote .}}{{end}} &
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
	q, err := s.Queued(ctx, run)
	if err != nil {
		return nil, err
	}
	if n := q.Running + q.Pending + q.Held; n > 0 {
		return nil, fmt.Errorf("sweep: %s: %d of its tasks are in the queue, and would do the same runs: wait for them, or cancel them first: %w", s.Dir, n, ErrQueued)
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

// ErrQueued is wrapped by the error of a sweep that is submitted while Slurm has tasks of it.
var ErrQueued = errors.New("submitted already")

// Queue counts the tasks of a sweep's jobs that Slurm still has; those that are held wait for somebody to release them.
type Queue struct{ Running, Pending, Held int }

// Queued asks Slurm. Without jobs it asks nobody.
func (s *Store) Queued(ctx context.Context, run Command) (q Queue, err error) {
	jobs, err := s.Jobs()
	if err != nil || len(jobs) == 0 {
		return q, err
	}
	// All of the user's tasks: a job that Slurm has forgotten would be an error by name.
	out, err := run(ctx, "squeue", "--me", "--array", "--noheader", "--format=%F %T %r")
	if err != nil {
		return q, fmt.Errorf("sweep: squeue: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(jobs, func(j Job) bool { return j.ID == fields[0] }) {
			continue
		}
		reason := strings.ToLower(strings.Join(fields[2:], " "))
		switch fields[1] {
		case "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD":
			q.Held++
		case "PENDING":
			if strings.Contains(reason, "held") { // JobHeldUser, JobHeldAdmin, "launch failed requeued held"
				q.Held++
			} else {
				q.Pending++
			}
		case "REQUEUED", "REQUEUE_FED", "SUSPENDED", "STOPPED":
			q.Pending++
		case "RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "POWER_UP_NODE":
			q.Running++
		default:
			// It has ended: COMPLETED, CANCELLED, TIMEOUT, PREEMPTED, NODE_FAIL, OUT_OF_MEMORY, ..; one that is queued
			// again is PENDING.
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
