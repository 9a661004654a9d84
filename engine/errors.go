package engine

import (
	"errors"
	"fmt"
)

// What errors of engines, solvers and files wrap; their texts say what was met.
var (
	ErrShape       = errors.New("shapes do not fit")            // sizes, counts or ranges of arguments, or of each other
	ErrDtype       = errors.New("dtypes do not fit")            // a type of number that an operation does not take
	ErrNoDevice    = errors.New("no usable device")             // no driver, no such device, or too old a one
	ErrOutOfMemory = errors.New("out of memory")                // comes as *MemoryError
	ErrUnsupported = errors.New("not supported by this engine") // an operation or a case of it
	ErrDiverged    = errors.New("diverged")                     // numbers that are not finite; of a flow as *DivergedError
)

// MemoryError says how much was asked for and how much there was. It wraps ErrOutOfMemory.
type MemoryError struct {
	What        string // what the memory was for
	Asked, Free int64  // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("out of memory: %s needs %d bytes, %d are available", e.What, e.Asked, e.Free)
}

func (e *MemoryError) Unwrap() error { return ErrOutOfMemory }

// DivergedError says where an integration broke down. It wraps ErrDiverged.
type DivergedError struct {
	Row  int     // the row of the input, from 0
	Step int     // steps taken
	Time float64 // angle theta = atan(sigma/alpha) reached
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("diverged: row %d, counted from 1, after %d steps, at angle %.6g", e.Row+1, e.Step, e.Time)
}

func (e *DivergedError) Unwrap() error { return ErrDiverged }
