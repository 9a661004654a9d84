// softmax_mma.cu: log-sum-exp of float32 with products by the tensor cores; params.h lists the launches.
//
// Everything is in base 2: factors carry log2 e. No maximum is taken on the way: a lane keeps its own reference and moves it
// only when a tile's sum, tested once, passes LIMIT or is not a number. That is four instructions a pair: z by one fused
// product and sum, z - ref, the exponential, the sum.
//
// Sources: Dao, Fu, Ermon, Rudra, Re, FlashAttention, arXiv 2205.14135; Ootomo, Yokota, Recovering single precision accuracy
// from Tensor Cores, arXiv 2203.03341, for the split products and the cut-off sums.
#include "softmax_mma.cuh"

constexpr float LIMIT = 65536;

// SumRows has, for each of a lane's rows, the sum of 2^(z - ref) over its keys; ref is NaN before the first z above -inf.
template <int WM, int WN, bool TILT> struct SumRows {
	RowFactors row;
	float scale[TILT ? 1 : WM][2]; // with tilt registers are short
	float ref[WM][2], sum[WM][2];

	DEV SumRows(const softmax_mma_params &p, const Block &at, int row0) : row(at, row0) {
#pragma unroll
		for (int i = 0; i < (TILT ? 0 : WM); i++)
#pragma unroll
			for (int h = 0; h < 2; h++) scale[i][h] = row.scale(p, i, h);
		start();
	}
	DEV void start() {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) ref[i][h] = NAN, sum[i][h] = 0;
	}

	// add takes a tile of products in; w is the shared factors of its keys, key the index of the first.
	DEV void add(const softmax_mma_params &p, float (&acc)[WM][WN][4], const KeyBias<WN> &u, const float *w, int key) {
		const bool skips = p.skip != 0;
#pragma unroll
		for (int i = 0; i < WM; i++) {
			fold<0>(p, i, acc[i], u, w + 2 * (lane_id() & 3), key, skips);
			fold<1>(p, i, acc[i], u, w + 2 * (lane_id() & 3), key, skips);
		}
	}

	// fold turns products into z, and takes those of one row in.
	template <int H> DEV void fold(const softmax_mma_params &p, int i, float (&acc)[WN][4], const KeyBias<WN> &u, const float *w, int key, bool skips) {
		const float s = TILT ? row.scale(p, i, H) : scale[TILT ? 0 : i][H], c = TILT ? row.tilt(p, i, H) : 0;
		float t0 = 0, t1 = 0;
#pragma unroll
		for (int j = 0; j < WN; j++) {
			float &z0 = acc[j][2 * H], &z1 = acc[j][2 * H + 1];
			z0 = fmaf(s, z0, TILT ? fmaf(c, w[j * 8], u.u[j][0]) : u.u[j][0]);
			z1 = fmaf(s, z1, TILT ? fmaf(c, w[j * 8 + 1], u.u[j][1]) : u.u[j][1]);
			t0 += ex2_approx(z0 - ref[i][H]), t1 += ex2_approx(z1 - ref[i][H]);
		}
		float t = t0 + t1;
		const uint32_t skip = skips ? row.skipped(p, i, H, key) : ~0u;
		if (!(t <= LIMIT) || skip < WN * 8) t = renew<H>(i, acc, skip);
		sum[i][H] += t;
	}

	// renew moves the reference to the largest z so far and returns the tile's sum under it. It handles what is rare:
	// infinities, NaN, a key that is skipped.
	template <int H> DEV float renew(int i, float (&acc)[WN][4], uint32_t skip) {
		const uint32_t first = 2 * (lane_id() & 3);
		float most = ref[i][H];
#pragma unroll
		for (int j = 0; j < WN; j++)
#pragma unroll
			for (int e = 0; e < 2; e++) {
				float &z = acc[j][2 * H + e];
				if (j * 8 + first + e == skip) z = -INFINITY;
				most = fmaxf(most, z);
			}
		float one = 0; // what z = most counts
		if (most > -INFINITY) {
			if (ref[i][H] < most) sum[i][H] *= ex2_approx(ref[i][H] - most);
			ref[i][H] = most;
			one = 1;
		}
		float t = 0;
#pragma unroll
		for (int j = 0; j < WN; j++)
#pragma unroll
			for (int e = 0; e < 2; e++) {
				const float z = acc[j][2 * H + e];
				t += z == most ? one : ex2_approx(z - most);
			}
		return t;
	}

	// store writes the state of a part.
	DEV void store(const softmax_mma_params &p, int slot) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) row.store(p, i, h, slot, isnan(ref[i][h]) ? -INFINITY : ref[i][h], sum[i][h]);
		start();
	}
};

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
};

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
	for (int o = WARP / 2; o > 0; o /= 2) {
		const double m = __shfl_xor_sync(ALL_LANES, x.most, o), s = __shfl_xor_sync(ALL_LANES, x.sum, o);
		x.add(m, s);
	}
	if (lane_id() != 0) return;
	global<float>(p.lse)[out] = (float)(isnan(x.sum) ? not_a_number() : isinf(x.most) ? x.most : x.most + log(x.sum));
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
