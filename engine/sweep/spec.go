// Package sweep runs one command over grids of its flags: a specification becomes a plan of runs, each with an identity of
// its own, and a directory of results that any number of processes may fill, be killed, and take up again.
package sweep

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"monge/engine/tomlfile"

	"github.com/pelletier/go-toml/v2/unstable"
)

// ErrSpec is wrapped by the errors of specifications and of overrides; their text names the file or flag, the key and the
// value.
var ErrSpec = errors.New("not a sweep")

// Value is a flag's value: the text that the command line takes. Number says that it stands for a number.
type Value struct {
	Text   string
	Number bool
}

// Axis is a set of keys that run through their values together: one key of [grid], or the keys of a [[zip]].
type Axis struct {
	Keys   []string
	Values [][]Value // of each key, equally long
}

// Len returns the count of the axis's values.
func (a *Axis) Len() int { return len(a.Values[0]) }

// Setting is a flag with a fixed value or, in [derive], a text with {axis} in it.
type Setting struct {
	Key   string
	Value Value
}

// Spec is a grid of runs of one command.
type Spec struct {
	Name, Command string
	Description   string        // what is asked, and what is expected, for whoever reads the report
	Expect        []Expectation // of columns of the results, the same in every run
	Repeat        []string      // axes that plots average over
	Args          []string      // the command's arguments, with {axis} in them
	Set, Derive   []Setting
	Axes          []Axis // in the order of the file; the first varies slowest
	Slurm         Slurm
}

// Expectation is the value that a column of the results should have, for people to hold beside what was measured.
type Expectation struct {
	Column string  `json:"column"`
	Value  float64 `json:"value"`
}

// Slurm is what a batch script takes from the specification.
type Slurm struct {
	Sbatch []string `toml:"sbatch"` // options of further #SBATCH lines
	Setup  []string `toml:"setup"`  // lines of shell before the runs
}

// document is the file.
type document struct {
	Name        string             `toml:"name"`
	Description string             `toml:"description"`
	Command     string             `toml:"command"`
	Repeat      []string           `toml:"repeat"`
	Args        []string           `toml:"args"`
	Set         map[string]any     `toml:"set"`
	Grid        map[string]any     `toml:"grid"`
	Zip         []map[string]any   `toml:"zip"`
	Derive      map[string]any     `toml:"derive"`
	Expect      map[string]float64 `toml:"expect"`
	Slurm       Slurm              `toml:"slurm"`
}

// maxRuns bounds a sweep, whose plan lies in memory.
const maxRuns = 1_000_000

// Parse reads the text of a specification in TOML:
//
//	name = "blindness"
//	command = "compare"
//	description = "What is asked, and what is expected."
//	repeat = ["seed"]                        # axes that plots average over
//	args = ["x{n}.npy", "y.npy"]             # arguments, where the command takes some
//	[set]                                    # flags, the same in every run
//	n = 500
//	[grid]                                   # product of axes: a list, {from, to, step}, {from, to, factor}
//	m = [1, 2, 4, 8]
//	seed = {from = 1, to = 5, step = 1}
//	[[zip]]                                  # axes of equal length that go together
//	rtol = [1e-6, 1e-8]
//	atol = [1e-7, 1e-9]
//	[derive]                                 # flags made from axes
//	dist = "copies:of=G1,m={m}"
//	[expect]                                 # values of columns of the results, drawn beside the measured ones
//	"jacobian.asym_mean" = 0.129
//	[slurm]                                  # options of further #SBATCH lines, lines of shell before the runs
//	sbatch = ["--partition=gpu"]
//	setup = ["module load cuda"]
//
// file names it in errors, and overrides are those of Override.
func Parse(file string, text []byte, overrides ...string) (*Spec, error) {
	var doc document
	if err := tomlfile.Decode(file, text, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrSpec)
	}
	order := keyOrder(text)
	s := &Spec{Name: doc.Name, Command: doc.Command, Description: strings.TrimSpace(doc.Description), Repeat: doc.Repeat, Args: doc.Args, Slurm: doc.Slurm}
	r := &reader{file: file}
	if s.Command == "" {
		r.fail("command", "missing")
	}
	if s.Name == "" {
		s.Name = s.Command
	}
	s.Set = r.settings("set", doc.Set, order["set"])
	s.Derive = r.settings("derive", doc.Derive, order["derive"])
	for _, k := range order["grid"] {
		s.Axes = append(s.Axes, Axis{Keys: []string{k}, Values: [][]Value{r.axis("grid."+k, doc.Grid[k])}})
	}
	for i, z := range doc.Zip {
		var a Axis
		for _, k := range order[fmt.Sprintf("zip[%d]", i)] {
			a.Keys = append(a.Keys, k)
			a.Values = append(a.Values, r.axis(fmt.Sprintf("zip[%d].%s", i, k), z[k]))
		}
		if len(a.Keys) > 0 {
			s.Axes = append(s.Axes, a)
		}
	}
	for _, k := range order["expect"] {
		if v := doc.Expect[k]; math.IsNaN(v) || math.IsInf(v, 0) {
			r.fail("expect."+k, "%v: want a finite number", v)
		}
		s.Expect = append(s.Expect, Expectation{k, doc.Expect[k]})
	}
	if r.err != nil {
		return nil, r.err
	}
	for _, o := range overrides {
		if err := s.override(o); err != nil {
			return nil, err
		}
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// check looks at what overrides may have changed.
func (s *Spec) check() error {
	seen := map[string]string{}
	claim := func(key, where string) error {
		if before := seen[key]; before != "" {
			return fmt.Errorf("%s.%s: it is in %s already: %w", where, key, before, ErrSpec)
		}
		seen[key] = where
		return nil
	}
	runs := 1
	for _, a := range s.Axes {
		where := "grid"
		if len(a.Keys) > 1 {
			where = "zip"
		}
		for i, k := range a.Keys {
			if err := claim(k, where); err != nil {
				return err
			}
			if len(a.Values[i]) != a.Len() {
				return fmt.Errorf("%s.%s: %d values, %s has %d: %w", where, k, len(a.Values[i]), a.Keys[0], a.Len(), ErrSpec)
			}
			if a.Len() == 0 {
				return fmt.Errorf("%s.%s: no values: %w", where, k, ErrSpec)
			}
		}
		if runs > maxRuns/a.Len() {
			return fmt.Errorf("grid: more than %d runs: %w", maxRuns, ErrSpec)
		}
		runs *= a.Len()
	}
	for _, k := range s.Repeat {
		if seen[k] == "" {
			return fmt.Errorf("repeat: %q is no axis: %w", k, ErrSpec)
		}
	}
	for _, v := range s.Set {
		if err := claim(v.Key, "set"); err != nil {
			return err
		}
	}
	for _, v := range s.Derive {
		if err := claim(v.Key, "derive"); err != nil {
			return err
		}
	}
	return nil
}

// override takes "key=v1,v2": the values of an axis, or of a flag of [set], in place of the file's. One value of a flag
// stays a setting, several make an axis. A comma inside a value is written \,.
func (s *Spec) override(text string) error {
	key, list, ok := strings.Cut(text, "=")
	if !ok || key == "" || list == "" {
		return fmt.Errorf("-S %s: want KEY=VALUE[,VALUE...]: %w", text, ErrSpec)
	}
	var values []Value
	for _, v := range splitList(list) {
		values = append(values, parseValue(v))
	}
	for i := range s.Axes {
		if j := slices.Index(s.Axes[i].Keys, key); j >= 0 {
			s.Axes[i].Values[j] = values
			return nil
		}
	}
	i := slices.IndexFunc(s.Set, func(v Setting) bool { return v.Key == key })
	if i < 0 {
		return fmt.Errorf("-S %s: no axis and no flag of [set] is named %q: %w", text, key, ErrSpec)
	}
	if len(values) == 1 {
		s.Set[i].Value = values[0]
		return nil
	}
	s.Set = slices.Delete(s.Set, i, i+1)
	s.Axes = append(s.Axes, Axis{Keys: []string{key}, Values: [][]Value{values}})
	return nil
}

// splitList cuts at commas that no backslash precedes.
func splitList(list string) []string {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && list[i+1] == ',':
			b.WriteByte(',')
			i++
		case list[i] == ',':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(list[i])
		}
	}
	return append(parts, b.String())
}

func parseValue(text string) Value {
	v, err := strconv.ParseFloat(text, 64)
	return Value{Text: text, Number: err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)}
}

// keyOrder returns the keys of every table in the order of the file: tables of package toml forget it.
func keyOrder(text []byte) map[string][]string {
	order := map[string][]string{}
	table, zips := "", 0
	add := func(table, key string) {
		if !slices.Contains(order[table], key) {
			order[table] = append(order[table], key)
		}
	}
	parts := func(n *unstable.Node) (keys []string) {
		for it := n.Key(); it.Next(); {
			keys = append(keys, string(it.Node().Data))
		}
		return keys
	}
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table:
			keys := parts(n)
			table = keys[0]
			if len(keys) > 1 { // [grid.m] is the key m of grid
				add(table, keys[1])
				table = ""
			}
		case unstable.ArrayTable:
			table = fmt.Sprintf("zip[%d]", zips)
			zips++
		case unstable.KeyValue:
			keys := parts(n)
			switch {
			case table != "":
				add(table, keys[0])
			case len(keys) > 1: // grid.m = ..
				add(keys[0], keys[1])
			case n.Value().Kind == unstable.InlineTable: // grid = {m = ..}
				inline(n.Value(), func(k string) { add(keys[0], k) })
			case n.Value().Kind == unstable.Array: // zip = [{..}, ..]
				for it := n.Value().Children(); it.Next(); {
					if it.Node().Kind == unstable.InlineTable {
						name := fmt.Sprintf("%s[%d]", keys[0], zips)
						inline(it.Node(), func(k string) { add(name, k) })
						zips++
					}
				}
			}
		}
	}
	return order
}

func inline(n *unstable.Node, add func(string)) {
	for it := n.Children(); it.Next(); {
		if key := it.Node().Key(); key.Next() {
			add(string(key.Node().Data))
		}
	}
}
