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

// tile_bias returns what a thread copies of the biases, and after them the factors, of a tile of KEYS keys: four numbers.
// copies_bias says whether it does.
template <int KEYS> DEV Global<const float> tile_bias(const softmax_mma_params &p, int b, int tile, int thread) {
	return global<const float>(p.bias) + problem(b, p.bproblems, 2 * p.cols) + tile * KEYS + (thread < KEYS / 4 ? thread * 4 : p.cols + (thread - KEYS / 4) * 4);
}
template <int KEYS, bool TILT> DEV bool copies_bias(int thread) { return thread < (TILT ? KEYS / 2 : KEYS / 4); }

// What a thread keeps of the copies below is opaque: or the compiler would keep all that follows from it, and registers are
// short.

// KeyTiles copies tiles of KEYS keys of DC chunks to stages of shared memory, and after each its biases and, with TILT,
// factors.
template <int T, int KEYS, int DC, bool TILT> struct KeyTiles {
	static constexpr int STRIDE = DC * SPLIT_CHUNK, BIAS = KEYS * ROW_BYTES * DC, STAGE = BIAS + 2 * KEYS * 4;
	Global<const uint8_t> keys;
	Global<const float> biases;
	int to;
	DEV KeyTiles(const softmax_mma_params &p, int b) {
		const TileCopy<T, KEYS, DC> copy(threadIdx.x);
		keys = opaque(split_keys(p, b) + copy.from(0, STRIDE));
		biases = opaque(tile_bias<KEYS>(p, b, 0, threadIdx.x));
		to = opaque(copy.to());
	}
	// start starts the copy of a tile.
	DEV void start(uint8_t *stage, int tile) const {
		TileCopy<T, KEYS, DC>::start(stage + to, opaque(keys + (int64_t)tile * (KEYS * STRIDE)), STRIDE);
		if (copies_bias<KEYS, TILT>(threadIdx.x)) copy_async16(stage + BIAS + threadIdx.x * 16, biases + (int64_t)tile * KEYS);
	}
};

// ChunkTiles copies the queries of a block, and after them a tile of as many keys, to stages of shared memory: chunk after
// chunk, and tile after tile.
template <int T, bool TILT> struct ChunkTiles {
	static constexpr int KEYS = MMA_TILE, KEY_BYTES = KEYS * ROW_BYTES, STAGE = 2 * KEY_BYTES, BIAS = 2 * KEYS * 4;
	Global<const uint8_t> queries, keys;
	int to, tile, chunk = 0; // the next
	DEV ChunkTiles(const softmax_mma_params &p, const Block &at) : tile(at.first) {
		const TileCopy<T, KEYS, 1> copy(threadIdx.x);
		const int64_t stride = p.chunks * SPLIT_CHUNK;
		queries = opaque(global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows * stride + copy.from(at.row0, stride)));
		keys = opaque(split_keys(p, at.b) + copy.from(tile * KEYS, stride));
		to = opaque(copy.to());
	}
	// start starts the copy of the next chunk, and with a tile's first of its biases, to one of two places.
	DEV void start(const softmax_mma_params &p, int b, uint8_t *stage, uint8_t *biases) {
		const int64_t stride = p.chunks * SPLIT_CHUNK;
		TileCopy<T, KEYS, 1>::start(stage + to, queries, stride);
		TileCopy<T, KEYS, 1>::start(stage + KEY_BYTES + to, keys, stride);
		if (chunk == 0 && copies_bias<KEYS, TILT>(threadIdx.x))
			copy_async16(biases + (tile & 1) * BIAS + threadIdx.x * 16, tile_bias<KEYS>(p, b, tile, threadIdx.x));
		queries += SPLIT_CHUNK, keys += SPLIT_CHUNK;
		if (++chunk == (int)p.chunks) chunk = 0, tile++, queries -= stride, keys += (KEYS - 1) * stride;
	}
};

// first_odd returns where the marks of problem b begin: one for SPLIT_ROWS keys. odd_keys says whether some of the keys from
// key on have a ratio.
DEV int64_t first_odd(const softmax_mma_params &p, int b) { return problem(b, p.kproblems, p.cols / SPLIT_ROWS); }
DEV bool odd_keys(const softmax_mma_params &p, int b, int key) { return global<const uint32_t>(p.odd)[first_odd(p, b) + key / SPLIT_ROWS] != 0; }
// ratios returns the ratios of keys from key on.
DEV Global<const float> ratios(const softmax_mma_params &p, int b, int key) { return global<const float>(p.ratio) + problem(b, p.kproblems, p.cols) + key; }
// part_end returns the tile after the last of a part, and ends_part says whether a tile is the last.
template <int KEYS> DEV int part_end(const softmax_mma_params &p, const Block &at, int part) { return min(at.last, (part + 1) * ((int)p.part_keys / KEYS)); }
template <int KEYS> DEV bool ends_part(const softmax_mma_params &p, const Block &at, int tile, int part) { return tile + 1 == part_end<KEYS>(p, at, part); }

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
	constexpr int T = MMA_THREADS, KEYS = MMA_KEYS, WM = 2, WN = DC == 1 ? 8 : 4;
	using Tiles = KeyTiles<T, KEYS, DC, TILT>;
	static_assert(MMA_THREADS / WARP * WM * 16 == MMA_TILE, "the warps have all rows");
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x, warp = warp_id();
	const Lane lane(lane_id());
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	constexpr int64_t stride = DC * SPLIT_CHUNK;
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
	static_assert(KEYS == SPLIT_ROWS, "a tile has one mark of uneven keys");
	const Tiles tiles(p, at.b);
	const int odd = opaque((int)first_odd(p, at.b));
	auto load = [&](int tile) {
		if (tile < at.last) tiles.start(shared + (tile & (MMA_STAGES - 1)) * Tiles::STAGE, tile);
		copy_commit(); // an empty group keeps the count
	};
	for (int i = 0; i < MMA_STAGES - 1; i++) load(at.first + i);
	Rows<WM, WN, TILT> rows(p, at, warp * WM * 16);
	const Lane of_keys = lane.beyond(0, 0);
	for (int tile = at.first, part = at.part; tile < at.last; part++) {
		const int end = part_end<KEYS>(p, at, part);
		for (; tile < end; tile = opaque(tile + 1)) { // as in KeyTiles
			const bool uneven = global<const uint32_t>(p.odd)[odd + tile] != 0;
			copy_wait<MMA_STAGES - 2>();
			__syncthreads(); // the tile is there, and the last one has been read
			load(tile + MMA_STAGES - 1);
			const int stage = (tile & (MMA_STAGES - 1)) * Tiles::STAGE;
			const Lane on = of_keys.beyond(0, stage);
#pragma unroll
			for (int j = 0; j < KEYS; j += 8 * WN) { // as many at a time as registers hold
				float acc[WM][WN][4];
				multiply(acc, q, shared + j * ROW_BYTES, KEYS * ROW_BYTES, on);
				if (uneven) correct(acc, ratios(p, at.b, tile * KEYS + j));
				const float *bias = reinterpret_cast<const float *>(shared + stage + Tiles::BIAS) + j;
				KeyBias<WN> u;
				u.load(bias);
				rows.add(p, acc, u, bias + KEYS, tile * KEYS + j);
			}
		}
		rows.store(p, part);
	}
}

// scan_streaming: any number of chunks. Eight warps, 4 x MMA_ANY_WARPS, of 32 queries by 64 keys; both clouds come through
// shared memory chunk by chunk.
template <template <int, int, bool> class Rows, int NP, bool TILT> DEV void scan_streaming(const softmax_mma_params &p) {
	constexpr int T = MMA_ANY_THREADS, KEYS = MMA_TILE, NW = MMA_ANY_WARPS, MW = T / WARP / NW, WM = MMA_TILE / 16 / MW, SETS = 2, WN = KEYS / 8 / NW / SETS;
	using Tiles = ChunkTiles<T, TILT>;
	DYNAMIC_SHARED(uint8_t, shared);
	const int wm = warp_id() % MW, wn = warp_id() / MW;
	const Lane lane = Lane(lane_id()).beyond(wm * WM * BLOCK16, wn * SETS * WN * BLOCK8); // in a stage
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	Tiles tiles(p, at);
	uint8_t *const biases = shared + MMA_STAGES * Tiles::STAGE; // of two tiles
	const int chunks = (int)p.chunks;
	auto load = [&](int step) {
		if (tiles.tile < at.last) tiles.start(p, at.b, shared + (step & (MMA_STAGES - 1)) * Tiles::STAGE, biases);
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
			const int stage = (step & (MMA_STAGES - 1)) * Tiles::STAGE;
			multiply_streaming<NP>(acc, shared, shared + Tiles::KEY_BYTES, lane.beyond(stage, stage));
		}
#pragma unroll
		for (int set = 0; set < SETS; set++) {
			const int first = (wn * SETS + set) * WN * 8;
			const float *bias = reinterpret_cast<const float *>(biases + (tile & 1) * Tiles::BIAS) + first;
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
	// skips finds the first keys, from from on and span of them, of tiles of KEYS keys of which one of the lane's WM 2 rows
	// leaves out a key.
	template <int WM, int KEYS> DEV void skips(const softmax_mma_params &p, uint32_t &from, uint32_t &span) const {
		int low = INT32_MAX, high = -1;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const uint32_t skip = skipped(p, i, h, 0);
				if (skip <= INT32_MAX) low = min(low, (int)skip), high = max(high, (int)skip);
			}
		from = (uint32_t)low - (KEYS - 1);
		span = high < 0 ? 0 : (uint32_t)(high - low + KEYS);
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
