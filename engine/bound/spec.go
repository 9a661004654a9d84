package bound

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"monge/engine/dist"
	"monge/engine/tomlfile"
)

// Spec is what a file of `monge bound` asks for.
type Spec struct {
	Law      dist.Distribution
	Process  *Process
	Settings Settings // without Model, Dtype and Progress
	Network  *NetworkSpec
	Warnings []string
}

// NetworkSpec is a model of kind network: its weights in File, or Train.
type NetworkSpec struct {
	File  string // a path as seen from here
	Train *TrainSettings
}

// ErrSpec is wrapped by the errors of files that are no Spec; their text names the file, the key and the value.
var ErrSpec = errors.New("not a bound's specification")

// document is the file. Pointers tell a key that is not there from a zero.
type document struct {
	Data     map[string]any `toml:"data"`
	Schedule *struct {
		Kind  string    `toml:"kind"`
		Beta0 *float64  `toml:"beta0"`
		Beta1 *float64  `toml:"beta1"`
		T     *float64  `toml:"T"`
		Betas []float64 `toml:"betas"`
		Steps *int      `toml:"steps"`
		Min   *float64  `toml:"min"`
		Max   *float64  `toml:"max"`
		Shape *string   `toml:"shape"`
	} `toml:"schedule"`
	Model *struct {
		Kind  string         `toml:"kind"`
		Delta *float64       `toml:"delta"`
		File  *string        `toml:"file"`
		Train *TrainSettings `toml:"train"`
	} `toml:"model"`
	Start *struct {
		Kind string `toml:"kind"`
	} `toml:"start"`
	Estimate *struct {
		Lipschitz string   `toml:"lipschitz"`
		Spacing   *float64 `toml:"spacing"`
		Samples   *int     `toml:"samples"`
		Clouds    *int     `toml:"clouds"`
		Steps     *int     `toml:"steps"`
		Seed      *uint64  `toml:"seed"`
	} `toml:"estimate"`
}

// specReader turns a document into a Spec; the first error sticks.
type specReader struct {
	file string
	err  error
}

func (r *specReader) fail(key, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s: %s: %w", r.file, key, fmt.Sprintf(format, args...), ErrSpec)
	}
}

// orElse returns the value of a key, or what it is where it is missing.
func orElse(v *float64, missing float64) float64 {
	if v == nil {
		return missing
	}
	return *v
}

// count returns a count of at least one, or what it is where it is missing.
func (r *specReader) count(key string, v *int, missing int) int {
	if v == nil {
		return missing
	}
	if *v < 1 || *v > 1<<24 {
		r.fail(key, "%d: want an integer from 1 to %d", *v, 1<<24)
	}
	return *v
}

// need reports a key that is missing.
func (r *specReader) need(key string, there bool, kind string) {
	if !there {
		r.fail(key, "missing for kind %q", kind)
	}
}

// only reports a key that goes with another kind.
func (r *specReader) only(key string, there bool, kind string) {
	if there {
		r.fail(key, "it does not go with kind %q", kind)
	}
}

// Parse reads the text of a TOML file:
//
//	[data]                    # a law, as package dist reads it; or name = "moons" alone, a name that dist.Load knows
//	[schedule]                # kind = "linear": beta0, beta1, T (defaults .1, 20, 1)
//	                          # kind = "discrete": betas, or steps, min, max and shape = "linear" (default) or "sigmoid"
//	[model]                   # kind = "exact"; "scaled": delta; "network": file, or train
//	[start]                   # kind = "normal" (default) or "marginal"
//	[estimate]                # lipschitz = "analytic" (default), "pairs" (spacing of a grid over [-1, 1]^d) or "power";
//	                          # samples (4096), clouds (points of the measured clouds), steps (of samplers), seed (1)
//
// file names it in errors, and its folder is that of the files it names.
func Parse(file string, text []byte, open dist.Opener) (*Spec, error) {
	var doc document
	if err := tomlfile.Decode(file, text, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrSpec)
	}
	r := &specReader{file: file}
	for _, part := range []struct {
		key   string
		there bool
	}{{"data", doc.Data != nil}, {"schedule", doc.Schedule != nil}, {"model", doc.Model != nil}} {
		if !part.there {
			r.fail(part.key, "missing")
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	loaded, err := lawOf(file, doc.Data, open)
	if err != nil {
		return nil, err
	}
	s := &Spec{Law: loaded.Law, Warnings: loaded.Warnings, Settings: Settings{Seed: 1}}
	s.Process = r.process(&doc)
	r.model(&doc, s)
	if doc.Start != nil {
		switch doc.Start.Kind {
		case "normal":
		case "marginal":
			s.Settings.Marginal = true
		default:
			r.fail("start.kind", "%q: want normal or marginal", doc.Start.Kind)
		}
	}
	r.estimate(&doc, &s.Settings)
	if s.Network != nil && s.Process != nil && !s.Process.Discrete() {
		r.fail("model.kind", "%q has a parameter for each step: it needs a discrete schedule", "network")
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// lawOf makes the law of [data]: that of a table, or of the name alone.
func lawOf(file string, t map[string]any, open dist.Opener) (*dist.Loaded, error) {
	if name, ok := t["name"].(string); ok && len(t) == 1 {
		loaded, err := dist.Load(name, open)
		if err != nil {
			return nil, fmt.Errorf("%s: data.name: %w", file, err)
		}
		return loaded, nil
	}
	return dist.FromTable(file, "data", t, open)
}

// Files returns the files that a specification names, as Parse and the model read them, with those that they name in turn.
// Of one that is not to be read Parse has to say what is wrong.
func Files(file string, text []byte) []string {
	var doc document
	if tomlfile.Decode(file, text, &doc) != nil {
		return nil
	}
	var files []string
	if name, ok := doc.Data["name"].(string); ok && len(doc.Data) == 1 {
		_, files = dist.Files(name)
	} else {
		files = dist.TableFiles(file, doc.Data)
	}
	if doc.Model != nil && doc.Model.File != nil {
		files = append(files, (&specReader{file: file}).beside(*doc.Model.File))
	}
	return files
}

// beside returns the path of a file that the specification names.
func (r *specReader) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

func (r *specReader) process(doc *document) *Process {
	t := doc.Schedule
	var p *Process
	var err error
	switch t.Kind {
	case "linear":
		r.only("schedule.betas", t.Betas != nil, t.Kind)
		r.only("schedule.steps", t.Steps != nil, t.Kind)
		r.only("schedule.min", t.Min != nil, t.Kind)
		r.only("schedule.max", t.Max != nil, t.Kind)
		r.only("schedule.shape", t.Shape != nil, t.Kind)
		p, err = Linear(orElse(t.Beta0, .1), orElse(t.Beta1, 20), orElse(t.T, 1))
	case "discrete":
		r.only("schedule.beta0", t.Beta0 != nil, t.Kind)
		r.only("schedule.beta1", t.Beta1 != nil, t.Kind)
		r.only("schedule.T", t.T != nil, t.Kind)
		betas := t.Betas
		if betas == nil {
			r.need("schedule.betas or schedule.steps", t.Steps != nil, t.Kind)
			r.need("schedule.min", t.Min != nil, t.Kind)
			r.need("schedule.max", t.Max != nil, t.Kind)
			if r.err != nil {
				return nil
			}
			n := r.count("schedule.steps", t.Steps, 0)
			shape := "linear"
			if t.Shape != nil {
				shape = *t.Shape
			}
			switch {
			case r.err != nil:
			case shape == "sigmoid":
				betas = Sigmoid(n, *t.Min, *t.Max)
			case shape == "linear":
				betas = ramp(n, *t.Min, *t.Max)
			default:
				r.fail("schedule.shape", "%q: want linear or sigmoid", shape)
			}
		} else {
			const kind = "discrete with betas"
			r.only("schedule.steps", t.Steps != nil, kind)
			r.only("schedule.min", t.Min != nil, kind)
			r.only("schedule.max", t.Max != nil, kind)
			r.only("schedule.shape", t.Shape != nil, kind)
		}
		if r.err == nil {
			p, err = Discrete(betas)
		}
	default:
		r.fail("schedule.kind", "%q: want linear or discrete", t.Kind)
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: schedule: %w", r.file, err)
	}
	return p
}

func (r *specReader) model(doc *document, s *Spec) {
	t := doc.Model
	switch t.Kind {
	case "exact", "scaled", "network":
	default:
		r.fail("model.kind", "%q: want exact, scaled or network", t.Kind)
		return
	}
	if t.Kind != "scaled" {
		r.only("model.delta", t.Delta != nil, t.Kind)
	}
	if t.Kind != "network" {
		r.only("model.file", t.File != nil, t.Kind)
		r.only("model.train", t.Train != nil, t.Kind)
	}
	switch t.Kind {
	case "scaled":
		r.need("model.delta", t.Delta != nil, t.Kind)
		if t.Delta != nil {
			if s.Settings.Delta = *t.Delta; !(*t.Delta > -1) || math.IsInf(*t.Delta, 0) {
				r.fail("model.delta", "%v: want a finite number above -1", *t.Delta)
			}
		}
	case "network":
		if (t.File == nil) == (t.Train == nil) {
			r.fail("model", "kind %q: want exactly one of file and train", t.Kind)
			return
		}
		s.Network = &NetworkSpec{Train: t.Train}
		if t.File != nil {
			s.Network.File = r.beside(*t.File)
		}
		if t.Train != nil && t.Train.Save != "" {
			t.Train.Save = r.beside(t.Train.Save)
		}
	}
}

func (r *specReader) estimate(doc *document, s *Settings) {
	t := doc.Estimate
	if t == nil {
		return
	}
	switch s.Lipschitz = t.Lipschitz; t.Lipschitz {
	case "", Analytic, AllPairs, ByPower:
	default:
		r.fail("estimate.lipschitz", "%q: want %s, %s or %s", t.Lipschitz, Analytic, AllPairs, ByPower)
	}
	if s.Spacing = orElse(t.Spacing, 0); t.Spacing != nil && !(s.Spacing > 0 && s.Spacing <= 2) {
		r.fail("estimate.spacing", "%v: want a number above 0, at most 2", s.Spacing)
	}
	if t.Spacing != nil && t.Lipschitz != AllPairs {
		r.fail("estimate.spacing", "%v: it goes with lipschitz = %q", s.Spacing, AllPairs)
	}
	s.Samples = r.count("estimate.samples", t.Samples, 0)
	s.Clouds = r.count("estimate.clouds", t.Clouds, 0)
	s.Steps = r.count("estimate.steps", t.Steps, 0)
	if t.Seed != nil {
		s.Seed = *t.Seed
	}
}
