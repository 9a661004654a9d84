package sweep

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"monge/engine/nearest"
)

// Commands are what a sweep must know of the commands that it runs.
type Commands interface {
	// Flags returns the flags of a command with their defaults; an error where there is no such command or where it
	// is not one to sweep over.
	Flags(command string) (map[string]string, error)
	// Inputs returns the files that a flag's value, or an argument's, by its place, makes a command read, with those that
	// they name in turn; text is the value without the name of its own file.
	Inputs(command, flag, value string) (text string, files []string)
}

// Run is one run of a plan.
type Run struct {
	ID    string
	Index int               // place in the plan
	Args  []string          // the command line: command, arguments, flags
	Axes  map[string]Value  // of every key of an axis
	Made  map[string]string // flags of [derive]
}

// Plan is a Spec resolved into runs.
type Plan struct {
	Spec *Spec
	Keys []string // of the axes, in their order
	Made []string // of [derive]
	Runs []Run
	// Files are the SHA-256 of the files that the runs read, by their paths.
	Files map[string]string
}

// apart are flags that say where and how to run, not what: they are no part of a run's identity, and a sweep does not set
// those of them that it uses itself.
var apart = []string{"threads", "force", "verbose", "json", "help"}

// own are the flags that a sweep sets or that would write where it does not look.
var own = []string{"json", "out", "force", "help", "verbose"}

// New resolves a specification.
//
// A run's ID is the SHA-256 of the command, its arguments and every flag's value, defaults too, in a canonical form; the
// device's number and the count of threads are left out. A file that a run reads stands there by the SHA-256 of its
// contents, and so do those that it names in turn, such as the arrays of a distribution's TOML file: another content is
// another run, the same in another place is not. Two runs of one ID are the same run, in any sweep.
func New(s *Spec, c Commands) (*Plan, error) {
	defaults, err := c.Flags(s.Command)
	if err != nil {
		return nil, fmt.Errorf("sweep: command %q: %w", s.Command, err)
	}
	p := &Plan{Spec: s}
	for _, a := range s.Axes {
		p.Keys = append(p.Keys, a.Keys...)
	}
	for _, d := range s.Derive {
		p.Made = append(p.Made, d.Key)
	}
	if err := p.checkKeys(defaults); err != nil {
		return nil, err
	}
	p.Files = map[string]string{}
	id := &identities{commands: c, hashes: p.Files, known: map[string]input{}}
	seen := map[string]int{}
	at := make([]int, len(s.Axes))
	for {
		r, err := p.resolve(at, defaults, id)
		if err != nil {
			return nil, err
		}
		if before, ok := seen[r.ID]; ok {
			return nil, fmt.Errorf("sweep: runs %d and %d are the same: %s: an axis without effect: %w", before+1, len(p.Runs)+1, strings.Join(r.Args, " "), ErrSpec)
		}
		seen[r.ID] = len(p.Runs)
		p.Runs = append(p.Runs, r)
		k := len(at) - 1
		for ; k >= 0; k-- {
			if at[k]++; at[k] < s.Axes[k].Len() {
				break
			}
			at[k] = 0
		}
		if k < 0 {
			return p, nil
		}
	}
}

// placeholder is an axis in a text.
var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// checkKeys looks for keys that are no flags, and for axes that nothing uses.
func (p *Plan) checkKeys(defaults map[string]string) error {
	used := map[string]bool{}
	texts := slices.Clone(p.Spec.Args)
	for _, d := range p.Spec.Derive {
		texts = append(texts, d.Value.Text)
	}
	for _, text := range texts {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(p.Keys, m[1]) {
				return fmt.Errorf("sweep: %q: no axis is named %q: %w", text, m[1], ErrSpec)
			}
			used[m[1]] = true
		}
	}
	check := func(table, key string, mayBeUsed bool) error {
		_, flag := defaults[key]
		switch {
		case slices.Contains(own, key):
			return fmt.Errorf("sweep: %s.%s: a sweep sets this flag itself: %w", table, key, ErrSpec)
		case !flag && !(mayBeUsed && used[key]):
			hint := nearest.Hint(key, slices.Sorted(maps.Keys(defaults)))
			return fmt.Errorf("sweep: %s.%s: %s has no flag --%s%s: %w", table, key, p.Spec.Command, key, hint, ErrSpec)
		}
		return nil
	}
	for _, k := range p.Keys {
		if err := check("grid", k, true); err != nil {
			return err
		}
	}
	for _, v := range p.Spec.Set {
		if err := check("set", v.Key, false); err != nil {
			return err
		}
	}
	for _, v := range p.Spec.Derive {
		if err := check("derive", v.Key, false); err != nil {
			return err
		}
	}
	return nil
}

// resolve makes the run at the given places of the axes.
func (p *Plan) resolve(at []int, defaults map[string]string, id *identities) (Run, error) {
	s := p.Spec
	r := Run{Index: len(p.Runs), Axes: map[string]Value{}, Made: map[string]string{}}
	given := map[string]string{}
	for i, a := range s.Axes {
		for j, k := range a.Keys {
			v := a.Values[j][at[i]]
			r.Axes[k] = v
			if _, flag := defaults[k]; flag {
				given[k] = v.Text
			}
		}
	}
	fill := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(m string) string { return r.Axes[m[1:len(m)-1]].Text })
	}
	for _, v := range s.Set {
		given[v.Key] = v.Value.Text
	}
	for _, v := range s.Derive {
		given[v.Key] = fill(v.Value.Text)
		r.Made[v.Key] = given[v.Key]
	}
	var args []string
	for _, a := range s.Args {
		args = append(args, fill(a))
	}
	r.Args = append([]string{s.Command}, args...)
	for _, k := range slices.Sorted(maps.Keys(given)) {
		r.Args = append(r.Args, "--"+k+"="+given[k])
	}
	var err error
	r.ID, err = id.of(s.Command, args, given, defaults)
	return r, err
}
