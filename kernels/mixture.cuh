// mixture.cuh: a Gaussian mixture for a block that works on one row. Names as in engine.Mixture; P_k and A_k
// are diagonal in component k's axes, x' = Q_k^T x. Where all components share their axes the means are
// kept in them, and a row is turned once. All arithmetic is float64.
#pragma once
#include "block.cuh"

constexpr double LN_2PI = 1.83787706640934548356;

// Time is a row's (alpha, sigma, c1, c2).
struct Time {
	double alpha, sigma, c1, c2;
};

template <class T> DEV Time time_of(uint64_t coef, int64_t row) {
	Global<const T> c = global<const T>(coef) + 4 * row;
	return {(double)c[0], (double)c[1], (double)c[2], (double)c[3]};
}

// Mixture is the parameters, and the block's scratch.
template <class T> struct Mixture {
	Global<const T> logw, mean, var, basis, reflect;
	Global<const double> axes; // means in the shared axes [K, D]
	int64_t D, K, R, vark, vard;
	bool own; // every component has its own axes

	Global<double> x, xa, v, g, y, w, t, tv; // vectors [D]
	Global<double> r, dots;                  // [K]
	Global<double> logdet;                   // sum_j ln D_kj [vark]
	Global<double> inv;                      // 1 / D_kj [vark, vard]
	Global<double> z;                        // [K, D], of components with their own axes

	DEV Mixture(const mixture_model &m, Global<double> scratch)
	    : logw(global<const T>(m.logw)), mean(global<const T>(m.mean)), var(global<const T>(m.var)),
	      basis(global<const T>(m.basis)), reflect(global<const T>(m.reflect)), axes(global<const double>(m.axes)), D(m.d),
	      K(m.k), R(m.rotation == ROTATE_REFLECT ? m.r : 0), vark(m.vark), vard(m.vard), own(m.rotation == ROTATE_OWN) {
		x = scratch, xa = x + D, v = xa + D, g = v + D, y = g + D, w = y + D, t = w + D, tv = t + D;
		r = tv + D, dots = r + K, logdet = dots + K, inv = logdet + K;
		z = inv + vark * vard;
	}

	// of is the place of eigenvalue j of component k in var and inv.
	DEV int64_t of(int64_t k, int64_t j) const { return (vark == 1 ? 0 : k) * vard + (vard == 1 ? 0 : j); }
	DEV Global<const T> basis_of(int64_t k) const { return own ? basis + k * D * D : basis; }

	// mirror applies I - 2 a a^T to out, a unit row of reflect.
	DEV void mirror(int64_t i, Global<double> out) const {
		Global<const T> a = reflect + i * D;
		double dot = 0;
		for (int64_t j = threadIdx.x; j < D; j += blockDim.x) dot += (double)a[j] * out[j];
		dot = 2 * sum_block(dot);
		each(D, [&](int64_t j) { out[j] -= dot * (double)a[j]; });
	}

	// to_axes sets out = Q_k^T in.
	DEV void to_axes(int64_t k, Global<const double> in, Global<double> out) const {
		if (basis != nullptr) {
			Global<const T> q = basis_of(k);
			const int64_t width = D;
			column_sums(
			    width, width, [&](int64_t i, int64_t j) { return (double)q[i * width + j] * in[i]; },
			    [&](int64_t j, double s) { out[j] = s; });
			return;
		}
		each(D, [&](int64_t j) { out[j] = in[j]; });
		for (int64_t i = 0; i < R; i++) mirror(i, out);
	}

	// from_axes calls store(j, (Q_k in)_j). in is lost.
	template <class S> DEV void from_axes(int64_t k, Global<double> in, S store) const {
		if (basis != nullptr) {
			Global<const T> q = basis_of(k);
			const int64_t width = D;
			row_sums(width, width, [&](int64_t i, int64_t j) { return (double)q[i * width + j] * in[j]; }, store);
			return;
		}
		for (int64_t i = R - 1; i >= 0; i--) mirror(i, in);
		each(D, [&](int64_t j) { store(j, in[j]); });
	}

	// at fills inv and logdet for a time.
	DEV void at(const Time &c) const {
		const double a2 = c.alpha * c.alpha, s2 = c.sigma * c.sigma;
		each(vark * vard, [&](int64_t i) { inv[i] = 1 / (a2 * (double)var[i] + s2); });
		const double each_of = vard == 1 ? (double)D : 1;
		row_sums(
		    vark, vard, [&](int64_t k, int64_t j) { return log(a2 * (double)var[k * vard + j] + s2); },
		    [&](int64_t k, double s) { logdet[k] = each_of * s; });
	}

	// eigenvalue returns that of A_k, (c1 alpha l_kj - c2) / D_kj.
	DEV double eigenvalue(const Time &c, int64_t k, int64_t j) const {
		return (c.c1 * c.alpha * (double)var[of(k, j)] - c.c2) * inv[of(k, j)];
	}

	// logits sets r_k = ln w_k + ln N(row; alpha m_k, alpha^2 C_k + sigma^2), after at. row is in the shared
	// axes where there are such; else z_k = Q_k^T (row - alpha m_k) is kept.
	DEV void logits(const Time &c, Global<const double> row) const {
		for (int64_t k = 0; own && k < K; k++) {
			each(D, [&](int64_t j) { y[j] = row[j] - c.alpha * (double)mean[k * D + j]; });
			to_axes(k, y, z + k * D);
		}
		row_sums(
		    K, D,
		    [&](int64_t k, int64_t j) {
			    const double d = own ? (double)z[k * D + j] : row[j] - c.alpha * axes[k * D + j];
			    return d * d * inv[of(k, j)];
		    },
		    [&](int64_t k, double s) {
			    r[k] = (double)logw[k] - 0.5 * ((logdet[vark == 1 ? 0 : k] + (double)D * LN_2PI) + s);
		    });
	}
};
