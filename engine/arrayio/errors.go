package arrayio

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

var (
	// ErrInput marks errors that the user can mend: a missing or malformed file, an unknown extension, an
	// array that does not fit the memory. An error of this package that does not wrap it came from the
	// operating system: a full disk, a place that cannot be written.
	ErrInput = errors.New("bad input")
	// ErrExists marks an output that is there already and may not be overwritten. It comes with ErrInput.
	ErrExists = errors.New("output exists")
)

// InputError says what is wrong with a file in one line. It wraps ErrInput and its cause.
type InputError struct {
	Path string // as the user gave it
	Err  error
}

func (e *InputError) Error() string { return "arrayio: " + e.Path + ": " + e.Err.Error() }

func (e *InputError) Unwrap() []error { return []error{ErrInput, e.Err} }

// existsError is the cause within an InputError for an output that may not be overwritten.
type existsError string

func (e existsError) Error() string { return string(e) }

func (existsError) Is(target error) bool { return target == ErrExists || target == fs.ErrExist }

// inputf makes an *InputError about the file at path.
func inputf(path, format string, args ...any) error {
	return &InputError{Path: path, Err: fmt.Errorf(format, args...)}
}

// readError names the file in an error met while reading it. What the operating system reports as a
// failing read stays an error of the system; all else is the fault of the file's contents.
func readError(path string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return fmt.Errorf("arrayio: %s: %w", path, err)
	}
	return &InputError{Path: path, Err: err}
}

// quote shows a value from a file in an error: on one line and not too long.
func quote(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}

// quoteNames lists names in an error.
func quoteNames(names []string) string {
	const most = 20
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			fmt.Fprintf(&b, "... (%d in all)", len(names))
			break
		}
		b.WriteString(name)
	}
	return b.String()
}
