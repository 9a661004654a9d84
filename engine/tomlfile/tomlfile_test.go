package tomlfile_test

import (
	"testing"

	"monge/engine/tomlfile"
)

func TestDecode(t *testing.T) {
	type table struct {
		N int
		T struct{ X []float64 }
		R []*struct {
			Rate float64 `toml:"beta0"`
		} `toml:"ramps"`
	}
	for text, want := range map[string]string{
		"N = 3\n[T]\nX = [1.5]\n":          "",
		"N = 3\nM = 4\n":                   "a.toml: line 2: M: unknown key",
		"[T]\n[T.Y]\nz = 1\n":              "a.toml: line 2: T.Y: unknown key",
		"[[ramps]]\nbeta = 1\n":            "a.toml: line 2: ramps.beta: unknown key; did you mean beta0?",
		"ramp = 1\n":                       "a.toml: line 1: ramp: unknown key; did you mean ramps?",
		"\nN\n= 3":                         "a.toml: line 2, column 2: expected character =",
		"N = \"x\"":                        "a.toml: N: \"x\": want a whole number",
		"N = 1.5":                          "a.toml: N: 1.5: want a whole number",
		"N = 3\n[T]\nX = [1, \"2\"]":       "a.toml: T.X[1]: \"2\": want a number",
		"N = 3\nT = 4":                     "a.toml: T: 4: want a table",
		"[[ramps]]\nbeta0 = true":          "a.toml: ramps[0].beta0: true: want a number",
		"N = 3\n[T]\nX = 1\n":              "a.toml: T.X: 1: want a list",
		"N = 3\n[T]\nX = [1, -1_0e400]":    "a.toml: T.X[1]: -1_0e400: beyond the range of float64",
		"N = 99_999_999_999_999_999_999":   "a.toml: N: 99_999_999_999_999_999_999: beyond the range of whole numbers of 64 bits",
		"T = {X = [0xffffffffffffffffff]}": "a.toml: T.X[0]: 0xffffffffffffffffff: beyond the range of whole numbers of 64 bits",
		"[[ramps]]\nbeta0 = 1\n[[ramps]]\n\"beta0\" = 1e309": "a.toml: ramps[1].beta0: 1e309: beyond the range of float64",
		"N = 3\nT.X = [1, 1e-400, inf, 1_1]\nN = 4":          "a.toml: key N is already defined",
	} {
		var v table
		got := ""
		if err := tomlfile.Decode("a.toml", []byte(text), &v); err != nil {
			got = err.Error()
		} else if v.N != 3 || v.T.X[0] != 1.5 {
			t.Errorf("%q: %+v", text, v)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
