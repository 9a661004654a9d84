package main

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program returns the command as a process of its own: the test binary is monge where it is called so.
func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Args = append([]string{"monge"}, args...)
	c.Dir = dir
	return c
}

const killedSpec = `
command = "compare"
[set]
n = 40
jacobian-points = 4
[grid]
m = [1, 2, 4]
seed = [1, 2, 3, 4]
[derive]
dist = "copies:of=G1,m={m}"
`

// TestSweepKilled kills a sweep without warning twenty times, at random moments, and lets it end: every run is there once,
// with the bits of a sweep that nobody disturbed.
func TestSweepKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes for some seconds")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "s.toml"), killedSpec)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		c := program(t, dir, "sweep", "run", "s.toml", "-o", "killed", "--workers", "2")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rnd.IntN(150)) * time.Millisecond)
		_ = c.Process.Kill() // it may be done
		_ = c.Wait()         // which says that it was killed
	}
	for _, name := range []string{"killed", "calm"} {
		for _, args := range [][]string{{"sweep", "run", "s.toml", "-o", name}, {"sweep", "collect", name}} {
			if out, err := program(t, dir, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", args, err, out)
			}
		}
	}
	sameSweeps(t, filepath.Join(dir, "killed"), filepath.Join(dir, "calm"), 12)
}

// sameSweeps compares the collected results of two directories: every run once, with the same bits in everything but times,
// memory and threads.
func sameSweeps(t *testing.T, one, other string, runs int) {
	t.Helper()
	a, b := table(t, filepath.Join(one, "results.csv")), table(t, filepath.Join(other, "results.csv"))
	if len(a) != runs+1 || len(b) != runs+1 {
		t.Fatalf("%d and %d lines, want a head and %d runs", len(a), len(b), runs)
	}
	ids := map[string]bool{}
	for i, row := range a {
		ids[row[0]] = true
		for j, cell := range row {
			name := a[0][j]
			if strings.HasSuffix(name, "seconds") || name == "peak_bytes" || name == "engine.threads" {
				continue
			}
			if cell != b[i][j] {
				t.Errorf("run %d, %s: %s and %s", i, name, cell, b[i][j])
			}
		}
	}
	if len(ids) != runs+1 {
		t.Errorf("%d different ids in %d lines", len(ids), len(a))
	}
}

const launchSpec = `
command = "ot"
args = ["{from}.npy", "y.npy"]
repeat = ["from"]
[set]
solver = "sinkhorn"
max-iter = 60
[grid]
from = ["x", "y", "none"]
tol = [0, 1e-4]
schedule-eps = ["on", "off"]
eps-rel = [1, 0.05, 0.3]
`

// TestSweepLaunches: a run has the bits of a run by itself, whether it goes into a launch with others or not, and one that
// fails, for want of a file, does not take the others with it.
func TestSweepLaunches(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "s.toml"), launchSpec)
	codes := map[int]bool{}
	for _, line := range []string{
		"sample G1 -n 50 -o x.npy", "sample moons -n 50 -o y.npy", "sweep run s.toml -o launches",
		"sweep run s.toml -o single --shard 1/5", "sweep run s.toml -o single --workers 12", "sweep collect launches", "sweep collect single",
	} {
		c := program(t, dir, strings.Fields(line)...)
		out, err := c.CombinedOutput()
		if err != nil && c.ProcessState.ExitCode() != codeNotConverged {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		codes[c.ProcessState.ExitCode()] = true
	}
	sameSweeps(t, filepath.Join(dir, "launches"), filepath.Join(dir, "single"), 36)
	failed := 0
	for _, row := range table(t, filepath.Join(dir, "launches", "results.csv"))[1:] {
		if row[1] == "failed" {
			failed++
		}
	}
	if failed != 12 {
		t.Errorf("%d runs failed, want the 12 of the file that is not there", failed)
	}
}

// TestSweepStopped tells a sweep to stop, as a batch system does ahead of a job's end, in the middle of a long run: the
// same command goes on with the cases that were not done, and ends with what an undisturbed one says.
func TestSweepStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "s.toml"), "command = \"suite\"\nargs = [\"E01\", \"E06\", \"E16\", \"E20\"]\n[set]\nquick = true\n[grid]\nseed = [1]\n")
	results := map[string]string{}
	for _, name := range []string{"calm", "stopped"} {
		if name == "stopped" {
			c := program(t, dir, "sweep", "run", "s.toml", "-o", name)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			for i := 0; ; i++ {
				if kept, err := filepath.Glob(filepath.Join(dir, name, "runs", "*", "checkpoint", "cases")); err == nil && len(kept) == 1 || i == 3000 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			signal := checkpointSignals()[0]
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_ = c.Wait() // which says that it was stopped
			if code := c.ProcessState.ExitCode(); code != codeInterrupted {
				t.Fatalf("exit code %d after %v", code, signal)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v to stop", took)
			}
		}
		if out, err := program(t, dir, "sweep", "run", "s.toml", "-o", name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		paths, err := filepath.Glob(filepath.Join(dir, name, "runs", "*", "*"))
		if err != nil || len(paths) != 2 { // the log and the result: a checkpoint is of no more use
			t.Fatalf("%v, %v", paths, err)
		}
		var rec struct{ Result suiteJSON }
		text, err := os.ReadFile(paths[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatal(err)
		}
		rec.Result.Seconds = 0
		for i := range rec.Result.Cases {
			rec.Result.Cases[i].Seconds = 0
		}
		cases, err := json.Marshal(rec.Result)
		if err != nil {
			t.Fatal(err)
		}
		results[name] = string(cases)
	}
	if results["calm"] != results["stopped"] || strings.Count(results["calm"], `"id"`) != 4 {
		t.Errorf("undisturbed %s\nstopped %s", results["calm"], results["stopped"])
	}
}

// TestReadySweeps: every specification of the repository runs, at a small size, and makes a report.
func TestReadySweeps(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	small := map[string]string{
		"blindness": "-S n=20 -S m=1,4 -S seed=1,2",
		"threshold": "-S n=20,30 -S seed=1",
		"gap":       "-S n=20 -S separation=1,3 -S anisotropy=1,9 -S seed=1",
		"bound":     "-S d=1,2 -S law=1,2",
		"sinkhorn":  "-S eps-rel=0.1,0.05",
	}
	specs, err := filepath.Glob(filepath.Join(root, "bench/sweeps/*.toml"))
	if err != nil || len(specs) != len(small) {
		t.Fatalf("specifications %v, %v; sizes for %d", specs, err, len(small))
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "bench"), filepath.Join(dir, "bench")); err != nil {
		t.Skip(err)
	}
	for _, line := range []string{"sample G1 -n 30 -o x.npy", "sample gaussian:d=2 -n 30 -o y.npy"} {
		if out, err := program(t, dir, strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
	for _, path := range specs {
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		run := append([]string{"sweep", "run", path, "-o", name}, strings.Fields(small[name])...)
		for _, args := range [][]string{append([]string{"sweep", "plan", path}, strings.Fields(small[name])...), run, {"report", name}} {
			if out, err := program(t, dir, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", args, err, out)
			}
		}
		page, err := os.ReadFile(filepath.Join(dir, name, "report.html"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(page), "<svg"); n < 4 {
			t.Errorf("%s: %d figures", name, n)
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func table(t testing.TB, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
