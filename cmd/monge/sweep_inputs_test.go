package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestInputKinds: every flag that takes a text, of every command that a sweep runs, is known to name what is read or what is
// written, or to be a word.
func TestInputKinds(t *testing.T) {
	words := []string{"engine", "dtype", "key", "columns", "solver", "schedule", "schedule-eps", "tau", "method"}
	a := &app{stdout: io.Discard, stderr: io.Discard}
	var root *cobra.Command = newRoot(a)
	for _, command := range []string{"compare", "ot", "certify", "encode", "decode", "sample", "bound", "suite"} {
		c, _, err := root.Find([]string{command})
		if err != nil {
			t.Fatal(err)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "string" && f.Value.Type() != "stringSlice" {
				return
			}
			kinds := 0
			for _, is := range []bool{inputKinds(command, f.Name) != noInput, isOutput(command, f.Name), slices.Contains(words, f.Name), command == "certify" && f.Name == "potentials"} {
				if is {
					kinds++
				}
			}
			if kinds != 1 {
				t.Errorf("%s --%s: is it read, written or a word?", command, f.Name)
			}
		})
	}
}

// TestNumbersOfOneRun: a number is the same however it is written, and no text is taken for one.
func TestNumbersOfOneRun(t *testing.T) {
	a := &app{stdout: io.Discard, stderr: io.Discard}
	s := &sweepFlags{root: newRoot(a)}
	a.seed = 5 // of the sweep's own command
	for _, c := range []struct {
		flag, one, other string
		same             bool
	}{
		{"rtol", "1e-4", "0.0001", true}, {"rtol", "1e-8", "1e-08", true}, {"rtol", "1e-4", "1e-5", false}, {"n", "100", "+100", true},
		{"seed", "9007199254740993", "9007199254740992", false}, {"key", "7", "007", false}, {"rtol", "x", "y", false},
	} {
		one, _ := s.Inputs("compare", c.flag, c.one)
		other, _ := s.Inputs("compare", c.flag, c.other)
		if (one == other) != c.same {
			t.Errorf("--%s %s and %s: %q and %q", c.flag, c.one, c.other, one, other)
		}
	}
	if a.seed != 5 {
		t.Errorf("the sweep's own flag has a run's value: seed %d", a.seed)
	}
}

// TestRunIdentity: the runs of a sweep are told apart by the contents of every file that they read, wherever it is named,
// and not by where the files lie; what they write does not matter.
func TestRunIdentity(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"x.csv": "1,2\n3,4\n5,7\n", "y.csv": "2,1\n4,4\n1,0\n", "w.csv": "1\n1\n2\n", "c.csv": "2,0.5\n0.5,1\n", "atoms.csv": "0,0\n1,1\n", "mean.csv": "0,0\n",
		"law.toml":     "kind = 'product'\nfactors = ['inner.toml', {kind = 'points', file = 'atoms.csv', bandwidth = 0.5}]\n",
		"inner.toml":   "kind = 'gaussian'\nmean = 'mean.csv'\ncov = 'c.csv'\n",
		"bound.toml":   "[data]\nkind = 'gaussian'\nmean = [0, 0]\ncov = 'c.csv'\n[schedule]\nkind = 'linear'\n[model]\nkind = 'scaled'\ndelta = 0.05\n",
		"ot.toml":      "command = 'ot'\nargs = ['x.csv', 'y.csv']\n[set]\nweights-x = 'w.csv'\nassignment = 'plan{seed}.csv'\n[grid]\nseed = [1]\n",
		"compare.toml": "command = 'compare'\n[set]\nn = 5\n[derive]\ndist = 'copies:of=law.toml,m={m}'\n[grid]\nm = [2]\n",
		"encode.toml":  "command = 'encode'\nargs = ['x.csv']\n[set]\ndist = 'inner.toml'\nlogp = 'l.csv'\n[grid]\nseed = [1]\n",
		"sweep.toml":   "command = 'bound'\nargs = ['bound.toml']\n[grid]\nseed = [1]\n",
	}
	at := func(sub string) func(spec string) string {
		home := filepath.Join(dir, sub)
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			write(t, filepath.Join(home, name), text)
		}
		return func(spec string) string {
			out, err := program(t, home, "sweep", "plan", spec, "--json").Output()
			if err != nil {
				t.Fatalf("%s: %v", spec, err)
			}
			var j planJSON
			if err := json.Unmarshal(out, &j); err != nil {
				t.Fatal(err)
			}
			return j.Runs[0].ID
		}
	}
	id := at("one")
	base := map[string]string{}
	for _, spec := range []string{"ot.toml", "compare.toml", "encode.toml", "sweep.toml"} {
		base[spec] = id(spec)
	}
	for spec, inputs := range map[string]string{
		"ot.toml": "x.csv y.csv w.csv", "compare.toml": "law.toml inner.toml mean.csv c.csv atoms.csv", "encode.toml": "x.csv inner.toml mean.csv c.csv", "sweep.toml": "bound.toml c.csv",
	} {
		for _, name := range strings.Fields(inputs) {
			path := filepath.Join(dir, "one", name)
			write(t, path, files[name]+"\n")
			if id(spec) == base[spec] {
				t.Errorf("%s: another %s is the same run", spec, name)
			}
			write(t, path, files[name])
		}
		write(t, filepath.Join(dir, "one", "l.csv"), "0\n")
		write(t, filepath.Join(dir, "one", "plan1.csv"), "0\n")
		if id(spec) != base[spec] {
			t.Errorf("%s: another run where its outputs are there", spec)
		}
	}
	// Elsewhere, under another name.
	id = at("two")
	if err := os.Rename(filepath.Join(dir, "two", "x.csv"), filepath.Join(dir, "two", "moved.csv")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "two", "ot.toml"), strings.Replace(files["ot.toml"], "x.csv", "moved.csv", 1))
	for spec, was := range base {
		if spec != "encode.toml" && id(spec) != was { // encode's x.csv is not there any more
			t.Errorf("%s: another run where its files lie elsewhere", spec)
		}
	}

	// A directory goes on with the files that it was begun with, or not at all.
	one := filepath.Join(dir, "one")
	for _, c := range []struct {
		change, want string
		args         []string
		code         int
	}{
		{"", "", []string{"sweep", "run", "ot.toml", "-o", "d"}, codeDone},
		{"w.csv", "w.csv: it is not what it was", []string{"sweep", "run", "d"}, codeUsage},
		{"w.csv", "w.csv has other contents", []string{"sweep", "run", "ot.toml", "-o", "d"}, codeUsage},
		{"w.csv", "w.csv: it is not what it was", []string{"sweep", "verify", "d"}, codeUsage},
		{"", "", []string{"sweep", "status", "d"}, codeDone},
	} {
		if c.change != "" {
			write(t, filepath.Join(one, c.change), files[c.change]+"\n")
		}
		p := program(t, one, c.args...)
		out, _ := p.CombinedOutput() // the code says it
		if p.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: exit code %d, %s; want %d and %q", c.args, p.ProcessState.ExitCode(), out, c.code, c.want)
		}
	}
}
