// lincomb.cu: linear combinations with coefficients a row.
#include "kernel.cuh"

// lincomb computes out_ij = sum_k coef_ik x_ikj, a thread a number. Terms of coefficient 0 are not read.
template <class T> DEV void lincomb(const lincomb_params &p) {
	Global<T> out = global<T>(p.out);
	Global<const T> coef = global<const T>(p.coef), x = global<const T>(p.x);
	for (int64_t at = first_item(); at < p.n * p.d; at += item_step()) {
		const int64_t i = at / p.d, j = at % p.d;
		double sum = 0;
		for (int64_t k = 0; k < p.k; k++) {
			const double c = coef[i * p.k + k];
			if (c != 0) sum += c * (double)x[(i * p.k + k) * p.d + j];
		}
		out[at] = (T)sum;
	}
}

KERNEL(lincomb_f64, lincomb_params, ELEMENT_THREADS) { lincomb<double>(p); }
KERNEL(lincomb_f32, lincomb_params, ELEMENT_THREADS) { lincomb<float>(p); }
