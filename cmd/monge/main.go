// Command monge asks whether a diffusion model's encoder is the optimal transport map, and how far off.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

func main() {
	limitMemory()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// patience is how long a command that was interrupted may take to return by itself; what it is in the
// middle of may not look at the context.
const patience = 400 * time.Millisecond

// run executes one command line and returns its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	return (&app{stdout: stdout, stderr: stderr}).execute(args)
}

// execute is run of an invocation.
func (a *app) execute(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				if a.verbose {
					fmt.Fprintf(a.stderr, "%s", debug.Stack())
				}
				done <- &runError{fmt.Errorf("internal error: %v", p)}
			}
		}()
		root := newRoot(a)
		root.SetArgs(args)
		done <- root.ExecuteContext(ctx)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		stop() // a second interrupt ends the process at once
		select {
		case err = <-done:
		case <-time.After(patience):
			err = ctx.Err()
		}
	}
	a.bar.clear()
	// Leaves no file half-written.
	kept := a.out.close()
	code := exitCode(err)
	switch {
	case code == codeInterrupted && len(kept) == 0:
		fmt.Fprintln(a.stderr, "monge: interrupted; nothing was written")
	case code == codeInterrupted:
		fmt.Fprintf(a.stderr, "monge: interrupted; kept %s\n", strings.Join(kept, ", "))
	case err != nil:
		fmt.Fprintf(a.stderr, "monge: %s\n", oneLine(err))
	}
	return code
}

// oneLine returns an error's text without line breaks and other control characters.
func oneLine(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}
