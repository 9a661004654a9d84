//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// MatMul implements engine.Engine.
func (e *Engine) MatMul(out, x, y engine.Buffer, transY bool) error {
	s, err := engine.CheckMatMul(out, x, y, transY)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"MatMul", "BNKM", [6]int{s.B, s.N, s.K, s.M}}, reads{x, y}, out)
	if err != nil {
		return err
	}
	defer leave()
	p := C.matmul_params{
		out: addr(out), x: addr(x), y: addr(y),
		batch: C.int64_t(s.B), n: C.int64_t(s.N), k: C.int64_t(s.K), m: C.int64_t(s.M),
		ostride: C.int64_t(s.N * s.M), xstride: C.int64_t(s.N * s.K), ystride: stride(y),
	}
	if transY {
		p.trans = 1
	}
	return e.fail(e.matMul(x.Dtype(), &p))
}

// matMul takes the tile that wastes the least.
func (e *Engine) matMul(t engine.Dtype, p *C.matmul_params) error {
	batch, n, m := int64(p.batch), int64(p.n), int64(p.m)
	op, rows, cols := "matmul", tileRows(t), int64(C.TILE_COLS)
	if m <= 2*C.TILE_NARROW {
		op, cols = "matmul_narrow", C.TILE_NARROW
	} else if e.thin(batch, n, rows, ceilDiv(m, cols)) {
		op, rows = "matmul_thin", C.TILE_THIN
	}
	return launch(e, typed("matmul", op, t), batch*ceilDiv(n, rows)*ceilDiv(m, cols), C.TILE_THREADS, p)
}

// thin tells whether tiles of few rows do better: where there are few rows, or where tiles of the usual ones, each
// with across others beside it, would leave multiprocessors without work.
func (e *Engine) thin(batch, rows, tile, across int64) bool {
	return rows <= 2*C.TILE_THIN || batch*ceilDiv(rows, tile)*across < e.workers/blocksPerProcessor
}

// tileRows returns the rows of a tile of dot products.
func tileRows(t engine.Dtype) int64 {
	if t == engine.F64 {
		return C.TILE_ROWS_F64
	}
	return C.TILE_ROWS_F32
}

// stride returns the numbers from one problem of a parameter to the next, 0 for a shared one.
func stride(x engine.Buffer) C.int64_t {
	if x == nil {
		return 0
	}
	b, n, d := x.Shape()
	if b == 1 {
		return 0
	}
	return C.int64_t(n * d)
}
