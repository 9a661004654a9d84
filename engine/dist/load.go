package dist

import (
	"gorgonia.org/tensor"
)

// Opener reads the array file at path as a matrix [N, D]; a vector is [N, 1].
type Opener func(path string) (*tensor.Dense, error)

// Loaded is a law and what there is to say about where it came from.
type Loaded struct {
	Law      Distribution
	Name     string   // the spec it was made from
	Warnings []string // such as "law.toml: weights: normalised"
}

// Load makes the law of a spec: a name, a name with parameters, or a TOML file.
func Load(spec string, open Opener) (*Loaded, error) {
	law, err := byName(spec)
	if err != nil {
		return nil, err
	}
	return &Loaded{Law: law, Name: spec}, nil
}
