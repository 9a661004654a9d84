package sweep

import (
	"context"
	"errors"
	"fmt"
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

// Request is a command line, with the directory in which it may keep what it has done so far; "" = none.
type Request struct {
	Args       []string `json:"args"`
	Checkpoint string   `json:"checkpoint"`
}

// Worker runs commands.
type Worker interface {
	// Run runs one command line, or several of one launch at a time, and returns an outcome for each. Its error says
	// that the worker is lost, or ctx's end: a command's own failure is an Outcome.
	Run(ctx context.Context, lines []Request) ([]Outcome, error)
	Close() error
}

// MaxLaunch is the most runs of one launch: enough to fill a device with small problems, and few to lose.
const MaxLaunch = 64

// RunSettings say how the runs of a plan are done. The zero value does all that are missing, one at a time.
type RunSettings struct {
	Workers int                         // 0 = 1
	Open    func(i int) (Worker, error) // makes worker i
	Version string                      // of the code: results of another one are stale, and done again
	// Work tells which runs are done in one launch; nil = none.
	Work func(Run) Work
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
	launches := set.launches(queue)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next, done := 0, 0
	take := func() []Run {
		mu.Lock()
		defer mu.Unlock()
		if next == len(launches) || ctx.Err() != nil {
			return nil
		}
		next++
		return launches[next-1]
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
	for i := range min(max(1, set.Workers), len(launches)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			h := &hand{store: s, set: &set, number: i, note: note}
			if err := h.work(ctx, take); err != nil {
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

// launches cuts a queue of runs into launches, in its order, with no more runs in one than leave work for every worker.
func (set *RunSettings) launches(queue []Run) [][]Run {
	workers := max(1, set.Workers)
	most := max(1, min(MaxLaunch, (len(queue)+workers-1)/workers))
	var out [][]Run
	open := map[string]int{} // the launch that still takes runs
	for _, r := range queue {
		name := ""
		if set.Work != nil {
			name = set.Work(r).Launch
		}
		if k, ok := open[name]; ok && name != "" && len(out[k]) < most {
			out[k] = append(out[k], r)
			continue
		}
		open[name] = len(out)
		out = append(out, []Run{r})
	}
	return out
}
