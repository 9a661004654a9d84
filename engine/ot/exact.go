package ot

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"monge/engine"
	"monge/engine/memory"
)

// ErrNotFinite says that a cloud holds a NaN or an infinity, or points so far apart that |x - y|^2 is not
// a float64. The message names the cloud, the row and the value.
var ErrNotFinite = errors.New("not finite")

// ErrWeights says that weights are negative, not finite or all zero.
var ErrWeights = errors.New("not weights of a measure")

// ExactSettings are the settings of [Exact]. nil and the zero value are the defaults.
type ExactSettings struct {
	// Threads is the largest count of goroutines that work at a time; 0 is GOMAXPROCS. The result does
	// not depend on it.
	Threads int
	// MaxMemory bounds the solver's memory in bytes; 0 is half of what is available. Where the n x m
	// costs of clouds with d > 4 do not fit, only the k least of each row are kept, in O((n + m)(d + k))
	// memory, and rows that need others pass over all points again. Result.Note says which it was.
	MaxMemory int64
	// Engine runs the passes over all pairs of clouds with d > 4 whose given pairing may be optimal; nil = plain
	// loops on the host.
	Engine engine.Engine
	// Progress is called between steps of the solver from its goroutine. total may grow.
	Progress func(done, total int)
}

// Exact solves the transport problem
//
//	min Σ_ij P_ij |x_i - y_j|²   over P ≥ 0, P 1 = a, Pᵀ 1 = b
//
// exactly, in float64, for clouds X [n, D], Y [m, D] of any sizes, weights and dimension, and proves it: the
// potentials of the result satisfy F_i + G_j ≤ |x_i - y_j|² for all n m pairs, F being computed from G over
// all of them, with equality on the plan, both within rounding. Weights of zero are allowed; their rows get
// potentials too.
//
// On the line (d = 1) the monotone coupling of the sorted points is optimal; it takes O(n log n + m log m).
// Two uniform clouds of one size go through an auction with ε-scaling (Bertsekas, Annals of Operations
// Research 14, 1988) on short lists of columns, finished by shortest augmenting paths (Jonker and Volgenant,
// Computing 38, 1987). The result's Assignment is the permutation. All else goes through the
// network simplex with column generation; the result's Plan holds the positive entries, at most n + m - 1
// and those of weights too small to count (below 2^-63 of the total: each goes to its cheapest partner).
// Clouds with d > 4 whose row i belongs to row i, or nearly so, as points and their images under an encoder, skip the
// auction: from that pairing and its potentials, passes over all pairs touch what violates them alone, as [Certify].
// The plan's marginals are those asked for within 1e-15.
//
// Cost and Upper are the plan's cost from differences of the given coordinates. Lower and Dual are the
// value Σ a_i F_i + Σ b_j G_j, computed as cost less the plan's reduced costs, which does not cancel, and
// no less than 0.
// Status is Optimal where that gap is at most 1e-11 of the cost or 2^-45 of the mean of c_ij + |f_i| + |g_j| over the
// plan, with c, f and g after the clouds were centred; otherwise it is IterationLimit, and the bracket says how far.
// Iterations counts bids and paths, or pivots.
//
// Errors: engine.ErrShape and engine.ErrDtype for clouds that do not fit, [ErrNotFinite], [ErrWeights],
// *engine.MemoryError where not even the lists fit, and ctx.Err().
func Exact(ctx context.Context, c Clouds, s *ExactSettings) (*Result, error) {
	return exact(ctx, c, s, true)
}

// exact is Exact; aligned says whether the given pairing is worth a try.
func exact(ctx context.Context, c Clouds, s *ExactSettings, aligned bool) (*Result, error) {
	start := time.Now()
	if s == nil {
		s = new(ExactSettings)
	}
	in, err := newInstance(c)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("ot: exact: %w", ctx.Err())
	}
	w := &work{ctx: ctx, threads: s.Threads, progress: s.Progress, engine: s.Engine, aligned: aligned}
	if w.threads <= 0 {
		w.threads = runtime.GOMAXPROCS(0)
	}
	r, err := solveExact(w, in, s.MaxMemory)
	if err != nil {
		return nil, fmt.Errorf("ot: exact: %w", err)
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// mostCopies is the largest count of equal points in a cloud that the auction takes: copies fill the lists.
const mostCopies = listLen / 4

func solveExact(w *work, in *instance, limit int64) (*Result, error) {
	sol, note, err := solve(w, in, limit)
	if err != nil {
		return nil, err
	}
	r, err := in.result(w, sol)
	if err != nil {
		return nil, err
	}
	r.Note = note
	return r, nil
}

// solve returns an instance's solution, in the instance's rows, which it may sort, and says how it was found.
func solve(w *work, in *instance, limit int64) (*solution, string, error) {
	if in.d == 1 {
		sol, err := in.line(w)
		return sol, "monotone coupling of the sorted points", err
	}
	if sol, note, err := in.identity(w); sol != nil || err != nil {
		return sol, note, err
	}
	small := in.merge()
	var sol *solution
	var note string
	err := errSpread
	if in.uniform && in.n == in.m && small.most <= mostCopies {
		sol, note, err = solveBids(w, in, limit)
		small = in.merge() // its rows may have been sorted
	}
	if errors.Is(err, errSpread) {
		sol, note, err = solveSimplex(w, small.instance, limit)
		if err == nil {
			sol = small.spread(in, sol)
		}
	}
	if err != nil {
		return nil, "", err
	}
	if sol.loose() {
		apart, err := in.solveApart(w, limit)
		if err != nil {
			return nil, "", err
		}
		if apart != nil && apart.uncertainty() < sol.uncertainty() {
			apart.iterations += sol.iterations
			sol, note = apart, note+"; solved again in parts that lie far apart"
		}
	}
	return sol, note, nil
}

func solveBids(w *work, in *instance, limit int64) (*solution, string, error) {
	src, kept, err := newPairs(w, in, limit, 1)
	if err != nil {
		return nil, "", err
	}
	sol, err := assign(w, in, src)
	return sol, "auction and shortest paths; " + kept, err
}

func solveSimplex(w *work, in *instance, limit int64) (*solution, string, error) {
	// It starts from a problem of about its own size.
	src, kept, err := newPairs(w, in, limit, 2)
	if err != nil {
		return nil, "", err
	}
	sol, err := networkSimplex(w, in, src, limit)
	return sol, "network simplex; " + kept, err
}

// newPairs chooses how costs are kept: points in a k-d tree (and then sorts in's points into tree order),
// all costs in memory, where so many copies of them fit, or none: then lists are streamed from the points.
func newPairs(w *work, in *instance, limit, copies int64) (pairs, string, error) {
	free := limit
	if free <= 0 {
		available, known := memory.Available()
		if !known {
			available = 4 << 30
		}
		free = available / 2
	}
	n, m, d := int64(in.n), int64(in.m), int64(in.d)
	// The points as given, moved, and in panels; a list entry is two numbers and a column.
	points := 8 * (3*(n+m)*d + 24*(n+m))
	lists := func(k int64) int64 { return 20 * (min(k, m) + 2) * n }
	if asked := points + lists(listLen); asked > free {
		what := fmt.Sprintf("lists of the nearest columns for %d x %d points in %d dimensions", n, m, d)
		return nil, "", &engine.MemoryError{What: what, Asked: asked, Free: free}
	}
	if in.d <= treeDim {
		return newTreePairs(in), fmt.Sprintf("k-d tree, lists of %d", listLen), nil
	}
	if points+lists(listLen)+8*n*(m+tileCols) <= free/copies {
		src, err := newStored(w, in)
		return src, fmt.Sprintf("costs in memory (%d bytes)", 8*n*m), err
	}
	k := int64(streamedLen)
	if points+lists(k) > free {
		k = listLen
	}
	note := fmt.Sprintf("streamed lists of %d (%d bytes): the costs would take %d bytes of %d", k, points+lists(k), 8*n*m*copies, free)
	return newStreamed(in, int(k)), note, nil
}
