// softmax_wgmma_mean.cu: what softmax_mma_mean.cu does, by the warpgroups of compute capability 9.0;
// params.h lists the launches. It is compiled for sm_90a alone.
//
// A warpgroup has 64 queries and all keys of a tile. Logits are products from shared memory; weights are the left factor of
// the second product from the registers that the logits were in, and values its right factor from shared memory.
#include "softmax_mma_mean.cuh"
#include "wgmma.cuh"

template <int DC> constexpr int PAIR = DC < 2 ? DC : 2; // chunks of values beside each other

// copy_values starts the copy of a tile of split values: of two chunks all hi of a row, then in a tile of their own all lo, so
// that a row is as wide as the pattern of the swizzle.
template <int DC> DEV void copy_values(uint8_t *to, Global<const uint8_t> cloud, int tile) {
	constexpr int UNITS = 4 * PAIR<DC>, ROWS = WGMMA_THREADS / UNITS, WIDTH = 16 * UNITS; // units of 16 bytes a row, rows at a time
	static_assert(MEAN_KEYS % ROWS == 0 && ROWS % 8 == 0, "every thread copies as much, and patterns are whole");
	constexpr int64_t stride = DC * SPLIT_CHUNK;
	const uint32_t row = threadIdx.x / UNITS, unit = threadIdx.x % UNITS, at = row * WIDTH + unit * 16;
	cloud = opaque(cloud + ((uint64_t)(tile * MEAN_KEYS + row) * stride + unit / 4 * SPLIT_CHUNK + unit % 4 * 16));
	to += at ^ (at >> 3 & (WIDTH - 16));
#pragma unroll
	for (int half = 0; half < 2 * DC / PAIR<DC>; half++)
#pragma unroll
		for (int i = 0; i < MEAN_KEYS; i += ROWS)
			copy_async16(to + (half * MEAN_KEYS + i) * WIDTH, cloud + (i * stride + half / 2 * (PAIR<DC> * SPLIT_CHUNK) + half % 2 * (SPLIT_CHUNK / 2)));
}

// multiply_group sets acc to the products of a warpgroup's 64 queries with 64 keys over DC chunks. What the tensor cores have
// summed over two is added up rounded.
template <int DC> DEV void multiply_group(float (&acc)[32], uint64_t q, uint64_t k) {
	start_group<3, PAIR<DC>>(acc, q, k);
	if constexpr (DC <= 2) {
		wait_group<0>(acc);
	} else {
		static_assert(DC == 4, "two runs");
		float rest[32];
		start_group<3, 2>(rest, q + 2 * NEXT_CHUNK<MMA_TILE>, k + 2 * NEXT_CHUNK<64>);
		wait_group<1>(acc);
		wait_group<0>(rest);
#pragma unroll
		for (int v = 0; v < 32; v++) acc[v] += rest[v];
	}
}

// scan_group_means: chunks = DC, and panels of DC chunks of the values' columns. A tile is used while the next one comes.
template <int DC, bool TILT, bool SECOND> DEV void scan_group_means(const softmax_mma_params &p) {
	constexpr int T = WGMMA_THREADS, KEYS = MEAN_KEYS, WN = KEYS / 8, VC = DC, ROWS = MMA_TILE;
	constexpr int KEY_BYTES = DC * KEYS * ROW_BYTES, STAGE = 2 * KEY_BYTES, BIAS = MEAN_BIASES * KEYS * 4, QUERIES = DC * ROWS * ROW_BYTES;
	static_assert(T / 128 * GROUP_ROWS == ROWS, "the warpgroups have all rows");
	DYNAMIC_SHARED(uint8_t, shared);
	const int thread = threadIdx.x;
	Block at = Block::of<KEYS>(p);
	const int panel = at.b % (int)p.panels;
	at.b /= (int)p.panels;
	constexpr int64_t stride = DC * SPLIT_CHUNK; // of keys and of values
	uint8_t *const stages = shared + QUERIES;
	float *const biases = reinterpret_cast<float *>(stages + WGMMA_STAGES * STAGE);
	MeanRow *const of_rows = reinterpret_cast<MeanRow *>(stages + WGMMA_STAGES * (STAGE + BIAS));
	MeanBlock *const block = reinterpret_cast<MeanBlock *>(of_rows + ROWS);

	Global<const uint8_t> from = global<const uint8_t>(p.queries) + ((int64_t)at.b * p.rows + at.row0) * stride;
	for (int c = 0; c < DC; c++) copy_rows<T, ROWS>(shared + c * ROWS * ROW_BYTES, from + c * SPLIT_CHUNK, stride, thread); // of the first tile's group
	if (thread == 0) *block = MeanBlock::of(p, at, panel, stride);
	if (thread < ROWS) of_rows[thread] = MeanRow::of(p, at.b, at.row0 + thread);
	__syncthreads();
	bool odd = false; // whether there are keys or values of other powers of two
	for (int tile = at.first + thread; tile < at.last; tile += T) odd |= block->uneven_keys(tile * KEYS) || block->uneven_values(tile * KEYS);
	odd = __syncthreads_or(odd);

	auto load = [&](int tile) {
		if (tile < block->last) {
			const int stage = tile % WGMMA_STAGES;
			uint8_t *to = stages + stage * STAGE;
			copy_tile<T, KEYS, DC>(to, global<const uint8_t>(block->keys), tile);
			copy_values<DC>(to + KEY_BYTES, global<const uint8_t>(block->values), tile);
			const uint32_t unit = threadIdx.x, array = unit / (KEYS / 4);
			if (array < (SECOND ? 3 : TILT ? 2 : 1))
				copy_async16(biases + stage * (BIAS / 4) + unit * 4, global<const float>(block->numbers[array]) + ((uint32_t)tile * KEYS + unit % (KEYS / 4) * 4));
		}
		copy_commit(); // an empty group keeps the count
	};
	static_assert(WGMMA_STAGES == 2, "one tile is under way");
	load(at.first);
	const uint64_t q = wgmma_descriptor(shared + warpgroup_id() * (GROUP_ROWS * ROW_BYTES));
	MeanRows<1, WN, VC, TILT, SECOND> rows(of_rows + warp_id() * 16);
	for (int tile = at.first, part = at.part; tile < block->last; part++) {
		rows.start();
		const int end = min(block->last, (part + 1) * ((int)p.part_keys / KEYS));
		for (; tile < end; tile++) {
			copy_wait<0>();
			proxy_fence();
			__syncthreads(); // the tile is there, and the last one has been read
			load(tile + 1);
			const uint8_t *k = stages + tile % WGMMA_STAGES * STAGE, *v = k + KEY_BYTES;
			float logits[4 * WN];
			multiply_group<DC>(logits, q, wgmma_descriptor(k));
			float(&x)[1][WN][4] = *reinterpret_cast<float(*)[1][WN][4]>(logits);
			Global<const float> shift = nullptr;
			if (odd) {
				if (block->uneven_keys(tile * KEYS)) correct(x, global<const float>(block->ratio) + tile * KEYS);
				if (block->uneven_values(tile * KEYS)) shift = global<const float>(block->vshift) + tile * KEYS;
			}
			rows.template weigh<KEYS>(p, x, biases + tile % WGMMA_STAGES * (BIAS / 4), tile * KEYS, shift);
			SplitWeights<WN / 2, 1> weights;
			weights.split(x);
			constexpr int PANEL = PAIR<VC>, HALF = PANEL * KEYS * ROW_BYTES / 2;
			auto start = [&](float (&sum)[16 * PANEL], const uint8_t *v) {
				start_values<PANEL>(sum, weights, values_descriptor<PANEL>(v), values_descriptor<PANEL>(v + HALF));
			};
			auto add = [&](int chunk, const float (&sum)[16 * PANEL]) {
#pragma unroll
				for (int i = 0; i < 16 * PANEL; i++) rows.out[0][4 * chunk + i / 4][i % 4] += sum[i];
			};
			float sum[16 * PANEL];
			start(sum, v);
			if constexpr (VC == PANEL) {
				wait_group<0>(sum);
				add(0, sum);
			} else {
				static_assert(VC == 2 * PANEL, "two products");
				float next[16 * PANEL];
				start(next, v + 2 * HALF);
				wait_group<1>(sum);
				add(0, sum);
				wait_group<0>(next);
				add(PANEL, next);
			}
		}
		rows.store(p, *block, part);
	}
}

#define GROUP_MEAN_KERNELS(D)                                                                                                                      \
	KERNEL_BLOCKS(softmax_wgmma_mean_d##D##_f32, softmax_mma_params, WGMMA_THREADS, D == 128 ? 1 : 2) { scan_group_means<D / 32, false, false>(p); }      \
	KERNEL_BLOCKS(softmax_wgmma_mean_d##D##_tilt_f32, softmax_mma_params, WGMMA_THREADS, D == 128 ? 1 : 2) { scan_group_means<D / 32, true, false>(p); }  \
	KERNEL_BLOCKS(softmax_wgmma_mean_d##D##_second_f32, softmax_mma_params, WGMMA_THREADS, D == 128 ? 1 : 2) { scan_group_means<D / 32, true, true>(p); }
GROUP_MEAN_KERNELS(32)
GROUP_MEAN_KERNELS(64)
GROUP_MEAN_KERNELS(128)
