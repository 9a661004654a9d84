//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"context"

	"monge/engine"

	"gorgonia.org/cu"
)

var _ engine.SinkhornLoop = (*Engine)(nil)

// sinkhornWork is how much is queued before the host waits and looks at its context, in products of
// coordinates: a fraction of a second in float64 on the slowest cards.
const sinkhornWork = 1 << 37

// smallRows is how many rows one block takes no longer for than all blocks of several launches.
const smallRows = 512

// Sinkhorn implements engine.SinkhornLoop. Passes are queued without looking at what they come to.
func (e *Engine) Sinkhorn(ctx context.Context, a *engine.Sinkhorn) error {
	s, err := engine.CheckSinkhorn(a)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"Sinkhorn", "BNMD", [6]int{s.B, s.N, s.M, s.D}}, reads{a.X, a.Y, a.LogA, a.LogB, a.Eps}, a.F, a.G, a.State, a.Trace)
	if err != nil {
		return err
	}
	defer leave()
	if s.B == 0 || a.Passes == 0 {
		return nil
	}
	k := sinkhorn{e: e, ctx: ctx, a: a, SinkhornDims: s, t: a.X.Dtype()}
	defer k.free()
	return e.fail(k.run())
}

// sinkhorn is one call of Sinkhorn.
type sinkhorn struct {
	engine.SinkhornDims
	e      *Engine
	ctx    context.Context
	a      *engine.Sinkhorn
	t      engine.Dtype
	p      C.sinkhorn_params
	held   []cu.DevicePtr
	queued int64 // work since the host last waited

	u, v, s, scale, lse, lsec *buffer // scratch
}

func (k *sinkhorn) free() {
	for _, x := range k.held {
		k.e.put(x)
	}
}

// scratch returns memory of any content as a buffer [B, n, 1].
func (k *sinkhorn) scratch(to **buffer, what string, t engine.Dtype, n int) error {
	ptr, err := k.e.get(what, int64(t.Size()), int64(k.B), int64(n))
	k.held = append(k.held, ptr)
	*to = &buffer{e: k.e, view: true, ptr: ptr, t: t, b: k.B, n: n, d: 1}
	return err
}

func (k *sinkhorn) launch(op string) error {
	return launch(k.e, typed("sinkhorn", "sinkhorn_"+op, k.t), int64(k.B), int64(C.sinkhorn_threads(k.p.n, k.p.m)), &k.p)
}

func (k *sinkhorn) prepare() error {
	var weights *buffer
	sums := k.t
	if k.wide() || k.small() {
		sums = engine.F64
	}
	for _, x := range []struct {
		to   **buffer
		what string
		t    engine.Dtype
		n    int
	}{
		{&weights, "weights of rows", engine.F64, k.N},
		{&k.u, "biases of columns", k.t, k.M},
		{&k.v, "biases of rows", k.t, k.N},
		{&k.s, "scales of rows", k.t, k.N},
		{&k.scale, "scales of columns", k.t, k.M},
		{&k.lse, "sums of rows", sums, k.N},
		{&k.lsec, "sums of columns", sums, k.M},
	} {
		if err := k.scratch(x.to, x.what, x.t, x.n); err != nil {
			return err
		}
	}
	a := k.a
	k.p = C.sinkhorn_params{
		loga: addr(a.LogA), logb: addr(a.LogB), eps: addr(a.Eps), f: addr(a.F), g: addr(a.G), trace: addr(a.Trace), state: addr(a.State),
		a: addr(weights), u: addr(k.u), v: addr(k.v), s: addr(k.s), t: addr(k.scale), lse: addr(k.lse), lsec: addr(k.lsec),
		n: C.int64_t(k.N), m: C.int64_t(k.M), steps: C.int64_t(k.S), places: C.int64_t(k.K),
		astride: stride(a.LogA), bstride: stride(a.LogB), estride: stride(a.Eps),
		limit: C.int64_t(a.Limit), tol: C.double(a.Tol),
	}
	if a.Columns {
		k.p.columns = 1
	}
	if k.wide() {
		k.p.wide = 1
	}
	return nil
}

// small tells whether a block does a whole problem. It depends on the sizes of a problem alone.
func (k *sinkhorn) small() bool {
	return k.N <= smallRows && k.M <= C.SINKHORN_SMALL_COLS &&
		C.sinkhorn_small_bytes(C.int64_t(k.M), C.int64_t(k.D), C.int64_t(k.t.Size())) <= C.SINKHORN_SMALL_BYTES
}

// runSmall queues all passes of some problems at a time.
func (k *sinkhorn) runSmall() error {
	p := C.sinkhorn_small_params{loop: k.p, x: addr(k.a.X), y: addr(k.a.Y), d: C.int64_t(k.D), passes: C.int64_t(k.a.Passes)}
	op := "sinkhorn_small"
	if k.D*k.t.Size()%16 != 0 || p.x%16 != 0 {
		op = "sinkhorn_small_odd"
	}
	one := int64(k.N) * int64(k.M) * int64(k.D+64) * int64(k.a.Passes)
	for b, most := int64(0), max(1, sinkhornWork/one); b < int64(k.B); b += most {
		blocks := min(most, int64(k.B)-b)
		if err := k.spend(blocks * one); err != nil {
			return err
		}
		p.b0 = C.int64_t(b)
		if err := launch(k.e, typed("sinkhorn_small", op, k.t), blocks, C.ROW_THREADS, &p); err != nil {
			return err
		}
	}
	return nil
}

func (k *sinkhorn) run() error {
	if err := k.prepare(); err != nil {
		return err
	}
	if k.small() {
		return k.runSmall()
	}
	pass := k.pass
	if k.wide() {
		panels, err := k.panels()
		if err != nil {
			return err
		}
		defer panels.free()
		pass = panels.pass
	}
	if err := k.launch("begin"); err != nil {
		return err
	}
	for range k.a.Passes {
		if err := pass(); err != nil {
			return err
		}
	}
	return nil
}

// pass queues one pass of two reductions: the product of every pair twice, and nothing of size n m stored.
func (k *sinkhorn) pass() error {
	if err := k.half(&engine.Softmax{Q: k.a.X, K: k.a.Y, S: k.s, U: k.u, LSE: k.lse}, k.a.State); err != nil {
		return err
	}
	if err := k.launch("rows"); err != nil {
		return err
	}
	if err := k.half(&engine.Softmax{Q: k.a.Y, K: k.a.X, S: k.scale, U: k.v, LSE: k.lsec}, k.a.State); err != nil {
		return err
	}
	return k.launch("columns")
}

// half queues the log-sum-exps of a half, some problems or some rows of one problem at a time, for problems whose
// second number of ended is 0.
func (k *sinkhorn) half(a *engine.Softmax, ended engine.Buffer) error {
	_, n, d := a.Q.Shape()
	_, m, _ := a.K.Shape()
	row := int64(m) * int64(d+64)
	problems := int(min(int64(k.B), max(1, sinkhornWork/(row*int64(n)))))
	rows := n
	if problems == 1 {
		rows = int(min(int64(n), max(1024, sinkhornWork/row)))
	}
	for b := 0; b < k.B; b += problems {
		for i := 0; i < n; i += rows {
			count, some := min(problems, k.B-b), min(rows, n-i)
			part := engine.Softmax{
				Q: a.Q.View((b*n+i)*d, count, some, d), K: a.K.View(b*m*d, count, m, d),
				S: a.S.View(b*n+i, count, some, 1), U: a.U.View(b*m, count, m, 1), LSE: a.LSE.View(b*n+i, count, some, 1),
			}
			if err := k.spend(int64(count) * int64(some) * row); err != nil {
				return err
			}
			if err := k.softmax(&part, ended.View(2*b, count, 2, 1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// softmax queues a reduction over problems that have not ended.
func (k *sinkhorn) softmax(a *engine.Softmax, ended engine.Buffer) error {
	s, err := engine.CheckSoftmax(a)
	if err != nil {
		return err
	}
	r := softmax{e: k.e, a: a, s: s, t: k.t, ended: ended}
	defer r.free()
	return r.run(k.products())
}

// products tells what stands for a product of float32.
func (k *sinkhorn) products() precision {
	if k.a.Fast {
		return fast
	}
	return full
}

// spend waits for the queue before work that would make it too long, and then looks at the context.
func (k *sinkhorn) spend(work int64) error {
	if k.queued += work; k.queued <= sinkhornWork {
		return nil
	}
	k.queued = work
	if err := k.e.stream.Synchronize(); err != nil {
		return check(err)
	}
	return k.ctx.Err()
}
