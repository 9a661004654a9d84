//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

// leastValues is the fewest columns of values for which the tensor cores pay where weights are in memory: a block has 128, and
// fewer leave it as many without work.
const leastValues = 32

// averageTensor multiplies the panel's weights with the values, which are split at the first panel.
func (r *softmax) averageTensor() error {
	p := &r.p
	if r.split == nil {
		m, err := r.products()
		if err != nil {
			return err
		}
		r.split = &mma{e: r.e, p: m.p}
		q := &r.split.p
		q.v, q.dv = p.v, p.dv
		q.vproblems = C.int64_t(problems(r.values()))
		q.vchunks = C.int64_t(ceilDiv(int64(p.dv), 32*C.VALUES_CHUNKS) * C.VALUES_CHUNKS)
		q.panels = q.vchunks / C.VALUES_CHUNKS
		if err := r.split.splitValues(); err != nil {
			return err
		}
	}
	q := &r.split.p
	partKeys := C.values_part_keys(q.vchunks)
	parts := ceilDiv(int64(p.m), int64(partKeys))
	at := C.softmax_values_params{
		out: addr(r.a.Mean) + C.uint64_t(4*(p.b0*p.n+p.i0)*p.dv), e: p.e, inverse: p.inverse,
		v: q.v, values: q.values, vshift: q.vshift, vodd: q.vodd, vextent: q.vextent,
		batch: p.batch, n: p.rows, m: p.m, dv: p.dv,
		cols: q.cols, vchunks: q.vchunks, vproblems: q.vproblems, part_keys: partKeys,
	}
	if at.sums = at.out; parts > 1 {
		held := len(r.split.held)
		defer r.split.release(held)
		var err error
		if at.sums, err = r.split.scratch("partial means", 4, parts, int64(at.batch), int64(at.n), int64(at.dv)); err != nil {
			return err
		}
	}
	if q.vproblems > 1 {
		at.v += C.uint64_t(4 * p.b0 * p.m * p.dv)
		at.values += C.uint64_t(p.b0 * q.cols * q.vchunks * C.SPLIT_CHUNK)
		at.vshift += C.uint64_t(4 * p.b0 * q.cols)
		at.vodd += C.uint64_t(4 * p.b0 * q.cols / C.SPLIT_ROWS)
		at.vextent += C.uint64_t(4 * p.b0 * (32*q.vchunks + 1))
	}
	blocks := int64(at.batch) * ceilDiv(int64(at.n), C.MMA_TILE) * int64(q.panels) * parts
	if err := launchShared(r.e, kernel{"softmax_mma_values", "softmax_mma_values", "f32"}, blocks, C.VALUES_THREADS, C.VALUES_SHARED, &at); err != nil {
		return err
	}
	merge := r.e.few(int64(at.batch*at.n*at.dv), C.ELEMENT_THREADS)
	return launch(r.e, kernel{"softmax_mma_values", "softmax_values_merge", "f32"}, merge, C.ELEMENT_THREADS, &at)
}
