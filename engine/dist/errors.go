package dist

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrParameters is what every error about a law's own parameters is: the input describes no law.
var ErrParameters = errors.New("dist: parameters of no law")

// ErrTail is wrapped by a field's error about a data point so far out in the tails of a law given by its density
// that quadrature over the law's support says nothing about it.
var ErrTail = errors.New("a point outside the law's support")

// parameterError is one line that names the parameter and its value.
type parameterError struct{ text string }

func bad(format string, args ...any) error {
	return &parameterError{fmt.Sprintf(format, args...)}
}

func (e *parameterError) Error() string { return oneLine("dist: " + e.text) }

func (e *parameterError) Is(target error) bool { return target == ErrParameters }

// outsideError is an error from elsewhere, of a file that a law names.
type outsideError struct {
	place string // "law.toml: cov: "
	err   error
}

func (e *outsideError) Error() string { return oneLine("dist: " + e.place + e.err.Error()) }

func (e *outsideError) Unwrap() error { return e.err }

// oneLine keeps what a user wrote from breaking a message into lines.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// at puts the place of an error in front of it: a file, a key.
func at(place string, err error) error {
	switch e := err.(type) {
	case *parameterError:
		return &parameterError{place + ": " + e.text}
	case *outsideError:
		return &outsideError{place + ": " + e.place, e.err}
	}
	return &outsideError{place + ": ", err}
}
