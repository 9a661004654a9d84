package main

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Rules is what audit.toml says of the kernels' machine code.
type Rules struct {
	Kernel []Rule
	Bound  []Bound
}

// Rule says what holds of the kernels whose names match, beyond what holds of all.
type Rule struct {
	Name string   // a pattern as of path.Match
	Arch []string // architectures ("80", "90a"); none = all

	// Main is the mark of the main loop: it is the one with the most of this instruction. It has to be there.
	Main string
	// Wide demands that the main loop of every kernel reads and writes global memory 16 bytes at a time.
	Wide bool
	// Clean demands that the main loop has no float64 arithmetic, whatever Float64 excuses.
	Clean bool
	// Float64 is why loops of a float32 kernel compute in float64; without it they must not.
	Float64 string
	// Plain is why a kernel named _mma_ or _wgmma_ has no loop on the tensor cores.
	Plain string
}

// Bound is a row of the table of bounds.
type Bound struct {
	Name   string // of the kernel
	What   string // the case: "d = 64"
	Unit   string // "pair"
	Loops  []Share
	Bytes  float64 // of device memory a unit, at least
	Shared int     // bytes of dynamic shared memory of a block
	Slots  float64 // issue slots a unit beside the tensor pipe's, at most; 0 = any
	Arch   []string
}

// Share is a loop's part in a unit of work.
type Share struct {
	Mark   string  // finds an innermost loop: the one with the most of this instruction
	Around int     // loops to go out from there
	Count  string  // instruction that the way through the loop has the most of; empty = Mark
	Units  float64 // that a warp does in a trip; with Marks, for every Marks instructions of Count
	Marks  float64
}

// load reads the rules.
func load(r io.Reader) (*Rules, error) {
	rules := new(Rules)
	d := toml.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(rules); err != nil {
		if s := (*toml.StrictMissingError)(nil); errors.As(err, &s) {
			return nil, fmt.Errorf("audit: rules: %s", strings.TrimSpace(s.String()))
		}
		return nil, fmt.Errorf("audit: rules: %w", err)
	}
	for _, r := range rules.Kernel {
		if _, err := path.Match(r.Name, ""); err != nil || r.Name == "" {
			return nil, fmt.Errorf("audit: rules: name %q", r.Name)
		}
		if r.Main == "" && r.Float64 == "" && r.Plain == "" || (r.Wide || r.Clean) && r.Main == "" {
			return nil, fmt.Errorf("audit: rules: %s: want main, float64 or plain, and main where it is wide or clean", r.Name)
		}
	}
	for _, b := range rules.Bound {
		if b.Name == "" || b.Unit == "" || len(b.Loops) == 0 && b.Bytes == 0 {
			return nil, fmt.Errorf("audit: rules: bound %q of unit %q: want name, unit, and loops or bytes", b.Name, b.Unit)
		}
		for _, l := range b.Loops {
			if l.Mark == "" || l.Units <= 0 || l.Marks < 0 || l.Around < 0 {
				return nil, fmt.Errorf("audit: rules: bound %s: loop %+v", b.Name, l)
			}
		}
	}
	return rules, nil
}

// matches tells whether the rule is about a kernel of an architecture.
func (r Rule) matches(name, arch string) bool {
	ok, _ := path.Match(r.Name, name) // load has tried the pattern
	return ok && on(r.Arch, arch)
}

func on(archs []string, arch string) bool {
	for _, a := range archs {
		if a == arch {
			return true
		}
	}
	return len(archs) == 0
}
