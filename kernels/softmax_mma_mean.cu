// softmax_mma_mean.cu: log-sum-exp, mean and second moment of float32 in one pass, with both products by the tensor
// cores; params.h lists the launches.
//
// A warp's tile of logits becomes weights where it stands, 2^(z - ref), split into fp16 hi and lo: the accumulators of the
// first product have the places of the left factor of the second. Four lanes share a row and its reference, which is
// moved when a weight would pass 2^TOP, to 2^BELOW below the largest: fp16 keeps a weight to 2^-22 of itself or 2^-36 of
// the row's largest. Values have a scale a column; a small one has its own shift, which its weight gives back.
//
// Values wider than a block's columns come in panels, each with its own logits.
//
// Source: Dao, FlashAttention-2, arXiv 2307.08691, for the second product from registers.
#include "softmax_mma.cuh"

constexpr float TOP = 15, BELOW = 11;

// MeanRow is what a block keeps of a row in shared memory, and MeanBlock of itself: registers are short.
struct alignas(16) MeanRow {
	float scale, tilt;
	int skip, row; // the key that it leaves out; its place in the panel, -1 past the end
};
struct MeanBlock {
	int b, panel; // of columns
};

// MeanRows has, for each of a lane's rows, the reference, its share of the sum and the second moment, and the sums of
// weights times values in the places of mma's accumulators.
template <int WM, int WN, int VC, bool TILT, bool SECOND> struct MeanRows {
	static constexpr uint32_t ALL = (1u << 2 * WM) - 1;
	const MeanRow *rows; // the lane's first
	float ref[WM][2], sum[WM][2], second[SECOND ? WM : 1][2], out[WM][4 * VC][4];
	uint32_t set; // rows that have a reference: those of the others is 0. Lanes of a row agree

	DEV MeanRows(const MeanRow *rows) : rows(rows + (lane_id() >> 2)) { start(); }
	DEV void start() {
		set = 0;
		clear(out);
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				ref[i][h] = sum[i][h] = 0;
				if constexpr (SECOND) second[i][h] = 0;
			}
	}

	// add takes in the products with the keys from key on. bias is the shared biases, factors and squares of the values, KEYS
	// of each; v the values, whose columns' chunks are chunk_bytes apart; shift says by how much each value is too large, or is none.
	template <int KEYS>
	DEV void add(const softmax_mma_params &p, float (&x)[WM][WN][4], const float *bias, int key, const uint8_t *v, int chunk_bytes,
	             Global<const float> shift, const Lane &lane) {
		const int first = 2 * (lane_id() & 3);
		KeyBias<WN> u;
		u.load(bias);
		if (shift)
#pragma unroll
			for (int j = 0; j < WN; j++)
#pragma unroll
				for (int e = 0; e < 2; e++) u.u[j][e] += own_shift(shift, j * 8 + first + e);
		KeyBias<WN> w;
		if constexpr (TILT) w.load(bias + KEYS);
		float most = -INFINITY;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const MeanRow &row = rows[i * 16 + h * 8];
				const float s = row.scale, c = TILT ? row.tilt : 0;
#pragma unroll
				for (int j = 0; j < WN; j++)
#pragma unroll
					for (int e = 0; e < 2; e++) {
						float b = u.u[j][e] - ref[i][h], &z = x[i][j][2 * h + e];
						if constexpr (TILT) b = fmaf(c, w.u[j][e], b);
						z = fmaf(s, z, b);
						most = fmaxf(most, z);
					}
			}
		bool rare = most > TOP || set != ALL;
		if (p.skip) rare |= skips(key);
		if (__any_sync(ALL_LANES, rare)) { // one way around all that changes logits: registers keep their places
			if (p.skip) leave_out(x, key);
			renew(x);
		}
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int j = 0; j < WN; j++)
#pragma unroll
				for (int c = 0; c < 4; c++) x[i][j][c] = ex2_approx(x[i][j][c]);
		if (shift) add_up<true>(x, bias + 2 * KEYS + first, shift + first);
		else add_up<false>(x, bias + 2 * KEYS + first, nullptr);
		SplitWeights<WN / 2, WM> weights;
		weights.split(x);
		weights.multiply(out, v, chunk_bytes, lane);
	}

	// own_shift returns the exponent of value j's factor, 0 for one that is not finite.
	static DEV float own_shift(Global<const float> shift, int j) { return fminf(shift[j], 0); }

	// skips says whether a row leaves out one of the keys from key on.
	DEV bool skips(int key) const {
		bool any = false;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) any |= (uint32_t)(rows[i * 16 + h * 8].skip - key) < WN * 8;
		return any;
	}

	// leave_out removes the keys that rows skip.
	DEV void leave_out(float (&x)[WM][WN][4], int key) const {
		const uint32_t first = 2 * (lane_id() & 3);
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const uint32_t skip = (uint32_t)(rows[i * 16 + h * 8].skip - key);
				if (skip >= WN * 8) continue;
#pragma unroll
				for (int j = 0; j < WN; j++)
#pragma unroll
					for (int e = 0; e < 2; e++)
						if (j * 8 + first + e == skip) x[i][j][2 * h + e] = -INFINITY;
			}
	}

	// renew moves the references of rows that need it. All lanes of the warp call it; what becomes of a row depends on
	// its own numbers alone.
	DEV void renew(float (&x)[WM][WN][4]) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				float most = -INFINITY;
#pragma unroll
				for (int j = 0; j < WN; j++) most = fmaxf(most, fmaxf(x[i][j][2 * h], x[i][j][2 * h + 1]));
				most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 1));
				most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, 2));
				const uint32_t bit = 1u << (2 * i + h);
				if (!(most > (set & bit ? TOP : -INFINITY))) continue;
				const float to = fminf(ref[i][h] + (most - BELOW), 0x1p126f), by = to - ref[i][h], f = set & bit ? ex2_approx(-by) : 0;
				set |= bit;
				ref[i][h] = to;
				sum[i][h] *= f;
				if constexpr (SECOND) second[i][h] *= f;
#pragma unroll
				for (int j = 0; j < 4 * VC; j++) out[i][j][2 * h] *= f, out[i][j][2 * h + 1] *= f;
#pragma unroll
				for (int j = 0; j < WN; j++) x[i][j][2 * h] -= by, x[i][j][2 * h + 1] -= by;
			}
	}

	// add_up adds weights to the sums; those of uneven values lack the values' factors.
	template <bool UNEVEN> DEV void add_up(const float (&x)[WM][WN][4], const float *squares, Global<const float> shift) {
		float t[WM][2] = {};
#pragma unroll
		for (int j = 0; j < WN; j++)
#pragma unroll
			for (int e = 0; e < 2; e++) {
				const float by = UNEVEN ? ex2_approx(-own_shift(shift, j * 8 + e)) : 1, square = SECOND ? squares[j * 8 + e] : 0;
#pragma unroll
				for (int i = 0; i < WM; i++)
#pragma unroll
					for (int h = 0; h < 2; h++) {
						const float weight = UNEVEN ? x[i][j][2 * h + e] * by : x[i][j][2 * h + e];
						t[i][h] += weight;
						if constexpr (SECOND) second[i][h] = fmaf(weight, square, second[i][h]);
					}
			}
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) sum[i][h] += t[i][h];
	}

	// store writes the state of a part, and the sums of a panel of columns.
	DEV void store(const softmax_mma_params &p, const MeanBlock &block, int part) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				float s = sum[i][h], e = SECOND ? second[i][h] : 0;
				s += __shfl_xor_sync(ALL_LANES, s, 1), e += __shfl_xor_sync(ALL_LANES, e, 1);
				s += __shfl_xor_sync(ALL_LANES, s, 2), e += __shfl_xor_sync(ALL_LANES, e, 2);
				const int row = rows[i * 16 + h * 8].row;
				if (row < 0) continue;
				const int64_t slot = (block.b * p.n + row) * p.parts + part;
				if (block.panel == 0 && (lane_id() & 3) == 0) {
					Global<float> state = global<float>(p.part) + slot * MEAN_STATE;
					state[0] = set >> (2 * i + h) & 1 ? ref[i][h] : -INFINITY;
					state[1] = s, state[2] = e;
				}
				Global<float> to = global<float>(p.sums) + (slot * p.vchunks + block.panel * VC) * 32 + 2 * (lane_id() & 3);
#pragma unroll
				for (int j = 0; j < 4 * VC; j++) {
					float2 pair;
					pair.x = out[i][j][2 * h], pair.y = out[i][j][2 * h + 1];
					*reinterpret_cast<Global<float2>>(to + j * 8) = pair;
				}
			}
		start();
	}
};

// odd_values says whether some of the values from key on have a shift.
DEV bool odd_values(const softmax_mma_params &p, int b, int key) {
	return global<const uint32_t>(p.vodd)[problem(b, p.vproblems, p.cols / SPLIT_ROWS) + key / SPLIT_ROWS] != 0;
}

// scan_means: chunks = DC, and panels of DC chunks of the values' columns. Four warps of 32 queries, or eight of 16, half of
// each in registers.
template <int DC, bool TILT, bool SECOND> DEV void scan_means(const softmax_mma_params &p) {
	constexpr int KEYS = MEAN_KEYS, ROWS = MMA_TILE, WM = DC == 4 ? 1 : 2, WN = KEYS / 8, T = ROWS / (16 * WM) * WARP, VC = DC;
	constexpr int STAGES = MEAN_STAGES, KEY_BYTES = KEYS * ROW_BYTES * DC, STAGE = 2 * KEY_BYTES + MEAN_BIASES * KEYS * 4;
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x, warp = warp_id();
	const Lane lane(lane_id());
	Block at = Block::of<KEYS>(p);
	const int panel = at.b % (int)p.panels;
	at.b /= (int)p.panels;
	constexpr int64_t stride = DC * SPLIT_CHUNK; // of keys and of values
	MeanRow *const of_rows = reinterpret_cast<MeanRow *>(shared + STAGES * STAGE + DC * ROWS * ROW_BYTES);
	MeanBlock *const block = reinterpret_cast<MeanBlock *>(of_rows + ROWS);

	uint8_t *const q = shared + STAGES * STAGE + warp * WM * BLOCK16;
	Global<const uint8_t> from = global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows + at.row0) * stride;
	for (int c = 0; c < DC; c++) copy_rows<T, ROWS>(shared + STAGES * STAGE + c * ROWS * ROW_BYTES, from + c * SPLIT_CHUNK, stride, thread);
	copy_commit();
	copy_wait<0>();
	bool odd = false; // whether there are keys or values of other powers of two
	for (int tile = at.first + thread; tile < at.last; tile += T) odd |= odd_keys(p, at.b, tile * KEYS) || odd_values(p, at.b, tile * KEYS);
	if (thread == 0) block->b = at.b, block->panel = panel;
	if (thread < ROWS) {
		const int64_t row = at.row0 + thread, i = at.b * p.total + row;
		const float s = global<const float>(p.scale)[at.b * p.rows + row];
		MeanRow to;
		to.scale = isfinite(s) ? s : 0; // softmax_means does the others
		to.tilt = row < p.n && p.c ? global<const float>(p.c)[i] : 0;
		to.skip = row < p.n && p.skip ? global<const int32_t>(p.skip)[i] : -1;
		to.row = row < p.n ? (int)row : -1;
		of_rows[thread] = to;
	}
	odd = __syncthreads_or(odd);
	uint32_t high[2 * DC][WM][4];
#pragma unroll
	for (int t = 0; t < 2 * DC; t++)
#pragma unroll
		for (int i = 0; i < WM; i++) ldmatrix4(high[t][i], q + t / 2 * ROWS * ROW_BYTES + i * BLOCK16 + lane.rows_at(t % 2 * 2));

	// Where the thread's first unit of keys, of values and of what is one number a key comes from, and where it goes.
	const int64_t unit = (at.first * KEYS + (thread >> 3)) * stride + (thread & 7) * 16;
	Global<const uint8_t> key = split_keys(p, at.b) + unit;
	Global<const uint8_t> value = global<const uint8_t>(p.values) + (problem(at.b, p.vproblems, p.panels) + panel) * p.cols * stride + unit;
	const int beside = thread / (KEYS / 4); // bias, factor, square, or nothing
	Global<const float> number = beside == 2 ? global<const float>(p.squares) + problem(at.b, p.vproblems, p.cols)
	                                         : global<const float>(p.bias) + problem(at.b, p.bproblems, 2 * p.cols) + (beside == 1 ? p.cols : 0);
	number += at.first * KEYS + thread % (KEYS / 4) * 4;
	const bool numbers = beside < (SECOND ? 3 : TILT ? 2 : 1);
	const int place = (thread >> 3) * ROW_BYTES + (((thread & 7) ^ (thread >> 3 & 7)) << 4);
	auto load = [&](int tile) {
		if (tile < at.last) {
			uint8_t *to = shared + tile % STAGES * STAGE;
#pragma unroll
			for (int c = 0; c < DC; c++)
#pragma unroll
				for (int i = 0; i < KEYS; i += T / 8) {
					copy_async16(to + place + (c * KEYS + i) * ROW_BYTES, key + i * stride + c * SPLIT_CHUNK);
					copy_async16(to + place + KEY_BYTES + (c * KEYS + i) * ROW_BYTES, value + i * stride + c * SPLIT_CHUNK);
				}
			if (numbers) copy_async16(to + 2 * KEY_BYTES + thread * 16, number);
			key += KEYS * stride, value += KEYS * stride, number += KEYS;
		}
		copy_commit(); // an empty group keeps the count
	};
	for (int i = 0; i < STAGES - 1; i++) load(at.first + i);
	MeanRows<WM, WN, VC, TILT, SECOND> rows(of_rows + warp * WM * 16);
	for (int tile = at.first, part = at.part; tile < at.last; tile++) {
		copy_wait<STAGES - 2>();
		__syncthreads(); // the tile is there, and the last one has been read
		load(tile + STAGES - 1);
		const uint8_t *k = shared + tile % STAGES * STAGE;
		float acc[WM][WN][4];
		Global<const float> shift = nullptr;
		multiply_high<(DC < 2 ? DC : 2)>(acc, high, q, ROWS * ROW_BYTES, k, KEYS * ROW_BYTES, lane);
		if (odd) {
			const int b = block->b;
			if (odd_keys(p, b, tile * KEYS)) correct(acc, ratios(p, b, tile * KEYS));
			if (odd_values(p, b, tile * KEYS)) shift = global<const float>(p.vshift) + problem(b, p.vproblems, p.cols) + tile * KEYS;
		}
		rows.template add<KEYS>(p, acc, reinterpret_cast<const float *>(k + 2 * KEY_BYTES), tile * KEYS, k + KEY_BYTES, KEYS * ROW_BYTES, shift, lane);
		if (ends_part<KEYS>(p, at, tile, part)) rows.store(p, *block, part++);
	}
}

// softmax_means: a warp a row. States of parts in their order; then what the tensor cores passed over: keys and values that
// are not finite, or all keys where the query is not.
KERNEL(softmax_means_f32, softmax_mma_params, WARP_THREADS) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.batch * p.n) return; // a whole warp
	const int64_t b = item / p.n, i = item % p.n, out = b * p.total + i;
	Global<const float> part = global<const float>(p.part) + item * p.parts * MEAN_STATE;
	const bool query = isfinite(global<const float>(p.scale)[b * p.rows + i]);
	Exact x = {minus_infinity(), 0};
	if (query)
		for (int64_t s = lane_id(); s < p.parts; s += WARP) x.add(part[s * MEAN_STATE] * 0.6931471805599453, part[s * MEAN_STATE + 1]);
	each_odd_key(p, b, i, query, [&](double z, int64_t) { x.add_one(z); });
	x.merge_lanes();
	if (lane_id() == 0 && p.lse) global<float>(p.lse)[out] = (float)x.lse();
	if (!p.mean && !p.second) return;
	const double inverse = x.sum == 0 ? 0 : 1 / x.sum;
	auto of_part = [&](int64_t s) {
		const double ref = part[s * MEAN_STATE] * 0.6931471805599453;
		return !query || ref == minus_infinity() ? 0 : exp(ref - x.most) * inverse;
	};
	const bool lost = isnan(x.sum) || isinf(x.sum) || (isinf(x.most) && x.most > 0);
	Global<const uint32_t> extent = global<const uint32_t>(p.vextent) + problem(b, p.vproblems, p.vchunks * 32 + 1);
	const bool odd = !query || global<const uint32_t>(p.extent)[problem(b, p.kproblems, 2) + 1] != 0 || extent[p.vchunks * 32] != 0;
	const ExactLogits z(p, b, i);
	Global<const float> ratio = global<const float>(p.ratio) + problem(b, p.kproblems, p.cols);
	Global<const float> shift = global<const float>(p.vshift) + problem(b, p.vproblems, p.cols);
	Global<const float> v = global<const float>(p.v) + problem(b, p.vproblems, p.m * p.dv);
	// weight returns that of a key that the tensor cores passed over, or its value; else 0.
	auto weight = [&](int64_t j) {
		const double at = query && ratio[j] != 0 && shift[j] <= 0 ? minus_infinity() : z(j);
		return at == minus_infinity() ? 0 : exp(at - x.most) * inverse;
	};
	if (p.second) {
		double e = 0;
		for (int64_t s = lane_id(); s < p.parts; s += WARP) {
			const double w = of_part(s);
			if (w != 0) e += w * (double)part[s * MEAN_STATE + 2];
		}
		for (int64_t j = lane_id(); odd && !lost && j < p.m; j += WARP) {
			const double w = weight(j);
			for (int64_t c = 0; w != 0 && c < p.dv; c++) e += w * ((double)v[j * p.dv + c] * (double)v[j * p.dv + c]);
		}
		e = sum_lanes(e);
		if (lane_id() == 0) global<float>(p.second)[out] = (float)(lost ? not_a_number() : e);
	}
	if (!p.mean) return;
	Global<const float> sums = global<const float>(p.sums) + item * p.parts * p.vchunks * 32;
	for (int64_t c = lane_id(); c < p.dv; c += WARP) {
		double mean = 0;
		for (int64_t s = 0; s < p.parts; s++) {
			const double w = of_part(s);
			if (w != 0) mean += w * (double)sums[s * p.vchunks * 32 + c];
		}
		mean *= ldexp(1.0, column_exponent(extent[c]) - VALUE_TOP);
		for (int64_t j = 0; odd && !lost && j < p.m; j++) {
			const double w = weight(j);
			if (w != 0) mean += w * (double)v[j * p.dv + c];
		}
		global<float>(p.mean)[out * p.dv + c] = (float)(lost ? not_a_number() : mean);
	}
}

#define MEAN_KERNELS(D)                                                                                                       \
	KERNEL(softmax_mma_mean_d##D##_f32, softmax_mma_params, D == 128 ? 2 * MMA_THREADS : MMA_THREADS) { scan_means<D / 32, false, false>(p); }         \
	KERNEL(softmax_mma_mean_d##D##_tilt_f32, softmax_mma_params, D == 128 ? 2 * MMA_THREADS : MMA_THREADS) { scan_means<D / 32, true, false>(p); }     \
	KERNEL(softmax_mma_mean_d##D##_second_f32, softmax_mma_params, D == 128 ? 2 * MMA_THREADS : MMA_THREADS) { scan_means<D / 32, true, true>(p); }
MEAN_KERNELS(32)
MEAN_KERNELS(64)
MEAN_KERNELS(128)
