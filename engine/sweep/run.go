package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Outcome is what a worker says of a command that ended.
type Outcome struct {
	Code      int
	Stdout    []byte
	Stderr    []byte
	PeakBytes int64 // the largest resident memory while it ran
}

// Worker runs commands, one at a time.
type Worker interface {
	// Run runs a command line. Its error says that the worker is lost, or ctx's end: the command's own failure is an
	// Outcome.
	Run(ctx context.Context, args []string) (Outcome, error)
	Close() error
}

// RunSettings say how the runs of a plan are done. The zero value does all that are missing, one at a time.
type RunSettings struct {
	Workers int                         // 0 = 1
	Open    func(i int) (Worker, error) // makes worker i
	Version string                      // of the code: results of another one are stale, and done again
	// Shard and Shards: only runs whose place in the plan is Shard - 1 modulo Shards; 0 = all.
	Shard, Shards int
	Only          []int         // places in the plan; nil = all
	Timeout       time.Duration // of a run; 0 = none
	Retry         bool          // also runs that failed before
	Force         bool          // also runs that are done
	FailFast      bool          // end at the first failure
	Progress      func(done, total int, r Run, s State)
}

// Summary counts what Execute did.
type Summary struct {
	Kept, Ran, Failed, NotConverged int // Kept were done before
	Seconds                         float64
	Busy                            float64 // seconds inside of workers, all together
}

// ErrFailed is returned by Execute where FailFast ended it.
var ErrFailed = errors.New("a run failed")

// Execute does the runs that are not done. Runs that fail are kept as failures and the others go on, unless FailFast is
// set. When ctx ends the runs in flight are lost, those that were done are kept.
func (s *Store) Execute(ctx context.Context, set RunSettings) (*Summary, error) {
	began := time.Now()
	sum := &Summary{}
	var queue []Run
	for i, r := range s.Plan.Runs {
		if set.Shards > 0 && i%set.Shards != set.Shard-1 || set.Only != nil && !slices.Contains(set.Only, i) {
			continue
		}
		state, _ := s.Look(r, set.Version)
		if set.Force || state == Missing || state == Stale || state == Failed && set.Retry {
			queue = append(queue, r)
		} else {
			sum.Kept++
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next, done := 0, 0
	take := func() (Run, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(queue) || ctx.Err() != nil {
			return Run{}, false
		}
		next++
		return queue[next-1], true
	}
	note := func(r Run, rec *Record) {
		mu.Lock()
		defer mu.Unlock()
		done++
		sum.Ran++
		sum.Busy += rec.Seconds
		state := Done
		switch {
		case rec.Error != "":
			state = Failed
			sum.Failed++
		case rec.Code != 0:
			state = NotConverged
			sum.NotConverged++
		}
		if set.Progress != nil {
			set.Progress(done, len(queue), r, state)
		}
		if state == Failed && set.FailFast {
			cancel(fmt.Errorf("sweep: %s: %s: %w", strings.Join(r.Args, " "), rec.Error, ErrFailed))
		}
	}
	var wg sync.WaitGroup
	for i := range min(max(1, set.Workers), len(queue)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := s.work(ctx, i, set, take, note); err != nil {
				cancel(err)
			}
		}()
	}
	wg.Wait()
	sum.Seconds = time.Since(began).Seconds()
	if err := context.Cause(ctx); err != nil {
		return sum, err
	}
	return sum, nil
}

// work does runs on one worker, which is made anew where it is lost.
func (s *Store) work(ctx context.Context, i int, set RunSettings, take func() (Run, bool), note func(Run, *Record)) (err error) {
	var w Worker
	defer func() {
		if w != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	host, _ := os.Hostname() // a name for people alone
	for {
		r, ok := take()
		if !ok {
			return nil
		}
		if w == nil {
			if w, err = set.Open(i); err != nil {
				return fmt.Errorf("sweep: worker %d: %w", i, err)
			}
		}
		rec := &Record{Schema: recordSchema, ID: r.ID, Args: r.Args, Version: set.Version, Host: host, Started: time.Now().UTC()}
		one, stop := ctx, context.CancelFunc(func() {})
		if set.Timeout > 0 {
			one, stop = context.WithTimeout(ctx, set.Timeout)
		}
		out, err := w.Run(one, append(slices.Clone(r.Args), "--json"))
		late := one.Err() != nil
		stop()
		if ctx.Err() != nil {
			if err != nil {
				w = discard(w)
			}
			return nil
		}
		rec.Seconds, rec.PeakBytes, rec.Code = time.Since(rec.Started).Seconds(), out.PeakBytes, out.Code
		switch {
		case late:
			rec.Error = fmt.Sprintf("it took longer than %v", set.Timeout)
		case err != nil:
			rec.Error = err.Error()
		case out.Code != 0 && out.Code != codeNotConverged:
			rec.Error = lastLine(out.Stderr, fmt.Sprintf("exit code %d", out.Code))
		case !json.Valid(out.Stdout):
			rec.Error = "its output is no JSON"
		default:
			rec.Result = out.Stdout
		}
		if err != nil {
			w = discard(w)
		}
		if err := writeFile(s.Log(r), out.Stderr); err != nil {
			return err
		}
		if err := s.keep(r, rec); err != nil {
			return err
		}
		note(r, rec)
	}
}

// codeNotConverged is the exit code of commands that are done without something having converged.
const codeNotConverged = 3

// discard closes a worker that is of no more use; what it says then is of none either.
func discard(w Worker) Worker {
	_ = w.Close()
	return nil
}

// lastLine returns the last line of a command's messages.
func lastLine(stderr []byte, none string) string {
	lines := strings.Split(strings.TrimSpace(string(stderr)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return strings.TrimPrefix(last, "monge: ")
	}
	return none
}
