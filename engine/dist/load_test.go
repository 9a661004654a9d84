package dist

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"monge/engine"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// arrays is an Opener over numbers written here.
func arrays(t testing.TB) Opener {
	m := map[string]*tensor.Dense{
		"points.npy":  engine.Points([]float64{0, 0, 1, 0, 0, 2}, 3, 2),
		"weights.npy": engine.Points([]float64{1, 1, 2}, 3, 1),
		"cov.npy":     engine.Points([]float64{2, .5, .5, 1}, 2, 2),
		"covs.npy":    engine.Points([]float64{2, .5, .5, 1, 1, 0, 0, 1}, 2, 4),
		"stack.npy":   engine.Points([]float64{2, .5, .5, 1, 1, 0, 0, 1}, 4, 2),
		"ranks.npy":   tensor.New(tensor.WithShape(2, 2, 2), tensor.WithBacking([]float64{2, .5, .5, 1, 1, 0, 0, 1})),
		"swap.npy":    engine.Points([]float64{0, 1, 1, 0}, 2, 2),
		"nan.npy":     engine.Points([]float64{0, math.NaN()}, 2, 1),
	}
	return func(path string) (*tensor.Dense, error) {
		if filepath.Dir(path) != "dir" {
			return nil, fmt.Errorf("arrays: %s: not beside the TOML file", path)
		}
		if x, ok := m[filepath.Base(path)]; ok {
			return x, nil
		}
		return nil, fmt.Errorf("arrays: %s: no such file", path)
	}
}

// TestParse compares each file with the law that the constructors make.
func TestParse(t *testing.T) {
	cov := must(Full(sym2(2, .5, 1)))
	unit := must(Isotropic(2, 1))
	means := [][]float64{{0, 0}, {3, 1}}
	swap := mat.NewDense(2, 2, []float64{0, 1, 1, 0})
	g := must(NewGaussian([]float64{1, 2}, must(Diagonal([]float64{.5, 2}))))
	pts := must(NewPoints(engine.Points([]float64{0, 0, 1, 0, 0, 2}, 3, 2), []float64{1, 1, 2}, .1))
	for _, c := range []struct {
		text, warning string
		want          Distribution
	}{
		{"kind = 'gaussian'\nmean = [1, 2.0]\ndiag = [0.5, 2]", "", g},
		{"kind = 'gaussian'\nmean = [0, 0]\ncov = [[2, 0.5], [0.50000000001, 1]]", "", must(NewGaussian(means[0], must(Full(sym2(2, .500000000005, 1)))))},
		{"kind = 'gaussian'\nmean = [0, 0]\ncov = 'cov.npy'", "", must(NewGaussian(means[0], cov))},
		{"kind = 'gaussian'\nmean = [0, 0]\nvar = 1", "", must(NewGaussian(means[0], unit))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\nvar = 1", "", must(NewMixture(nil, means, []*Covariance{unit}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\nweights = [1, 3]\nvars = [1, 0.5]", "weights: normalised",
			must(NewMixture([]float64{1, 3}, means, []*Covariance{unit, must(Isotropic(2, .5))}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\nweights = [0.25, 0.75]\ndiags = [[1, 1], [0.5, 2]]", "",
			must(NewMixture([]float64{1, 3}, means, []*Covariance{unit, must(Diagonal([]float64{.5, 2}))}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = ['cov.npy', [[1, 0], [0, 1]]]", "", must(NewMixture(nil, means, []*Covariance{cov, unit}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = 'covs.npy'", "", must(NewMixture(nil, means, []*Covariance{cov, unit}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = 'ranks.npy'", "", must(NewMixture(nil, means, []*Covariance{cov, unit}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = 'stack.npy'", "", must(NewMixture(nil, means, []*Covariance{cov, unit}))},
		{"kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = ['cov.npy', 'cov.npy']", "", must(NewMixture(nil, means, []*Covariance{cov}))},
		{"kind = 'mixture'\nmeans = 'points.npy'\nweights = 'weights.npy'\ncov = 'cov.npy'", "weights: normalised",
			must(NewMixture([]float64{1, 1, 2}, [][]float64{{0, 0}, {1, 0}, {0, 2}}, []*Covariance{cov}))},
		{"kind = 'mixture'\nmeans = [-1, 2]\nvars = [0.1, 0.2]", "",
			must(NewMixture(nil, [][]float64{{-1}, {2}}, []*Covariance{must(Isotropic(1, .1)), must(Isotropic(1, .2))}))},
		{"kind = 'points'\nfile = 'points.npy'\nweights = 'weights.npy'\nbandwidth = 0.1", "weights: normalised", pts},
		{"kind = 'scale-mixture'\nd = 3\nweights = [0.5, 0.5]\nscales = [0.5, 2]", "", must(NewScaleMixture(3, nil, []float64{.5, 2}))},
		{"kind = 'copies'\nof = 'G1'\nm = 2", "", must(NewCopies(G1(), 2))},
		{"kind = 'copies'\nof = 'copies:of=clusters:std=.1,m=2'\nm = 2", "", must(NewCopies(must(Clusters(.1)), 4))},
		{"kind = 'product'\n[[factors]]\nkind = 'gaussian'\nmean = [1, 2]\ndiag = [0.5, 2]\n[[factors]]\nkind = 'points'\nfile = 'points.npy'\nweights = [1, 1, 2]\nbandwidth = 0.1",
			"factors[1].weights: normalised", must(NewProduct(g, pts))},
		{"kind = 'product'\nfactors = [{kind = 'gaussian', mean = [0], var = 1}, {kind = 'gaussian', mean = [2], var = 3}]\nrotation = 'swap.npy'", "",
			must(NewRotation(must(NewGaussian([]float64{0, 2}, must(Diagonal([]float64{1, 3})))), swap))},
	} {
		l, err := Parse("dir/law.toml", []byte(c.text), arrays(t))
		if err != nil {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		warning := ""
		if c.warning != "" {
			warning = "dir/law.toml: " + c.warning
		}
		if got := strings.Join(l.Warnings, "; "); got != warning {
			t.Errorf("%s\nwarnings %q, want %q", c.text, got, warning)
		}
		a, _, _, _ := engine.Matrix(l.Law.Sample(1, 50))
		b, _, _, _ := engine.Matrix(c.want.Sample(1, 50))
		checkClose(t, c.text+"\nsample", a, b, 1e-14)
	}
}

// sym2 is [[a, b], [b, c]].
func sym2(a, b, c float64) *mat.SymDense { return mat.NewSymDense(2, []float64{a, b, b, c}) }

// TestParseErrors asserts that an error is one line that names the file, the key and the value.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "kind: missing"},
		{"kind = 3", "kind: 3: want a string"},
		{"kind = 'cauchy'", `kind: "cauchy": want gaussian`},
		{"kind = 'gaussian'\nmean = [1\n", "line 3"},
		{"kind = 'gaussian'\nkind = 'points'", "kind"},
		{"kind\n= 'gaussian'", "line 1, column 5"},
		{"kind = 'gaussian'\nmean = [0]\nvar = 1\n\"a\\nb\" = 1", "a b: unknown key"},
		{"kind = 'gaussian'\nvar = 1", "mean: missing"},
		{"kind = 'gaussian'\nmean = [0]", "cov, diag, var: want exactly one of them, got none"},
		{"kind = 'gaussian'\nmean = [0]\nvar = 1\ndiag = [1]", "got diag, var"},
		{"kind = 'gaussian'\nmean = [0]\nvar = 1\nvars = [1]", "vars: unknown key of kind \"gaussian\", with value [1]"},
		{"kind = 'gaussian'\nmean = [0]\nvar = 0", "var: 0: want a number above 0"},
		{"kind = 'gaussian'\nmean = [0]\nvar = inf", "var: +Inf: want a finite number"},
		{"kind = 'gaussian'\nmean = [0, nan]\nvar = 1", "mean[1]: NaN: want a finite number"},
		{"kind = 'gaussian'\nmean = [0, 'a']\nvar = 1", `mean[1]: "a": want a finite number`},
		{"kind = 'gaussian'\nmean = []\nvar = 1", "mean: an empty list"},
		{"kind = 'gaussian'\nmean = 'none.npy'\nvar = 1", "mean: arrays: dir/none.npy: no such file"},
		{"kind = 'gaussian'\nmean = 'cov.npy'\nvar = 1", "mean: cov.npy holds 2 x 2 numbers"},
		{"kind = 'gaussian'\nmean = 'nan.npy'\nvar = 1", "mean: nan.npy: row 1, column 0 = NaN"},
		{"kind = 'gaussian'\nmean = [0, 1]\ndiag = [1]", "diag: 1 variances, want 2"},
		{"kind = 'gaussian'\nmean = [0, 1]\ndiag = [1, -2]", "diag[1]: -2: want a number above 0"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1]]", "cov: 1 x 1 numbers, want 2 x 2"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 0], [0]]", "cov[1]: 1 numbers, where cov[0] has 2"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 0.5], [0.4, 1]]", "cov: not symmetric: [0][1] = 0.5, [1][0] = 0.4"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 0.5], [0.500000001, 1]]", "cov: not symmetric"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 2], [2, 1]]", "cov: covariance is not positive definite: its smallest eigenvalue is -1"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 1], [1, 1]]", "cov: covariance is not positive definite"},
		{"kind = 'gaussian'\nmean = [0, 1]\ncov = [[1, 0], [0, 0]]", "cov: covariance is not positive definite"},
		{"kind = 'mixture'\nvar = 1", "means: missing"},
		{"kind = 'mixture'\nmean = [[0]]\nvar = 1", "means: missing; did you write mean for it?"},
		{"kind = 'mixture'\nmeans = [[0]]\nvar = 1\nwieghts = [1]", `wieghts: unknown key of kind "mixture", with value [1]; did you mean weights?`},
		{"kind = 'mixture'\nmeans = [[0, 0], [1]]\nvar = 1", "means[1]: 1 numbers, where means[0] has 2"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\ncovs = [[[1, 0], [0, 1]], [[1, 0.3], [0, 1]]]", "covs[1]: not symmetric"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1], [2, 2]]\ncovs = 'ranks.npy'", "covs: ranks.npy: array of shape [2 2 2]: want 3 matrices of 2 x 2"},
		{"kind = 'mixture'\nmeans = 'ranks.npy'\nvar = 1", "means: ranks.npy: array of shape [2 2 2]: want a matrix"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\ncovs = [[[1, 0], [0, 1]]]", "covs: 1 of them, want 2, as many as means"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\ncovs = 'points.npy'", "covs: points.npy: array of shape [3 2]: want 2 matrices of 2 x 2"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\ndiags = [[1, 1], [1, 0]]", "diags[1][1]: 0: want a number above 0"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvars = [1, 2, 3]", "vars: 3 of them, want 2"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvar = 1\nweights = [1, -1]", "weights[1]: -1: want no negative weight"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvar = 1\nweights = [0, 0]", "weights: all 2 weights are zero"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvar = 1\nweights = [nan, 0]", "weights[0]: NaN"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvar = 1\nweights = [1]", "weights: 1 weights, want 2"},
		{"kind = 'mixture'\nmeans = [[0, 0], [1, 1]]\nvar = 1\ncov = 'cov.npy'", "got cov, var"},
		{"kind = 'points'\nfile = 'points.npy'", "bandwidth: missing"},
		{"kind = 'points'\nbandwidth = 1", "file: missing"},
		{"kind = 'points'\nfile = 'points.npy'\nbandwidth = -1", "bandwidth: -1: want a number above 0"},
		{"kind = 'points'\nfile = 'points.npy'\nbandwidth = 1e-300", "bandwidth 1e-300: its square"},
		{"kind = 'points'\nfile = 'nan.npy'\nbandwidth = 1", "file: nan.npy: row 1"},
		{"kind = 'scale-mixture'\nd = 0\nscales = [1]", "d: 0: want an integer from 1"},
		{"kind = 'scale-mixture'\nd = 1.5\nscales = [1]", "d: 1.5: want an integer"},
		{"kind = 'scale-mixture'\nd = 2\nscales = [1, 0]", "scales[1]: 0: want a number above 0"},
		{"kind = 'product'\nfactors = []", "factors: an empty list"},
		{"kind = 'product'\nfactors = [3]", "factors[0]: 3: want a table, a name or a file"},
		{"kind = 'product'\nfactors = ['G1', {kind = 'gaussian', mean = [0], var = 1, cov = 2}]", "factors[1].cov, diag, var: want exactly one of them, got cov, var"},
		{"kind = 'product'\nfactors = ['G1', 'none.toml']", "factors[1]"},
		{"kind = 'product'\nfactors = ['G1']\nrotation = [[1, 0], [0.1, 1]]", "rotation: rotation is not orthogonal: (R^T R)[0,0] = 1.01"},
		{"kind = 'product'\nfactors = ['G1']\nrotation = [[1]]", "rotation: rotation [1, 1] for 2 coordinates"},
		{"kind = 'copies'\nof = 'G1'\nm = 0", "m: 0: want an integer from 1"},
		{"kind = 'copies'\nof = 'G1'\nm = 2147483647", "m: 2147483647 copies of 2 coordinates"},
		{"kind = 'copies'\nm = 2", "of: missing"},
		{"kind = 'copies'\nof = 'G9'\nm = 2", `of: no distribution "G9"`},
	} {
		_, err := Parse("dir/law.toml", []byte(c.text), arrays(t))
		if err == nil {
			t.Errorf("%s\nno error, want %q", c.text, c.want)
			continue
		}
		if got := err.Error(); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "dist: dir/law.toml: ") || strings.Contains(got, "\n") ||
			strings.Count(got, "dist: ") != 1 {
			t.Errorf("%s\nerror %q, want one line with %q", c.text, got, c.want)
		}
	}
}

func TestLoadNames(t *testing.T) {
	for _, c := range []struct {
		spec string
		d    int
	}{
		{"G1", 2}, {"G2", 2}, {"G5", 2}, {"gaussian", 2}, {"gaussian:d=64,seed=3", 64}, {"gaussian:d=1", 1}, {"moons", 2}, {"moons:n=9,noise=.1", 2},
		{"clusters:std=.1", 2}, {"digits", 64}, {"digits:bandwidth=.2", 64}, {"copies:of=G1,m=8", 16}, {"copies:of=gaussian:d=3,seed=2,m=8", 24},
		{"copies:of=clusters:std=.1,m=2", 4}, {"copies:of=gaussian,d=5,m=3", 15},
		{"mixture:k=3,d=5", 5}, {"pair:separation=2,anisotropy=4,angle=-30", 2},
	} {
		l, err := Load(c.spec, nil)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		if l.Law.Dim() != c.d || l.Name != c.spec || l.Warnings != nil {
			t.Errorf("%s: dimension %d, want %d; %q %q", c.spec, l.Law.Dim(), c.d, l.Name, l.Warnings)
		}
	}
	for _, n := range Names() {
		if n.Name == "" || n.Description == "" || strings.Contains(n.Description, "\n") {
			t.Errorf("%+v has no one-line description", n)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"", `no distribution ""`},
		{"G7", `no distribution "G7": want G1, G2, G5, gaussian`},
		{"G1:d=2", `G1: unknown parameter "d"`},
		{"gaussian:d", `gaussian: parameter "d": want key=value`},
		{"gaussian:d=0", "gaussian: d=0: want an integer from 1"},
		{"gaussian:d=1e3", "gaussian: d=1e3: want an integer"},
		{"gaussian:d=2,d=3", `gaussian: parameter "d" is given twice`},
		{"gaussian:seed=-1", "gaussian: seed=-1"},
		{"gaussian:dim=3", `gaussian: unknown parameter "dim"`},
		{"clusters:std=nan", "clusters: std=nan: want a finite number above 0"},
		{"moons:n=1", "moons: n=1"},
		{"pair:angle=nan", "pair: angle=nan: want a finite number"},
		{"mixture:k=16777216,d=16777216", "is over"},
		{"digits:bandwidth=0", "digits: bandwidth=0"},
		{"copies:of=G1", "copies: m is missing"},
		{"copies:m=3", "copies: of is missing"},
		{"moons:noize=1", `moons: unknown parameter "noize": want n, noise`},
		{"G1:n=1", `G1: unknown parameter "n": it takes none`},
		{"copies:of=G1,m=2,k=3", `G1: unknown parameter "k"`},
		{"copies:of=none,m=2", `no distribution "none"`},
		{"missing.toml", "missing.toml: no such file"},
	} {
		_, err := Load(c.spec, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.spec, err, c.want)
		}
		if err != nil && !errors.Is(err, ErrParameters) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v is neither ErrParameters nor ErrNotExist", c.spec, err)
		}
	}
}

// TestLoadFiles follows files that name files, relative to their own folders, and stops at one that names itself.
func TestLoadFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("in/points.toml", "kind = 'points'\nfile = 'y.npy'\nbandwidth = 0.5\nweights = [2]")
	outer := write("outer.toml", "kind = 'copies'\nof = 'in/points.toml'\nm = 3")
	var opened []string
	open := func(path string) (*tensor.Dense, error) {
		opened = append(opened, path)
		return engine.Points([]float64{1, 2}, 1, 2), nil
	}
	l, err := Load(outer, open)
	if err != nil {
		t.Fatal(err)
	}
	if l.Law.Dim() != 6 || !slices.Equal(opened, []string{filepath.Join(dir, "in", "y.npy")}) {
		t.Errorf("dimension %d, opened %q", l.Law.Dim(), opened)
	}
	if len(l.Warnings) != 1 || !strings.HasSuffix(l.Warnings[0], "points.toml: weights: normalised") {
		t.Errorf("warnings %q", l.Warnings)
	}
	if l, err = Load("copies:of="+outer+",m=2", open); err != nil || l.Law.Dim() != 12 {
		t.Errorf("copies of a file: %v", err)
	}
	// The path behind a name in a file lies relative to the file too.
	opened = nil
	named := write("in/named.toml", "kind = 'copies'\nof = 'copies:of=points.toml,m=2'\nm = 3")
	if l, err = Load(named, open); err != nil || l.Law.Dim() != 12 || !slices.Equal(opened, []string{filepath.Join(dir, "in", "y.npy")}) {
		t.Errorf("copies of a file beside the file: opened %q, error %v", opened, err)
	}
	self := write("self.toml", "kind = 'copies'\nof = 'self.toml'\nm = 3")
	if _, err := Load(self, open); err == nil || !strings.Contains(err.Error(), "does a file name itself?") {
		t.Errorf("a file that names itself: %v", err)
	}
}

func TestFromTable(t *testing.T) {
	m := map[string]any{"kind": "gaussian", "mean": []any{0.0}, "cov": []any{[]any{0.25}}}
	l, err := FromTable("bound.toml", "data", m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, values := l.Law.(GaussianLaw).Spectrum(); !slices.Equal(values, []float64{.25}) {
		t.Errorf("eigenvalues %v", values)
	}
	if len(m) != 3 {
		t.Error("the caller's table was changed")
	}
	one, err := Parse("law.toml", []byte("kind = 'mixture'\nmeans = [[1, 2], [3, 4]]\nweights = [0, 1]\nvars = [1, 2]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := one.Law.(GaussianLaw); !ok {
		t.Error("a mixture of one component is not Gaussian")
	} else if mean, _ := g.Spectrum(); !slices.Equal(mean, []float64{3, 4}) {
		t.Errorf("mean %v", mean)
	}
	m["cov"] = []any{[]any{-1.0}}
	if _, err = FromTable("bound.toml", "data", m, nil); err == nil || !strings.HasPrefix(err.Error(), "dist: bound.toml: data.cov: ") {
		t.Errorf("error %v does not name data.cov", err)
	}
}

func ExampleLoad() {
	l, err := Load("copies:of=gaussian:d=3,seed=2,m=8", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, gaussian := l.Law.(GaussianLaw)
	fmt.Println(l.Law.Dim(), gaussian)
	_, err = Load("clusters:std=-1", nil)
	fmt.Println(err)
	// Output:
	// 24 true
	// dist: clusters: std=-1: want a finite number above 0
}

func ExampleParse() {
	text := `
kind = "mixture"
means = [[0, 0], [3, 1]]
weights = [1, 3]
covs = [[[1, 0.2], [0.2, 1]], [[1, 0.2], [0.3, 1]]]`
	_, err := Parse("law.toml", []byte(text), nil)
	fmt.Println(err)
	// Output: dist: law.toml: covs[1]: not symmetric: [0][1] = 0.2, [1][0] = 0.3
}

// FuzzParse asserts that no text makes the reader panic, and that what it accepts can be sampled.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"kind = 'gaussian'\nmean = [1, 2.0]\ndiag = [0.5, 2]", "kind = 'mixture'\nmeans = [[0, 0], [3, 1]]\ncovs = ['cov.npy', [[1, 0], [0, 1]]]",
		"kind = 'points'\nfile = 'points.npy'\nweights = 'weights.npy'\nbandwidth = 0.1", "kind = 'scale-mixture'\nd = 3\nscales = [0.5, 2]",
		"kind = 'product'\nfactors = ['G1', {kind = 'gaussian', mean = [0], var = 1}]\nrotation = 'cov.npy'", "kind = 'copies'\nof = 'copies:of=G2,m=2'\nm = 2",
		"kind = 'mixture'\nmeans = 'points.npy'\nvars = [1e308, 5e-324, 1]\nweights = [1e308, 1e308, 0]",
	} {
		f.Add(s)
	}
	open := arrays(f)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse("dir/law.toml", []byte(text), open)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		if l.Law.Dim() <= 1000 {
			if _, n, d, err := engine.Matrix(l.Law.Sample(1, 2)); err != nil || n != 2 || d != l.Law.Dim() {
				t.Error(n, d, err)
			}
		}
	})
}
