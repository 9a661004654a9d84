package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"monge/engine/arrayio"
)

// outputs is the command's set of files. The lock is held while they get their names, so that an interrupt
// finds all of them or none; it does not wait for files that are being written, which may be large.
type outputs struct {
	mu     sync.Mutex
	set    arrayio.Outputs
	names  []string // declared and not yet committed
	kept   []string // committed
	closed bool     // by an interrupt or at the end
}

// declare announces an array; declareFile and createDir announce other things. They come before all work.
func (o *outputs) declare(path string, rank int) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return context.Canceled
	}
	o.names = append(o.names, path)
	return o.set.Declare(path, rank)
}

func (o *outputs) declareFile(path string, ext ...string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return context.Canceled
	}
	o.names = append(o.names, path)
	return o.set.DeclareFile(path, ext...)
}

func (o *outputs) createDir(dir string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return context.Canceled
	}
	return o.set.CreateDir(dir)
}

// shareDir is createDir for a directory that may hold other files.
func (o *outputs) shareDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	return o.createDir(dir)
}

// save writes all declared files and gives them their names, unless the command was interrupted.
func (o *outputs) save(ctx context.Context, write func(*arrayio.Outputs) error) error {
	err := write(&o.set)
	if e := ctx.Err(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return context.Canceled
	}
	if err := o.set.Commit(); err != nil {
		return err
	}
	o.kept = append(o.kept, o.names...)
	o.names = nil
	return nil
}

// renew declares files that this command has saved before, to be saved again as its work goes on.
func (o *outputs) renew(paths []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return context.Canceled
	}
	o.set = arrayio.Outputs{Force: true}
	for _, path := range paths {
		if err := o.set.DeclareFile(path); err != nil {
			return err
		}
	}
	return nil
}

// keep says what an interrupt leaves that is no declared file.
func (o *outputs) keep(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, what)
}

// close removes what was not committed and returns the names of what was.
func (o *outputs) close() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.set.Abort()
	return o.kept
}

// print writes the answer to stdout: the JSON object or the table.
func (a *app) print(v any, table fmt.Stringer) error {
	a.bar.clear()
	text := ""
	if a.json {
		b, err := marshal(v)
		if err != nil {
			return err
		}
		text = string(b)
	} else {
		text = table.String()
	}
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}
