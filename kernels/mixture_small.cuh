// mixture_small.cuh: a Gaussian mixture for a thread that works on one row, of D numbers known to the compiler, in
// registers. Names as in engine.Mixture. All threads of a warp read the same parameter at the same time.
#pragma once
#include "mixture.cuh"

// LogProduct adds logarithms by multiplying: one logarithm for many factors, as long as their product is in range.
struct LogProduct {
	double product = 1, sum = 0;
	static DEV bool ordinary(double x) { return x > 1e-150 && x < 1e150; }
	DEV void add(double x) {
		if (!ordinary(x)) {
			sum += log(x);
			return;
		}
		product *= x;
		if (ordinary(product)) return;
		sum += log(product);
		product = 1;
	}
	DEV double total() const { return sum + log(product); }
};

template <int D> DEV double inner(const double (&a)[D], const double (&b)[D]) {
	double sum = 0;
#pragma unroll
	for (int j = 0; j < D; j++) sum += a[j] * b[j];
	return sum;
}

// SmallMixture is the parameters. Each component is turned into its axes by itself, whoever shares them.
template <class T, int D> struct SmallMixture {
	static constexpr int LANES = 1, WIDTH = D; // threads a row, and coordinates of each
	Global<const T> logw, mean, var, basis, reflect;
	int64_t K, R;
	int64_t vark, basisk; // numbers from one component to the next; 0 = shared
	bool round;           // one variance for all coordinates

	DEV SmallMixture(const mixture_model &m)
	    : logw(global<const T>(m.logw)), mean(global<const T>(m.mean)), var(global<const T>(m.var)),
	      basis(global<const T>(m.basis)), reflect(global<const T>(m.reflect)), K(m.k),
	      R(m.rotation == ROTATE_REFLECT ? m.r : 0), vark(m.vark == 1 ? 0 : m.vard),
	      basisk(m.rotation == ROTATE_OWN ? D * D : 0), round(m.vard == 1) {}

	static constexpr DEV int dims() { return D; }

	// mirror applies I - 2 a a^T, a unit row of reflect.
	DEV void mirror(int64_t i, double (&y)[D]) const {
		Global<const T> a = reflect + i * D;
		double dot = 0;
#pragma unroll
		for (int j = 0; j < D; j++) dot += (double)a[j] * y[j];
#pragma unroll
		for (int j = 0; j < D; j++) y[j] -= 2 * dot * (double)a[j];
	}

	// to_axes turns y into Q_k^T y.
	DEV void to_axes(int64_t k, double (&y)[D]) const {
		if (basis != nullptr) {
			Global<const T> q = basis + k * basisk;
			double out[D];
#pragma unroll
			for (int j = 0; j < D; j++) out[j] = 0;
#pragma unroll
			for (int i = 0; i < D; i++)
#pragma unroll
				for (int j = 0; j < D; j++) out[j] += (double)q[i * D + j] * y[i];
#pragma unroll
			for (int j = 0; j < D; j++) y[j] = out[j];
			return;
		}
		for (int64_t i = 0; i < R; i++) mirror(i, y);
	}

	// from_axes turns y into Q_k y.
	DEV void from_axes(int64_t k, double (&y)[D]) const {
		if (basis != nullptr) {
			Global<const T> q = basis + k * basisk;
			double out[D];
#pragma unroll
			for (int i = 0; i < D; i++) {
				out[i] = 0;
#pragma unroll
				for (int j = 0; j < D; j++) out[i] += (double)q[i * D + j] * y[j];
			}
#pragma unroll
			for (int j = 0; j < D; j++) y[j] = out[j];
			return;
		}
		for (int64_t i = R - 1; i >= 0; i--) mirror(i, y);
	}

	// Component is component k at a row and a time.
	struct Component {
		double logit;  // ln w_k + ln N(x; alpha m_k, alpha^2 C_k + sigma^2)
		double w[D];   // Q_k^T (x - alpha m_k)
		double inv[D]; // 1 / D_kj
		double eig[D]; // of A_k: (c1 alpha l_kj - c2) / D_kj
	};

	DEV void at(const Time &c, const double (&x)[D], int64_t k, Component &o) const {
#pragma unroll
		for (int j = 0; j < D; j++) o.w[j] = x[j] - c.alpha * (double)mean[k * D + j];
		to_axes(k, o.w);
		const double a2 = c.alpha * c.alpha, s2 = c.sigma * c.sigma;
		Global<const T> l = var + k * vark;
		double logdet;
		if (round) {
			const double scale = a2 * (double)l[0] + s2, inv = 1 / scale, eig = (c.c1 * c.alpha * (double)l[0] - c.c2) * inv;
#pragma unroll
			for (int j = 0; j < D; j++) o.inv[j] = inv, o.eig[j] = eig;
			logdet = D * log(scale);
		} else {
			LogProduct logs;
#pragma unroll
			for (int j = 0; j < D; j++) {
				const double scale = a2 * (double)l[j] + s2;
				o.inv[j] = 1 / scale;
				o.eig[j] = (c.c1 * c.alpha * (double)l[j] - c.c2) * o.inv[j];
				logs.add(scale);
			}
			logdet = logs.total();
		}
		double sum = 0;
#pragma unroll
		for (int j = 0; j < D; j++) sum += o.w[j] * o.w[j] * o.inv[j];
		o.logit = (double)logw[k] - 0.5 * ((logdet + D * LN_2PI) + sum);
	}

	// velocity_of sets u = u_k.
	DEV void velocity_of(const Time &c, int64_t k, const Component &o, double (&u)[D]) const {
#pragma unroll
		for (int j = 0; j < D; j++) u[j] = o.eig[j] * o.w[j];
		from_axes(k, u);
#pragma unroll
		for (int j = 0; j < D; j++) u[j] += c.c1 * (double)mean[k * D + j];
	}

	// score_of sets g = g_k.
	DEV void score_of(int64_t k, const Component &o, double (&g)[D]) const {
#pragma unroll
		for (int j = 0; j < D; j++) g[j] = -o.w[j] * o.inv[j];
		from_axes(k, g);
	}

	// State is the softmax over the components at a row, with the means of u_k and g_k.
	struct State {
		double most, sum; // sum_k exp(logit_k - most)
		double v[D], g[D];
		DEV double logp() const { return most + log(sum); }
	};

	// evaluate fills in a state; g only with scores.
	DEV void evaluate(const Time &c, const double (&x)[D], bool scores, State &s) const {
		s.most = minus_infinity();
		s.sum = 0;
#pragma unroll
		for (int j = 0; j < D; j++) s.v[j] = s.g[j] = 0;
		for (int64_t k = 0; k < K; k++) {
			Component o;
			at(c, x, k, o);
			if (o.logit == minus_infinity()) continue; // of weight zero
			const bool larger = o.logit > s.most;      // false for NaN, which passes into the sum
			const double e = exp(larger ? s.most - o.logit : o.logit - s.most);
			const double keep = larger ? e : 1, add = larger ? 1 : e;
			if (larger) s.most = o.logit;
			s.sum = s.sum * keep + add;
			double u[D];
			velocity_of(c, k, o, u);
#pragma unroll
			for (int j = 0; j < D; j++) s.v[j] = s.v[j] * keep + add * u[j];
			if (!scores) continue;
			score_of(k, o, u);
#pragma unroll
			for (int j = 0; j < D; j++) s.g[j] = s.g[j] * keep + add * u[j];
		}
#pragma unroll
		for (int j = 0; j < D; j++) s.v[j] /= s.sum, s.g[j] /= s.sum;
	}

	// velocity sets v to that of a state.
	static DEV void velocity(const State &s, double (&v)[D]) {
#pragma unroll
		for (int j = 0; j < D; j++) v[j] = s.v[j];
	}

	// weight is r_k.
	static DEV double weight(const State &s, const Component &o) { return exp(o.logit - s.most) / s.sum; }

	// divergence returns sum_k r_k (tr A_k + <u_k - v, g_k - g>); du and dg centred, as far from 0 they keep their digits.
	DEV double divergence(const Time &c, const double (&x)[D], const State &s) const {
		double total = 0;
		for (int64_t k = 0; k < K; k++) {
			Component o;
			at(c, x, k, o);
			const double r = weight(s, o);
			if (r == 0) continue;
			double u[D], g[D], sum = 0;
			velocity_of(c, k, o, u);
			score_of(k, o, g);
#pragma unroll
			for (int j = 0; j < D; j++) sum += o.eig[j] + (u[j] - s.v[j]) * (g[j] - s.g[j]);
			total += r * sum;
		}
		return total;
	}

	// tangent sets out = sum_k r_k (A_k t + (u_k - v) <g_k - g, t>).
	DEV void tangent(const Time &c, const double (&x)[D], const State &s, const double (&t)[D], double (&out)[D]) const {
#pragma unroll
		for (int j = 0; j < D; j++) out[j] = 0;
		for (int64_t k = 0; k < K; k++) {
			Component o;
			at(c, x, k, o);
			const double r = weight(s, o);
			if (r == 0) continue;
			double y[D], dot = 0;
			score_of(k, o, y);
#pragma unroll
			for (int j = 0; j < D; j++) dot += (y[j] - s.g[j]) * t[j];
			velocity_of(c, k, o, y);
#pragma unroll
			for (int j = 0; j < D; j++) out[j] += r * ((y[j] - s.v[j]) * dot);
#pragma unroll
			for (int j = 0; j < D; j++) y[j] = t[j];
			to_axes(k, y);
#pragma unroll
			for (int j = 0; j < D; j++) y[j] *= o.eig[j];
			from_axes(k, y);
#pragma unroll
			for (int j = 0; j < D; j++) out[j] += r * y[j];
		}
	}
};
