// copy.cu: copies of rows and areas, by words of 4 or 8 bytes whatever their type.
#include "kernel.cuh"

// copyrows copies row src_rows[i] of src to row dst_rows[i] of dst; negative indices skip their pair.
template <class Word> DEV void copyrows(const copyrows_params &p) {
	Global<Word> dst = global<Word>(p.dst);
	Global<const Word> src = global<const Word>(p.src);
	Global<const int32_t> to = global<const int32_t>(p.dst_rows), from = global<const int32_t>(p.src_rows);
	Global<int32_t> fault = global<int32_t>(p.fault);
	for (int64_t at = first_item(); at < p.pairs * p.d; at += item_step()) {
		const int64_t i = at / p.d, j = at % p.d;
		const int64_t t = to == nullptr ? i : to[i], f = from == nullptr ? i : from[i];
		if (t >= p.nd || f >= p.ns) {
			if (fault != nullptr) fault[0] = 1; // every thread that writes writes this
		} else if (t >= 0 && f >= 0) {
			dst[t * p.d + j] = src[f * p.d + j];
		}
	}
}

template <class Word> DEV void copy2d(const copy2d_params &p) {
	Global<Word> dst = global<Word>(p.dst);
	Global<const Word> src = global<const Word>(p.src);
	for (int64_t at = first_item(); at < p.rows * p.cols; at += item_step()) {
		const int64_t i = at / p.cols, j = at % p.cols;
		dst[i * p.dst_stride + j] = src[i * p.src_stride + j];
	}
}

KERNEL(copyrows_b32, copyrows_params, ELEMENT_THREADS) { copyrows<uint32_t>(p); }
KERNEL(copyrows_b64, copyrows_params, ELEMENT_THREADS) { copyrows<uint64_t>(p); }
KERNEL(copy2d_b32, copy2d_params, ELEMENT_THREADS) { copy2d<uint32_t>(p); }
KERNEL(copy2d_b64, copy2d_params, ELEMENT_THREADS) { copy2d<uint64_t>(p); }
