package dist

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"monge/engine/tomlfile"

	"gorgonia.org/tensor"
)

// Opener reads the array file at path as a matrix [N, D], where a vector is [N, 1], or as a stack of matrices
// [K, N, D].
type Opener func(path string) (*tensor.Dense, error)

// Loaded is a law and what there is to say about where it came from.
type Loaded struct {
	Law      Distribution
	Name     string   // the spec it was made from
	Warnings []string // such as "law.toml: weights: normalised"
}

// Load makes the law of a spec: a name of Names, a name with parameters ("gaussian:d=64,seed=1"), or the path of
// a TOML file. Array files that a TOML file names lie relative to its folder. Errors are one line that names
// the file, the key and the value.
func Load(spec string, open Opener) (*Loaded, error) {
	l := newLoader(open)
	law, err := l.spec(spec, "")
	if err != nil {
		return nil, err
	}
	return &Loaded{Law: law, Name: spec, Warnings: l.warnings}, nil
}

// Parse makes the law that the text of a TOML file describes. file is its name in errors and its folder that
// of the files it names.
func Parse(file string, text []byte, open Opener) (*Loaded, error) {
	l := newLoader(open)
	law, err := l.parse(file, text)
	if err != nil {
		return nil, err
	}
	return &Loaded{Law: law, Name: file, Warnings: l.warnings}, nil
}

// FromTable makes the law of a table that is part of a larger TOML file, such as [data], under the given key.
// Values are those that go-toml decodes into any.
func FromTable(file, key string, m map[string]any, open Opener) (*Loaded, error) {
	l := newLoader(open)
	law, err := l.table(&table{loader: l, file: file, prefix: key + ".", dir: filepath.Dir(file), m: maps.Clone(m)})
	if err != nil {
		return nil, err
	}
	return &Loaded{Law: law, Name: file, Warnings: l.warnings}, nil
}

// Limits against files that name themselves or each other.
const (
	maxNesting = 16
	maxLaws    = 1 << 16
)

// loader makes one law and the laws it is made of.
type loader struct {
	open     Opener
	warnings []string
	nesting  int // laws being made, one inside the other
	laws     int // laws made
}

func newLoader(open Opener) *loader {
	if open == nil {
		open = func(string) (*tensor.Dense, error) { return nil, errors.New("array files cannot be read here") }
	}
	return &loader{open: open}
}

// enter counts a law being made; leave follows.
func (l *loader) enter() error {
	l.nesting++
	l.laws++
	if l.nesting > maxNesting || l.laws > maxLaws {
		return bad("more than %d laws inside each other or %d in all: does a file name itself?", maxNesting, maxLaws)
	}
	return nil
}

func (l *loader) leave() { l.nesting-- }

// spec makes the law of a name or of a file relative to dir.
func (l *loader) spec(spec, dir string) (Distribution, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	defer l.leave()
	name, list, _ := strings.Cut(spec, ":")
	var known []string
	for _, n := range Names() {
		if n.Name == name {
			return l.named(n, list, dir)
		}
		known = append(known, n.Name)
	}
	path := beside(dir, spec)
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(spec, ".toml") && !strings.ContainsRune(spec, filepath.Separator) {
		return nil, bad("no distribution %q: want %s, or a TOML file", spec, strings.Join(known, ", "))
	}
	if err != nil {
		return nil, &outsideError{err: err}
	}
	return l.parse(path, text)
}

// maxText bounds a TOML file, against paths of endless devices. Large arrays belong in files of their own.
const maxText = 64 << 20

func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		return nil, fmt.Errorf("%s: more than %d bytes: put large arrays into files of their own", path, maxText)
	}
	return text, err
}

// named makes a law from the parameters behind its name; files among them lie relative to dir.
func (l *loader) named(n Name, list, dir string) (Distribution, error) {
	p, err := parseParams(n.Name, list)
	if err != nil {
		return nil, err
	}
	p.loader, p.dir = l, dir
	law, err := n.make(p)
	if err == nil {
		err = p.unknown()
	}
	if err != nil {
		return nil, err
	}
	return law, nil
}

// parse makes the law of a file's text.
func (l *loader) parse(file string, text []byte) (Distribution, error) {
	m := map[string]any{}
	if err := tomlfile.Decode(file, text, &m); err != nil {
		return nil, bad("%v", err)
	}
	return l.table(&table{loader: l, file: file, dir: filepath.Dir(file), m: m})
}
