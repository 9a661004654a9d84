// softmax_mma_values.cu: means of the softmax from weights in memory, by the tensor cores; params.h lists the launches.
//
// A block has 128 rows, 128 columns of the values and a part of the keys, a warp 32 by 64. Tiles of 32 keys come through shared
// memory: weights as they are, which a warp reads in the places of mma's left factor and splits into fp16 hi and lo, and values
// that split.cu has split. What the tensor cores sum over a tile is added up rounded. Parts are merged in their order.
//
// A weight is at most 1, so that 2^WEIGHT_TOP times it keeps 22 bits, or 2^-40 of the row's largest.
#include "async.cuh"
#include "softmax_mma.cuh"

constexpr int WEIGHT_TOP = 15;
constexpr int WEIGHT_PITCH = VALUES_PITCH / 4; // numbers: reading two a lane, four rows lie in different banks

// copy_weights starts the copy of a tile's weights, N at a time; what lies past the rows or keys becomes 0.
template <int N> DEV void copy_weights(float *to, Global<const float> from, int64_t m, int rows, int keys) {
	constexpr int UNITS = VALUES_KEYS / N;
#pragma unroll
	for (int i = 0; i < MMA_TILE * UNITS / VALUES_THREADS; i++) {
		const int at = threadIdx.x + i * VALUES_THREADS, row = at / UNITS, key = at % UNITS * N;
		const int count = row < rows ? max(0, min(keys - key, N)) : 0;
		async_copy<N, float>(to + row * WEIGHT_PITCH + key, count > 0 ? from + row * m + key : from, count);
	}
}

KERNEL(softmax_mma_values_f32, softmax_values_params, VALUES_THREADS) {
	constexpr int T = VALUES_THREADS, KEYS = VALUES_KEYS, WM = 2, WN = KEYS / 8, CHUNKS = VALUES_CHUNKS, WC = CHUNKS / 2;
	constexpr int CHUNK_BYTES = KEYS * ROW_BYTES, WEIGHT_BYTES = MMA_TILE * VALUES_PITCH, STAGE = WEIGHT_BYTES + CHUNKS * CHUNK_BYTES;
	static_assert(T / WARP / 2 * WM * 16 == MMA_TILE && KEYS == 32 && VALUES_STAGES * STAGE == VALUES_SHARED, "the shape of a block");
	DYNAMIC_SHARED(uint8_t, shared);
	const int wm = warp_id() % 4, wn = warp_id() / 4;
	const Lane lane(lane_id());
	const int64_t panels = p.vchunks / CHUNKS, down = ceil_div(p.n, MMA_TILE);
	const int64_t panel = block_id() % panels, row0 = block_id() / panels % down * MMA_TILE;
	const int64_t b = block_id() / panels / down % p.batch, part = block_id() / panels / down / p.batch, vb = problem(b, p.vproblems, 1);
	const int rows = (int)(p.n - row0 < MMA_TILE ? p.n - row0 : (int64_t)MMA_TILE), begin = (int)(part * p.part_keys / KEYS);
	const int tiles = (int)min(ceil_div(p.m, KEYS), begin + p.part_keys / KEYS);
	constexpr int64_t stride = CHUNKS * SPLIT_CHUNK;
	Global<const float> weights = global<const float>(p.e) + (b * p.n + row0) * p.m;
	Global<const uint8_t> values = global<const uint8_t>(p.values) + (vb * panels + panel) * p.cols * stride;
	Global<const uint32_t> mark = global<const uint32_t>(p.vodd) + vb * (p.cols / SPLIT_ROWS);
	Global<const float> shift = global<const float>(p.vshift) + vb * p.cols;
	const bool vec = aligned(weights, p.m);
	auto load = [&](int tile) {
		if (tile < tiles) {
			uint8_t *to = shared + tile % VALUES_STAGES * STAGE;
			const int64_t key = (int64_t)tile * KEYS;
			const int keys = p.m - key < KEYS ? (int)(p.m - key) : KEYS;
			if (vec) copy_weights<4>(reinterpret_cast<float *>(to), weights + key, p.m, rows, keys);
			else copy_weights<1>(reinterpret_cast<float *>(to), weights + key, p.m, rows, keys);
#pragma unroll
			for (int c = 0; c < CHUNKS; c++)
				copy_rows<T, KEYS>(to + WEIGHT_BYTES + c * CHUNK_BYTES, values + key * stride + c * SPLIT_CHUNK, stride, threadIdx.x);
		}
		copy_commit(); // an empty group keeps the count
	};
	for (int i = 0; i < VALUES_STAGES - 1; i++) load(begin + i);
	bool odd = false; // whether there are values of other powers of two
	for (int i = threadIdx.x; i < p.cols / SPLIT_ROWS; i += T) odd |= mark[i] != 0;
	odd = __syncthreads_or(odd);

	float out[WM][4 * WC][4];
	clear(out);
	const int row = wm * WM * 16 + (lane_id() >> 2), first = 2 * (lane_id() & 3); // the lane's first row and key
	for (int tile = begin; tile < tiles; tile++) {
		copy_wait<VALUES_STAGES - 2>();
		__syncthreads(); // the tile is there, and the last one has been read
		load(tile + VALUES_STAGES - 1);
		const uint8_t *s = shared + tile % VALUES_STAGES * STAGE;
		const float *w = reinterpret_cast<const float *>(s) + row * WEIGHT_PITCH + first;
		float x[WM][WN][4], by[WN][2];
#pragma unroll
		for (int j = 0; j < WN; j++) by[j][0] = by[j][1] = 1 << WEIGHT_TOP;
		if (odd)
#pragma unroll
			for (int j = 0; j < WN; j++)
#pragma unroll
				for (int e = 0; e < 2; e++) by[j][e] = __int_as_float((127 + WEIGHT_TOP + (int)fminf(shift[tile * KEYS + j * 8 + first + e], 0)) << 23); // 2^it
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++)
#pragma unroll
				for (int j = 0; j < WN; j++) {
					const float2 pair = *reinterpret_cast<const float2 *>(w + (i * 16 + h * 8) * WEIGHT_PITCH + j * 8);
					x[i][j][2 * h] = pair.x * by[j][0], x[i][j][2 * h + 1] = pair.y * by[j][1];
				}
		SplitWeights<WN / 2, WM> split;
		split.split(x);
		split.multiply(out, s + WEIGHT_BYTES + wn * WC * CHUNK_BYTES, CHUNK_BYTES, lane);
	}

	Global<float> sums = global<float>(p.sums) + ((part * p.batch + b) * p.n + row0) * p.dv;
#pragma unroll
	for (int i = 0; i < WM; i++)
#pragma unroll
		for (int h = 0; h < 2; h++) {
			const int at = row + i * 16 + h * 8;
			if (at >= rows) continue;
#pragma unroll
			for (int j = 0; j < 4 * WC; j++)
#pragma unroll
				for (int e = 0; e < 2; e++) {
					const int64_t column = (panel * CHUNKS + wn * WC) * 32 + j * 8 + first + e;
					if (column < p.dv) sums[at * p.dv + column] = out[i][j][2 * h + e];
				}
		}
}

KERNEL(softmax_values_merge_f32, softmax_values_params, ELEMENT_THREADS) {
	Global<const float> sums = global<const float>(p.sums); // of one part they are in out's place
	const int64_t numbers = p.batch * p.n * p.dv, parts = ceil_div(p.m, p.part_keys);
	for (int64_t at = first_item(); at < numbers; at += item_step()) {
		const int64_t item = at / p.dv, column = at % p.dv, vb = problem(item / p.n, p.vproblems, 1);
		Global<const uint32_t> extent = global<const uint32_t>(p.vextent) + vb * (p.vchunks * 32 + 1);
		double mean = 0;
		for (int64_t part = 0; part < parts; part++) mean += sums[part * numbers + at];
		mean *= ldexp(1.0, column_exponent(extent[column]) - VALUE_TOP - WEIGHT_TOP);
		if (extent[p.vchunks * 32] != 0) { // values that are not finite, which were taken for 0
			Global<const float> v = global<const float>(p.v) + vb * p.m * p.dv, shift = global<const float>(p.vshift) + vb * p.cols;
			Global<const float> weights = global<const float>(p.e) + item * p.m;
			for (int64_t k = 0; k < p.m; k++)
				if (shift[k] > 0 && weights[k] != 0) mean += (double)weights[k] * (double)v[k * p.dv + column];
		}
		global<float>(p.out)[at] = (float)(mean * global<const double>(p.inverse)[item]);
	}
}
