package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"monge/cpu/tile"
	"monge/engine"
)

// sinkhorn makes the operation of so many passes of iterations from G = 0, at eps = .05 of the mean cost, with a row and
// a column without weight.
func (f *fixture) sinkhorn(b, n, m, d, passes int) *engine.Sinkhorn {
	wide := *f
	wide.t = engine.F64
	weights := func(n int) engine.Buffer {
		w := make([]float64, n)
		for i := range w {
			w[i] = -math.Log(float64(max(1, n-1)))
		}
		if n > 1 {
			w[n/2] = math.Inf(-1)
		}
		return wide.with(1, n, 1, w)
	}
	op := &engine.Sinkhorn{
		X: f.normals(b, n, d), Y: f.normals(b, m, d), Eps: wide.with(1, 1, 1, []float64{.05 * 2 * float64(d)}),
		LogA: weights(n), LogB: weights(m),
		F: wide.zeros(b, n, 1), G: wide.zeros(b, m, 1), Trace: wide.zeros(b, passes+1, 1), Tol: -1, Limit: math.MaxInt32, Passes: passes,
	}
	var err error
	if op.State, err = f.Alloc(engine.I32, b, 2, 1); err != nil {
		f.tb.Fatal(err)
	}
	f.tb.Cleanup(func() {
		if op.Kept != nil {
			op.Kept.Free()
		}
	})
	return op
}

// iterate makes the call.
func (f *fixture) iterate(op *engine.Sinkhorn) { f.ok(f.Engine.Sinkhorn(context.Background(), op)) }

// planSums evaluates the plan of a run's potentials, with the rows' weights all 1.
func (f *fixture) planSums(of *engine.Sinkhorn) [][]float64 {
	wide := *f
	wide.t = engine.F64
	b, n, _ := of.X.Shape()
	_, m, _ := of.Y.Shape()
	eps := f.read(of.Eps)[0]
	u := f.read(of.G)
	for j, l := range f.read(of.LogB) {
		for k := range b {
			u[k*m+j] = u[k*m+j]/eps + l
		}
	}
	ones := make([]float64, b*n)
	for i := range ones {
		ones[i] = 1
	}
	op := &engine.PlanSums{
		Of: of, U: wide.with(b, m, 1, u), H: of.G, P: of.G, A: wide.with(b, n, 1, ones), Q: of.F,
		LSE: wide.zeros(b, n, 1), Score: wide.zeros(b, n, 1), ColSum: wide.zeros(b, m, 1), RowMax: wide.zeros(b, n, 1), ColMax: wide.zeros(b, m, 1),
	}
	f.ok(f.Engine.PlanSums(context.Background(), op))
	return [][]float64{f.read(op.LSE), f.read(op.Score), f.read(op.ColSum), f.read(op.RowMax), f.read(op.ColMax)}
}

// TestSinkhornThreads: a run's bits depend neither on the goroutines nor on whether products are kept, for rows in many
// chunks, for columns in many parts, for groups of blocks, and for many problems.
func TestSinkhornThreads(t *testing.T) {
	counts := []int{1, 2, 5}
	if testing.Short() { // a race of few goroutines is one of many
		counts = counts[2:]
	}
	atLevels(t, func(t *testing.T, l tile.Level) {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			for _, s := range [][4]int{{1, 1003, 301, 3}, {1, 90, 4500, 2}, {1, 100, 300, 450}, {1, 50, 33000, 5}, {5, 130, 70, 9}} {
				run := func(threads int, store engine.SinkhornStore) [][]float64 {
					f := newFixture(t, dt, threads).at(l)
					op := f.sinkhorn(s[0], s[1], s[2], s[3], 2)
					op.Store = store
					f.iterate(op)
					return append([][]float64{f.read(op.F), f.read(op.G), f.read(op.Trace)}, f.planSums(op)...)
				}
				want := run(1, engine.StoreNone)
				for _, threads := range counts {
					for _, store := range []engine.SinkhornStore{engine.StoreNone, engine.StoreAlways} {
						compare(t, fmt.Sprintf("%v %v, %d threads, store %d", dt, s, threads, store), run(threads, store), want, []int{0})
					}
				}
			}
		}
	})
}

// TestSinkhornForeign: wherever the references come from, of rows or of potentials that are another problem's, sums out
// of range are seen and made again.
func TestSinkhornForeign(t *testing.T) {
	const n, m, d = 100, 75, 3
	atLevels(t, func(t *testing.T, l tile.Level) {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			run := func(count int, foreign func(i int) float64) ([]float64, []float64) {
				f := newFixture(t, dt, 1).at(l)
				op := f.sinkhorn(1, n, m, d, 1)
				potentials := make([]float64, n)
				for i := range potentials {
					potentials[i] = foreign(i)
				}
				f.ok(errors.Join(f.Write(op.F, 0, potentials), f.Write(op.State, 0, []float64{float64(count), 0})))
				op.Trace = op.Trace.View(0, 1, 1, 1)
				f.iterate(op)
				return f.read(op.F), f.read(op.G)
			}
			wantF, wantG := run(0, func(int) float64 { return 0 })
			// Logits of 100 units are rounded relative to another number; z of more than 128, or 1024, wrap where nothing
			// holds them.
			tol := 1e-13
			if dt == engine.F32 {
				tol = 1e-4
			}
			const eps = .05 * 2 * d
			for name, foreign := range map[string]func(i int) float64{
				"small": func(i int) float64 { return eps * 200 }, "large": func(i int) float64 { return -eps * 200 },
				"wrapped":  func(i int) float64 { return eps * math.Ln2 * float64(256*(i%5-2)) },
				"wrapped2": func(i int) float64 { return eps * math.Ln2 * float64(2048*(i%5-2)) },
				"huge":     func(i int) float64 { return 1e300 * float64(i%3-1) },
				"infinite": func(i int) float64 { return math.Inf(i%2*2 - 1) },
				"mixed":    func(i int) float64 { return []float64{0, 1e9, math.NaN(), -1e4, 5}[i%5] },
			} {
				f, g := run(1, foreign)
				for i, w := range wantF {
					if !(math.Abs(f[i]-w) <= tol*eps) {
						t.Fatalf("%v, %s: F[%d] = %g, want %g", dt, name, i, f[i], w)
					}
				}
				for j, w := range wantG {
					if !(math.Abs(g[j]-w) <= tol*eps) {
						t.Fatalf("%v, %s: G[%d] = %g, want %g", dt, name, j, g[j], w)
					}
				}
			}
		}
	})
}

// TestSinkhornNaN: a NaN among the points shows, of a row and of a column, in the first pass and later.
func TestSinkhornNaN(t *testing.T) {
	atLevels(t, func(t *testing.T, l tile.Level) {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			for _, count := range []float64{0, 1} {
				f := newFixture(t, dt, 1).at(l)
				op := f.sinkhorn(1, 30, 41, 2, 1)
				f.ok(errors.Join(f.Write(op.State, 0, []float64{count, 0}), f.Write(op.X, 2*7, []float64{math.NaN()})))
				f.iterate(op)
				for i, v := range f.read(op.F) {
					if math.IsNaN(v) != (i == 7) {
						t.Errorf("%v: NaN in row 7 makes F[%d] = %g", dt, i, v)
					}
				}
				op = f.sinkhorn(1, 30, 41, 2, 1)
				f.ok(errors.Join(f.Write(op.State, 0, []float64{count, 0}), f.Write(op.Y, 2*7, []float64{math.NaN()})))
				f.iterate(op)
				for i, v := range f.read(op.F) {
					if !math.IsNaN(v) {
						t.Errorf("%v: NaN in column 7 makes F[%d] = %g", dt, i, v)
					}
				}
			}
		}
	})
}

// TestSinkhornKept: what is kept follows the settings and the memory, is counted, and given back.
func TestSinkhornKept(t *testing.T) {
	const n, d = 256, 16
	f := newFixture(t, engine.F32, 2)
	op := f.sinkhorn(1, n, n, d, 1)
	free := f.Info().Free
	for _, c := range []struct {
		store  engine.SinkhornStore
		memory int64
		bytes  int64 // at least
		err    error
	}{
		{engine.StoreAuto, 0, 4 * n * n, nil}, {engine.StoreNone, 0, 8 * n * d, nil}, {engine.StoreAlways, 4 * n * n, 4 * n * n, nil},
		{engine.StoreAuto, 4*n*n - 1, 8 * n * d, nil}, {engine.StoreAlways, 4*n*n - 1, 0, engine.ErrOutOfMemory},
	} {
		op.Store, op.Memory = c.store, c.memory
		if err := f.Engine.Sinkhorn(context.Background(), op); !errors.Is(err, c.err) {
			t.Errorf("%+v: %v", c, err)
		}
		kept := op.Kept != nil
		if used := free - f.Info().Free; kept != (c.err == nil) || used < c.bytes || used > c.bytes+c.bytes/2 {
			t.Errorf("%+v: %d bytes kept", c, used)
		}
		if kept {
			t.Log(op.Kept)
			op.Kept.Free()
			op.Kept.Free()
			op.Kept = nil
		}
	}
	if f.Info().Free != free {
		t.Errorf("%d bytes not given back", free-f.Info().Free)
	}
}

// TestSinkhornCancel: a call comes back soon after its context is cancelled.
func TestSinkhornCancel(t *testing.T) {
	f := newFixture(t, engine.F64, 2)
	op := f.sinkhorn(1, 2000, 2000, 32, 1000)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := f.Engine.Sinkhorn(ctx, op)
	if err := f.Engine.PlanSums(ctx, &engine.PlanSums{Of: op, RowMax: op.F, P: op.G}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an evaluation after the deadline: %v", err)
	}
	if late := time.Since(deadline(ctx)); !errors.Is(err, context.DeadlineExceeded) || late > time.Second { // on a busy machine
		t.Errorf("%v after the deadline: %v", late, err)
	}
}

func deadline(ctx context.Context) time.Time {
	t, _ := ctx.Deadline()
	return t
}
