package main

import (
	"encoding/csv"
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
	if err := os.WriteFile(filepath.Join(dir, "s.toml"), []byte(killedSpec), 0o600); err != nil {
		t.Fatal(err)
	}
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
	killed, calm := table(t, filepath.Join(dir, "killed", "results.csv")), table(t, filepath.Join(dir, "calm", "results.csv"))
	if len(killed) != 13 || len(calm) != 13 {
		t.Fatalf("%d and %d lines, want a head and 12 runs", len(killed), len(calm))
	}
	ids := map[string]bool{}
	for i, row := range killed {
		ids[row[0]] = true
		for j, cell := range row {
			name := killed[0][j]
			if strings.HasSuffix(name, "seconds") || name == "peak_bytes" || name == "engine.threads" {
				continue
			}
			if cell != calm[i][j] {
				t.Errorf("run %d, %s: %s, undisturbed %s", i, name, cell, calm[i][j])
			}
		}
	}
	if len(ids) != 13 {
		t.Errorf("%d different ids in 13 lines", len(ids))
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
