// softmax_mma_max.cu: the largest z_ij and its first j, with products by the tensor cores; params.h lists the launches.
#include "softmax_mma.cuh"

// MaxRows has, for each of a lane's rows, the largest z and its first key; a NaN stays.
template <int WM, int WN, bool TILT> struct MaxRows {
	RowFactors row;
	float most[WM][2];
	int arg[WM][2];

	DEV MaxRows(const softmax_mma_params &p, const Block &at, int row0) : row(at, row0) { start(); }
	DEV void start() {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) most[i][h] = -INFINITY, arg[i][h] = -1;
	}

	DEV void add(const softmax_mma_params &p, float (&acc)[WM][WN][4], const KeyBias<WN> &u, const float *w, int key) {
		const int first = 2 * (lane_id() & 3);
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const float s = row.scale(p, i, h), c = TILT ? row.tilt(p, i, h) : 0;
				const uint32_t skip = p.skip ? row.skipped(p, i, h, key) : ~0u;
#pragma unroll
				for (int j = 0; j < WN; j++)
#pragma unroll
					for (int e = 0; e < 2; e++) {
						float z = u.u[j][e];
						if constexpr (TILT) z = fmaf(c, w[j * 8 + first + e], z);
						z = fmaf(s, acc[i][j][2 * h + e], z);
						if (!(z <= most[i][h]) && (uint32_t)(j * 8 + first + e) != skip && !isnan(most[i][h])) {
							most[i][h] = z;
							arg[i][h] = key + j * 8 + first + e;
						}
					}
			}
	}

	DEV void store(const softmax_mma_params &p, int slot) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) row.store(p, i, h, slot, most[i][h], __int_as_float(arg[i][h]));
		start();
	}
};

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
