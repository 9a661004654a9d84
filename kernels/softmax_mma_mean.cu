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
	int last;     // tile, exclusive
	// Where the arrays of the block's problem begin: the compiler would keep in registers what few tiles need.
	uint64_t keys, odd, ratio, values, vodd, vshift;
	uint64_t numbers[MEAN_BIASES]; // biases, factors, squares

	// uneven_keys and uneven_values say whether some from key on have a ratio, or a shift.
	DEV bool uneven_keys(int key) const { return global<const uint32_t>(odd)[key / SPLIT_ROWS] != 0; }
	DEV bool uneven_values(int key) const { return global<const uint32_t>(vodd)[key / SPLIT_ROWS] != 0; }
};
static_assert(sizeof(MeanRow) == MEAN_ROW && sizeof(MeanBlock) <= MEAN_BLOCK, "mean_shared has room for them");

// MeanRows has, for each of a lane's rows, the reference, its share of the sum and the second moment, and the sums of
// weights times values in the places of mma's accumulators.
template <int WM, int WN, int VC, bool TILT, bool SECOND> struct MeanRows {
	static constexpr uint32_t ALL = (1u << 2 * WM) - 1;
	const MeanRow *rows; // the lane's first
	float ref[WM][2], sum[WM][2], second[SECOND ? WM : 1][2], out[WM][4 * VC][4];
	uint32_t set; // rows that have a reference: those of the others is 0. Lanes of a row agree

	DEV MeanRows(const MeanRow *rows) : rows(rows + (lane_id() >> 2)) {}
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

	// weigh turns the products with the keys from key on into weights, and takes in their sums. bias is the shared biases,
	// factors and squares of the values, KEYS of each; shift says by how much each value is too large, or is none.
	template <int KEYS> DEV void weigh(const softmax_mma_params &p, float (&x)[WM][WN][4], const float *bias, int key, Global<const float> shift) {
		const int first = 2 * (lane_id() & 3);
		KeyBias<WN> u;
		u.load(bias);
		if (shift)
#pragma unroll
			for (int j = 0; j < WN; j++)
#pragma unroll
				for (int e = 0; e < 2; e++) u.u[j][e] += own_shift(shift, j * 8 + first + e);
		float scale[WM][2], tilt[WM][2], most = -INFINITY;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				scale[i][h] = rows[i * 16 + h * 8].scale;
				if constexpr (TILT) tilt[i][h] = rows[i * 16 + h * 8].tilt;
			}
#pragma unroll
		for (int j = 0; j < WN; j++) {
			float2 w;
			if constexpr (TILT) w = *reinterpret_cast<const float2 *>(bias + KEYS + j * 8 + first);
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int h = 0; h < 2; h++) {
					float b0 = u.u[j][0] - ref[i][h], b1 = u.u[j][1] - ref[i][h], &z0 = x[i][j][2 * h], &z1 = x[i][j][2 * h + 1];
					if constexpr (TILT) b0 = fmaf(tilt[i][h], w.x, b0), b1 = fmaf(tilt[i][h], w.y, b1);
					z0 = fmaf(scale[i][h], z0, b0), z1 = fmaf(scale[i][h], z1, b1);
					most = fmaxf(most, fmaxf(z0, z1));
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
	}
};

// scan_means: chunks = DC, and panels of DC chunks of the values' columns. Four warps of 32 queries, or eight of 16, half of
// each in registers. A tile of keys comes while the last one's values are in use, and its values while its logits are made.
template <int DC, bool TILT, bool SECOND> DEV void scan_means(const softmax_mma_params &p) {
	constexpr int KEYS = DC == 4 ? MEAN_KEYS / 2 : MEAN_KEYS, ROWS = MMA_TILE, WM = DC == 4 ? 1 : 2, WN = KEYS / 8, T = ROWS / (16 * WM) * WARP, VC = DC;
	constexpr int KEY_BYTES = KEYS * ROW_BYTES * DC, QUERIES = 2 * KEY_BYTES + MEAN_BIASES * KEYS * 4;
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x, warp = warp_id();
	const Lane lane(lane_id());
	Block at = Block::of<KEYS>(p);
	const int panel = at.b % (int)p.panels;
	at.b /= (int)p.panels;
	constexpr int64_t stride = DC * SPLIT_CHUNK; // of keys and of values
	const uint8_t *const k = shared, *const v = shared + KEY_BYTES;
	const float *const bias = reinterpret_cast<const float *>(shared + 2 * KEY_BYTES);
	MeanRow *const of_rows = reinterpret_cast<MeanRow *>(shared + QUERIES + DC * ROWS * ROW_BYTES);
	MeanBlock *const block = reinterpret_cast<MeanBlock *>(of_rows + ROWS);

	uint8_t *const q = shared + QUERIES + warp * WM * BLOCK16;
	Global<const uint8_t> from = global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows + at.row0) * stride;
	for (int c = 0; c < DC; c++) copy_rows<T, ROWS>(shared + QUERIES + c * ROWS * ROW_BYTES, from + c * SPLIT_CHUNK, stride, thread);
	copy_commit();
	copy_wait<0>();
	if (thread == 0) {
		const int64_t number = problem(at.b, p.bproblems, 2 * p.cols), value = problem(at.b, p.vproblems, p.cols), mark = p.cols / SPLIT_ROWS;
		MeanBlock to;
		to.b = at.b, to.panel = panel, to.last = at.last;
		to.keys = p.keys + problem(at.b, p.kproblems, p.cols * stride);
		to.odd = p.odd + 4 * problem(at.b, p.kproblems, mark);
		to.ratio = p.ratio + 4 * problem(at.b, p.kproblems, p.cols);
		to.values = p.values + (problem(at.b, p.vproblems, p.panels) + panel) * p.cols * stride;
		to.vodd = p.vodd + 4 * problem(at.b, p.vproblems, mark);
		to.vshift = p.vshift + 4 * value;
		to.numbers[0] = p.bias + 4 * number, to.numbers[1] = p.bias + 4 * (number + p.cols), to.numbers[2] = p.squares + 4 * value;
		*block = to;
	}
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
	__syncthreads();
	bool odd = false; // whether there are keys or values of other powers of two
	for (int tile = at.first + thread; tile < at.last; tile += T) odd |= block->uneven_keys(tile * KEYS) || block->uneven_values(tile * KEYS);
	odd = __syncthreads_or(odd);
	uint32_t high[2 * DC][WM][4];
#pragma unroll
	for (int t = 0; t < 2 * DC; t++)
#pragma unroll
		for (int i = 0; i < WM; i++) ldmatrix4(high[t][i], q + t / 2 * ROWS * ROW_BYTES + i * BLOCK16 + lane.rows_at(t % 2 * 2));

	// copy starts the copy of a tile, one of whose rows a thread begins with.
	auto copy = [&](uint8_t *to, Global<const uint8_t> cloud, int tile) {
		const uint32_t row = threadIdx.x / 8, unit = threadIdx.x % 8;
		cloud = opaque(cloud + ((uint64_t)(tile * KEYS + row) * stride + unit * 16)); // or all addresses would be made by themselves
		to += row * ROW_BYTES + ((unit ^ (row & 7)) << 4);
#pragma unroll
		for (int c = 0; c < DC; c++)
#pragma unroll
			for (int i = 0; i < KEYS; i += T / 8) copy_async16(to + (c * KEYS + i) * ROW_BYTES, cloud + (i * stride + c * SPLIT_CHUNK));
	};
	auto load_keys = [&](int tile) {
		copy(shared, global<const uint8_t>(block->keys), tile);
		const uint32_t unit = threadIdx.x, array = unit / (KEYS / 4);
		if (array < (SECOND ? 3 : TILT ? 2 : 1))
			copy_async16(shared + 2 * KEY_BYTES + unit * 16, global<const float>(block->numbers[array]) + ((uint32_t)tile * KEYS + unit % (KEYS / 4) * 4));
		copy_commit();
	};
	load_keys(at.first);
	MeanRows<WM, WN, VC, TILT, SECOND> rows(of_rows + warp * WM * 16);
	for (int tile = at.first, part = at.part; tile < block->last; part++) {
		rows.start();
		const int end = min(block->last, (part + 1) * ((int)p.part_keys / KEYS));
		for (; tile < end; tile++) {
			copy_wait<0>();
			__syncthreads(); // the keys are there, and the last values have been read
			copy(shared + KEY_BYTES, global<const uint8_t>(block->values), tile);
			copy_commit();
			float acc[WM][WN][4];
			Global<const float> shift = nullptr;
			multiply_high<(DC < 2 ? DC : 2)>(acc, high, q, ROWS * ROW_BYTES, k, KEYS * ROW_BYTES, lane);
			if (odd) {
				if (block->uneven_keys(tile * KEYS)) correct(acc, global<const float>(block->ratio) + tile * KEYS);
				if (block->uneven_values(tile * KEYS)) shift = global<const float>(block->vshift) + tile * KEYS;
			}
			rows.template weigh<KEYS>(p, acc, bias, tile * KEYS, shift);
			SplitWeights<WN / 2, WM> weights;
			weights.split(acc);
			copy_wait<0>();
			__syncthreads(); // the values are there, and the keys have been read
			if (tile + 1 < block->last) load_keys(tile + 1);
			weights.multiply(rows.out, v, KEYS * ROW_BYTES, lane);
		}
		rows.store(p, *block, part);
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
