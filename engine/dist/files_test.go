package dist

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gorgonia.org/tensor"
)

// TestFiles: the files are those that Load opens, of whatever depth, and the spec's own is taken out of its name.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"whole.toml":    "kind = 'product'\nrotation = 'r.npy'\nfactors = ['G1', 'sub/part.toml', {kind = 'points', file = 'p.npy', weights = 'w.npy', bandwidth = 0.5}]",
		"sub/part.toml": "kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = ['a.npy', 'b.npy']\nweights = [0.5, 0.5]",
		"loop.toml":     "kind = 'copies'\nm = 2\nof = 'loop.toml'",
		"plain.toml":    "kind = 'gaussian'\nmean = [0]\nvar = 1",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole := []string{"whole.toml", "sub/part.toml", "sub/a.npy", "sub/b.npy", "p.npy", "w.npy", "r.npy"}
	for _, c := range []struct {
		spec, name string
		files      []string
	}{
		{"G1", "G1", nil},
		{"gaussian:d=64,seed=1", "gaussian:d=64,seed=1", nil},
		{"copies:of=gaussian:d=3,m=8", "copies:of=gaussian:d=3,m=8", nil},
		{"copies:of=whole.toml,m=8", "copies:of=,m=8", whole},
		{"whole.toml", "", whole},
		{"loop.toml", "", []string{"loop.toml"}},
		{"plain.toml", "", []string{"plain.toml"}},
		{"none.toml", "", []string{"none.toml"}},
	} {
		t.Chdir(dir)
		name, files := Files(c.spec)
		slices.Sort(files)
		want := slices.Sorted(slices.Values(c.files))
		if name != c.name || !slices.Equal(files, want) {
			t.Errorf("%s: %q, %v; want %q, %v", c.spec, name, files, c.name, want)
		}
	}
	// What Load opens is among them.
	_, files := Files("whole.toml")
	var opened []string
	law, err := Load("whole.toml", func(path string) (*tensor.Dense, error) {
		opened = append(opened, path)
		return arrays(t)(filepath.Join("dir", map[string]string{"p.npy": "points.npy", "w.npy": "weights.npy", "a.npy": "cov.npy", "b.npy": "cov.npy"}[filepath.Base(path)]))
	})
	if law == nil && len(opened) < 2 { // the rotation is not of the product's size: an error of its own
		t.Errorf("opened %v: %v", opened, err)
	}
	for _, path := range opened {
		if !slices.Contains(files, path) {
			t.Errorf("Load opens %s, which is not among %v", path, files)
		}
	}
}
