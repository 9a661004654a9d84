// softmax_mma_max.cu: the largest z_ij and its first j, with products by the tensor cores; params.h lists the launches.
#include "softmax_mma_rows.cuh"

// softmax_maxima: a warp a row, as softmax_states.
KERNEL(softmax_maxima_f32, softmax_mma_params, WARP_THREADS) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.batch * p.n || ended(p, item / p.n)) return; // a whole warp
	const int64_t b = item / p.n, i = item % p.n, out = b * p.total + i;
	Global<const float> part = global<const float>(p.part) + item * p.slots * 2;
	const bool query = isfinite(global<const float>(p.scale)[b * p.rows + i]);
	double most = minus_infinity();
	int arg = -1;
	bool nan = false;
	auto add = [&](double z, int64_t j) {
		nan |= isnan(z);
		if (z > most || (z == most && (uint32_t)j < (uint32_t)arg)) most = z, arg = (int)j;
	};
	if (query)
		for (int64_t s = lane_id(); s < p.slots; s += WARP) add(part[2 * s], __float_as_int(part[2 * s + 1]));
	each_odd_key(p, b, i, query, [&](double z, int64_t j) { add(z, z == minus_infinity() ? -1 : j); });
	for (int o = WARP / 2; o > 0; o /= 2) {
		const double m = __shfl_xor_sync(ALL_LANES, most, o);
		const int a = __shfl_xor_sync(ALL_LANES, arg, o);
		nan |= __shfl_xor_sync(ALL_LANES, (int)nan, o) != 0;
		add(m, a);
	}
	if (lane_id() != 0) return;
	if (p.max) global<float>(p.max)[out] = (float)(nan ? not_a_number() : most);
	if (p.arg) global<int32_t>(p.arg)[out] = arg;
}

KERNEL(softmax_mma_max_d64_f32, softmax_mma_params, MMA_THREADS) { scan_resident<MaxRows, 3, 2, true>(p); }
KERNEL(softmax_mma_max_any_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<MaxRows, 3, true>(p); }
