// Package tomlfile reads TOML files whose errors are one line that names the file, the place and the key.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Decode reads the text of a TOML document into v, as package toml does, where a key that v has no place for is an error.
// file names it in errors:
//
//	s.toml: line 3: grid.n.steps: unknown key
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
		return fmt.Errorf("%s: line %d: %s: unknown key", file, line, strings.Join(e.Key(), "."))
	case errors.As(err, &decode):
		line, column := decode.Position()
		return fmt.Errorf("%s: line %d, column %d: %s", file, line, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "toml: "))
}
