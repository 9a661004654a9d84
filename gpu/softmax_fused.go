//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "fmt"

// smallDims is the most dimensions that a fused pass with means takes.
const smallDims = 16

// fused goes through the keys once, without a weight in memory: a tile of rows and a part of the keys a block. wide
// is the larger width of keys and values where means or second moments are wanted, else 0.
func (r *softmax) fused(wide int) (err error) {
	p, b, n, dv := &r.p, int64(r.s.B), int64(r.s.N), int64(r.s.Dv)
	parts := int64(C.key_parts(p.m))
	batch, rows := b, n
	if parts > 1 {
		width := 2 * parts
		if wide > 0 {
			width += parts * (1 + dv)
		}
		batch, rows = panel(panelStore, b, n, width, false)
		if p.state, err = r.scratch("sums of parts of keys", batch, rows, parts, 2); err != nil {
			return err
		}
		if p.arg != 0 {
			if p.args, err = r.bytes("maxima of parts of keys", 4, batch, rows, parts); err != nil {
				return err
			}
		}
		if p.second != 0 {
			if p.seconds, err = r.scratch("second moments of parts of keys", batch, rows, parts); err != nil {
				return err
			}
		}
		if p.mean != 0 {
			if p.means, err = r.scratch("means of parts of keys", batch, rows, parts, dv); err != nil {
				return err
			}
		}
	}
	return r.each(batch, rows, func() error {
		batch, rows := int64(p.batch), int64(p.rows)
		file, op, tile := r.fusedKernel(wide, batch, rows, parts)
		if err := r.launch(file, op, batch*ceilDiv(rows, tile)*parts, C.TILE_THREADS); err != nil || parts == 1 {
			return err
		}
		return r.launch("softmax", "softmax_finish", ceilDiv(batch*rows, C.WARP_ROWS), C.WARP_THREADS)
	})
}

// fusedKernel returns the kernel for a panel, and the rows of its tiles.
func (r *softmax) fusedKernel(wide int, batch, rows, parts int64) (file, op string, tile int64) {
	for _, d := range []int{2, 4, 8, smallDims} {
		if max(r.s.D, wide) <= d {
			op := fmt.Sprintf("softmax_d%d", d)
			if wide > 0 {
				op += "_mean"
			}
			return "softmax_small", op, int64(C.small_rows(C.int64_t(r.t.Size()), C.int64_t(d)))
		}
	}
	if r.e.thin(batch, rows, C.SCAN_ROWS, parts) {
		return "softmax", "softmax_scan_thin", C.TILE_THIN
	}
	return "softmax", "softmax_scan", C.SCAN_ROWS
}
