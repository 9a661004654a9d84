//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const faultSpec = `
command = "compare"
[set]
dist = "G1"
n = 12
jacobian-points = 2
[grid]
seed = {from = 1, to = 12, step = 1}
`

// calmSweep runs the sweep undisturbed, collects it, and returns its folder.
func calmSweep(t *testing.T, dir string) string {
	t.Helper()
	write(t, filepath.Join(dir, "s.toml"), faultSpec)
	for _, args := range [][]string{{"sweep", "run", "s.toml", "-o", "calm"}, {"sweep", "collect", "calm"}} {
		if out, err := program(t, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return filepath.Join(dir, "calm")
}

// resume runs and collects a directory that something happened to.
func resume(t *testing.T, dir, name string) string {
	t.Helper()
	for _, args := range [][]string{{"sweep", "run", "s.toml", "-o", name}, {"sweep", "collect", name}} {
		if out, err := program(t, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return filepath.Join(dir, name)
}

// checkFull looks at what a full disk left: exit code 1, one line that names the file and what is wrong, no half-written
// file.
func checkFull(t *testing.T, c *exec.Cmd, out []byte, dir, reason string) {
	t.Helper()
	text := strings.TrimSpace(string(out))
	if code := c.ProcessState.ExitCode(); code != codeFailed || strings.Contains(text, "\n") || !strings.Contains(text, reason) || !strings.Contains(text, filepath.Base(dir)) {
		t.Errorf("exit code %d, %q: want 1 and one line that names the file and says %q", code, text, reason)
	}
	left, err := filepath.Glob(filepath.Join(dir, "runs", "*", ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSweepFullDisk lets files become no longer than half a kilobyte, as a full disk would: the sweep ends and says which
// file it could not write, and goes on when there is room again.
func TestSweepFullDisk(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	calm := calmSweep(t, dir)
	if out, err := program(t, dir, "sweep", "run", "s.toml", "-o", "full", "--shard", "1/6").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self := program(t, dir)
	script := filepath.Join(dir, "monge") // the test binary is monge where it is called so
	if err := os.Symlink(self.Path, script); err != nil {
		t.Skip(err)
	}
	c := exec.Command(sh, "-c", "ulimit -f 1; exec ./monge sweep run s.toml -o full")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatalf("no error on a full disk: %s", out)
	}
	checkFull(t, c, out, filepath.Join(dir, "full"), "file too large")
	sameSweeps(t, resume(t, dir, "full"), calm, 12)
}

// TestSweepFullDevice is the same on a device of its own that is full, where the system lets us mount one.
func TestSweepFullDevice(t *testing.T) {
	dir := t.TempDir()
	device := filepath.Join(dir, "device")
	if err := os.Mkdir(device, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128k", "none", device).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", "-l", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	calm := calmSweep(t, dir)
	ballast := filepath.Join(device, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 80<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	c := program(t, dir, "sweep", "run", "s.toml", "-o", "device/full")
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatalf("no error on a full device: %s", out)
	}
	checkFull(t, c, out, filepath.Join(device, "full"), "no space left on device")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	sameSweeps(t, resume(t, dir, "device/full"), calm, 12)
}

// TestSweepTwoProcesses lets two processes work on one directory, and cuts results short at several places behind their
// backs: the next run does those again, and every run is there once.
func TestSweepTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	calm := calmSweep(t, dir)
	var both []*exec.Cmd
	for range 2 {
		c := program(t, dir, "sweep", "run", "s.toml", "-o", "shared")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		both = append(both, c)
	}
	for _, c := range both {
		if err := c.Wait(); err != nil {
			t.Errorf("one of two processes: %v", err)
		}
	}
	results, err := filepath.Glob(filepath.Join(dir, "shared", "runs", "*", "result.json"))
	if err != nil || len(results) != 12 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	slices.Sort(results)
	for i, path := range results[:5] {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()*int64(i)/5); err != nil {
			t.Fatal(err)
		}
	}
	out, err := program(t, dir, "sweep", "status", "shared", "--json").Output()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%q: %d", "missing", 5)) {
		t.Errorf("five results are cut short: %v: %s", err, out)
	}
	sameSweeps(t, resume(t, dir, "shared"), calm, 12)
}
