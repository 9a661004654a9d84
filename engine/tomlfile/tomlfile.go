// Package tomlfile reads TOML files whose errors are one line that names the file, the place and the key.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"monge/engine/nearest"

	"github.com/pelletier/go-toml/v2"
)

// Decode reads the text of a TOML document into v, as package toml does, where a key that v has no place for is an error.
// file names it in errors:
//
//	s.toml: line 3: grid.n.steps: unknown key; did you mean step?
//	s.toml: grid.n: "x": want a whole number
//	s.toml: grid.tau[2]: 1e400: beyond the range of float64
//	s.toml: line 3, column 7: ...
func Decode(file string, text []byte, v any) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(v)
	var missing *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		e := missing.Errors[0]
		line, _ := e.Position()
		key := e.Key()
		hint := nearest.Hint(key[len(key)-1], keys(reflect.TypeOf(v), key[:len(key)-1]))
		return fmt.Errorf("%s: line %d: %s: unknown key%s", file, line, strings.Join(key, "."), hint)
	case errors.As(err, &decode):
		line, column := decode.Position()
		if at, value := beyond(text, line, column); at != "" {
			return fmt.Errorf("%s: %s: %s", file, at, value)
		}
		var plain map[string]any
		if toml.Unmarshal(text, &plain) == nil {
			if at, want := mismatch(reflect.TypeOf(v), plain, ""); at != "" {
				return fmt.Errorf("%s: %s: want %s", file, at, want)
			}
		}
		return fmt.Errorf("%s: line %d, column %d: %s", file, line, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "toml: "))
}

// keys returns the keys that type t has a place for in the table at path.
func keys(t reflect.Type, path []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if len(path) > 0 && strings.EqualFold(name(f), path[0]) {
			return keys(f.Type, path[1:])
		}
		names = append(names, name(f))
	}
	if len(path) > 0 {
		return nil
	}
	return names
}
