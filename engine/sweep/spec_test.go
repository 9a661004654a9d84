package sweep

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// texts returns the values of an axis's key.
func texts(t testing.TB, s *Spec, key string) []string {
	t.Helper()
	for _, a := range s.Axes {
		if j := slices.Index(a.Keys, key); j >= 0 {
			var out []string
			for _, v := range a.Values[j] {
				out = append(out, v.Text)
			}
			return out
		}
	}
	t.Fatalf("no axis %s", key)
	return nil
}

const grid = `
name = "g"
command = "compare"
repeat = ["seed"]
[set]
n = 500
dtype = "f32"
columns = ["a", 3]
[grid]
z = [1, 2.5, "x"]
a = {from = 0.1, to = 0.5, step = 0.1}
seed = {from = 5, to = 1, step = -2}
d = {from = 2, to = 100, factor = 4}
[[zip]]
rtol = [1e-6, 1e-8]
atol = [1e-7, 1e-9]
[derive]
dist = "copies:of=G1,m={z}"
`

// TestExpect: what a specification expects stays with the directory, in the file's order, and makes no other runs.
func TestExpect(t *testing.T) {
	text := "command = \"compare\"\ndescription = \"\"\"\nWhy.\n\"\"\"\n[grid]\nn = [1, 2]\n"
	p := plan(t, text+"[expect]\n\"z.b\" = 1\na = 2.5\n")
	s := create(t, filepath.Join(t.TempDir(), "s"), p)
	opened, err := Open(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*Spec{p.Spec, opened.Plan.Spec} {
		if got.Description != "Why." || !slices.Equal(got.Expect, []Expectation{{"z.b", 1}, {"a", 2.5}}) {
			t.Errorf("%q, %v", got.Description, got.Expect)
		}
	}
	if p.Runs[0].ID != plan(t, text).Runs[0].ID {
		t.Error("an expectation makes another run")
	}
	for _, bad := range []string{"a = \"x\"", "a = nan", "a.b.c = 1"} {
		if _, err := Parse("g.toml", []byte(text+"[expect]\n"+bad)); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestParse(t *testing.T) {
	s, err := Parse("g.toml", []byte(grid))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, a := range s.Axes {
		order = append(order, strings.Join(a.Keys, "+"))
	}
	if got := strings.Join(order, " "); got != "z a seed d rtol+atol" {
		t.Errorf("axes %s: want the file's order", got)
	}
	for key, want := range map[string]string{"z": "1 2.5 x", "a": "0.1 0.2 0.3 0.4 0.5", "seed": "5 3 1", "d": "2 8 32", "rtol": "1e-06 1e-08"} {
		if got := strings.Join(texts(t, s, key), " "); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if s.Set[2].Value.Text != "a,3" || s.Set[0].Value != (Value{"500", true}) || s.Derive[0].Key != "dist" {
		t.Errorf("set %v, derive %v", s.Set, s.Derive)
	}
	// The same in other notations.
	other, err := Parse("g.toml", []byte(strings.NewReplacer("[grid]\nz = [1, 2.5, \"x\"]\na =", "[grid.z2]\nfrom = 1\nto = 2\nstep = 1\n[grid]\na =", "{z}", "{z2}").Replace(grid)))
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, other, "z2"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("a table of its own: %v", got)
	}
	inlined, err := Parse("g.toml", []byte("command = \"ot\"\ngrid = {b = [1], a = [2, 3]}\nzip = [{q = [1, 2], p = [3, 4]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(inlined.Axes) != 3 || inlined.Axes[0].Keys[0] != "b" || !slices.Equal(inlined.Axes[2].Keys, []string{"q", "p"}) {
		t.Errorf("inline tables: %v", inlined.Axes)
	}
}

func TestOverride(t *testing.T) {
	s, err := Parse("g.toml", []byte(grid), "z=7", "n=1,2", "dtype=f64", `a=copies:of=G1\,m=2,3`)
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, s, "z"); !slices.Equal(got, []string{"7"}) {
		t.Errorf("z: %v", got)
	}
	if got := texts(t, s, "n"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("n: %v", got)
	}
	if got := texts(t, s, "a"); !slices.Equal(got, []string{"copies:of=G1,m=2", "3"}) {
		t.Errorf("a: %v", got)
	}
	for _, o := range []string{"z", "=3", "z=", "nothing=1", "rtol=1"} {
		if _, err := Parse("g.toml", []byte(grid), o); !errors.Is(err, ErrSpec) {
			t.Errorf("-S %s: %v", o, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "command: missing"},
		{"command = 3", "command: 3: want a string"},
		{"command = \"a\"\nother = 1", "other"},
		{"command = \"a\"\n[grid]\nm = 3", "grid.m: 3"},
		{"command = \"a\"\n[grid]\nm = []", "grid.m: no values"},
		{"command = \"a\"\n[grid]\nm = [1, 1]", "grid.m[1]: 1"},
		{"command = \"a\"\n[grid]\nm = [nan]", "grid.m[0]: NaN"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 2}", "exactly one of step and factor"},
		{"command = \"a\"\n[grid]\nm = {from = 1, step = 2}", "grid.m.to: missing"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 2, step = -1}", "grid.m.step: -1"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 2, step = 0}", "grid.m.step: 0"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 2, factor = 1}", "grid.m.factor: 1"},
		{"command = \"a\"\n[grid]\nm = {from = -1, to = 2, factor = 2}", "grid.m.factor: 2"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 1e9, step = 1}", "values: want at most"},
		{"command = \"a\"\n[grid]\nm = {from = 1, to = 2, step = 1, by = 2}", "grid.m.by"},
		{"command = \"a\"\n[set]\nm = 1\n[grid]\nm = [1]", "set.m: it is in grid"},
		{"command = \"a\"\n[[zip]]\na = [1]\nb = [1, 2]", "zip.b: 2 values"},
		{"command = \"a\"\nrepeat = [\"s\"]", `"s" is no axis`},
		{"command = \"a\"\n[set]\nm = {x = 1}", "set.m"},
	} {
		_, err := Parse("g.toml", []byte(c.text))
		if err == nil || !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "g.toml") {
			t.Errorf("%q: error %v, want one with the file and %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(grid))
	f.Add([]byte("command = \"ot\"\ngrid = {b = [1], a = [2, 3]}\nzip = [{q = [1, 2], p = [3, 4]}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("g.toml", text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error on several lines: %q", err)
			}
			return
		}
		for _, a := range s.Axes {
			if a.Len() == 0 {
				t.Errorf("an axis without values: %q", text)
			}
		}
	})
}

// commands are those of the tests: the flags n, m, seed, dist, data and engine, with defaults.
type commands struct{}

func (commands) Flags(command string) (map[string]string, error) {
	if command != "compare" {
		return nil, fmt.Errorf("no command %s: %w", command, ErrSpec)
	}
	return map[string]string{"n": "1000", "m": "", "seed": "1", "dist": "", "data": "", "engine": "auto", "threads": "0", "out": "", "json": "false"}, nil
}

// Inputs: data is a file, and of a dist all that ends in .toml.
func (commands) Inputs(_, flag, value string) (string, []string) {
	if flag == "data" || strings.HasSuffix(value, ".toml") {
		return "", []string{value}
	}
	return value, nil
}

func plan(t testing.TB, text string) *Plan {
	t.Helper()
	s, err := Parse("g.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(s, commands{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlan(t *testing.T) {
	p := plan(t, "command = \"compare\"\n[set]\nn = 5\n[grid]\nk = [1, 2]\nseed = [3, 4, 5]\n[derive]\ndist = \"G{k}\"\n")
	if len(p.Runs) != 6 {
		t.Fatalf("%d runs, want 6", len(p.Runs))
	}
	// The first axis varies slowest; k is no flag, and is used by dist alone.
	if got := strings.Join(p.Runs[4].Args, " "); got != "compare --dist=G2 --n=5 --seed=4" {
		t.Errorf("run 5: %s", got)
	}
	for _, c := range []struct{ text, want string }{
		{"command = \"sample\"\n[grid]\nn = [1]", "no command sample"},
		{"command = \"compare\"\n[grid]\nq = [1]", "no flag --q"},
		{"command = \"compare\"\n[set]\nq = 1", "no flag --q"},
		{"command = \"compare\"\n[set]\nsede = 1", "no flag --sede; did you mean seed?"},
		{"command = \"compare\"\n[set]\nout = \"x\"", "sets this flag itself"},
		{"command = \"compare\"\n[derive]\ndist = \"G{k}\"", `no axis is named "k"`},
		{"command = \"compare\"\n[grid]\nk = [1, 2]\nn = [1, 2]\n[derive]\ndist = \"G{n}\"", "no flag --k"},
		{"command = \"compare\"\n[grid]\nthreads = [1, 2]", "are the same"},
	} {
		s, err := Parse("g.toml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(s, commands{}); err == nil || !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.want)
		}
	}
}

// TestIdentity: what a run computes makes its ID, whatever sweep it is in and however it is written.
func TestIdentity(t *testing.T) {
	id := func(text string) string { return plan(t, text).Runs[0].ID }
	base := id("command = \"compare\"\n[set]\nn = 5\ndist = \"G1\"\n")
	for _, same := range []string{
		"name = \"other\"\ncommand = \"compare\"\n[grid]\nn = [5]\n[set]\ndist = \"G1\"\n",
		"command = \"compare\"\n[set]\ndist = \"G1\"\nn = 5\nthreads = 3\n",
		"command = \"compare\"\n[set]\ndist = \"G1\"\nn = 5\nseed = 1\n",        // the default
		"command = \"compare\"\n[set]\ndist = \"G1\"\nn = 5\nengine = \"auto\"", // likewise
	} {
		if id(same) != base {
			t.Errorf("%q is another run", same)
		}
	}
	cuda := id("command = \"compare\"\n[set]\nn = 5\ndist = \"G1\"\nengine = \"cuda\"\n")
	if cuda == base || cuda != id("command = \"compare\"\n[set]\nn = 5\ndist = \"G1\"\nengine = \"cuda:3\"\n") {
		t.Error("the engine is part of the run, its device's number is not")
	}
	if id("command = \"compare\"\n[set]\nn = 6\ndist = \"G1\"\n") == base {
		t.Error("another n is another run")
	}
}
