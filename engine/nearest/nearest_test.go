package nearest_test

import (
	"testing"

	"monge/engine/nearest"
)

func TestName(t *testing.T) {
	known := []string{"weights", "means", "cov", "covs", "diag", "var", "T"}
	for name, want := range map[string]string{
		"wieghts": "weights", "Means": "means", "mean": "means", "cvo": "", "covss": "covs", "coov": "cov", "weight": "weights",
		"t": "T", "x": "", "": "", "diga": "diag", "colour": "", "variance": "",
	} {
		if got := nearest.Name(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := nearest.Hint("wieghts", known) + nearest.Hint("colour", known); got != "; did you mean weights?" {
		t.Errorf("hint %q", got)
	}
}
