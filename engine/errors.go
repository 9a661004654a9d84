package engine

import (
	"errors"
	"fmt"
)

var (
	ErrShape       = errors.New("shapes do not fit")
	ErrDtype       = errors.New("dtypes do not fit")
	ErrNoDevice    = errors.New("no usable device")
	ErrOutOfMemory = errors.New("out of memory")
	ErrUnsupported = errors.New("not supported by this engine")
	ErrDiverged    = errors.New("diverged")
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
