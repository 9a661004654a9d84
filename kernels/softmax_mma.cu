// softmax_mma.cu: log-sum-exp of float32 with products by the tensor cores; params.h lists the launches.
//
// Sources: Dao, Fu, Ermon, Rudra, Re, FlashAttention, arXiv 2205.14135; Ootomo, Yokota, Recovering single precision accuracy
// from Tensor Cores, arXiv 2203.03341, for the split products and the cut-off sums.
#include "softmax_mma_rows.cuh"

// softmax_states: a warp a row. States of parts in their order; then what the tensor cores passed over: keys that are not
// finite, or all keys where the query is not.
KERNEL(softmax_states_f32, softmax_mma_params, WARP_THREADS) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.batch * p.n || ended(p, item / p.n)) return; // a whole warp
	const int64_t b = item / p.n, i = item % p.n, out = b * p.total + i;
	Global<const float> part = global<const float>(p.part) + item * p.slots * 2;
	const bool query = isfinite(global<const float>(p.scale)[b * p.rows + i]);
	Exact x = {minus_infinity(), 0};
	if (query)
		for (int64_t s = lane_id(); s < p.slots; s += WARP) x.add(part[2 * s] * 0.6931471805599453, part[2 * s + 1]);
	each_odd_key(p, b, i, query, [&](double z, int64_t) { x.add_one(z); });
	x.merge_lanes();
	if (lane_id() == 0) global<float>(p.lse)[out] = (float)x.lse();
}

KERNEL(softmax_mma_x3_d32_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 3, 1, false>(p); }
KERNEL(softmax_mma_x3_d32_tilt_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 3, 1, true>(p); }
KERNEL(softmax_mma_x3_d64_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 3, 2, false>(p); }
KERNEL(softmax_mma_x3_d64_tilt_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 3, 2, true>(p); }
KERNEL(softmax_mma_x3_any_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<SumRows, 3, false>(p); }
KERNEL(softmax_mma_x3_any_tilt_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<SumRows, 3, true>(p); }
KERNEL(softmax_mma_x1_d32_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 1, 1, false>(p); }
KERNEL(softmax_mma_x1_d32_tilt_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 1, 1, true>(p); }
KERNEL(softmax_mma_x1_d64_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 1, 2, false>(p); }
KERNEL(softmax_mma_x1_d64_tilt_f32, softmax_mma_params, MMA_THREADS) { scan_resident<SumRows, 1, 2, true>(p); }
KERNEL(softmax_mma_x1_any_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<SumRows, 1, false>(p); }
KERNEL(softmax_mma_x1_any_tilt_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<SumRows, 1, true>(p); }
