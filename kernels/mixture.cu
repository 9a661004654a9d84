// mixture.cu: the velocity of a Gaussian mixture, its Jacobian's action and its divergence, a block a row, of
// components that share their axes.
#include "mixture.cuh"

// mixture_axes turns the means into the shared axes, a block a component.
template <class T> DEV void mixture_axes(const mixture_model &p) {
	Global<double> out = global<double>(p.axes) + block_id() * p.d;
	const Mixture<T> m(p, out); // of its scratch nothing is used
	Global<const T> mean = m.mean + block_id() * m.D;
	if (m.basis != nullptr) {
		Global<const T> q = m.basis;
		const int64_t width = m.D;
		column_sums(
		    width, width, [&](int64_t i, int64_t j) { return (double)q[i * width + j] * (double)mean[i]; },
		    [&](int64_t j, double s) { out[j] = s; });
		return;
	}
	each(m.D, [&](int64_t j) { out[j] = (double)mean[j]; });
	for (int64_t i = 0; i < m.R; i++) m.mirror(i, out);
}

// responsibilities turns r from log weights into r_k, and writes the row's law.
template <class T> DEV void responsibilities(const mixture_params &p, const Mixture<T> &m, int64_t row) {
	double most = minus_infinity(), sum = 0;
	for (int64_t k = threadIdx.x; k < m.K; k += blockDim.x) most = fmax(most, m.r[k]);
	most = max_block(most);
	for (int64_t k = threadIdx.x; k < m.K; k += blockDim.x) sum += exp(m.r[k] - most);
	sum = sum_block(sum);
	const double logp = most + log(sum);
	if (p.logp && threadIdx.x == 0) global<T>(p.logp)[row] = (T)logp;
	each(m.K, [&](int64_t k) {
		if (p.logr) global<T>(p.logr)[row * m.K + k] = (T)(m.r[k] - logp);
		m.r[k] = exp(m.r[k] - most) / sum;
	});
}

// axes_velocity sets v and, where wanted, g in the shared axes.
template <class T> DEV void axes_velocity(const Mixture<T> &m, const Time &c, bool all) {
	column_sums(
	    m.K, m.D,
	    [&](int64_t k, int64_t j) {
		    const double rk = m.r[k], mean = m.axes[k * m.D + j];
		    return rk == 0 ? 0 : rk * (c.c1 * mean + m.eigenvalue(c, k, j) * (m.xa[j] - c.alpha * mean));
	    },
	    [&](int64_t j, double s) { m.v[j] = s; });
	if (!all) return;
	column_sums(
	    m.K, m.D,
	    [&](int64_t k, int64_t j) {
		    const double rk = m.r[k];
		    return rk == 0 ? 0 : -rk * ((m.xa[j] - c.alpha * m.axes[k * m.D + j]) * m.inv[m.of(k, j)]);
	    },
	    [&](int64_t j, double s) { m.g[j] = s; });
}

// du returns (u_k - v)_j. Centred on v, which adds nothing to the sums (sum r_k (g_k - g) = 0), u_k keeps its
// digits far from 0.
template <class T> DEV double du(const Mixture<T> &m, const Time &c, int64_t k, int64_t j) {
	const double mean = m.axes[k * m.D + j];
	return c.c1 * mean + m.eigenvalue(c, k, j) * (m.xa[j] - c.alpha * mean) - m.v[j];
}

// dg returns (g_k - g)_j.
template <class T> DEV double dg(const Mixture<T> &m, const Time &c, int64_t k, int64_t j) {
	return -(m.xa[j] - c.alpha * m.axes[k * m.D + j]) * m.inv[m.of(k, j)] - m.g[j];
}

// divergence returns sum_k r_k (tr A_k + <u_k - v, g_k - g>).
template <class T> DEV double divergence(const Mixture<T> &m, const Time &c) {
	double sum = 0;
	for (int64_t at = threadIdx.x; at < m.K * m.D; at += blockDim.x) {
		const int64_t k = at / m.D, j = at % m.D;
		const double rk = m.r[k];
		if (rk != 0) sum += rk * (m.eigenvalue(c, k, j) + du(m, c, k, j) * dg(m, c, k, j));
	}
	return sum_block(sum);
}

// tangent sets out = sum_k r_k (A_k t + (u_k - v) <g_k - g, t>).
template <class T> DEV void tangent(const Mixture<T> &m, const Time &c, Global<const T> in, Global<T> out) {
	const int64_t D = m.D;
	each(D, [&](int64_t j) { m.y[j] = (double)in[j]; });
	m.to_axes(0, m.y, m.t);
	row_sums(
	    m.K, D, [&](int64_t k, int64_t j) { return m.r[k] == 0 ? 0 : dg(m, c, k, j) * m.t[j]; },
	    [&](int64_t k, double s) { m.dots[k] = s; });
	column_sums(
	    m.K, D,
	    [&](int64_t k, int64_t j) {
		    const double rk = m.r[k];
		    return rk == 0 ? 0 : rk * (m.eigenvalue(c, k, j) * m.t[j] + du(m, c, k, j) * m.dots[k]);
	    },
	    [&](int64_t j, double s) { m.tv[j] = s; });
	m.from_axes(0, m.tv, [&](int64_t j, double s) { out[j] = (T)s; });
}

template <class T> DEV void mixture(const mixture_params &p) {
	const Mixture<T> m(p.model, global<double>(p.scratch) + block_id() * p.stride);
	const int64_t D = m.D;
	const bool all = p.div || p.tv;
	for (int64_t row = block_id(); row < p.n; row += gridDim.x) {
		const Time c = time_of<T>(p.coef, row);
		Global<const T> x = global<const T>(p.x) + row * D;
		each(D, [&](int64_t j) { m.x[j] = (double)x[j]; });
		m.to_axes(0, m.x, m.xa);
		m.at(c);
		m.logits(c, m.xa);
		responsibilities(p, m, row);
		if (!all && !p.v) continue;
		axes_velocity(m, c, all);
		if (p.div) {
			const double sum = divergence(m, c);
			if (threadIdx.x == 0) global<T>(p.div)[row] = (T)sum;
		}
		for (int64_t q = 0; p.tv && q < p.np; q++) {
			const int64_t at = (row * p.np + q) * D;
			tangent<T>(m, c, global<const T>(p.t) + at, global<T>(p.tv) + at);
		}
		if (!p.v) continue;
		Global<T> v = global<T>(p.v) + row * D;
		m.from_axes(0, m.v, [&](int64_t j, double s) { v[j] = (T)s; });
	}
}

KERNEL(mixture_axes_f64, mixture_model, ROW_THREADS) { mixture_axes<double>(p); }
KERNEL(mixture_axes_f32, mixture_model, ROW_THREADS) { mixture_axes<float>(p); }
KERNEL(mixture_f64, mixture_params, ROW_THREADS) { mixture<double>(p); }
KERNEL(mixture_f32, mixture_params, ROW_THREADS) { mixture<float>(p); }
