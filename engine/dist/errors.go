package dist

import (
	"errors"
	"fmt"
)

// ErrParameters is what every error about a law's own parameters is: the input describes no law.
var ErrParameters = errors.New("dist: parameters of no law")

// parameterError is one line that names the parameter and its value.
type parameterError struct{ text string }

func bad(format string, args ...any) error {
	return &parameterError{fmt.Sprintf(format, args...)}
}

func (e *parameterError) Error() string { return "dist: " + e.text }

func (e *parameterError) Is(target error) bool { return target == ErrParameters }

// at puts the place of an error in front of it: a file, a key.
func at(place string, err error) error {
	var p *parameterError
	if errors.As(err, &p) && p == err {
		return &parameterError{place + ": " + p.text}
	}
	return fmt.Errorf("dist: %s: %w", place, err)
}
