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

	"monge/engine/sweep"

	"github.com/spf13/cobra"
)

// A worker is this program in a process of its own, which does one run after another: a run that takes all memory or breaks
// down ends its worker alone, and no run pays for the start of a process.

// workerRequest and workerReply are the lines that go to and come from a worker.
type workerRequest struct {
	Args []string `json:"args"`
}

type workerReply struct {
	Code      int    `json:"code"`
	Stdout    []byte `json:"stdout"`
	Stderr    []byte `json:"stderr"`
	PeakBytes int64  `json:"peak_bytes"`
}

// newSweepWorker serves requests until its input ends, which is also how it notices that the sweep was killed.
func newSweepWorker(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			requests := make(chan workerRequest)
			go func() {
				in := json.NewDecoder(os.Stdin)
				for {
					var r workerRequest
					if err := in.Decode(&r); err != nil {
						os.Exit(codeDone)
					}
					requests <- r
				}
			}()
			out := json.NewEncoder(a.stdout)
			for r := range requests {
				var stdout, stderr bytes.Buffer
				resetPeak()
				code := run(r.Args, &stdout, &stderr)
				if err := out.Encode(workerReply{code, stdout.Bytes(), stderr.Bytes(), peakMemory()}); err != nil {
					return &runError{err}
				}
			}
			return nil
		},
	}
}

// process is a worker seen from the sweep.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	engine string
}

// startWorker starts worker i with so many threads. Where the sweep's engine is cuda, workers take the devices in turn.
func startWorker(engine string, i, threads int) (sweep.Worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &process{cmd: exec.Command(self, "sweep", "worker"), engine: engine}
	w.cmd.Args[0] = os.Args[0] // by which name the program was called
	if engine == "cuda" {
		w.engine = "cuda:" + strconv.Itoa(i)
	}
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

// Run implements sweep.Worker. When ctx ends the process is killed.
func (w *process) Run(ctx context.Context, args []string) (sweep.Outcome, error) {
	if w.engine != "auto" && w.engine != "" && !strings.Contains(strings.Join(args, " "), "--engine=") {
		args = append(args, "--engine="+w.engine)
	}
	stop := context.AfterFunc(ctx, func() { _ = w.cmd.Process.Kill() }) // it may have ended by itself
	defer stop()
	err := json.NewEncoder(w.stdin).Encode(workerRequest{args})
	var line []byte
	if err == nil {
		line, err = w.out.ReadBytes('\n')
	}
	if ctx.Err() != nil {
		return sweep.Outcome{}, ctx.Err()
	}
	var r workerReply
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		text := "the worker ended: killed, or out of memory"
		if lines := strings.TrimSpace(w.stderr.String()); lines != "" {
			text += ": " + lines[strings.LastIndexByte(lines, '\n')+1:]
		}
		return sweep.Outcome{}, errors.New(text)
	}
	return sweep.Outcome{Code: r.Code, Stdout: r.Stdout, Stderr: r.Stderr, PeakBytes: r.PeakBytes}, nil
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
