// softmax_mma_mean.cuh: what a lane makes of tiles of logits where means are wanted, wherever the products come from: weights,
// their sums, and the sums of weights times values.
//
// A warp's tile of logits becomes weights where it stands, 2^(z - ref), split into fp16 hi and lo: the accumulators of the
// first product have the places of the left factor of the second. Four lanes share a row and its reference, which is
// moved when a weight would pass 2^TOP, to 2^BELOW below the largest: fp16 keeps a weight to 2^-22 of itself or 2^-36 of
// the row's largest. Values have a scale a column; a small one has its own shift, which its weight gives back.
//
// Values wider than a block's columns come in panels, each with its own logits.
//
// Source: Dao, FlashAttention-2, arXiv 2307.08691, for the second product from registers.
#pragma once
#include "softmax_mma.cuh"

constexpr float TOP = 15, BELOW = 11;

// MeanRow is what a block keeps of a row in shared memory, and MeanBlock of itself: registers are short.
struct alignas(16) MeanRow {
	float scale, tilt;
	int skip, row; // the key that it leaves out; its place in the panel, -1 past the end

	// of describes row number row of the panel.
	static DEV MeanRow of(const softmax_mma_params &p, int b, int row) {
		const int64_t i = b * p.total + row;
		const float s = global<const float>(p.scale)[b * p.rows + row];
		MeanRow to;
		to.scale = isfinite(s) ? s : 0; // softmax_means does the others
		to.tilt = row < p.n && p.c ? global<const float>(p.c)[i] : 0;
		to.skip = row < p.n && p.skip ? global<const int32_t>(p.skip)[i] : -1;
		to.row = row < p.n ? row : -1;
		return to;
	}
};
struct MeanBlock {
	int b, panel; // of columns
	int last;     // tile, exclusive
	// Where the arrays of the block's problem begin: the compiler would keep in registers what few tiles need.
	uint64_t keys, odd, ratio, values, vodd, vshift;
	uint64_t numbers[MEAN_BIASES]; // biases, factors, squares

	// of describes a block, of whose clouds a row takes stride bytes.
	static DEV MeanBlock of(const softmax_mma_params &p, const Block &at, int panel, int64_t stride) {
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
		return to;
	}

	// uneven_keys and uneven_values say whether some from key on have a ratio, or a shift.
	DEV bool uneven_keys(int key) const { return global<const uint32_t>(odd)[key / SPLIT_ROWS] != 0; }
	DEV bool uneven_values(int key) const { return global<const uint32_t>(vodd)[key / SPLIT_ROWS] != 0; }
};
static_assert(sizeof(MeanRow) == MEAN_ROW && sizeof(MeanBlock) <= MEAN_BLOCK, "mean_shared has room for them");

// copy_tile starts the copy of a tile of KEYS rows of DC chunks.
template <int T, int KEYS, int DC> DEV void copy_tile(uint8_t *to, Global<const uint8_t> cloud, int tile) {
	constexpr int64_t stride = DC * SPLIT_CHUNK;
	const TileCopy<T, KEYS, DC> copy(threadIdx.x);
	copy.start(to + copy.to(), opaque(cloud + copy.from((uint32_t)tile * KEYS, stride)), stride); // or all addresses would be made by themselves
}

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
