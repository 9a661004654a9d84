package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// A worker is this program in a process of its own, which does one run after another: a run that takes all memory or breaks
// down ends its worker alone, and no run pays for the start of a process.

// workerReply is the line that comes from a worker for each run of a line that goes to it, a list of sweep.Request.
type workerReply struct {
	Code   int    `json:"code"`
	Stdout []byte `json:"stdout"`
	Stderr []byte `json:"stderr"`
	// PeakBytes is that of the process, for all runs of a launch.
	PeakBytes int64 `json:"peak_bytes"`
}

// newSweepWorker serves requests until its input ends, which is also how it notices that the sweep was killed.
func newSweepWorker(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			requests := make(chan []sweep.Request)
			go func() {
				in := json.NewDecoder(os.Stdin)
				for {
					var r []sweep.Request
					if err := in.Decode(&r); err != nil {
						os.Exit(codeDone)
					}
					requests <- r
				}
			}()
			out := json.NewEncoder(a.stdout)
			var kept engines
			for r := range requests {
				if err := out.Encode(serve(&kept, r)); err != nil {
					return &runError{err}
				}
			}
			return nil
		},
	}
}

// serve does a run, or all runs of a launch at a time.
func serve(kept *engines, runs []sweep.Request) []workerReply {
	resetPeak()
	replies := make([]workerReply, len(runs))
	places := make([]*place, len(runs))
	if len(runs) > 1 {
		places = newMeeting(len(runs))
	}
	var wg sync.WaitGroup
	for i, r := range runs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var stdout, stderr bytes.Buffer
			a := &app{stdout: &stdout, stderr: &stderr, service: service{engines: kept, place: places[i], checkpoint: r.Checkpoint}}
			replies[i].Code = a.execute(r.Args)
			if places[i] != nil {
				places[i].leave()
			}
			replies[i].Stdout, replies[i].Stderr = stdout.Bytes(), stderr.Bytes()
		}()
	}
	wg.Wait()
	peak := peakMemory()
	for i, r := range replies {
		replies[i].PeakBytes = peak
		if r.Code == codeFailed {
			kept.drop()
		}
	}
	return replies
}

// process is a worker seen from the sweep.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	engine string
}

// startWorker starts a worker with so many threads, whose runs are on the engine unless they name another.
func startWorker(engine string, threads int) (sweep.Worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &process{cmd: exec.Command(self, "sweep", "worker"), engine: engine}
	w.cmd.Args[0] = os.Args[0] // by which name the program was called
	w.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(threads))
	w.cmd.Stderr = &w.stderr
	ownGroup(w.cmd)
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	return w, w.cmd.Start()
}

// patienceOver is how long a worker that is told to end may take to keep what it has done.
const patienceOver = 2 * time.Second

// Run implements sweep.Worker. When ctx ends the process is told to, and killed where it does not.
func (w *process) Run(ctx context.Context, lines []sweep.Request) ([]sweep.Outcome, error) {
	for i, l := range lines {
		if w.engine != "auto" && w.engine != "" && !strings.Contains(strings.Join(l.Args, " "), "--engine=") {
			lines[i].Args = append(l.Args, "--engine="+w.engine)
		}
	}
	ended := make(chan struct{})
	defer close(ended)
	defer context.AfterFunc(ctx, func() {
		terminate(w.cmd.Process)
		select {
		case <-ended:
		case <-time.After(patienceOver):
			_ = w.cmd.Process.Kill() // it may have ended by itself
		}
	})()
	err := json.NewEncoder(w.stdin).Encode(lines)
	var line []byte
	if err == nil {
		line, err = w.out.ReadBytes('\n')
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var replies []workerReply
	if err == nil {
		err = json.Unmarshal(line, &replies)
	}
	if err == nil && len(replies) != len(lines) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		text := "the worker ended: killed, or out of memory"
		if lines := strings.TrimSpace(w.stderr.String()); lines != "" {
			text += ": " + lines[strings.LastIndexByte(lines, '\n')+1:]
		}
		return nil, errors.New(text)
	}
	out := make([]sweep.Outcome, len(replies))
	for i, r := range replies {
		out[i] = sweep.Outcome{Code: r.Code, Stdout: r.Stdout, Stderr: r.Stderr, PeakBytes: r.PeakBytes}
	}
	return out, nil
}

// Close ends the process.
func (w *process) Close() error {
	w.stdin.Close()
	_ = w.cmd.Process.Kill() // it may have ended by itself
	var exit *exec.ExitError
	if err := w.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// resetPeak makes the kernel count the largest resident memory anew, where it does so at all.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMemory returns the largest resident memory since resetPeak in bytes, 0 where the system does not tell.
func peakMemory() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kb << 10
			}
		}
	}
	return 0
}
