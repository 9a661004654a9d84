package ot

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// work carries what every step of an exact solver needs from its caller.
type work struct {
	ctx         context.Context
	threads     int
	progress    func(done, total int)
	done, total int
}

// step reports that one step of total is done.
func (w *work) step(total int) {
	w.done++
	w.total = max(total, w.done)
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
}

// each calls f for blocks of 0..n-1 on the work's goroutines and returns ctx.Err() when it was cancelled.
// f must not depend on which blocks a goroutine gets.
func (w *work) each(n, block int, f func(lo, hi int, s *scratch)) error {
	var next atomic.Int64
	run := func() {
		var s scratch
		for w.ctx.Err() == nil {
			hi := int(next.Add(int64(block)))
			lo := hi - block
			if lo >= n {
				return
			}
			f(lo, min(hi, n), &s)
		}
	}
	var g sync.WaitGroup
	for range min(w.threads, (n+block-1)/block) - 1 {
		g.Go(run)
	}
	run()
	g.Wait()
	return w.ctx.Err()
}

// availableMemory returns the bytes that the process may still take: the least of what the system, its
// control group and GOMEMLIMIT leave; 4 GiB where none of them is known.
func availableMemory() int64 {
	free := int64(1) << 62
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "MemAvailable:" {
				if kb, err := strconv.ParseInt(f[1], 10, 64); err == nil {
					free = min(free, kb<<10)
				}
			}
		}
	}
	limit, err1 := readInt("/sys/fs/cgroup/memory.max")
	used, err2 := readInt("/sys/fs/cgroup/memory.current")
	if err1 == nil && err2 == nil {
		free = min(free, max(limit-used, 0))
	}
	free = min(free, debug.SetMemoryLimit(-1))
	if free == 1<<62 {
		return 4 << 30
	}
	return free
}

func readInt(name string) (int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
