package dist

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"monge/engine/tomlfile"
)

// Files returns the files that the law of a spec is made of, as Load reads them, with those that they name in turn, each
// once and in the order of the keys; name is the spec without the one that it names itself. No array is read and no law
// made: of a file that is not there, or is no table, Load has to say what is wrong.
func Files(spec string) (name string, files []string) {
	w := &walker{}
	return w.spec(spec, ""), w.files
}

// TableFiles is Files of a table that is part of a larger TOML file, as FromTable reads it.
func TableFiles(file string, m map[string]any) []string {
	w := &walker{}
	w.table(filepath.Dir(file), m)
	return w.files
}

// walker gathers files.
type walker struct{ files []string }

// add notes a file, and says whether it is new.
func (w *walker) add(path string) bool {
	if slices.Contains(w.files, path) || len(w.files) == maxLaws {
		return false
	}
	w.files = append(w.files, path)
	return true
}

func (w *walker) spec(spec, dir string) (name string) {
	name, list, _ := strings.Cut(spec, ":")
	if slices.ContainsFunc(Names(), func(n Name) bool { return n.Name == name }) {
		p, err := parseParams(name, list)
		if err != nil || p.values["of"] == "" {
			return spec
		}
		// Copies of copies are not to be written so: what else there is are parameters of a name, and none of them a file.
		of, _, _ := strings.Cut(p.values["of"], ":")
		if slices.ContainsFunc(Names(), func(n Name) bool { return n.Name == of }) {
			return spec
		}
		w.spec(p.values["of"], "")
		return strings.Replace(spec, "of="+p.values["of"], "of=", 1)
	}
	path := beside(dir, spec)
	if !w.add(path) {
		return ""
	}
	text, err := readText(path)
	if err != nil {
		return ""
	}
	m := map[string]any{}
	if tomlfile.Decode(path, text, &m) == nil {
		w.table(filepath.Dir(path), m)
	}
	return ""
}

// table gathers the files of a law's table: all its texts but the kind, laws where laws are named, and arrays.
func (w *walker) table(dir string, m map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch v := m[key]; {
		case key == "kind":
		case key == "of" || key == "factors":
			w.value(v, func(spec string) { w.spec(spec, dir) }, dir)
		default:
			w.value(v, func(path string) { w.add(beside(dir, path)) }, dir)
		}
	}
}

func (w *walker) value(v any, text func(string), dir string) {
	switch x := v.(type) {
	case string:
		text(x)
	case []any:
		for _, v := range x {
			w.value(v, text, dir)
		}
	case map[string]any:
		w.table(dir, x)
	}
}

// beside returns the path of a file that one in dir names.
func beside(dir, name string) string {
	if dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
