// follow.cu: rows moved along the closed-form flow of one component each, a block a row.
#include "mixture.cuh"

// Move is a row's way: component k from one time to another.
struct Move {
	int64_t k;
	Time from, to;
};

// square returns ratio_j^2 = D_kj at the new time / D_kj at the old one.
template <class T> DEV double square(const Mixture<T> &m, const Move &w, int64_t j) {
	const double l = m.var[m.of(w.k, j)];
	return (w.to.alpha * w.to.alpha * l + w.to.sigma * w.to.sigma) / (w.from.alpha * w.from.alpha * l + w.from.sigma * w.from.sigma);
}

// factor returns (c1 alpha l_j - c2) / D_kj at the new time.
template <class T> DEV double factor(const Mixture<T> &m, const Move &w, int64_t j) {
	const double l = m.var[m.of(w.k, j)];
	return (w.to.c1 * w.to.alpha * l - w.to.c2) / (w.to.alpha * w.to.alpha * l + w.to.sigma * w.to.sigma);
}

// log_det returns ln |det dy/dx|.
template <class T> DEV double log_det(const Mixture<T> &m, const Move &w) {
	double sum = 0;
	for (int64_t j = threadIdx.x; j < m.vard; j += blockDim.x) sum += log(square(m, w, j));
	return 0.5 * (m.vard == 1 ? (double)m.D : 1) * sum_block(sum);
}

// others returns ln (sum_{l != k} r_l / r_k) at a place, in the shared axes where there are such.
template <class T> DEV double others(const Mixture<T> &m, const Move &w, Global<const double> place) {
	m.at(w.to);
	m.logits(w.to, place);
	double most = minus_infinity(), sum = 0;
	for (int64_t k = threadIdx.x; k < m.K; k += blockDim.x)
		if (k != w.k) most = fmax(most, m.r[k]);
	most = max_block(most);
	for (int64_t k = threadIdx.x; k < m.K; k += blockDim.x)
		if (k != w.k) sum += isinf(most) && m.r[k] == most ? 1 : exp(m.r[k] - most);
	sum = sum_block(sum);
	if (m.K == 1) return minus_infinity();
	return most + log(sum) - m.r[w.k];
}

// broken writes NaN for a row whose branch is no component.
template <class T> DEV void broken(const follow_params &p, int64_t row, int64_t D) {
	const T nan = (T)not_a_number();
	if (p.fault && threadIdx.x == 0) global<int32_t>(p.fault)[0] = 1;
	if (p.logdet && threadIdx.x == 0) global<T>(p.logdet)[row] = nan;
	if (p.others && threadIdx.x == 0) global<T>(p.others)[row] = nan;
	if (p.y) each(D, [&](int64_t j) { global<T>(p.y)[row * D + j] = nan; });
	if (p.v) each(D, [&](int64_t j) { global<T>(p.v)[row * D + j] = nan; });
	if (p.ty) each(p.np * D, [&](int64_t j) { global<T>(p.ty)[row * p.np * D + j] = nan; });
}

// moved writes Y, V and Others of one row.
template <class T> DEV void moved(const follow_params &p, const Mixture<T> &m, const Move &w, int64_t row) {
	const int64_t D = m.D, k = w.k;
	Global<const T> x = global<const T>(p.x) + row * D;
	Global<T> out = global<T>(p.y) + row * D, velocity = global<T>(p.v) + row * D;
	const bool y = p.y, v = p.v;
	each(D, [&](int64_t j) { m.y[j] = (double)x[j] - (m.own ? w.from.alpha * (double)m.mean[k * D + j] : 0); });
	m.to_axes(k, m.y, m.xa);
	if (m.own) {
		// In the component's axes: xa is Q_k^T (y - alpha1 m_k), x becomes y itself.
		each(D, [&](int64_t j) {
			m.xa[j] *= sqrt(square(m, w, j));
			m.w[j] = m.xa[j];
		});
		m.from_axes(k, m.w, [&](int64_t j, double s) {
			m.x[j] = w.to.alpha * (double)m.mean[k * D + j] + s;
			if (y) out[j] = (T)m.x[j];
		});
		if (v) {
			each(D, [&](int64_t j) { m.w[j] = factor(m, w, j) * m.xa[j]; });
			m.from_axes(k, m.w, [&](int64_t j, double s) { velocity[j] = (T)(w.to.c1 * (double)m.mean[k * D + j] + s); });
		}
	} else {
		// x is y in the shared axes.
		each(D, [&](int64_t j) {
			const double mean = m.axes[k * D + j], moved = sqrt(square(m, w, j)) * (m.xa[j] - w.from.alpha * mean);
			m.x[j] = m.w[j] = w.to.alpha * mean + moved;
			m.v[j] = w.to.c1 * mean + factor(m, w, j) * moved;
		});
		if (y) m.from_axes(k, m.w, [&](int64_t j, double s) { out[j] = (T)s; });
		if (v) m.from_axes(k, m.v, [&](int64_t j, double s) { velocity[j] = (T)s; });
	}
	if (!p.others) return;
	const double sum = others(m, w, m.x);
	if (threadIdx.x == 0) global<T>(p.others)[row] = (T)sum;
}

template <class T> DEV void follow(const follow_params &p) {
	const Mixture<T> m(p.model, global<double>(p.scratch) + block_id() * p.stride);
	const int64_t D = m.D;
	for (int64_t row = block_id(); row < p.n; row += gridDim.x) {
		const Move w = {global<const int32_t>(p.branch)[row], time_of<T>(p.from, row), time_of<T>(p.to, row)};
		if (w.k < 0 || w.k >= m.K) {
			broken<T>(p, row, D);
			continue;
		}
		if (p.logdet) {
			const double sum = log_det(m, w);
			if (threadIdx.x == 0) global<T>(p.logdet)[row] = (T)sum;
		}
		if (p.y || p.v || p.others) moved(p, m, w, row);
		for (int64_t q = 0; p.ty && q < p.np; q++) {
			Global<const T> t = global<const T>(p.t) + (row * p.np + q) * D;
			Global<T> ty = global<T>(p.ty) + (row * p.np + q) * D;
			each(D, [&](int64_t j) { m.y[j] = (double)t[j]; });
			m.to_axes(w.k, m.y, m.w);
			each(D, [&](int64_t j) { m.w[j] *= sqrt(square(m, w, j)); });
			m.from_axes(w.k, m.w, [&](int64_t j, double s) { ty[j] = (T)s; });
		}
	}
}

KERNEL(follow_f64, follow_params, ROW_THREADS) { follow<double>(p); }
KERNEL(follow_f32, follow_params, ROW_THREADS) { follow<float>(p); }
