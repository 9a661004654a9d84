package main

import (
	"fmt"
	"strings"

	"monge/engine/report"
	"monge/engine/sweep"
)

// failure is a run that failed: its command line, and what it said.
type failure struct{ command, text string }

// commandLine writes a command of this program as a shell takes it.
func commandLine(args []string) string {
	words := []string{"monge"}
	for _, a := range args {
		words = append(words, sweep.Quote(a))
	}
	return strings.Join(words, " ")
}

// failureText is a run's log, headed by its error where that is not the log's last line.
func failureText(reason, log string) string {
	log = strings.TrimSpace(log)
	if log == "" || !strings.HasSuffix(log, reason) {
		return strings.TrimSpace(reason + "\n" + log)
	}
	return log
}

const (
	failureKinds    = 20 // of what failed runs say, on a page
	failureCommands = 10 // of the runs that say the same
)

// failureBlocks shows what failed runs say, once what several of them say.
func failureBlocks(failed []failure) []report.Block {
	var blocks []report.Block
	at := map[string]int{}
	count := map[string]int{}
	more := 0
	for _, f := range failed {
		if count[f.text]++; count[f.text] > 1 {
			if k, ok := at[f.text]; ok && count[f.text] <= failureCommands {
				blocks[k].Caption += "\n" + f.command
			} else if !ok {
				more++
			}
			continue
		}
		if len(blocks) == failureKinds {
			more++
			continue
		}
		at[f.text] = len(blocks)
		blocks = append(blocks, report.Block{Caption: f.command, Text: f.text})
	}
	for text, k := range at {
		if n := count[text] - failureCommands; n > 0 {
			blocks[k].Caption += fmt.Sprintf("\nand %d more", n)
		}
	}
	if more > 0 {
		blocks = append(blocks, report.Block{Caption: fmt.Sprintf("%d more failed: see log.txt of their directories.", more)})
	}
	return blocks
}
