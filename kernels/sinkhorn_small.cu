// sinkhorn_small.cu: all passes of a small Sinkhorn problem by one block, its columns in shared memory.
//
// A warp works on SMALL_R rows at a time, a lane on every 32nd column: the products of a pair, then its
// exponential, stay in a register until the row's sum is known and they are added to the column's. So a pass
// is one product and one exponential a pair.
#include "async.cuh"
#include "block.cuh"
#include "sinkhorn.cuh"

constexpr int SMALL_C = SINKHORN_SMALL_COLS / WARP; // columns a lane
constexpr int SMALL_WARPS = ROW_THREADS / WARP;
constexpr int SMALL_R = 4;
static_assert(SINKHORN_SMALL_COLS <= ROW_THREADS, "a thread a column");

// least is the smallest sum of a column that has not lost digits to underflow in its terms.
template <class T> constexpr double least = sizeof(T) == 8 ? 1e-290 : 1e-30;

// Exponents are in units of ln 2 in float32, which has an instruction for powers of 2.
template <class T> constexpr double unit_of = sizeof(T) == 8 ? 1 : 1.4426950408889634;
DEV float power(float x) { return exp2f(x); }
DEV double power(double x) { return exp(x); }

template <class T> DEV T sum_warp(T x) {
	for (int o = WARP / 2; o > 0; o /= 2) x += __shfl_xor_sync(ALL_LANES, x, o);
	return x;
}
template <class T> DEV T max_warp(T x) {
	for (int o = WARP / 2; o > 0; o /= 2) {
		const T y = __shfl_xor_sync(ALL_LANES, x, o);
		x = x < y ? y : x;
	}
	return x;
}

// SmallTile is a warp's part of the products: rows from i on, of x [n, d] in device memory, and all columns, of
// ys [depth, pitch] in shared memory.
template <class T, bool VEC> struct SmallTile {
	static constexpr int R = SMALL_R, V = Vec<T>::SIZE;
	T z[R][SMALL_C];

	DEV void multiply(Global<const T> x, int64_t i, int64_t n, int d, const T *ys, int pitch, int m) {
#pragma unroll
		for (int r = 0; r < R; r++)
#pragma unroll
			for (int c = 0; c < SMALL_C; c++) z[r][c] = 0;
		Global<const T> row[R];
#pragma unroll
		for (int r = 0; r < R; r++) row[r] = x + (i + r < n ? i + r : n - 1) * d; // past the end any will do
		for (int l = 0; l < d; l += V) {
			Vec<T> a[R];
#pragma unroll
			for (int r = 0; r < R; r++) {
				if (VEC) {
					a[r] = *reinterpret_cast<Global<const Vec<T>>>(row[r] + l);
				} else {
#pragma unroll
					for (int e = 0; e < V; e++) a[r].at[e] = l + e < d ? row[r][l + e] : T(0);
				}
			}
#pragma unroll
			for (int e = 0; e < V; e++) {
#pragma unroll
				for (int c = 0; c < SMALL_C; c++) {
					if (c * WARP >= m) break;
					const T b = ys[(l + e) * pitch + c * WARP + lane_id()];
#pragma unroll
					for (int r = 0; r < R; r++) z[r][c] = fused(a[r].at[e], b, z[r][c]);
				}
			}
		}
	}
};

template <class T, bool VEC> DEV void sinkhorn_small(const sinkhorn_small_params &p) {
	constexpr int R = SMALL_R, COLS = SINKHORN_SMALL_COLS;
	SHARED(T, ys, SINKHORN_SMALL_BYTES / sizeof(T));
	SHARED(T, parts, SMALL_WARPS / 2 * COLS);
	SHARED(double, g, COLS);
	SHARED(double, logb, COLS);
	SHARED(int, again, COLS);
	const sinkhorn_params &loop = p.loop;
	const int64_t b = p.b0 + block_id(), n = loop.n;
	Global<int32_t> state = global<int32_t>(loop.state) + 2 * b;
	int64_t k = state[0];
	bool ended = state[1] != 0;
	if (ended) return;
	const int m = (int)loop.m, d = (int)p.d, pitch = (m + WARP - 1) / WARP * WARP, self = (int)threadIdx.x;
	const int depth = (d + Vec<T>::SIZE - 1) / Vec<T>::SIZE * Vec<T>::SIZE;
	Global<const T> x = global<const T>(p.x) + b * n * d, y = global<const T>(p.y) + b * m * d;
	Global<const double> loga = global<const double>(loop.loga) + b * loop.astride, eps_of = global<const double>(loop.eps) + b * loop.estride;
	Global<double> f = global<double>(loop.f) + b * n, out = global<double>(loop.g) + b * m;
	Global<double> a = global<double>(loop.a) + b * n, lse = global<double>(loop.lse) + b * n, trace = global<double>(loop.trace) + b * loop.places;
	for (int at = self; at < depth * pitch; at += ROW_THREADS) {
		const int l = at / pitch, j = at % pitch;
		ys[at] = l < d && j < m ? y[j * d + l] : T(0);
	}
	for (int64_t i = self; i < n; i += ROW_THREADS) a[i] = exp(loga[i]);
	if (self < m) {
		g[self] = out[self];
		logb[self] = global<const double>(loop.logb)[b * loop.bstride + self];
	}
	__syncthreads();
	for (int64_t pass = 0; pass < p.passes && !ended; pass++) {
		const double eps = eps_of[k < loop.steps ? k : loop.steps - 1];
		const bool test = !loop.columns && k >= loop.steps;
		const T scale = (T)(2 / eps * unit_of<T>);
		T u[SMALL_C], sums[SMALL_C];
#pragma unroll
		for (int c = 0; c < SMALL_C; c++) {
			const int j = c * WARP + lane_id();
			u[c] = j < m ? (T)((g[j] / eps + logb[j]) * unit_of<T>) : (T)minus_infinity();
			sums[c] = 0;
		}
		double error = 0;
		for (int64_t i = warp_id() * R; i < n; i += SMALL_WARPS * R) {
			SmallTile<T, VEC> tile;
			tile.multiply(x, i, n, d, ys, pitch, m);
			T top = 0, total = 0; // of the lane's row
#pragma unroll
			for (int r = 0; r < R; r++) {
				T most = (T)minus_infinity(), sum = 0;
#pragma unroll
				for (int c = 0; c < SMALL_C; c++) {
					if (c * WARP >= m) break;
					tile.z[r][c] = fused(scale, tile.z[r][c], u[c]);
					most = most < tile.z[r][c] ? tile.z[r][c] : most;
				}
				most = max_warp(most);
				if (most == (T)minus_infinity()) most = 0; // no column has weight
#pragma unroll
				for (int c = 0; c < SMALL_C; c++) {
					if (c * WARP >= m) break;
					tile.z[r][c] = power(tile.z[r][c] - most);
					sum += tile.z[r][c];
				}
				sum = sum_warp(sum);
				const T weight = i + r < n && sum != 0 ? (T)a[i + r] / sum : T(0);
#pragma unroll
				for (int c = 0; c < SMALL_C; c++)
					if (c * WARP < m && weight != 0) sums[c] = fused(weight, tile.z[r][c], sums[c]);
				if (lane_id() == r) {
					top = most;
					total = sum;
				}
			}
			const int64_t row = i + lane_id();
			if (lane_id() < R && row < n) {
				const double l = total == 0 ? minus_infinity() : (double)top / unit_of<T> + log((double)total);
				lse[row] = l;
				if (test && a[row] > 0) error += a[row] * fabs(expm1(f[row] / eps + l));
			}
		}
		// The warps' sums of columns, those of two at a time.
#pragma unroll
		for (int c = 0; c < SMALL_C; c++)
			if (c * WARP < m && warp_id() >= SMALL_WARPS / 2) parts[(warp_id() - SMALL_WARPS / 2) * COLS + c * WARP + lane_id()] = sums[c];
		__syncthreads();
#pragma unroll
		for (int c = 0; c < SMALL_C; c++)
			if (c * WARP < m && warp_id() < SMALL_WARPS / 2) parts[warp_id() * COLS + c * WARP + lane_id()] += sums[c];
		error = sum_block(error); // and a barrier
		if (test && self == 0) trace[(k - 1) % loop.places] = error;
		ended = k >= loop.limit || (test && error <= loop.tol);
		if (ended) break;
		for (int64_t i = self; i < n; i += ROW_THREADS) f[i] = -eps * lse[i];
		const bool falling = k < loop.steps - 1, measured = falling || loop.columns;
		bool redo = false;
		error = 0;
		if (self < m && logb[self] != minus_infinity()) {
			double c = 0;
			for (int w = 0; w < SMALL_WARPS / 2; w++) c += (double)parts[w * COLS + self];
			if (measured) error = fabs(c - exp(logb[self]));
			redo = !(c >= least<T>);
			if (!redo) g[self] += eps * (logb[self] - log(c));
		}
		again[self] = redo;
		if (__syncthreads_or(redo)) { // columns near underflow, a warp each
			for (int j = warp_id(); j < m; j += SMALL_WARPS) {
				if (!again[j]) continue;
				Online<double> s;
				s.clear();
				for (int64_t i = lane_id(); i < n; i += WARP) {
					double sum = 0;
					for (int l = 0; l < d; l++) sum += (double)x[i * d + l] * (double)ys[l * pitch + j];
					s.add(2 / eps * sum + (f[i] / eps + loga[i]), i);
				}
				s.merge_lanes<WARP>([](double) {});
				if (lane_id() == 0) g[j] = -eps * s.lse();
			}
		}
		error = sum_block(error); // and a barrier
		if (measured && self == 0) trace[k % loop.places] = error;
		k++;
		ended = loop.columns && (k >= loop.limit || (!falling && error <= loop.tol));
	}
	if (self < m) out[self] = g[self];
	if (self == 0) {
		state[0] = (int32_t)k;
		state[1] = ended;
	}
}

KERNEL(sinkhorn_small_f64, sinkhorn_small_params, ROW_THREADS) { sinkhorn_small<double, true>(p); }
KERNEL(sinkhorn_small_f32, sinkhorn_small_params, ROW_THREADS) { sinkhorn_small<float, true>(p); }
KERNEL(sinkhorn_small_odd_f64, sinkhorn_small_params, ROW_THREADS) { sinkhorn_small<double, false>(p); }
KERNEL(sinkhorn_small_odd_f32, sinkhorn_small_params, ROW_THREADS) { sinkhorn_small<float, false>(p); }
