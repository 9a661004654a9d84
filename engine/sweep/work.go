package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// hand does runs on one worker, which is made anew where it is lost. Results are written while the next runs are done.
type hand struct {
	store   *Store
	set     *RunSettings
	number  int // of the worker
	note    func(Run, *Record)
	worker  Worker     // nil = none is open
	writing chan error // nil = nothing is being written
}

// work does the launches that take yields until that is nil or ctx ends. The runs of a launch that came to nothing are
// done one by one.
func (h *hand) work(ctx context.Context, take func() []Run) (err error) {
	defer func() {
		err = errors.Join(err, h.settle())
		if h.worker != nil {
			err = errors.Join(err, h.worker.Close())
		}
	}()
	var alone []Run
	for {
		var runs []Run
		if len(alone) > 0 && ctx.Err() == nil {
			runs, alone = alone[:1], alone[1:]
		} else if runs = take(); runs == nil {
			return nil
		}
		if h.worker == nil {
			w, err := h.set.Open(h.number)
			if err != nil {
				return fmt.Errorf("sweep: worker %d: %w", h.number, err)
			}
			h.worker = w
		}
		lines, err := h.requests(runs)
		if err != nil {
			return err
		}
		l := h.launch(ctx, lines)
		if ctx.Err() != nil && l.err != nil {
			return nil
		}
		if (l.err != nil || l.late) && len(runs) > 1 {
			alone = runs
			continue
		}
		if err := h.write(runs, l); err != nil {
			return err
		}
	}
}

// requests begins runs, and returns their command lines.
func (h *hand) requests(runs []Run) ([]Request, error) {
	lines := make([]Request, len(runs))
	for k, r := range runs {
		lines[k] = Request{append(slices.Clone(r.Args), "--json"), h.store.checkpoint(r)}
		again, err := h.store.begin(r)
		if err != nil {
			return nil, err
		}
		if again { // what it wrote then is its own to write over
			lines[k].Args = append(lines[k].Args, "--force")
		}
	}
	return lines, nil
}

// launched is what came of a launch.
type launched struct {
	began   time.Time
	seconds float64   // a run
	out     []Outcome // of the runs; nil after an error
	late    bool      // it took longer than its time
	err     error     // the worker was lost
}

// launch does command lines, in the time of as many runs.
func (h *hand) launch(ctx context.Context, lines []Request) *launched {
	one, stop := ctx, context.CancelFunc(func() {})
	if limit := h.set.Timeout * time.Duration(len(lines)); limit > 0 {
		one, stop = context.WithTimeout(ctx, limit)
	}
	defer stop()
	l := &launched{began: time.Now().UTC()}
	l.out, l.err = h.worker.Run(one, lines)
	l.seconds = time.Since(l.began).Seconds() / float64(len(lines))
	l.late = one.Err() != nil && ctx.Err() == nil
	if l.err != nil {
		_ = h.worker.Close() // what a lost worker says is of no use
		h.worker, l.out = nil, nil
	}
	return l
}

// write begins to keep what came of the runs, once what was written before is done.
func (h *hand) write(runs []Run, l *launched) error {
	host, _ := os.Hostname() // a name for people alone
	out := l.out
	if out == nil {
		out = make([]Outcome, len(runs))
	}
	records := make([]*Record, len(runs))
	for k, r := range runs {
		records[k] = &Record{
			Schema: recordSchema, ID: r.ID, Args: r.Args, Version: h.set.Version, Host: host, Started: l.began,
			Seconds: l.seconds, PeakBytes: out[k].PeakBytes, Code: out[k].Code,
		}
		records[k].Result, records[k].Error = h.verdict(l, out[k])
	}
	if err := h.settle(); err != nil {
		return err
	}
	written := make(chan error, 1)
	h.writing = written
	go func() {
		for k, r := range runs {
			if err := h.store.keep(r, records[k], out[k].Stderr); err != nil {
				written <- err
				return
			}
			h.note(r, records[k])
		}
		written <- nil
	}()
	if h.set.FailFast {
		return h.settle()
	}
	return nil
}

// verdict returns a run's result, or what went wrong.
func (h *hand) verdict(l *launched, o Outcome) (result json.RawMessage, wrong string) {
	switch {
	case l.late:
		return nil, fmt.Sprintf("it took longer than %v", h.set.Timeout)
	case l.err != nil:
		return nil, l.err.Error()
	case o.Code != 0 && o.Code != codeNotConverged:
		return nil, lastLine(o.Stderr, fmt.Sprintf("exit code %d", o.Code))
	case !json.Valid(o.Stdout):
		return nil, "its output is no JSON"
	}
	return o.Stdout, ""
}

// settle waits for what is being written.
func (h *hand) settle() error {
	if h.writing == nil {
		return nil
	}
	err := <-h.writing
	h.writing = nil
	return err
}

// codeNotConverged is the exit code of commands that are done without something having converged.
const codeNotConverged = 3

// lastLine returns the last line of a command's messages.
func lastLine(stderr []byte, none string) string {
	lines := strings.Split(strings.TrimSpace(string(stderr)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return strings.TrimPrefix(last, "monge: ")
	}
	return none
}
