package sweep

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// fake is a Slurm that knows the answers to a few questions and writes down what it was asked.
type fake struct {
	answers map[string]string
	asked   []string
}

func (f *fake) run(_ context.Context, name string, args ...string) ([]byte, error) {
	f.asked = append(f.asked, strings.Join(append([]string{name}, args...), " "))
	out, ok := f.answers[name]
	if !ok {
		return nil, errors.New(name + ": not found")
	}
	return []byte(out), nil
}

func TestSubmit(t *testing.T) {
	p := plan(t, "name = \"a\\nb\"\ncommand = \"compare\"\n[grid]\nn = [1, 2]\nseed = {from = 1, to = 5, step = 1}\n[slurm]\nsbatch = [\"--partition=gpu\", \"#SBATCH --time=1:00:00\"]\nsetup = [\"module load cuda\"]\n")
	s := create(t, filepath.Join(t.TempDir(), "it's 5% done"), p)
	f := &fake{answers: map[string]string{"squeue": "", "scontrol": "Configuration\nMaxArraySize            = 5\nMaxJobCount = 10000\n", "sbatch": "42;cluster\n"}}
	job, err := s.Submit(t.Context(), f.run, SubmitSettings{Program: "/opt/monge", Flags: []string{"--timeout=10m"}, Throttle: 3, GPU: true})
	if err != nil {
		t.Fatal(err)
	}
	if job.ID != "42" || job.Tasks != 4 { // the largest index of an array is one below its size
		t.Errorf("job %+v", job)
	}
	path := filepath.Join(s.Dir, "slurm", "array.sbatch")
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"#SBATCH --array=0-3%3\n", "#SBATCH --requeue\n", "#SBATCH --signal=B:USR1@60\n", "#SBATCH --gres=gpu:1\n", "#SBATCH --partition=gpu\n",
		"#SBATCH --time=1:00:00\n", "#SBATCH --job-name='a b'\n", "\nmodule load cuda\nset -u\n", `it'\''s 5% done' --shard $((SLURM_ARRAY_TASK_ID + 1))/4 --timeout=10m &`,
		`it'\''s 5%% done/slurm/%A_%a.log'`,
	} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the script lacks %q:\n%s", want, script)
		}
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		if out, err := exec.Command(bash, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("bash: %v: %s", err, out)
		}
	}
	if !slices.Equal(f.asked, []string{"scontrol show config", "sbatch --parsable " + path}) {
		t.Errorf("asked %q", f.asked)
	}

	// While tasks are in the queue, not again.
	f.answers["squeue"] = "42 PENDING Priority\n7 RUNNING None\n"
	if job, err := s.Submit(t.Context(), f.run, SubmitSettings{Program: "monge"}); !errors.Is(err, ErrQueued) {
		t.Errorf("submitted twice: %+v, %v", job, err)
	}
	// Another array after it, of the shards with work alone; the queue, of which one task is somebody else's.
	var some atomic.Int64
	if _, err := s.Execute(t.Context(), RunSettings{Open: func(int) (Worker, error) { return worker{runs: &some}, nil }, Shards: 5, Shard: 3}); err != nil {
		t.Fatal(err)
	}
	f.answers["sbatch"], f.answers["squeue"] = "43\n", "42 COMPLETED None\n42 CANCELLED None\n42 PREEMPTED None\n42 NODE_FAIL None\n42 OUT_OF_MEMORY None\n"
	f.answers["scontrol"] = "MaxArraySize = 6\n"
	if job, err = s.Submit(t.Context(), f.run, SubmitSettings{Program: "monge"}); err != nil || job.Tasks != 4 {
		t.Fatalf("%+v, %v", job, err)
	}
	if script, err = os.ReadFile(path); err != nil || !strings.Contains(string(script), "#SBATCH --array=0-1,3-4\n") || !strings.Contains(string(script), "+ 1))/5 &") {
		t.Errorf("%v: all tasks but the third: %s", err, script)
	}
	f.answers["squeue"] = "42 RUNNING None\n42 PENDING JobArrayTaskLimit\n43 COMPLETING None\n7 RUNNING None\n43 PENDING launch failed requeued held\n43 PENDING JobHeldUser\n43 REQUEUE_HOLD None\n"
	if q, err := s.Queued(t.Context(), f.run); err != nil || q != (Queue{Running: 2, Pending: 1, Held: 3}) {
		t.Errorf("queue %+v, %v", q, err)
	}
	f.answers["scancel"] = ""
	if jobs, err := s.Cancel(t.Context(), f.run); err != nil || len(jobs) != 2 || f.asked[len(f.asked)-1] != "scancel --quiet 42 43" {
		t.Errorf("cancelled %v, %v by %q", jobs, err, f.asked[len(f.asked)-1])
	}

	// Nothing is left: nothing is submitted.
	var runs atomic.Int64
	if _, err := s.Execute(t.Context(), RunSettings{Open: func(int) (Worker, error) { return worker{runs: &runs}, nil }}); err != nil {
		t.Fatal(err)
	}
	if job, err = s.Submit(t.Context(), f.run, SubmitSettings{}); job != nil || err != nil {
		t.Errorf("nothing left: %+v, %v", job, err)
	}
	if left, ok := s.Left("", nothing, 2); !ok || left != 0 {
		t.Errorf("left %v, %v", left, ok)
	}
}

func TestSubmitErrors(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "s"), tenSeeds(t))
	for name, f := range map[string]*fake{
		"no Slurm":    {},
		"no sbatch":   {answers: map[string]string{"scontrol": ""}},
		"odd answers": {answers: map[string]string{"scontrol": "", "sbatch": "Submitted batch job 42"}},
	} {
		if job, err := s.Submit(t.Context(), f.run, SubmitSettings{}); err == nil {
			t.Errorf("%s: job %+v", name, job)
		}
	}
	if jobs, err := s.Jobs(); err != nil || len(jobs) != 0 {
		t.Errorf("jobs %v, %v", jobs, err)
	}
	f := &fake{}
	if q, err := s.Queued(t.Context(), f.run); err != nil || q != (Queue{}) || len(f.asked) != 0 {
		t.Errorf("without jobs: %v, %v, asked %v", q, err, f.asked)
	}
	if _, ok := s.Left("", nothing, 1); ok {
		t.Error("an estimate from nothing")
	}
}

// nothing is known of a run.
func nothing(Run) Work { return Work{} }
