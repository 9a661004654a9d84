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

#define SMALL(D)                                                                                                    \
	KERNEL(mixture_d##D##_f64, mixture_params, SMALL_THREADS) { mixture_small<double, D>(p); }                      \
	KERNEL(mixture_d##D##_f32, mixture_params, SMALL_THREADS) { mixture_small<float, D>(p); }

SMALL(1)
SMALL(2)
SMALL(3)
SMALL(4)
SMALL(5)
SMALL(6)
SMALL(7)
SMALL(8)
