// mixture_team.cuh: a Gaussian mixture in up to LANES dimensions for a team of lanes that works on one row, a coordinate a
// lane. Names as in mixture.cuh; nothing but numbers that all lanes share and a lane's own is kept. Where components share
// their axes the row is turned once, and all is computed there. All arithmetic is float64. All lanes of a warp call what is
// here, teams of rows that have ended too.
#pragma once
#include "mixture.cuh"

template <class T, int TEAM> struct TeamMixture {
	static constexpr int LANES = TEAM, WIDTH = 1; // of a row, and coordinates of each
	Global<const T> logw, mean, var, basis, reflect;
	Global<const double> axes; // means in the shared axes [K, D]
	int K, R, D;
	int vark, varj; // numbers from one component, and one coordinate, to the next
	int lane;
	bool own; // every component has its own axes
	bool has; // the lane has a coordinate

	DEV explicit TeamMixture(const mixture_model &m)
	    : logw(global<const T>(m.logw)), mean(global<const T>(m.mean)), var(global<const T>(m.var)),
	      basis(global<const T>(m.basis)), reflect(global<const T>(m.reflect)), axes(global<const double>(m.axes)), K((int)m.k),
	      R(m.rotation == ROTATE_REFLECT ? (int)m.r : 0), D((int)m.d), vark(m.vark == 1 ? 0 : (int)m.vard), varj(m.vard == 1 ? 0 : 1),
	      lane(threadIdx.x % LANES), own(m.rotation == ROTATE_OWN), has(lane < m.d) {}

	DEV int dims() const { return (int)D; }

	DEV double mirror(int i, double y) const {
		const double a = has ? (double)reflect[i * D + lane] : 0;
		return y - 2 * sum_lanes(a * y, LANES) * a;
	}

	// to_axes returns Q_k^T y; k = 0 where axes are shared.
	DEV double to_axes(int k, double y) const {
		if (basis == nullptr) {
			for (int i = 0; i < R; i++) y = mirror(i, y);
			return y;
		}
		Global<const T> q = basis + k * D * D;
		double even = 0, odd = 0; // two chains of additions
#pragma unroll 2
		for (int i = 0; i < LANES; i += 2) {
			const double a = __shfl_sync(ALL_LANES, y, i, LANES), b = __shfl_sync(ALL_LANES, y, i + 1, LANES);
			if (has && i < D) even += (double)q[i * D + lane] * a;
			if (has && i + 1 < D) odd += (double)q[(i + 1) * D + lane] * b;
		}
		return even + odd;
	}

	// from_axes returns Q_k y. Rows of Q_k are read along the lanes, and the sums over lanes made and dealt out in halves: as
	// many shuffles as to_axes.
	DEV double from_axes(int k, double y) const {
		if (basis == nullptr) {
			for (int i = R - 1; i >= 0; i--) y = mirror(i, y);
			return y;
		}
		Global<const T> q = basis + k * D * D;
		double part[LANES / 2];
		const bool upper = lane >= LANES / 2;
#pragma unroll
		for (int i = 0; i < LANES / 2; i++) {
			const int j = i + LANES / 2;
			const double low = has && i < D ? (double)q[i * D + lane] * y : 0, high = has && j < D ? (double)q[j * D + lane] * y : 0;
			part[i] = (upper ? high : low) + __shfl_xor_sync(ALL_LANES, upper ? low : high, LANES / 2);
		}
		deal<LANES / 4>(part);
		return part[0];
	}

	// deal adds up the parts of 2 HALF numbers: each half of the lanes takes those of half the numbers.
	template <int HALF> DEV void deal(double (&part)[LANES / 2]) const {
		const bool upper = (lane & HALF) != 0;
#pragma unroll
		for (int i = 0; i < HALF; i++) {
			const double keep = upper ? part[i + HALF] : part[i], give = upper ? part[i] : part[i + HALF];
			part[i] = keep + __shfl_xor_sync(ALL_LANES, give, HALF);
		}
		if constexpr (HALF > 1) deal<HALF / 2>(part);
	}

	// State is a row at a time, in the axes if they are shared.
	struct State {
		double x, v, g;   // a coordinate of the row, and of the means of u_k and g_k
		double most, sum; // sum_k exp(logit_k - most)
	};

	// Component is component k at a row.
	struct Component {
		double logit;       // ln w_k + ln N(x; alpha m_k, alpha^2 C_k + sigma^2)
		double w, inv, eig; // coordinates of Q_k^T (x - alpha m_k), of 1 / D_k, and of A_k
	};

	DEV Component at(const Time &c, const State &row, int k) const {
		Component o = {0, 0, 0, 0};
		double l = 0, scale = 1;
		if (has) {
			o.w = row.x - c.alpha * (own ? (double)mean[k * D + lane] : axes[k * D + lane]);
			l = (double)var[k * vark + lane * varj];
			scale = c.alpha * c.alpha * l + c.sigma * c.sigma;
			o.inv = 1 / scale;
			o.eig = (c.c1 * c.alpha * l - c.c2) * o.inv;
		}
		if (own) o.w = to_axes(k, o.w);
		o.logit = (double)logw[k] - 0.5 * ((double)D * LN_2PI + sum_lanes(log(scale) + o.w * o.w * o.inv, LANES));
		return o;
	}

	// velocity_of returns u_k's coordinate, score_of g_k's.
	DEV double velocity_of(const Time &c, int k, const Component &o) const {
		const double u = o.eig * o.w;
		if (own) return from_axes(k, u) + (has ? c.c1 * (double)mean[k * D + lane] : 0);
		return u + (has ? c.c1 * axes[k * D + lane] : 0);
	}
	DEV double score_of(int k, const Component &o) const {
		const double g = -o.w * o.inv;
		return own ? from_axes(k, g) : g;
	}

	// evaluate fills in row at x; its g only with scores.
	DEV void evaluate(const Time &c, const double (&x)[1], bool scores, State &row) const {
		row = {own ? x[0] : to_axes(0, x[0]), 0, 0, minus_infinity(), 0};
		for (int k = 0; k < K; k++) {
			const Component o = at(c, row, k);
			const bool none = o.logit == minus_infinity(); // of weight zero
			const bool larger = o.logit > row.most;        // false for NaN, which passes into the sum
			const double e = none ? 0 : exp(larger ? row.most - o.logit : o.logit - row.most);
			const double keep = larger ? e : 1, add = larger ? 1 : e;
			if (larger) row.most = o.logit;
			row.sum = row.sum * keep + add;
			const double u = velocity_of(c, k, o);
			if (!none) row.v = row.v * keep + add * u;
			if (!scores) continue;
			const double g = score_of(k, o);
			if (!none) row.g = row.g * keep + add * g;
		}
		row.v /= row.sum, row.g /= row.sum;
	}

	// velocity sets v to that of a row.
	DEV void velocity(const State &row, double (&v)[1]) const { v[0] = own ? row.v : from_axes(0, row.v); }

	// weight is r_k.
	static DEV double weight(const State &row, const Component &o) { return exp(o.logit - row.most) / row.sum; }

	// divergence returns sum_k r_k (tr A_k + <u_k - v, g_k - g>); both centred, as far from 0 they keep their digits.
	DEV double divergence(const Time &c, const double (&)[1], const State &row) const {
		double total = 0;
		for (int k = 0; k < K; k++) {
			const Component o = at(c, row, k);
			const double r = weight(row, o), u = velocity_of(c, k, o), g = score_of(k, o);
			if (r != 0 && has) total += r * (o.eig + (u - row.v) * (g - row.g));
		}
		return sum_lanes(total, LANES);
	}

	// tangent sets out = sum_k r_k (A_k t + (u_k - v) <g_k - g, t>).
	DEV void tangent(const Time &c, const double (&)[1], const State &row, const double (&t)[1], double (&out)[1]) const {
		const double y = own ? t[0] : to_axes(0, t[0]);
		double total = 0;
		for (int k = 0; k < K; k++) {
			const Component o = at(c, row, k);
			const double r = weight(row, o);
			const double dot = sum_lanes((score_of(k, o) - row.g) * y, LANES), u = velocity_of(c, k, o);
			const double turned = own ? from_axes(k, o.eig * to_axes(k, y)) : o.eig * y;
			if (r != 0) total += r * (turned + (u - row.v) * dot);
		}
		out[0] = own ? total : from_axes(0, total);
	}
};
