package main

import (
	"os"
	"path/filepath"
	"slices"

	"monge/engine/bound"
	"monge/engine/dist"
)

// inputKind says what a flag's or an argument's value makes a command read.
type inputKind int

const (
	noInput    inputKind = iota
	fileInput            // the file of that name
	lawInput             // a distribution: a name, or a TOML file with the files that it names
	boundInput           // a specification of bound, with the files that it names
)

// inputKinds are the flags, of any command, that name what is read.
func inputKinds(command, flag string) inputKind {
	switch flag {
	case "dist":
		return lawInput
	case "data", "line", "jvp", "weights-x", "weights-y", "images":
		return fileInput
	case "probes":
		if command == "certify" { // elsewhere it is a count
			return fileInput
		}
	case "0", "1": // the arguments
		switch command {
		case "sample":
			return lawInput
		case "bound":
			return boundInput
		case "encode", "decode", "ot", "certify":
			return fileInput
		}
	}
	return noInput
}

// isOutput says whether a flag names what a command writes.
func isOutput(command, flag string) bool {
	return flag == "potentials" && command == "ot" || slices.Contains([]string{"out", "jacobian", "logp", "assignment", "plot"}, flag)
}

// Inputs implements sweep.Commands.
func (s *sweepFlags) Inputs(command, flag, value string) (text string, files []string) {
	switch inputKinds(command, flag) {
	case fileInput:
		return "", []string{value}
	case lawInput:
		return dist.Files(value)
	case boundInput:
		files = []string{value}
		if content, err := os.ReadFile(value); err == nil {
			for _, path := range bound.Files(value, content) {
				if path = filepath.Clean(path); !slices.Contains(files, path) {
					files = append(files, path)
				}
			}
		}
		return "", files
	}
	return s.canonical(command, flag, value), nil
}

// canonical writes the value of a flag that is a number or a truth as the flag does, so that 1e-4 and 0.0001 are the same
// run. What it does not take the run itself will refuse.
func (s *sweepFlags) canonical(command, flag, value string) string {
	c, _, err := s.root.Find([]string{command})
	if err != nil {
		return value
	}
	f := c.Flags().Lookup(flag)
	if f == nil || !slices.Contains([]string{"float64", "int", "uint64", "bool"}, f.Value.Type()) {
		return value
	}
	was := f.Value.String() // some flags are those of the sweep's commands too
	defer func() { _ = f.Value.Set(was) }()
	if f.Value.Set(value) != nil {
		return value
	}
	return f.Value.String()
}
