//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// checkpointSignals ask a sweep to stop and keep what is done: batch systems send USR1 ahead of a job's end.
func checkpointSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1} }

// terminate asks a process to end by itself.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) } // it may have ended already

// ownGroup keeps a terminal's interrupt from a worker: the sweep ends it.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
