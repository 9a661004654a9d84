// normal.cu: standard normal numbers of a stream, those of Go's package rng up to rounding.
#include "philox.cuh"

// normal makes the Box-Muller pairs that the buffer's numbers belong to, a thread a pair. Numbers 2 b and
// 2 b + 1 of the stream are r cos(2 pi u1), r sin(2 pi u1) with r = sqrt(-2 ln u0).
template <class T> DEV void normal(const normal_params &p) {
	Global<T> out = global<T>(p.out);
	const int64_t odd = (int64_t)(p.offset & 1); // the buffer starts with the second of a pair
	for (int64_t b = first_item(); 2 * b - odd < p.n; b += item_step()) {
		const Words w = philox(p.seed, p.stream, p.offset / 2 + (uint64_t)b);
		const double r = sqrt(-2 * log(uniform(w.w0)));
		double sine, cosine;
		sincospi(2 * uniform(w.w1), &sine, &cosine);
		const int64_t i = 2 * b - odd;
		if (i >= 0) out[i] = (T)(r * cosine);
		if (i + 1 < p.n) out[i + 1] = (T)(r * sine);
	}
}

KERNEL(normal_f64, normal_params, ELEMENT_THREADS) { normal<double>(p); }
KERNEL(normal_f32, normal_params, ELEMENT_THREADS) { normal<float>(p); }
