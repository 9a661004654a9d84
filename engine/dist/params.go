package dist

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// params holds the key=value pairs behind a name; the first error sticks.
type params struct {
	name   string
	keys   []string
	values map[string]string
	used   map[string]bool
	loader *loader
	dir    string // of the files among the values
	err    error
}

func parseParams(name, list string) (*params, error) {
	p := &params{name: name, values: map[string]string{}, used: map[string]bool{}}
	if list == "" {
		return p, nil
	}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, bad("%s: parameter %q: want key=value", name, pair)
		}
		if _, twice := p.values[key]; twice {
			return nil, bad("%s: parameter %q is given twice", name, key)
		}
		p.keys = append(p.keys, key)
		p.values[key] = strings.TrimSpace(value)
	}
	return p, nil
}

func (p *params) fail(key, want string) {
	if p.err == nil {
		p.err = bad("%s: %s=%s: want %s", p.name, key, p.values[key], want)
	}
}

// unknown reports a key that nothing asked for.
func (p *params) unknown() error {
	for _, k := range p.keys {
		if !p.used[k] {
			return bad("%s: unknown parameter %q: %s", p.name, k, p.wanted())
		}
	}
	return nil
}

// wanted lists the keys that the name takes.
func (p *params) wanted() string {
	if len(p.used) == 0 {
		return "it takes none"
	}
	return "want " + strings.Join(slices.Sorted(maps.Keys(p.used)), ", ")
}

func (p *params) integer(key string, def, least, most int64) int64 {
	p.used[key] = true
	s, ok := p.values[key]
	if !ok {
		return def
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < least || v > most {
		p.fail(key, fmt.Sprintf("an integer from %d to %d", least, most))
		return def
	}
	return v
}

func (p *params) positive(key string, def float64) float64 {
	p.used[key] = true
	s, ok := p.values[key]
	if !ok {
		return def
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		p.fail(key, "a finite number above 0")
		return def
	}
	return v
}

func (p *params) finite(key string, def float64) float64 {
	p.used[key] = true
	s, ok := p.values[key]
	if !ok {
		return def
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		p.fail(key, "a finite number")
		return def
	}
	return v
}

// makeCopies makes copies:of=SPEC,m=M. The keys between of and the last m belong to the inner law:
// copies:of=gaussian:d=3,seed=2,m=8.
func makeCopies(p *params) (Distribution, error) {
	p.used["of"] = true
	of := p.values["of"]
	if of == "" {
		return nil, bad("copies: of is missing: want copies:of=NAME,m=M")
	}
	if _, ok := p.values["m"]; !ok {
		return nil, bad("copies: m is missing: want copies:of=%s,m=M", of)
	}
	m := p.integer("m", 1, 1, maxDim)
	sep := ":"
	if strings.Contains(of, ":") {
		sep = ","
	}
	for _, k := range p.keys {
		if !p.used[k] {
			p.used[k] = true
			of += sep + k + "=" + p.values[k]
			sep = ","
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	law, err := p.loader.spec(of, p.dir)
	if err != nil {
		return nil, err
	}
	return NewCopies(law, int(m))
}
