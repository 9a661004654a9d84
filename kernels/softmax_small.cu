// softmax_small.cu: the fused softmax in few dimensions: a thread keeps R queries in registers, and the keys lie in
// shared memory, where the eight lanes that share the queries read one key each.
#include "softmax.cuh"

// Small is the layout of D numbers a key, of which the first d are there and the rest are 0.
template <class T, int D> struct Small {
	static constexpr int BYTES = D * sizeof(T), UNITS = BYTES / 16;
	static constexpr int N = BYTES < 16 ? D : Vec<T>::SIZE; // numbers of a load
	static constexpr int PITCH = UNITS == 0 ? D : (UNITS | 1) * Vec<T>::SIZE; // an odd count of Vecs: other banks
	static constexpr int ROWS = sizeof(T) == 8 ? (D <= 8 ? 32 : 16) : D <= 8 ? 64 : 32; // small_rows
	static constexpr int R = ROWS / TILE_DOWN;
	static constexpr int KEYS = BYTES <= 16 ? 256 : BYTES <= 64 ? 128 : 64; // of a stage
	static constexpr int C = TILE_C;

	struct alignas(N * sizeof(T)) Load {
		T at[N];
	};

	// key reads key j of a stage.
	static DEV void key(const T *keys, int j, T (&x)[D]) {
#pragma unroll
		for (int i = 0; i < D; i += N) {
			const Load v = *reinterpret_cast<const Load *>(keys + j * PITCH + i);
#pragma unroll
			for (int e = 0; e < N; e++) x[i + e] = v.at[e];
		}
	}

	// load copies count keys of d numbers from k on.
	static DEV void load(T *keys, Global<const T> k, int64_t d, int count) {
		if (aligned<T, N>(k, d)) copy_rows<KEYS, D, N>(keys, PITCH, k, d, count, (int)d);
		else copy_rows<KEYS, D, 1>(keys, PITCH, k, d, count, (int)d);
	}

	// biases copies count numbers.
	static DEV void biases(T *to, Global<const T> from, int count) {
#pragma unroll
		for (int i = 0; i < KEYS; i += TILE_THREADS) {
			const int j = i + threadIdx.x;
			if (KEYS % TILE_THREADS == 0 || j < KEYS) async_copy<1, T>(to + j, from + j, j < count);
		}
	}
};

// softmax_small goes over a part of the keys with ROWS rows a block, for d <= D, and with MEAN for dv <= D: all of a
// row's outputs in one pass.
template <class T, int D, bool MEAN> DEV void softmax_small(const softmax_params &p) {
	using S = Small<T, D>;
	constexpr int R = S::R, C = S::C, STAGE = (MEAN ? 2 : 1) * S::KEYS * S::PITCH + 2 * S::KEYS;
	SHARED(Vec<T>, shared, 2 * STAGE / Vec<T>::SIZE);
	const Part at = part_of(p, S::ROWS);
	if (ended(p, at.b)) return; // the whole block
	const int64_t first = at.b * p.n + at.i;
	Global<const T> q = global<const T>(p.q), k = global<const T>(p.k) + at.b * p.kstride;
	Global<const T> v = global<const T>(p.v) + at.b * p.vstride;
	Global<const T> us = global<const T>(p.u) + (p.u ? at.b * p.ustride : 0), ws = global<const T>(p.w) + (p.w ? at.b * p.wstride : 0);
	const bool own = MEAN && (p.v != p.k || p.dv != p.d); // values beside the keys
	auto stage = [&](int s) { return shared[0].at + s * STAGE; };
	auto load = [&](int s, int64_t j) {
		T *keys = stage(s), *u = keys + (MEAN ? 2 : 1) * S::KEYS * S::PITCH;
		const int count = tile_part(at.end - j);
		S::load(keys, k + j * p.d, p.d, count);
		if (own) S::load(keys + S::KEYS * S::PITCH, v + j * p.dv, p.dv, count);
		if (p.u) S::biases(u, us + j, count);
		if (p.w) S::biases(u + S::KEYS, ws + j, count);
		async_commit();
	};
	if (at.j < at.end) load(0, at.j);

	T query[R][D], mean[R][MEAN ? D : 1], second[R], factor[R];
	Online<T> state[R];
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		const int64_t row = first + (i < at.rows ? i : 0);
		const T scale = row_scale(p, row, (T)p.scale);
#pragma unroll
		for (int x = 0; x < D; x++) query[r][x] = x < p.d ? scale * q[row * p.d + x] : 0;
#pragma unroll
		for (int x = 0; x < (MEAN ? D : 1); x++) mean[r][x] = 0;
		second[r] = 0;
		factor[r] = row_factor<T>(p, row);
		state[r].clear();
	}
	auto scale_sums = [&](int r, T f) {
		if constexpr (MEAN) {
#pragma unroll
			for (int x = 0; x < D; x++) mean[r][x] *= f;
			second[r] *= f;
		}
	};
	int s = 0;
	for (int64_t j0 = at.j; j0 < at.end; j0 += S::KEYS, s ^= 1) {
		async_wait<0>();
		__syncthreads(); // this stage has come, and the other has been read
		if (j0 + S::KEYS < at.end) load(s ^ 1, j0 + S::KEYS);
		const T *keys = stage(s), *values = own ? keys + S::KEYS * S::PITCH : keys, *u = keys + (MEAN ? 2 : 1) * S::KEYS * S::PITCH;
#pragma unroll 1
		for (int c0 = tile_col(); c0 < S::KEYS && j0 + c0 - tile_col() < at.end; c0 += TILE_COLS) {
			const Mask mask(j0 + c0, at.end);
			T z[R][C];
#pragma unroll
			for (int c = 0; c < C; c++) {
				const int j = c0 + TILE_ACROSS * c;
				T x[D];
				S::key(keys, j, x);
				const T bias = p.u ? u[j] : 0;
				const T w = p.w ? u[S::KEYS + j] : 0;
#pragma unroll
				for (int r = 0; r < R; r++) {
					z[r][c] = factor[r] != 0 ? factor[r] * w + bias : bias;
#pragma unroll
					for (int e = 0; e < D; e++) z[r][c] += query[r][e] * x[e];
				}
			}
#pragma unroll
			for (int r = 0; r < R; r++) {
				const int i = tile_row() + TILE_DOWN * r;
				mask.row(p, first + i, i < at.rows, z[r]);
				state[r].take(z[r], (int32_t)mask.j0, TILE_ACROSS, p.arg != 0, [&](T f) { scale_sums(r, f); });
			}
			if constexpr (MEAN) {
#pragma unroll
				for (int c = 0; c < C; c++) {
					T x[D];
					S::key(values, c0 + TILE_ACROSS * c, x);
#pragma unroll
					for (int r = 0; r < R; r++)
#pragma unroll
						for (int e = 0; e < D; e++) mean[r][e] += z[r][c] * x[e];
					if (!p.second) continue;
					T norm = 0;
#pragma unroll
					for (int e = 0; e < D; e++) norm += x[e] * x[e];
#pragma unroll
					for (int r = 0; r < R; r++) second[r] += z[r][c] * norm;
				}
			}
		}
	}
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		const bool writes = i < at.rows;
		state[r].template merge_lanes<TILE_ACROSS>([&](T f) { scale_sums(r, f); });
		const T inverse = store_part(p, at, i, state[r], writes && tile_col() == 0);
		if constexpr (MEAN) {
			const bool whole = at.stride == 1;
			const int64_t slot = whole ? first + i : at.slot + i * at.stride;
			second[r] = Online<T>::template add_lanes<TILE_ACROSS>(second[r]);
			if (p.second && writes && tile_col() == 0) (whole ? global<T>(p.second) : global<T>(p.seconds))[slot] = inverse * second[r];
#pragma unroll
			for (int x = 0; x < D; x++) {
				mean[r][x] = Online<T>::template add_lanes<TILE_ACROSS>(mean[r][x]);
				if (p.mean && writes && x < p.dv && tile_col() == x % TILE_ACROSS)
					(whole ? global<T>(p.mean) : global<T>(p.means))[slot * p.dv + x] = inverse * mean[r][x];
			}
		}
	}
}

#define SMALL_KERNELS(D)                                                                                                 \
	KERNEL(softmax_d##D##_f64, softmax_params, TILE_THREADS) { softmax_small<double, D, false>(p); }                     \
	KERNEL(softmax_d##D##_f32, softmax_params, TILE_THREADS) { softmax_small<float, D, false>(p); }                      \
	KERNEL(softmax_d##D##_mean_f64, softmax_params, TILE_THREADS) { softmax_small<double, D, true>(p); }                 \
	KERNEL(softmax_d##D##_mean_f32, softmax_params, TILE_THREADS) { softmax_small<float, D, true>(p); }
SMALL_KERNELS(2)
SMALL_KERNELS(4)
SMALL_KERNELS(8)
SMALL_KERNELS(16)
