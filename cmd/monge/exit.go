package main

import (
	"context"
	"errors"
	"fmt"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/bound"
	"monge/engine/dist"
	"monge/engine/flow"
	"monge/engine/ot"
	"monge/engine/sweep"
)

// Exit codes.
const (
	codeDone         = 0
	codeFailed       = 1 // failed while running: a full disk, a lost device
	codeUsage        = 2 // wrong usage or input
	codeNotConverged = 3 // done, and something did not converge, or a case failed
	codeInterrupted  = 130
)

// errNotConverged marks a command that is done without its solver having converged.
var errNotConverged = errors.New("did not converge")

// runError is an error of a command that ran; all other errors come from parsing the command line.
type runError struct{ err error }

func (e *runError) Error() string { return e.err.Error() }
func (e *runError) Unwrap() error { return e.err }

// usageError marks an error as the user's to mend.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef makes an error about a flag, an argument or a file's contents.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// usage marks err, if there is one, as the user's to mend.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

// exitCode maps an error to the process's exit code.
func exitCode(err error) int {
	if err == nil {
		return codeDone
	}
	if errors.Is(err, context.Canceled) {
		return codeInterrupted
	}
	if errors.Is(err, errNotConverged) || errors.Is(err, errCases) || errors.Is(err, errRuns) {
		return codeNotConverged
	}
	if !errors.As(err, new(*runError)) || errors.As(err, new(*usageError)) {
		return codeUsage
	}
	for _, sentinel := range []error{
		arrayio.ErrInput, dist.ErrParameters, dist.ErrTail, flow.ErrSettings, ot.ErrNotFinite, ot.ErrWeights, ot.ErrSettings,
		bound.ErrSpec, bound.ErrProcess, bound.ErrUnsupported, sweep.ErrSpec, sweep.ErrDirectory, sweep.ErrChanged, sweep.ErrQueued,
		engine.ErrShape, engine.ErrDtype, engine.ErrNoDevice, engine.ErrOutOfMemory, engine.ErrUnsupported,
	} {
		if errors.Is(err, sentinel) {
			return codeUsage
		}
	}
	return codeFailed
}
