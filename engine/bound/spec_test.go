package bound_test

import (
	"errors"
	"strings"
	"testing"

	"monge/engine/bound"
	"monge/engine/dist"

	"gorgonia.org/tensor"
)

func noFiles(path string) (*tensor.Dense, error) { return nil, errors.New(path + ": no such file") }

const sound = `
[data]
kind = "gaussian"
mean = [0.0]
cov = [[0.25]]
[schedule]
kind = "linear"
[model]
kind = "scaled"
delta = 0.05
`

func TestParse(t *testing.T) {
	s, err := bound.Parse("a.toml", []byte(sound+"[start]\nkind = \"marginal\"\n[estimate]\nlipschitz = \"pairs\"\nspacing = 0.1\nsamples = 7\nclouds = 5\nsteps = 3\nseed = 9\n"), noFiles)
	if err != nil {
		t.Fatal(err)
	}
	w := s.Settings
	if s.Law.Dim() != 1 || w.Delta != .05 || !w.Marginal || w.Lipschitz != bound.AllPairs || w.Spacing != .1 || w.Samples != 7 || w.Clouds != 5 || w.Steps != 3 || w.Seed != 9 {
		t.Errorf("settings %+v", w)
	}
	near(t, "default horizon", s.Process.End().Alpha, .006571586, 1e-9) // exp(-5.025)
	s, err = bound.Parse("a/b.toml", []byte(`
data.name = "moons"
schedule = {kind = "discrete", steps = 10, min = 1e-5, max = 1e-2, shape = "sigmoid"}
model = {kind = "network", train = {hidden = [8], epochs = 3, save = "w.safetensors"}}
`), noFiles)
	if err != nil {
		t.Fatal(err)
	}
	if s.Network == nil || s.Network.Train.Save != "a/w.safetensors" || s.Network.Train.Epochs != 3 || len(s.Process.Times()) != 10 {
		t.Errorf("network %+v", s.Network)
	}
}

func TestParseErrors(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(sound, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.Replace(sound, old, new, 1)
	}
	for _, c := range []struct{ text, want string }{
		{"", "a.toml: data: missing"},
		{"[data", "line 1"},
		{sound + "[other]\n", "other"},
		{replace("delta = 0.05", "dleta = 0.05"), "dleta"},
		{replace("delta = 0.05", "delta = -1.0"), "model.delta: -1"},
		{replace("delta = 0.05", "delta = nan"), "model.delta: NaN"},
		{replace("delta = 0.05", ""), "model.delta: missing"},
		{replace(`"scaled"`, `"exact"`), "model.delta: it does not go"},
		{replace(`"scaled"`, `"guess"`), `model.kind: "guess"`},
		{replace("cov = [[0.25]]", "cov = [[-0.25]]"), "data.cov"},
		{replace("cov = [[0.25]]", `cov = "c.npy"`), "c.npy"},
		{replace(`"linear"`, `"linear"`+"\nT = 0.0"), "T = 0"},
		{replace(`"linear"`, `"linear"`+"\nbeta0 = -1.0"), "beta0 = -1"},
		{replace(`"linear"`, `"linear"`+"\nbetas = [0.1]"), "schedule.betas"},
		{replace(`"linear"`, `"discrete"`+"\nbetas = [0.1, 1.0]"), "betas[1] = 1"},
		{replace(`"linear"`, `"discrete"`+"\nbetas = [0.1]\nsteps = 1"), "schedule.steps: it does not go"},
		{replace(`"linear"`, `"discrete"`+"\nbetas = [0.1]\nmin = 0.1"), "schedule.min: it does not go"},
		{replace(`"linear"`, `"discrete"`+"\nbetas = [0.1]\nmax = 0.1"), "schedule.max: it does not go"},
		{replace(`"linear"`, `"discrete"`+"\nbetas = [0.1]\nshape = \"linear\""), "schedule.shape: it does not go"},
		{replace(`"linear"`, `"discrete"`+"\nsteps = 0\nmin = 0.1\nmax = 0.2"), "schedule.steps: 0"},
		{replace(`"linear"`, `"discrete"`+"\nsteps = 3\nmin = 0.1"), "schedule.max: missing"},
		{replace(`"linear"`, `"discrete"`+"\nsteps = 3\nmin = 0.1\nmax = 0.2\nshape = \"flat\""), `schedule.shape: "flat"`},
		{replace(`"linear"`, `"cosine"`), `schedule.kind: "cosine"`},
		{replace("kind = \"scaled\"\ndelta = 0.05", `kind = "network"`), "exactly one of file and train"},
		{replace("kind = \"scaled\"\ndelta = 0.05", "kind = \"network\"\nfile = \"w\""), "discrete schedule"},
		{sound + "[start]\nkind = \"data\"\n", `start.kind: "data"`},
		{sound + "[estimate]\nsamples = 0\n", "estimate.samples: 0"},
		{sound + "[estimate]\nlipschitz = \"guess\"\n", `estimate.lipschitz: "guess"`},
		{sound + "[estimate]\nspacing = 0.1\n", "estimate.spacing"},
	} {
		_, err := bound.Parse("a.toml", []byte(c.text), noFiles)
		if err == nil {
			t.Errorf("no error for %q", c.text)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.toml") {
			t.Errorf("error %q does not name %q and the file", err, c.want)
		}
		if !errors.Is(err, bound.ErrSpec) && !errors.Is(err, bound.ErrProcess) && !errors.Is(err, dist.ErrParameters) && !strings.Contains(err.Error(), "no such file") {
			t.Errorf("error %q wraps no sentinel", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("data.name = \"moons\"\nschedule = {kind = \"discrete\", betas = [0.1]}\nmodel = {kind = \"network\", train = {}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := bound.Parse("a.toml", text, noFiles)
		if err == nil && (s.Law == nil || s.Process == nil || len(s.Process.Times()) == 0) {
			t.Errorf("accepted without a law or a process: %q", text)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error on several lines: %q", err)
		}
	})
}
