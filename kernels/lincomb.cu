// lincomb.cu: linear combinations with coefficients a row.
#include "stream.cuh"

// lincomb computes out_ij = sum_k coef_ik x_ikj, a thread a Vec of a row. Terms of coefficient 0 are not read; of the
// others a few are on their way at a time.
template <class T> DEV void lincomb(const lincomb_params &p) {
	constexpr int V = Vec<T>::SIZE, TERMS = 4;
	Global<T> out = global<T>(p.out);
	Global<const T> coef = global<const T>(p.coef), x = global<const T>(p.x);
	const bool vec = aligned<T>(x, p.d) && aligned<T>(out, p.d);
	for (Walk at(ceil_div(p.d, V)); at.row < p.n; at.next()) {
		const int64_t j = V * at.place, left = p.d - j;
		double sum[V] = {};
		for (int64_t k0 = 0; k0 < p.k; k0 += TERMS) {
			T c[TERMS];
			Vec<T> v[TERMS];
#pragma unroll
			for (int k = 0; k < TERMS; k++) c[k] = k0 + k < p.k ? coef[at.row * p.k + k0 + k] : T(0);
#pragma unroll
			for (int k = 0; k < TERMS; k++)
				if (c[k] != 0) v[k] = read(x + (at.row * p.k + k0 + k) * p.d + j, vec, left);
#pragma unroll
			for (int k = 0; k < TERMS; k++)
				if (c[k] != 0) {
#pragma unroll
					for (int e = 0; e < V; e++) sum[e] += (double)c[k] * (double)v[k].at[e];
				}
		}
		Vec<T> result;
#pragma unroll
		for (int e = 0; e < V; e++) result.at[e] = (T)sum[e];
		write(out + at.row * p.d + j, vec, left, result);
	}
}

KERNEL(lincomb_f64, lincomb_params, ELEMENT_THREADS) { lincomb<double>(p); }
KERNEL(lincomb_f32, lincomb_params, ELEMENT_THREADS) { lincomb<float>(p); }
