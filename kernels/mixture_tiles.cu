// mixture_tiles.cu: the velocity of a Gaussian mixture whose components have a basis each, as two products of all rows
// with K bases: tiles of 64 rows x 64 coordinates, what depends on the time fused into their loads and ends. Names
// as in engine.Mixture, with w_k = Q_k^T (x - alpha m_k) and e_k = diag((c1 alpha l_k - c2) / D_k) w_k:
//
//	v          = sum_k Q_k (r_k e_k) + c1 sum_k r_k m_k
//	(dv/dx) t  = sum_k Q_k (r_k A_k' t_k' + turn_k e_k) + sum_k turn_k (c1 m_k - v),   turn_k = r_k <g_k - g, t>
//	div v      = sum_k r_k (tr A_k + <e_k + Q_k^T (c1 m_k - v), -w_k / D_k>)
//
// with A_k', t_k' in component k's axes. u_k is centred on v, which adds nothing to the sums, so that it keeps its digits
// far from 0. Sums over a row's coordinates are parts of a tile each, added in their order.
#include "mixture_small.cuh"

constexpr int MIX_EACH = MIX_TILE / 16; // rows and columns a thread
constexpr int MIX_DEPTH = 16;           // of the contraction at a time
constexpr int MIX_ROW = MIX_TILE + 1;   // one more, so that neighbours lie in different banks
static_assert(MIX_THREADS == 256, "a thread for each place of the square of 16 x 16");
// Compiled for blocks of twice the threads, the tiles leave registers for a second block on a multiprocessor, which
// works while one waits for its tile. On sm_100 ptxas would spill for that in mixture_gather.
constexpr int ROTATE_BOUND = 2 * MIX_THREADS;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int GATHER_BOUND = MIX_THREADS;
#else
constexpr int GATHER_BOUND = 2 * MIX_THREADS;
#endif

// mix_accumulate adds x y to z: x(i, k) and y(k, j) are the numbers of the tile, 0 past the end. Neighbouring threads
// ask for neighbouring k of x, and of y too with TRANS; else for neighbouring j. All threads of the block call it.
template <bool TRANS, class X, class Y>
DEV void mix_accumulate(int64_t depth, X x, Y y, double (&z)[MIX_EACH][MIX_EACH]) {
	SHARED(double, xs, MIX_DEPTH * MIX_ROW);
	SHARED(double, ys, MIX_DEPTH * MIX_ROW);
	const int row = threadIdx.x / 16, col = threadIdx.x % 16;
	double nx[MIX_EACH], ny[MIX_EACH]; // on their way while the last are multiplied
	const auto fetch = [&](int64_t k0) {
#pragma unroll
		for (int r = 0; r < MIX_EACH; r++) {
			const int64_t k = k0 + col;
			nx[r] = k < depth ? x(row + 16 * r, k) : 0;
		}
#pragma unroll
		for (int c = 0; c < MIX_EACH; c++) {
			const int64_t k = k0 + (TRANS ? col : threadIdx.x / MIX_TILE + 4 * c);
			ny[c] = k < depth ? y(k, (int)(TRANS ? row + 16 * c : threadIdx.x % MIX_TILE)) : 0;
		}
	};
	fetch(0);
	for (int64_t k0 = 0; k0 < depth; k0 += MIX_DEPTH) {
		__syncthreads(); // the last tile has been read
#pragma unroll
		for (int r = 0; r < MIX_EACH; r++) xs[col * MIX_ROW + row + 16 * r] = nx[r];
#pragma unroll
		for (int c = 0; c < MIX_EACH; c++) {
			if (TRANS)
				ys[col * MIX_ROW + row + 16 * c] = ny[c];
			else
				ys[(threadIdx.x / MIX_TILE + 4 * c) * MIX_ROW + threadIdx.x % MIX_TILE] = ny[c];
		}
		__syncthreads();
		if (k0 + MIX_DEPTH < depth) fetch(k0 + MIX_DEPTH);
#pragma unroll
		for (int k = 0; k < MIX_DEPTH; k++) {
			double a[MIX_EACH], b[MIX_EACH];
#pragma unroll
			for (int r = 0; r < MIX_EACH; r++) a[r] = xs[k * MIX_ROW + row + 16 * r];
#pragma unroll
			for (int c = 0; c < MIX_EACH; c++) b[c] = ys[k * MIX_ROW + col + 16 * c];
#pragma unroll
			for (int r = 0; r < MIX_EACH; r++)
#pragma unroll
				for (int c = 0; c < MIX_EACH; c++) z[r][c] += a[r] * b[c];
		}
	}
}

// MixtureTile is what the rows of a tile share: their times, and the parameters.
template <class T> struct MixtureTile {
	const mixture_tiles_params &p;
	Global<const T> mean, var, basis;
	int64_t K, D, rows, i0; // rows in all, and the tile's first
	int64_t vark, varj;     // numbers from one component, and one coordinate, to the next
	double *times;          // of the tile's rows, in shared memory

	DEV MixtureTile(const mixture_tiles_params &p, int64_t i0, int64_t rows, double *times)
	    : p(p), mean(global<const T>(p.model.mean)), var(global<const T>(p.model.var)), basis(global<const T>(p.model.basis)),
	      K(p.model.k), D(p.model.d), rows(rows), i0(i0), vark(p.model.vark == 1 ? 0 : p.model.vard), varj(p.model.vard == 1 ? 0 : 1),
	      times(times) {
		if (threadIdx.x < MIX_TILE && i0 + threadIdx.x < rows) {
			const Time c = time_of<T>(p.coef, sample(threadIdx.x));
			times[4 * threadIdx.x] = c.alpha, times[4 * threadIdx.x + 1] = c.sigma;
			times[4 * threadIdx.x + 2] = c.c1, times[4 * threadIdx.x + 3] = c.c2;
		}
		__syncthreads();
	}
	DEV bool has(int i) const { return i0 + i < rows; }
	// sample is the row of x that row i of the tile belongs to.
	DEV int64_t sample(int i) const { return rows == p.n ? i0 + i : (i0 + i) / p.np; }
	DEV Time time(int i) const { return {times[4 * i], times[4 * i + 1], times[4 * i + 2], times[4 * i + 3]}; }
	DEV double l(int64_t k, int64_t j) const { return var[k * vark + j * varj]; }
	DEV double w(int i, int64_t k, int64_t j) const { return global<const T>(p.w)[(sample(i) * K + k) * D + j]; }
	static DEV double scale(const Time &c, double l) { return c.alpha * c.alpha * l + c.sigma * c.sigma; }
	static DEV double eigenvalue(const Time &c, double l, double inv) { return (c.c1 * c.alpha * l - c.c2) * inv; }
};

// mixture_rotate turns the tile's rows into the axes of one component, and finds the parts of their sums there.
template <class T> DEV void mixture_rotate(const mixture_tiles_params &p) {
	SHARED(double, times, 4 * MIX_TILE);
	const int64_t across = ceil_div(p.model.d, MIX_TILE), jt = block_id() % across, k = block_id() / across % p.model.k;
	const MixtureTile<T> m(p, block_id() / across / p.model.k * MIX_TILE, p.what == MIX_TANGENTS ? p.n * p.np : p.n, times);
	const int64_t D = m.D, j0 = jt * MIX_TILE, what = p.what;
	Global<const T> x = global<const T>(what == MIX_ROWS ? p.x : what == MIX_TANGENTS ? p.t : p.v) + m.i0 * D;
	Global<const T> mean = m.mean + k * D, q = m.basis + k * D * D;
	double z[MIX_EACH][MIX_EACH] = {};
	mix_accumulate<false>(
	    D,
	    [&](int i, int64_t at) {
		    if (!m.has(i)) return 0.0;
		    const double v = x[i * D + at];
		    if (what == MIX_TANGENTS) return v;
		    return what == MIX_ROWS ? v - m.times[4 * i] * (double)mean[at] : m.times[4 * i + 2] * (double)mean[at] - v;
	    },
	    [&](int64_t at, int j) { return j0 + j < D ? (double)q[at * D + j0 + j] : 0.0; }, z);
#pragma unroll
	for (int r = 0; r < MIX_EACH; r++) {
		const int i = threadIdx.x / 16 + 16 * r;
		double sum = 0;
		LogProduct logs;
#pragma unroll
		for (int c = 0; c < MIX_EACH; c++) {
			const int64_t j = j0 + threadIdx.x % 16 + 16 * c;
			if (!m.has(i) || j >= D) continue;
			const Time time = m.time(i);
			const double l = m.l(k, j), scale = m.scale(time, l), inv = 1 / scale, y = z[r][c];
			if (what == MIX_ROWS) {
				global<T>(p.w)[((m.i0 + i) * m.K + k) * D + j] = (T)y;
				sum += y * y * inv;
				logs.add(scale);
			} else if (what == MIX_TANGENTS) {
				global<T>(p.tw)[((m.i0 + i) * m.K + k) * D + j] = (T)y;
				sum -= m.w(i, k, j) * inv * y;
			} else {
				const double w = m.w(i, k, j), eig = m.eigenvalue(time, l, inv);
				sum += eig - (eig * w + y) * (w * inv);
			}
		}
		sum = sum_lanes(sum, 16);
		const double logdet = what == MIX_ROWS ? sum_lanes(logs.total(), 16) : 0;
		if (threadIdx.x % 16 != 0 || !m.has(i)) continue;
		const int64_t at = (((m.i0 + i) * m.K + k) * across + jt) * 2;
		global<double>(p.parts)[at] = sum;
		if (what == MIX_ROWS) global<double>(p.parts)[at + 1] = logdet;
	}
}

// part_sum adds the parts of a row's sum in component k's axes.
DEV double part_sum(const mixture_tiles_params &p, int64_t row, int64_t k, int which) {
	const int64_t across = ceil_div(p.model.d, MIX_TILE);
	Global<const double> at = global<const double>(p.parts) + (row * p.model.k + k) * across * 2;
	double sum = 0;
	for (int64_t j = 0; j < across; j++) sum += at[2 * j + which];
	return sum;
}

DEV int64_t warp_row() { return block_id() * WARP_ROWS + warp_id(); }

// mixture_respond finds a row's responsibilities and its law, a warp a row.
template <class T> DEV void mixture_respond(const mixture_tiles_params &p) {
	const int64_t row = warp_row(), K = p.model.k;
	if (row >= p.n) return; // a whole warp
	Global<double> r = global<double>(p.r) + row * K;
	double most = minus_infinity(), sum = 0;
	for (int64_t k = lane_id(); k < K; k += WARP) {
		const double logw = global<const T>(p.model.logw)[k];
		const double logit = logw - 0.5 * ((part_sum(p, row, k, 1) + (double)p.model.d * LN_2PI) + part_sum(p, row, k, 0));
		r[k] = logit;
		most = fmax(most, logit);
	}
	for (int o = WARP / 2; o > 0; o /= 2) most = fmax(most, __shfl_xor_sync(ALL_LANES, most, o));
	for (int64_t k = lane_id(); k < K; k += WARP) sum += exp(r[k] - most);
	sum = sum_lanes(sum);
	const double logp = most + log(sum);
	if (p.logp && lane_id() == 0) global<T>(p.logp)[row] = (T)logp;
	for (int64_t k = lane_id(); k < K; k += WARP) {
		if (p.logr) global<T>(p.logr)[row * K + k] = (T)(r[k] - logp);
		r[k] = exp(r[k] - most) / sum;
	}
}

// mixture_turns finds turn_k of a tangent, a warp each.
template <class T> DEV void mixture_turns(const mixture_tiles_params &p) {
	const int64_t row = warp_row(), K = p.model.k, D = p.model.d;
	if (row >= p.n * p.np) return;
	const int64_t sample = row / p.np;
	Global<const T> g = global<const T>(p.g) + sample * D, t = global<const T>(p.t) + row * D;
	double dot = 0;
	for (int64_t j = lane_id(); j < D; j += WARP) dot += (double)g[j] * (double)t[j];
	dot = sum_lanes(dot);
	for (int64_t k = lane_id(); k < K; k += WARP) {
		const double r = global<const double>(p.r)[sample * K + k];
		global<double>(p.turn)[row * K + k] = r == 0 ? 0 : r * (part_sum(p, row, k, 0) - dot);
	}
}

// mixture_divergence adds the components' parts, a warp a row.
template <class T> DEV void mixture_divergence(const mixture_tiles_params &p) {
	const int64_t row = warp_row(), K = p.model.k;
	if (row >= p.n) return;
	double sum = 0;
	for (int64_t k = lane_id(); k < K; k += WARP) {
		const double r = global<const double>(p.r)[row * K + k];
		if (r != 0) sum += r * part_sum(p, row, k, 0);
	}
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<T>(p.div)[row] = (T)sum;
}

// mixture_gather turns what the components add to v, g or (dv/dx) t back, and sums it over them.
template <class T> DEV void mixture_gather(const mixture_tiles_params &p) {
	SHARED(double, times, 4 * MIX_TILE);
	SHARED(double, weight, MIX_TILE);
	SHARED(double, turn, MIX_TILE);
	const int64_t across = ceil_div(p.model.d, MIX_TILE), j0 = block_id() % across * MIX_TILE, what = p.what;
	const MixtureTile<T> m(p, block_id() / across * MIX_TILE, what == MIX_TANGENTS ? p.n * p.np : p.n, times);
	const int64_t D = m.D, K = m.K;
	Global<const double> rs = global<const double>(p.r), turns = global<const double>(p.turn);
	double z[MIX_EACH][MIX_EACH] = {};
	for (int64_t k = 0; k < K; k++) {
		bool counts = false;
		__syncthreads(); // the last component's have been read
		if (threadIdx.x < MIX_TILE && m.has(threadIdx.x)) {
			const int i = threadIdx.x;
			weight[i] = rs[m.sample(i) * K + k];
			if (what == MIX_TANGENTS) turn[i] = turns[(m.i0 + i) * K + k];
			counts = weight[i] != 0;
		}
		if (!__syncthreads_or(counts)) continue; // the whole block; what it would add is 0
		Global<const T> q = m.basis + k * D * D;
		mix_accumulate<true>(
		    D,
		    [&](int i, int64_t at) {
			    if (!m.has(i) || weight[i] == 0) return 0.0;
			    const Time c = m.time(i);
			    const double l = m.l(k, at), inv = 1 / m.scale(c, l), w = m.w(i, k, at);
			    if (what == MIX_SCORES) return -weight[i] * (w * inv);
			    const double eig = m.eigenvalue(c, l, inv);
			    if (what == MIX_ROWS) return weight[i] * (eig * w);
			    return eig * (weight[i] * (double)global<const T>(p.tw)[((m.i0 + i) * K + k) * D + at] + turn[i] * w);
		    },
		    [&](int64_t at, int j) { return j0 + j < D ? (double)q[(j0 + j) * D + at] : 0.0; }, z);
	}
	Global<T> out = global<T>(what == MIX_ROWS ? p.v : what == MIX_SCORES ? p.g : p.tv) + m.i0 * D;
#pragma unroll
	for (int r = 0; r < MIX_EACH; r++) {
		const int i = threadIdx.x / 16 + 16 * r;
		if (!m.has(i)) continue;
		const int64_t sample = m.sample(i);
		const double c1 = m.times[4 * i + 2];
		double sum[MIX_EACH], v[MIX_EACH];
#pragma unroll
		for (int c = 0; c < MIX_EACH; c++) {
			const int64_t j = j0 + threadIdx.x % 16 + 16 * c;
			sum[c] = 0;
			v[c] = what == MIX_TANGENTS && j < D ? (double)global<const T>(p.v)[sample * D + j] : 0;
		}
		for (int64_t k = 0; k < K && what != MIX_SCORES; k++) {
			const double f = what == MIX_ROWS ? (double)rs[sample * K + k] : (double)turns[(m.i0 + i) * K + k];
			if (f == 0) continue;
#pragma unroll
			for (int c = 0; c < MIX_EACH; c++) {
				const int64_t j = j0 + threadIdx.x % 16 + 16 * c;
				if (j < D) sum[c] += f * (c1 * (double)m.mean[k * D + j] - v[c]);
			}
		}
#pragma unroll
		for (int c = 0; c < MIX_EACH; c++) {
			const int64_t j = j0 + threadIdx.x % 16 + 16 * c;
			if (j < D) out[i * D + j] = (T)(z[r][c] + sum[c]);
		}
	}
}

KERNEL(mixture_rotate_f64, mixture_tiles_params, ROTATE_BOUND) { mixture_rotate<double>(p); }
KERNEL(mixture_rotate_f32, mixture_tiles_params, ROTATE_BOUND) { mixture_rotate<float>(p); }
KERNEL(mixture_respond_f64, mixture_tiles_params, WARP_THREADS) { mixture_respond<double>(p); }
KERNEL(mixture_respond_f32, mixture_tiles_params, WARP_THREADS) { mixture_respond<float>(p); }
KERNEL(mixture_turns_f64, mixture_tiles_params, WARP_THREADS) { mixture_turns<double>(p); }
KERNEL(mixture_turns_f32, mixture_tiles_params, WARP_THREADS) { mixture_turns<float>(p); }
KERNEL(mixture_divergence_f64, mixture_tiles_params, WARP_THREADS) { mixture_divergence<double>(p); }
KERNEL(mixture_divergence_f32, mixture_tiles_params, WARP_THREADS) { mixture_divergence<float>(p); }
KERNEL(mixture_gather_f64, mixture_tiles_params, GATHER_BOUND) { mixture_gather<double>(p); }
KERNEL(mixture_gather_f32, mixture_tiles_params, GATHER_BOUND) { mixture_gather<float>(p); }
