//go:build (cuda || emu) && cgo

package gpu

import (
	"context"
	"fmt"
	"math"
	"testing"

	"monge/engine"
)

// panelProblem is one problem of Sinkhorn's method for the panel form; its last row and last column have no weight.
type panelProblem struct {
	n, m, d, limit int
	eps            float64
	x, y, g        []float64
}

// solve makes the iterations in one call on points of a type.
func (p *panelProblem) solve(t *testing.T, e *Engine, dt engine.Dtype) (f, g []float64) {
	t.Helper()
	weights := func(n int) engine.Buffer {
		w := make([]float64, n)
		for i := range w {
			w[i] = -math.Log(float64(n - 1))
		}
		w[n-1] = math.Inf(-1)
		return array(t, e, engine.F64, 1, n, 1, w)
	}
	f, g = make([]float64, p.n), make([]float64, p.m)
	copy(g, p.g)
	state, err := e.Alloc(engine.I32, 1, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(state, 0, []float64{0, 0}); err != nil {
		t.Fatal(err)
	}
	a := engine.Sinkhorn{
		X: array(t, e, dt, 1, p.n, p.d, p.x), Y: array(t, e, dt, 1, p.m, p.d, p.y), LogA: weights(p.n), LogB: weights(p.m),
		Eps: array(t, e, engine.F64, 1, 1, 1, []float64{p.eps}), F: array(t, e, engine.F64, 1, p.n, 1, f), G: array(t, e, engine.F64, 1, p.m, 1, g),
		State: state, Trace: array(t, e, engine.F64, 1, p.limit+1, 1, make([]float64, p.limit+1)), Tol: -1, Limit: p.limit, Passes: p.limit + 1,
	}
	defer func() {
		for _, x := range []engine.Buffer{a.X, a.Y, a.LogA, a.LogB, a.Eps, a.F, a.G, a.State, a.Trace} {
			x.Free()
		}
	}()
	if err := e.Sinkhorn(context.Background(), &a); err != nil {
		t.Fatal(err)
	}
	if err := e.Read(f, a.F, 0); err != nil {
		t.Fatal(err)
	}
	if err := e.Read(g, a.G, 0); err != nil {
		t.Fatal(err)
	}
	return f, g
}

// TestSinkhornPanels: float32's panels with rows and columns out of range, keys that are split under a power of two of their
// own, infinities and NaN.
func TestSinkhornPanels(t *testing.T) { testSinkhornPanels(t, open(t, Options{})) }

func testSinkhornPanels(t *testing.T, e *Engine) {
	d := panelProducts/int(full) + 1 // not a multiple of a chunk
	file := "sinkhorn_mma"
	if e.groups {
		d, file = panelGroupProducts/int(full)+1, "sinkhorn_wgmma"
	}
	clear(e.code.functions)
	p := panelProblem{n: 140, m: 9, d: d, limit: 2, eps: float64(d) / 50, x: cloud(8, 140, d), y: cloud(9, 9, d), g: make([]float64, 9)}
	for j := range p.m {
		scale := []float64{1, 0x1p-14, 0x1p-30}[j%3]
		for l := range d {
			p.y[j*d+l] *= scale
		}
		p.g[j] = 500 * p.eps * float64(j%2) // columns start far below underflow
	}
	copy(p.x[7*d:][:d], p.x[2*d:]) // a duplicate
	f, g := p.solve(t, e, engine.F32)
	if _, ok := e.code.functions[kernel{file, file + "_x3", "f32"}]; !ok {
		t.Errorf("%d coordinates do not come to %s_x3", d, file)
	}
	wantF, wantG := p.solve(t, e, engine.F64)
	var size float64
	for i, v := range p.x {
		if i%d == 0 {
			size = max(size, math.Abs(v))
		}
	}
	for _, v := range append(wantF, wantG...) {
		size = max(size, math.Abs(v))
	}
	// A half rounds the exponents' biases and sums, of some size / eps, to 2^-24 each, and products err by 2^-22: 2^-21 of
	// size in all, or 2^-20 with the other half.
	if f[2] != f[7] {
		t.Errorf("rows of equal points have the potentials %g and %g", f[2], f[7])
	}
	for what, x := range map[string][2][]float64{"F": {f, wantF}, "G": {g, wantG}} {
		for i, v := range x[0] {
			if !(math.Abs(v-x[1][i]) <= 0x1p-20*size) {
				t.Errorf("%s: number %d is %g in float32, %g in float64, of size %g", what, i, v, x[1][i], size)
			}
		}
	}

	inf, nan := math.Inf(1), math.NaN()
	for _, v := range []struct {
		what string
		x    bool // or y
		v    float64
	}{{"x = NaN", true, nan}, {"x = Inf", true, inf}, {"y = NaN", false, nan}, {"y = Inf", false, inf}, {"y = 1e20", false, 1e20}} {
		q := p
		q.n, q.limit = 9, 1
		q.x, q.y = append([]float64(nil), p.x[:9*d]...), append([]float64(nil), p.y...)
		if v.x {
			q.x[3*d+5] = v.v
		} else {
			q.y[4*d+5] = v.v
		}
		f, g := q.solve(t, e, engine.F32)
		e.scalar = true
		wantF, wantG := q.solve(t, e, engine.F32) // by two reductions, as the formula reads
		e.scalar = false
		for what, x := range map[string][2][]float64{"F": {f, wantF}, "G": {g, wantG}} {
			for i, got := range x[0] {
				want := x[1][i]
				if got != want && !(math.IsNaN(got) && math.IsNaN(want)) && !(math.Abs(got-want) <= 0x1p-20*max(size, math.Abs(want))) {
					t.Errorf("%s: %s: number %d is %g, by fused multiply-adds %g", v.what, what, i, got, want)
				}
			}
		}
	}
}

// TestSinkhornPanelBits: how rows are divided into panels changes no bit.
func TestSinkhornPanelBits(t *testing.T) {
	e := open(t, Options{})
	for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
		d := panelDepth
		if dt == engine.F32 {
			d = panelGroupProducts/int(full) + 1
		}
		p := panelProblem{n: 257, m: 35, d: d, limit: 1, eps: float64(d) / 10, x: cloud(10, 257, d), y: cloud(11, 35, d)}
		e.panelBytes = panelBytes
		f, g := p.solve(t, e, dt)
		e.panelBytes = 1 // 256 rows, and one
		f2, g2 := p.solve(t, e, dt)
		if fmt.Sprint(f, g) != fmt.Sprint(f2, g2) {
			t.Errorf("%v: panels of 256 rows give other bits", dt)
		}
	}
}
