// copy.cu: copies of rows and areas, by words of 4 or 8 bytes whatever their type, and by 16 bytes where they lie so.
#include "stream.cuh"

// copyrows copies row src_rows[i] of src to row dst_rows[i] of dst; negative indices skip their pair.
template <class Word> DEV void copyrows(const copyrows_params &p) {
	constexpr int V = Vec<Word>::SIZE;
	Global<Word> dst = global<Word>(p.dst);
	Global<const Word> src = global<const Word>(p.src);
	Global<const int32_t> to = global<const int32_t>(p.dst_rows), from = global<const int32_t>(p.src_rows);
	Global<int32_t> fault = global<int32_t>(p.fault);
	const bool vec = aligned<Word>(src, p.d) && aligned<Word>(dst, p.d);
	for (Walk at(ceil_div(p.d, V)); at.row < p.pairs; at.next()) {
		const int64_t i = at.row, j = V * at.place;
		const int64_t t = to == nullptr ? i : to[i], f = from == nullptr ? i : from[i];
		if (t >= p.nd || f >= p.ns) {
			if (fault != nullptr) fault[0] = 1; // every thread that writes writes this
		} else if (t >= 0 && f >= 0) {
			write(dst + t * p.d + j, vec, p.d - j, read(src + f * p.d + j, vec, p.d - j));
		}
	}
}

template <class Word> DEV void copy2d(const copy2d_params &p) {
	constexpr int V = Vec<Word>::SIZE;
	Global<Word> dst = global<Word>(p.dst);
	Global<const Word> src = global<const Word>(p.src);
	const bool vec = aligned<Word>(src, p.src_stride) && aligned<Word>(dst, p.dst_stride);
	for (Walk at(ceil_div(p.cols, V)); at.row < p.rows; at.next()) {
		const int64_t j = V * at.place;
		write(dst + at.row * p.dst_stride + j, vec, p.cols - j, read(src + at.row * p.src_stride + j, vec, p.cols - j));
	}
}

KERNEL(copyrows_b32, copyrows_params, ELEMENT_THREADS) { copyrows<uint32_t>(p); }
KERNEL(copyrows_b64, copyrows_params, ELEMENT_THREADS) { copyrows<uint64_t>(p); }
KERNEL(copy2d_b32, copy2d_params, ELEMENT_THREADS) { copy2d<uint32_t>(p); }
KERNEL(copy2d_b64, copy2d_params, ELEMENT_THREADS) { copy2d<uint64_t>(p); }
