// Package sass reads machine code of NVIDIA cards as cuobjdump --dump-sass prints it: its instructions, its
// loops, and what a trip of a loop costs each part of a multiprocessor. It sees what the compiler made of a
// kernel where there is no card to run it on.
package sass

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Kernel is the machine code of one kernel, in the order of its addresses.
type Kernel struct {
	Name string
	Code []Instruction
}

// Instruction is a line such as "@!P0 BRA 0x180".
type Instruction struct {
	Address   uint64
	Predicate string // "@!P0"; empty where it always runs
	Op        string // with its modifiers: "LDG.E.128.CONSTANT"
	Operands  string
}

// Base returns the opcode without modifiers.
func (i Instruction) Base() string {
	base, _, _ := strings.Cut(i.Op, ".")
	return base
}

// Is tells whether the opcode is op: op's parts, separated by dots, all occur in it, the first in front.
// So LDG.128 is LDG.E.128.CONSTANT, and D* is every opcode that begins with D.
func (i Instruction) Is(op string) bool {
	want, have := strings.Split(op, "."), strings.Split(i.Op, ".")
	if prefix, ok := strings.CutSuffix(want[0], "*"); ok {
		if !strings.HasPrefix(have[0], prefix) {
			return false
		}
	} else if want[0] != have[0] {
		return false
	}
	for _, w := range want[1:] {
		found := false
		for _, h := range have[1:] {
			found = found || w == h
		}
		if !found {
			return false
		}
	}
	return true
}

var (
	head = regexp.MustCompile(`^\s*Function : (\S+)`)
	line = regexp.MustCompile(`^\s*/\*([0-9a-f]{4,})\*/\s+(?:(@!?U?P[0-9T]+)\s+)?([A-Z][A-Za-z0-9_.]*)\s*([^;]*?)\s*;`)
)

// Parse reads the kernels of a listing.
func Parse(r io.Reader) ([]Kernel, error) {
	var kernels []Kernel
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if m := head.FindStringSubmatch(text); m != nil {
			kernels = append(kernels, Kernel{Name: m[1]})
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if len(kernels) == 0 {
			return nil, fmt.Errorf("sass: an instruction before the first function: %s", strings.TrimSpace(text))
		}
		address, err := strconv.ParseUint(m[1], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("sass: %w", err)
		}
		k := &kernels[len(kernels)-1]
		if n := len(k.Code); n > 0 && address <= k.Code[n-1].Address {
			return nil, fmt.Errorf("sass: %s: address %#x after %#x", k.Name, address, k.Code[n-1].Address)
		}
		k.Code = append(k.Code, Instruction{Address: address, Predicate: m[2], Op: m[3], Operands: m[4]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sass: %w", err)
	}
	for _, k := range kernels {
		if len(k.Code) == 0 {
			return nil, fmt.Errorf("sass: %s has no instructions", k.Name)
		}
	}
	return kernels, nil
}
