package main

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal's stderr, and nothing elsewhere.
type progress struct {
	mu    sync.Mutex
	w     io.Writer // nil = no terminal
	bar   *progressbar.ProgressBar
	stage string
	total int
}

func (p *progress) start(stderr io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if isTerminal(stderr) {
		p.w = stderr
	}
}

// set shows that done of total are done in a stage of the work.
func (p *progress) set(stage string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	if p.bar == nil || stage != p.stage || total != p.total {
		p.finish()
		p.stage, p.total = stage, total
		p.bar = progressbar.NewOptions(max(total, 1),
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(stage), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount())
	}
	_ = p.bar.Set(min(done, max(total, 1))) // a bar that cannot be drawn is no reason to fail
}

// of returns a callback that shows one stage.
func (p *progress) of(stage string) func(done, total int) {
	return func(done, total int) { p.set(stage, done, total) }
}

// clear takes the bar off the terminal.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
