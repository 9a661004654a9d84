package ot

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// panels calls f(lo, hi) for the rows [0, n) in panels of size rows, on up to threads goroutines (0 =
// GOMAXPROCS). The partition depends on n and size alone, so what f computes for a panel does not depend
// on the degree of parallelism. A cancelled context stops it after the panels under way.
func panels(ctx context.Context, n, size, threads int, f func(lo, hi int)) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	count := (n + size - 1) / size
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, count) {
		wg.Go(func() {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= count {
					return
				}
				f(k*size, min(n, (k+1)*size))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}
