// softmax_mma.cuh: a block's way through the keys with products by the tensor cores. Rows is what a lane makes of the
// products of its rows with a tile of keys: softmax_mma_rows.cuh sums exponentials and takes maxima.
//
// Keys come in parts of fixed size. At the end of each, Rows stores a state and starts anew, so that the bits of a row do
// not depend on how many blocks share the parts.
//
// A lane has rows lane / 4 + 8 h of each 16 and keys 2 (lane % 4) + {0, 1} of each 8: those of the accumulators of mma.
#pragma once
#include "mma.cuh"

// Block is a block's place: rows row0 on of problem b, tiles of keys from first up to last. Keys are fewer than 2^31.
struct Block {
	int b, row0, first, last, part;
	template <int KEYS> static DEV Block of(const softmax_mma_params &p) {
		const int64_t down = p.rows / MMA_TILE, g = block_id() / down % p.groups;
		Block at;
		at.b = (int)(block_id() / down / p.groups);
		at.row0 = (int)(block_id() % down * MMA_TILE);
		const int of_part = (int)p.part_keys / KEYS;
		at.part = (int)(p.parts * g / p.groups);
		at.first = at.part * of_part;
		at.last = min((int)(p.parts * (g + 1) / p.groups) * of_part, (int)(p.cols / KEYS));
		return at;
	}
};

// ended says whether nobody wants the results of problem b.
DEV bool ended(const softmax_mma_params &p, int64_t b) { return p.ended && global<const int32_t>(p.ended)[2 * b + 1]; }

// problem returns the number that the arrays of problem b start at; one problem is shared by all.
DEV int64_t problem(int64_t b, int64_t problems, int64_t numbers) { return problems == 1 ? 0 : b * numbers; }

// split_keys returns the split keys of problem b.
DEV Global<const uint8_t> split_keys(const softmax_mma_params &p, int b) {
	return global<const uint8_t>(p.keys) + problem(b, p.kproblems, p.cols * p.chunks * SPLIT_CHUNK);
}

// copy_bias starts the copy of the biases, and with TILT of the factors, of a tile of KEYS keys.
template <int KEYS, bool TILT> DEV void copy_bias(const softmax_mma_params &p, uint8_t *to, int b, int tile, int thread) {
	if (thread >= (TILT ? KEYS / 2 : KEYS / 4)) return;
	Global<const float> bias = global<const float>(p.bias) + problem(b, p.bproblems, 2 * p.cols) + tile * KEYS;
	copy_async16(to + thread * 16, bias + (thread < KEYS / 4 ? thread * 4 : p.cols + (thread - KEYS / 4) * 4));
}

// odd_keys says whether some of the keys from key on have a ratio.
DEV bool odd_keys(const softmax_mma_params &p, int b, int key) {
	return global<const uint32_t>(p.odd)[problem(b, p.kproblems, p.cols / SPLIT_ROWS) + key / SPLIT_ROWS] != 0;
}
// ratios returns the ratios of keys from key on.
DEV Global<const float> ratios(const softmax_mma_params &p, int b, int key) { return global<const float>(p.ratio) + problem(b, p.kproblems, p.cols) + key; }
// ends_part says whether a tile of keys is the last of its part.
template <int KEYS> DEV bool ends_part(const softmax_mma_params &p, const Block &at, int tile, int part) {
	return tile + 1 == (part + 1) * ((int)p.part_keys / KEYS) || tile + 1 == at.last;
}

// KeyBias holds the biases of a lane's keys of a tile.
template <int WN> struct KeyBias {
	float u[WN][2];
	DEV void load(const float *bias) {
		const int first = 2 * (lane_id() & 3);
#pragma unroll
		for (int j = 0; j < WN; j++) {
			const float2 x = *reinterpret_cast<const float2 *>(bias + j * 8 + first);
			u[j][0] = x.x, u[j][1] = x.y;
		}
	}
};

// correct multiplies the products by the ratios of their keys.
template <int WM, int WN> DEV void correct(float (&acc)[WM][WN][4], Global<const float> ratio) {
	const int first = 2 * (lane_id() & 3);
#pragma unroll
	for (int j = 0; j < WN; j++)
#pragma unroll
		for (int e = 0; e < 2; e++) {
			const float r = ratio[j * 8 + first + e];
#pragma unroll
			for (int i = 0; i < WM; i++) acc[i][j][e] *= r, acc[i][j][2 + e] *= r;
		}
}

// scan_resident: chunks = DC. Four warps of 32 queries, in registers, and tiles of MMA_KEYS keys.
template <template <int, int, bool> class Rows, int NP, int DC, bool TILT> DEV void scan_resident(const softmax_mma_params &p) {
	constexpr int T = MMA_THREADS, KEYS = MMA_KEYS, WM = 2, WN = DC == 1 ? 8 : 4, KEY_BYTES = KEYS * ROW_BYTES * DC, STAGE = KEY_BYTES + 2 * KEYS * 4;
	static_assert(MMA_THREADS / WARP * WM * 16 == MMA_TILE, "the warps have all rows");
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x, warp = warp_id();
	const Lane lane(lane_id());
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	constexpr int64_t stride = DC * SPLIT_CHUNK;
	Global<const uint8_t> keys = split_keys(p, at.b);
	Fragments<NP, WM> q[DC][STEPS<NP>];
	Global<const uint8_t> from = global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows + at.row0) * stride;
	for (int c = 0; c < DC; c++) copy_rows<T, MMA_TILE>(shared + c * MMA_TILE * ROW_BYTES, from + c * SPLIT_CHUNK, stride, thread);
	copy_commit();
	copy_wait<0>();
	__syncthreads();
#pragma unroll
	for (int c = 0; c < DC; c++)
#pragma unroll
		for (int t = 0; t < STEPS<NP>; t++) q[c][t].load(shared + c * MMA_TILE * ROW_BYTES + warp * WM * BLOCK16, t, lane);
	__syncthreads();

	static_assert((MMA_STAGES & (MMA_STAGES - 1)) == 0, "a tile's stage is its last bits");
	auto load = [&](int tile) {
		if (tile < at.last) {
			uint8_t *to = shared + tile % MMA_STAGES * STAGE;
#pragma unroll
			for (int c = 0; c < DC; c++) copy_rows<T, KEYS>(to + c * KEYS * ROW_BYTES, keys + tile * (KEYS * stride) + c * SPLIT_CHUNK, stride, thread);
			copy_bias<KEYS, TILT>(p, to + KEY_BYTES, at.b, tile, thread);
		}
		copy_commit(); // an empty group keeps the count
	};
	for (int i = 0; i < MMA_STAGES - 1; i++) load(at.first + i);
	Rows<WM, WN, TILT> rows(p, at, warp * WM * 16);
	for (int tile = at.first, part = at.part; tile < at.last; tile++) {
		const bool uneven = odd_keys(p, at.b, tile * KEYS);
		copy_wait<MMA_STAGES - 2>();
		__syncthreads(); // the tile is there, and the last one has been read
		load(tile + MMA_STAGES - 1);
		const uint8_t *k = shared + tile % MMA_STAGES * STAGE;
#pragma unroll 1
		for (int j = 0; j < KEYS; j += 8 * WN) { // as many at a time as registers hold
			float acc[WM][WN][4];
			multiply(acc, q, k + j * ROW_BYTES, KEYS * ROW_BYTES, lane);
			if (uneven) correct(acc, ratios(p, at.b, tile * KEYS + j));
			const float *bias = reinterpret_cast<const float *>(k + KEY_BYTES) + j;
			KeyBias<WN> u;
			u.load(bias);
			rows.add(p, acc, u, bias + KEYS, tile * KEYS + j);
		}
		if (ends_part<KEYS>(p, at, tile, part)) rows.store(p, part++);
	}
}

// scan_streaming: any number of chunks. Eight warps, 4 x MMA_ANY_WARPS, of 32 queries by 64 keys; both clouds come through
// shared memory chunk by chunk.
template <template <int, int, bool> class Rows, int NP, bool TILT> DEV void scan_streaming(const softmax_mma_params &p) {
	constexpr int T = MMA_ANY_THREADS, KEYS = MMA_TILE, NW = MMA_ANY_WARPS, MW = T / WARP / NW, WM = MMA_TILE / 16 / MW, SETS = 2, WN = KEYS / 8 / NW / SETS;
	constexpr int STAGE = 2 * MMA_TILE * ROW_BYTES, BIAS = 2 * KEYS * 4;
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x, wm = warp_id() % MW, wn = warp_id() / MW;
	const Lane lane(lane_id());
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	const int64_t stride = p.chunks * SPLIT_CHUNK;
	Global<const uint8_t> queries = global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows + at.row0) * stride;
	Global<const uint8_t> keys = split_keys(p, at.b);
	uint8_t *const biases = shared + MMA_STAGES * STAGE; // of two tiles
	const int chunks = (int)p.chunks;
	int next = at.first, next_chunk = 0; // tile and chunk to load
	auto load = [&](int step) {
		if (next < at.last) {
			uint8_t *to = shared + step % MMA_STAGES * STAGE;
			copy_rows<T, MMA_TILE>(to, queries + next_chunk * SPLIT_CHUNK, stride, thread);
			copy_rows<T, KEYS>(to + MMA_TILE * ROW_BYTES, keys + next * (KEYS * stride) + next_chunk * SPLIT_CHUNK, stride, thread);
			if (next_chunk == 0) copy_bias<KEYS, TILT>(p, biases + (next & 1) * BIAS, at.b, next, thread);
			if (++next_chunk == chunks) next_chunk = 0, next++;
		}
		copy_commit();
	};
	for (int i = 0; i < MMA_STAGES - 1; i++) load(i);
	Rows<WM, WN, TILT> rows(p, at, wm * WM * 16);
	int step = 0; // counts chunks
	for (int tile = at.first, part = at.part; tile < at.last; tile++) {
		float acc[SETS][WM][WN][4]; // the keys in sets: registers do not hold all of their biases
#pragma unroll
		for (int set = 0; set < SETS; set++) clear(acc[set]);
		for (int c = 0; c < chunks; c++, step++) {
			copy_wait<MMA_STAGES - 2>();
			__syncthreads(); // the chunk is there, and the last one has been read
			load(step + MMA_STAGES - 1);
			const uint8_t *s = shared + step % MMA_STAGES * STAGE;
			multiply_streaming<NP>(acc, s + wm * WM * BLOCK16, s + MMA_TILE * ROW_BYTES + wn * SETS * WN * BLOCK8, lane);
		}
#pragma unroll
		for (int set = 0; set < SETS; set++) {
			const int first = (wn * SETS + set) * WN * 8;
			const float *bias = reinterpret_cast<const float *>(biases + (tile & 1) * BIAS) + first;
			if (odd_keys(p, at.b, tile * KEYS + first)) correct(acc[set], ratios(p, at.b, tile * KEYS + first));
			KeyBias<WN> u;
			u.load(bias);
			rows.add(p, acc[set], u, bias + KEYS, tile * KEYS + first);
		}
		if (ends_part<KEYS>(p, at, tile, part)) rows.store(p, part++ * NW + wn);
	}
}

// RowFactors reads what z_ij needs of a lane's rows.
struct RowFactors {
	int b, first; // problem, and row of the panel
	DEV RowFactors(const Block &at, int row0) : b(at.b), first(at.row0 + row0 + (lane_id() >> 2)) {}
	// scale returns what the products are multiplied by.
	DEV float scale(const softmax_mma_params &p, int i, int h) const { return global<const float>(p.scale)[(int64_t)b * p.rows + first + i * 16 + h * 8]; }
	// tilt returns c_i, 0 without.
	DEV float tilt(const softmax_mma_params &p, int i, int h) const {
		const int64_t row = first + i * 16 + h * 8;
		return row < p.n && p.c ? global<const float>(p.c)[(int64_t)b * p.total + row] : 0;
	}
	// skipped returns which of a lane's keys, counted from key on, row (i, h) leaves out; a number that none has without.
	DEV uint32_t skipped(const softmax_mma_params &p, int i, int h, int key) const {
		const int64_t row = first + i * 16 + h * 8;
		return row < p.n ? (uint32_t)(global<const int32_t>(p.skip)[(int64_t)b * p.total + row] - key) : ~0u;
	}
	// store writes this lane's state of a slot of row (i, h): four lanes, and so four states, have a row.
	DEV void store(const softmax_mma_params &p, int i, int h, int slot, float x, float y) const {
		const int64_t row = first + i * 16 + h * 8;
		if (row >= p.n) return;
		float2 state;
		state.x = x, state.y = y;
		global<float2>(p.part)[((int64_t)b * p.n + row) * p.slots + slot * 4 + (lane_id() & 3)] = state;
	}
};

// ExactLogits makes the z_ij of a row as the formula reads, in float64.
struct ExactLogits {
	double s, c;
	int64_t skip, d;
	Global<const float> q, k, u, w;
	DEV ExactLogits(const softmax_mma_params &p, int64_t b, int64_t i) : d(p.d) {
		const int64_t row = b * p.total + i;
		s = p.s ? (double)global<const float>(p.s)[row] : p.base;
		c = p.c ? (double)global<const float>(p.c)[row] : 0;
		skip = p.skip ? global<const int32_t>(p.skip)[row] : -1;
		q = global<const float>(p.q) + row * p.d;
		k = global<const float>(p.k) + problem(b, p.kproblems, p.m * p.d);
		u = p.u ? global<const float>(p.u) + problem(b, p.uproblems, p.m) : nullptr;
		w = p.w ? global<const float>(p.w) + problem(b, p.wproblems, p.m) : nullptr;
	}
	// lost says whether every z is NaN. A whole warp calls it.
	DEV bool lost() const {
		bool nan = isnan(s);
		for (int64_t l = lane_id(); l < d; l += WARP) nan |= isnan(q[l]);
		return __any_sync(ALL_LANES, nan);
	}
	DEV double operator()(int64_t j) const {
		double z = 0;
		for (int64_t l = 0; l < d; l++) z += (double)q[l] * (double)k[j * d + l];
		z = s * z + (u ? (double)u[j] : 0);
		if (c != 0) z += c * w[j];
		return j == skip ? minus_infinity() : z;
	}
};

// each_odd_key calls f(z_ij, j) for the keys that the tensor cores passed over, shared out over the lanes of a warp: those
// that are not finite, or all of them where the query is not.
template <class F> DEV void each_odd_key(const softmax_mma_params &p, int64_t b, int64_t i, bool query, F f) {
	if (query && global<const uint32_t>(p.extent)[problem(b, p.kproblems, 2) + 1] == 0) return;
	const ExactLogits z(p, b, i);
	Global<const float> ratio = global<const float>(p.ratio) + problem(b, p.kproblems, p.cols);
	if (z.lost()) {
		if (p.m > 0) f(not_a_number(), (int64_t)0);
		return;
	}
	for (int64_t j = lane_id(); j < p.m; j += WARP)
		if (!query || ratio[j] == 0) f(z(j), j);
}

// Exact is a maximum and a sum in natural units and float64, for the merging.
struct Exact {
	double most, sum;
	DEV void add(double m, double s) {
		const double x = fmax(most, m);
		sum = (most == x ? sum : sum * exp(most - x)) + (m == x ? s : s * exp(m - x));
		most = x;
	}
	// add_one takes one z in.
	DEV void add_one(double z) {
		if (isnan(z)) sum = z;
		else if (z > minus_infinity()) add(z, 1);
	}
	// merge_lanes merges the states of a warp's lanes in a fixed tree; every lane has the result.
	DEV void merge_lanes() {
		for (int o = WARP / 2; o > 0; o /= 2) {
			const double m = __shfl_xor_sync(ALL_LANES, most, o), s = __shfl_xor_sync(ALL_LANES, sum, o);
			add(m, s);
		}
	}
	DEV double lse() const { return isnan(sum) ? not_a_number() : isinf(most) ? most : most + log(sum); }
};
