//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// checkpointSignals are none beyond those that end every command.
func checkpointSignals() []os.Signal { return []os.Signal{os.Interrupt} }

func ownGroup(*exec.Cmd) {}

func terminate(p *os.Process) { _ = p.Kill() }
