// mixture_small.cu: the velocity of a Gaussian mixture in few dimensions, a thread a row.
#include "mixture_small.cuh"

template <class T, int D> DEV void mixture_small(const mixture_params &p) {
	const SmallMixture<T, D> m(p.model);
	const bool scores = p.div || p.tv;
	for (int64_t row = first_item(); row < p.n; row += item_step()) {
		const Time c = time_of<T>(p.coef, row);
		double x[D];
#pragma unroll
		for (int j = 0; j < D; j++) x[j] = (double)global<const T>(p.x)[row * D + j];
		typename SmallMixture<T, D>::State s;
		m.evaluate(c, x, scores, s);
		if (p.logp) global<T>(p.logp)[row] = (T)s.logp();
		if (p.logr) {
			const double logp = s.logp();
			for (int64_t k = 0; k < m.K; k++) {
				typename SmallMixture<T, D>::Component o;
				m.at(c, x, k, o);
				global<T>(p.logr)[row * m.K + k] = (T)(o.logit - logp);
			}
		}
		if (p.v) {
#pragma unroll
			for (int j = 0; j < D; j++) global<T>(p.v)[row * D + j] = (T)s.v[j];
		}
		if (p.div) global<T>(p.div)[row] = (T)m.divergence(c, x, s);
		for (int64_t q = row * p.np; p.tv && q < (row + 1) * p.np; q++) {
			double t[D], out[D];
#pragma unroll
			for (int j = 0; j < D; j++) t[j] = (double)global<const T>(p.t)[q * D + j];
			m.tangent(c, x, s, t, out);
#pragma unroll
			for (int j = 0; j < D; j++) global<T>(p.tv)[q * D + j] = (T)out[j];
		}
	}
}

KERNEL(mixture_d1_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 1>(p); }
KERNEL(mixture_d1_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 1>(p); }
KERNEL(mixture_d2_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 2>(p); }
KERNEL(mixture_d2_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 2>(p); }
KERNEL(mixture_d3_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 3>(p); }
KERNEL(mixture_d3_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 3>(p); }
KERNEL(mixture_d4_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 4>(p); }
KERNEL(mixture_d4_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 4>(p); }
KERNEL(mixture_d5_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 5>(p); }
KERNEL(mixture_d5_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 5>(p); }
KERNEL(mixture_d6_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 6>(p); }
KERNEL(mixture_d6_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 6>(p); }
KERNEL(mixture_d7_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 7>(p); }
KERNEL(mixture_d7_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 7>(p); }
KERNEL(mixture_d8_f64, mixture_params, SMALL_THREADS) { mixture_small<double, 8>(p); }
KERNEL(mixture_d8_f32, mixture_params, SMALL_THREADS) { mixture_small<float, 8>(p); }
