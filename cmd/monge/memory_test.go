//go:build linux

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Sinkhorn between two clouds of 50,000 x 3 keeps nothing of the size of the cost matrix, which would be
// 20 GB: the whole process stays below 1 GiB, and -v says so.
func TestSinkhornMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of computing")
	}
	dir := t.TempDir()
	monge := filepath.Join(dir, "monge")
	if out, err := exec.Command("go", "build", "-o", monge, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	x, y := filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npy")
	for path, seed := range map[string]string{x: "1", y: "2"} {
		if out, err := exec.Command(monge, "sample", "gaussian:d=3", "-n", "50000", "--seed", seed, "-o", path).CombinedOutput(); err != nil {
			t.Fatalf("sample: %v\n%s", err, out)
		}
	}
	var stderr bytes.Buffer
	run := exec.Command(monge, "ot", x, y, "--solver", "sinkhorn", "--eps-rel", "0.05", "--tol", "0", "--max-iter", "1", "-v")
	run.Stderr = &stderr
	if err := run.Run(); run.ProcessState.ExitCode() != 3 { // one iteration does not converge
		t.Fatalf("ot: %v, want exit code 3\n%s", err, stderr.String())
	}
	if kib := run.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; kib > 1<<20 {
		t.Errorf("peak memory %d KiB, want less than 1 GiB", kib)
	}
	if !strings.Contains(stderr.String(), "streaming") {
		t.Errorf("-v does not say what the planner chose:\n%s", stderr.String())
	}
}
