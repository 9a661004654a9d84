// elementwise.cu: operations on every number by itself, a thread two Vecs at a time.
#include "stream.cuh"

// each_number calls f(x, y) for the n numbers of x and y, 0 where there is no array, and writes what it returns.
template <class T, class F> DEV void each_number(Global<T> out, Global<const T> x, Global<const T> y, int64_t n, F f) {
	constexpr int V = Vec<T>::SIZE, AHEAD = 2;
	const bool vec = aligned<T>(x, 0) && aligned<T>(y, 0) && aligned<T>(out, 0);
	for (int64_t i = V * first_item(); i < n; i += AHEAD * V * item_step()) {
		Vec<T> a[AHEAD], b[AHEAD];
#pragma unroll
		for (int h = 0; h < AHEAD; h++) {
			const int64_t j = i + h * V * item_step();
			a[h] = b[h] = Vec<T>();
			if (x != nullptr && j < n) a[h] = read(x + j, vec, n - j);
			if (y != nullptr && j < n) b[h] = read(y + j, vec, n - j);
		}
#pragma unroll
		for (int h = 0; h < AHEAD; h++) {
			const int64_t j = i + h * V * item_step();
#pragma unroll
			for (int e = 0; e < V; e++) a[h].at[e] = f(a[h].at[e], b[h].at[e]);
			if (j < n) write(out + j, vec, n - j, a[h]);
		}
	}
}

// axpby computes out = alpha x + beta y. Opposite infinities give -inf: a weight of zero stays zero in the
// log domain.
template <class T> DEV void axpby(const axpby_params &p) {
	Global<const T> x = global<const T>(p.alpha == 0 ? 0 : p.x), y = global<const T>(p.beta == 0 ? 0 : p.y);
	each_number(global<T>(p.out), x, y, p.n, [&](T xi, T yi) {
		const double a = x != nullptr ? p.alpha * (double)xi : 0, b = y != nullptr ? p.beta * (double)yi : 0;
		// A missing term is no 0 added: -0 + 0 is +0.
		double s = x == nullptr ? b : y == nullptr ? a : a + b;
		if (isnan(s) && !isnan(a) && !isnan(b)) s = minus_infinity();
		return (T)s;
	});
}

template <class T> DEV void logarithm(const map_params &p) {
	each_number(global<T>(p.out), global<const T>(p.x), global<const T>(0), p.n, [](T x, T) { return (T)log((double)x); });
}

KERNEL(axpby_f64, axpby_params, ELEMENT_THREADS) { axpby<double>(p); }
KERNEL(axpby_f32, axpby_params, ELEMENT_THREADS) { axpby<float>(p); }
KERNEL(log_f64, map_params, ELEMENT_THREADS) { logarithm<double>(p); }
KERNEL(log_f32, map_params, ELEMENT_THREADS) { logarithm<float>(p); }
