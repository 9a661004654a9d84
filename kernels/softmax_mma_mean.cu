// softmax_mma_mean.cu: log-sum-exp, mean and second moment of float32 in one pass, with both products by the tensor
// cores; params.h lists the launches.
#include "softmax_mma_mean.cuh"

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
	if (thread == 0) *block = MeanBlock::of(p, at, panel, stride);
	if (thread < ROWS) of_rows[thread] = MeanRow::of(p, at.b, at.row0 + thread);
	__syncthreads();
	bool odd = false; // whether there are keys or values of other powers of two
	for (int tile = at.first + thread; tile < at.last; tile += T) odd |= block->uneven_keys(tile * KEYS) || block->uneven_values(tile * KEYS);
	odd = __syncthreads_or(odd);
	uint32_t high[2 * DC][WM][4];
#pragma unroll
	for (int t = 0; t < 2 * DC; t++)
#pragma unroll
		for (int i = 0; i < WM; i++) ldmatrix4(high[t][i], q + t / 2 * ROWS * ROW_BYTES + i * BLOCK16 + lane.rows_at(t % 2 * 2));

	auto load_keys = [&](int tile) {
		copy_tile<T, KEYS, DC>(shared, global<const uint8_t>(block->keys), tile);
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
			copy_tile<T, KEYS, DC>(shared + KEY_BYTES, global<const uint8_t>(block->values), tile);
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
