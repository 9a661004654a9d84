// softmax_wgmma.cuh: the way of softmax_mma.cuh through the keys with the products of wgmma.cuh: two warpgroups of 64 queries
// and tiles of 128 keys. A warp has all keys of a tile, so that a part leaves four states a row.
//
// The factors come by cp.async: clouds are not swizzled in device memory, as bulk copies would need them.
#pragma once
#include "softmax_mma.cuh"
#include "wgmma.cuh"

// WGMMA_SET is how many groups of 8 keys of a tile go to Rows at once: with tilt registers are short.
template <bool TILT> constexpr int WGMMA_SET = TILT ? 4 : 8;

// fold_tile hands the products of a tile to Rows; bias is the tile's in shared memory.
template <bool TILT, class Rows> DEV void fold_tile(const softmax_mma_params &p, const Block &at, Rows &rows, float (&products)[64], const float *bias, int tile) {
	constexpr int WN = WGMMA_SET<TILT>;
#pragma unroll
	for (int first = 0; first < MMA_TILE; first += 8 * WN) {
		const int key = tile * MMA_TILE + first;
		float(&acc)[1][WN][4] = *reinterpret_cast<float(*)[1][WN][4]>(products + first / 2);
		if (odd_keys(p, at.b, key)) correct(acc, ratios(p, at.b, key));
		KeyBias<WN> u;
		u.load(bias + first);
		rows.add(p, acc, u, bias + MMA_TILE + first, key);
	}
}

// scan_group_resident: chunks = DC. The queries stay in shared memory.
template <template <int, int, bool> class Rows, int NP, int DC, bool TILT> DEV void scan_group_resident(const softmax_mma_params &p) {
	constexpr int T = WGMMA_THREADS, KEYS = MMA_TILE;
	using Tiles = KeyTiles<T, KEYS, DC, TILT>;
	static_assert(T / 128 * GROUP_ROWS == MMA_TILE, "the warpgroups have all rows");
	DYNAMIC_SHARED(uint8_t, shared);
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	const Tiles tiles(p, at.b);
	const TileCopy<T, MMA_TILE, DC> queries(threadIdx.x);
	queries.start(shared + queries.to(), global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows * Tiles::STRIDE + queries.from(at.row0, Tiles::STRIDE)),
	              Tiles::STRIDE); // of the first tile's group
	uint8_t *const stages = shared + MMA_TILE * ROW_BYTES * DC;
	auto load = [&](int tile) {
		if (tile < at.last) tiles.start(stages + (tile & (WGMMA_STAGES - 1)) * Tiles::STAGE, tile);
		copy_commit(); // an empty group keeps the count
	};
	static_assert((WGMMA_STAGES & (WGMMA_STAGES - 1)) == 0, "a tile's stage is its last bits");
	for (int i = 0; i < WGMMA_STAGES - 1; i++) load(at.first + i);
	const uint64_t q = wgmma_descriptor(shared + warpgroup_id() * (GROUP_ROWS * ROW_BYTES));
	Rows<1, WGMMA_SET<TILT>, TILT> rows(p, at, warp_id() * 16);
	for (int tile = at.first, part = at.part; tile < at.last; tile++) {
		copy_wait<WGMMA_STAGES - 2>();
		proxy_fence();
		__syncthreads(); // the tile is there, and the last one has been read
		load(tile + WGMMA_STAGES - 1);
		const uint8_t *k = stages + (tile & (WGMMA_STAGES - 1)) * Tiles::STAGE;
		float acc[64];
		start_group<NP, DC>(acc, q, wgmma_descriptor(k));
		wait_group<0>(acc);
		fold_tile<TILT>(p, at, rows, acc, reinterpret_cast<const float *>(k + Tiles::BIAS), tile);
		if (ends_part<KEYS>(p, at, tile, part)) rows.store(p, part++);
	}
}

// scan_group_streaming: any number of chunks; both clouds come through shared memory chunk by chunk. What the tensor cores
// have summed over a chunk is added up rounded, while they are at the next: of two chunks, since ptxas lets no product run
// from one trip of a loop into another.
template <template <int, int, bool> class Rows, int NP, bool TILT> DEV void scan_group_streaming(const softmax_mma_params &p) {
	constexpr int T = WGMMA_THREADS, KEYS = MMA_TILE;
	using Tiles = ChunkTiles<T, TILT>;
	DYNAMIC_SHARED(uint8_t, shared);
	const Block at = Block::of<KEYS>(p);
	if (ended(p, at.b)) return; // the whole block
	Tiles tiles(p, at);
	uint8_t *const biases = shared + WGMMA_ANY_STAGES * Tiles::STAGE; // of two tiles
	const int chunks = (int)p.chunks;
	auto load = [&](int step) {
		if (tiles.tile < at.last) tiles.start(p, at.b, shared + (step & (WGMMA_ANY_STAGES - 1)) * Tiles::STAGE, biases);
		copy_commit();
	};
	static_assert((WGMMA_ANY_STAGES & (WGMMA_ANY_STAGES - 1)) == 0, "a chunk's stage is its last bits");
	constexpr int AHEAD = WGMMA_ANY_STAGES - 2; // the products before are on their way, and read their stage
	for (int i = 0; i < AHEAD; i++) load(i);
	const int group = warpgroup_id() * (GROUP_ROWS * ROW_BYTES);
	Rows<1, WGMMA_SET<TILT>, TILT> rows(p, at, warp_id() * 16);
	int step = 0; // counts chunks
	auto start = [&](float (&sum)[64]) {
		copy_wait<AHEAD - 1>();
		proxy_fence();
		__syncthreads(); // the chunk is there, and the one before the last has been read
		load(step + AHEAD);
		const uint8_t *s = shared + (step & (WGMMA_ANY_STAGES - 1)) * Tiles::STAGE;
		start_group<NP, 1>(sum, wgmma_descriptor(s + group), wgmma_descriptor(s + Tiles::KEY_BYTES));
		step++;
	};
	for (int tile = at.first, part = at.part; tile < at.last; tile++) {
		float acc[64], even[64], odd[64];
		auto add = [&](const float (&sum)[64]) {
#pragma unroll
			for (int v = 0; v < 64; v++) acc[v] += sum[v];
		};
#pragma unroll
		for (int v = 0; v < 64; v++) acc[v] = 0;
#pragma unroll 1
		for (int c = 1; c < chunks; c += 2) {
			start(even);
			start(odd);
			wait_group<1>(even);
			add(even);
			wait_group<0>(odd);
			add(odd);
		}
		if (chunks & 1) {
			start(even);
			wait_group<0>(even);
			add(even);
		}
		fold_tile<TILT>(p, at, rows, acc, reinterpret_cast<const float *>(biases + (tile & 1) * Tiles::BIAS), tile);
		if (ends_part<KEYS>(p, at, tile, part)) rows.store(p, part++);
	}
}
