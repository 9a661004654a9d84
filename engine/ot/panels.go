package ot

import (
	"context"
	"fmt"
	"runtime"
)

// eachPanel calls f(lo, hi) for the rows [0, n) in panels of size rows, on up to threads goroutines (0 =
// GOMAXPROCS). The partition depends on n and size alone, so what f computes for a panel does not depend
// on the degree of parallelism. A cancelled context stops it after the panels under way.
func eachPanel(ctx context.Context, n, size, threads int, f func(lo, hi int)) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	w := work{ctx: ctx, threads: threads}
	if err := w.each(n, size, func(lo, hi int, _ *scratch) { f(lo, hi) }); err != nil {
		return fmt.Errorf("ot: %w", err)
	}
	return nil
}
