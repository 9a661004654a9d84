// elementwise.cu: operations on every number by itself.
#include "kernel.cuh"

// axpby computes out = alpha x + beta y. Opposite infinities give -inf: a weight of zero stays zero in the
// log domain.
template <class T> DEV void axpby(const axpby_params &p) {
	Global<T> out = global<T>(p.out);
	Global<const T> x = global<const T>(p.alpha == 0 ? 0 : p.x), y = global<const T>(p.beta == 0 ? 0 : p.y);
	for (int64_t i = first_item(); i < p.n; i += item_step()) {
		double a = 0, b = 0;
		if (x != nullptr) a = p.alpha * (double)x[i];
		if (y != nullptr) b = p.beta * (double)y[i];
		// A missing term is no 0 added: -0 + 0 is +0.
		double s = x == nullptr ? b : y == nullptr ? a : a + b;
		if (isnan(s) && !isnan(a) && !isnan(b)) s = minus_infinity();
		out[i] = (T)s;
	}
}

template <class T> DEV void logarithm(const map_params &p) {
	Global<T> out = global<T>(p.out);
	Global<const T> x = global<const T>(p.x);
	for (int64_t i = first_item(); i < p.n; i += item_step()) out[i] = (T)log((double)x[i]);
}

KERNEL(axpby_f64, axpby_params, ELEMENT_THREADS) { axpby<double>(p); }
KERNEL(axpby_f32, axpby_params, ELEMENT_THREADS) { axpby<float>(p); }
KERNEL(log_f64, map_params, ELEMENT_THREADS) { logarithm<double>(p); }
KERNEL(log_f32, map_params, ELEMENT_THREADS) { logarithm<float>(p); }
