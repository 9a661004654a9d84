// split.cu: float32 clouds split into fp16 for the tensor cores: x 2^shift = hi + lo, to 2^-22 of itself or 2^-37 of
// the largest number under the same shift.
//
// Keys have one shift a problem. A key so small that it would lose bits has its own, and its ratio says by how much its
// products are too large. A query has its own, so that its bits depend on no other row. Values have a shift a column and,
// where a row is small, its own on top.
#include "mma.cuh"

constexpr int SHIFT_TOP = 12;   // the largest number lies below 2^12: sums of products stay far below the largest fp16 product
constexpr int SHIFT_SMALL = 10; // keys smaller than the largest by 2^10 have their own shift
constexpr int SHIFT_MOST = 100; // and differ from the others' by this at most

// row_extent returns the largest |x| of a row, infinity where one is not finite; every lane has it. A whole warp calls it.
DEV float row_extent(Global<const float> x, int64_t d) {
	float most = 0;
	for (int64_t l = lane_id(); l < d; l += WARP) {
		const float a = fabsf(x[l]);
		most = a <= most ? most : a < INFINITY ? a : INFINITY;
	}
	for (int o = WARP / 2; o > 0; o /= 2) most = fmaxf(most, __shfl_xor_sync(ALL_LANES, most, o));
	return most;
}

// split_row writes a row, or zeros where it is not finite or past the end (x = 0). A whole warp calls it.
DEV void split_row(const split_params &p, Global<uint32_t> out, Global<const float> x, int shift) {
	const double by = ldexp(1.0, shift);
	for (int64_t l = 2 * lane_id(); l < p.chunks * (p.products == 3 ? 32 : 64); l += 2 * WARP) {
		const float a = x && l < p.d ? (float)(x[l] * by) : 0, b = x && l + 1 < p.d ? (float)(x[l + 1] * by) : 0;
		const uint32_t hi = pack_half2(a, b);
		if (p.products != 3) {
			out[l / 2] = hi;
			continue;
		}
		float ha, hb;
		unpack_half2(hi, ha, hb);
		Global<uint32_t> at = out + l / 32 * (SPLIT_CHUNK / 4) + l % 32 / 2;
		at[0] = hi;
		at[SPLIT_CHUNK / 8] = pack_half2(a - ha, b - hb);
	}
}

KERNEL(split_extent_f32, split_params, SPLIT_THREADS) {
	SHARED(float, most, SPLIT_THREADS / WARP);
	SHARED(uint32_t, count, SPLIT_THREADS / WARP);
	const int64_t blocks = ceil_div(p.n, SPLIT_ROWS), b = block_id() / blocks;
	float m = 0;
	uint32_t bad = 0;
	for (int64_t r = warp_id(); r < SPLIT_ROWS; r += SPLIT_THREADS / WARP) {
		const int64_t i = block_id() % blocks * SPLIT_ROWS + r;
		if (i >= p.n) break; // a whole warp
		const float e = row_extent(global<const float>(p.x) + b * p.xstride + i * p.d, p.d);
		if (e < INFINITY) m = fmaxf(m, e);
		else bad++;
	}
	if (lane_id() == 0) most[warp_id()] = m, count[warp_id()] = bad;
	__syncthreads();
	if (threadIdx.x != 0) return;
	for (int w = 1; w < SPLIT_THREADS / WARP; w++) m = fmaxf(m, most[w]), bad += count[w];
	Global<uint32_t> extent = global<uint32_t>(p.extent) + 2 * b;
	atomicMax(&extent[0], __float_as_uint(m)); // in the order of the numbers, which are not negative
	if (bad) atomicAdd(&extent[1], bad);
}

KERNEL(split_keys_f32, split_params, SPLIT_THREADS) {
	const int64_t blocks = p.rows / SPLIT_ROWS, b = block_id() / blocks;
	const int largest = exponent_of(__uint_as_float(global<const uint32_t>(p.extent)[2 * b]));
	int odd = 0;
	for (int64_t r = warp_id(); r < SPLIT_ROWS; r += SPLIT_THREADS / WARP) {
		const int64_t i = block_id() % blocks * SPLIT_ROWS + r, at = b * p.rows + i;
		Global<const float> x = i < p.n ? global<const float>(p.x) + b * p.xstride + i * p.d : nullptr;
		const float e = x ? row_extent(x, p.d) : 0;
		const int below = e > 0 && e < INFINITY ? min(largest - exponent_of(e), SHIFT_MOST) : 0;
		const int own = below > SHIFT_SMALL ? below : 0;
		const float ratio = e < INFINITY ? (float)ldexp(1.0, -own) : 0;
		split_row(p, global<uint32_t>(p.cloud) + at * p.chunks * (SPLIT_CHUNK / 4), e < INFINITY ? x : nullptr, SHIFT_TOP - largest + own);
		if (lane_id() == 0) global<float>(p.ratio)[at] = ratio;
		odd |= ratio != 1;
	}
	odd = __syncthreads_or(odd);
	if (threadIdx.x == 0) global<uint32_t>(p.odd)[block_id()] = odd;
}

KERNEL(split_queries_f32, split_params, SPLIT_THREADS) {
	const int64_t blocks = p.rows / SPLIT_ROWS, b = block_id() / blocks;
	const int keys = exponent_of(__uint_as_float(global<const uint32_t>(p.extent)[b * p.estride]));
	for (int64_t r = warp_id(); r < SPLIT_ROWS; r += SPLIT_THREADS / WARP) {
		const int64_t i = block_id() % blocks * SPLIT_ROWS + r, at = b * p.rows + i;
		Global<const float> x = i < p.n ? global<const float>(p.x) + b * p.xstride + i * p.d : nullptr;
		const float e = x ? row_extent(x, p.d) : 0;
		const int own = e < INFINITY ? exponent_of(e) : 0;
		split_row(p, global<uint32_t>(p.cloud) + at * p.chunks * (SPLIT_CHUNK / 4), e < INFINITY ? x : nullptr, SHIFT_TOP - own);
		if (lane_id() != 0) continue;
		const double s = !x ? 0 : p.s ? (double)global<const float>(p.s)[b * p.sstride + i] : p.base;
		global<float>(p.scale)[at] = e < INFINITY ? (float)(s * p.factor * ldexp(1.0, own + keys - 2 * SHIFT_TOP)) : NAN;
	}
}

KERNEL(split_bias_f32, bias_params, ELEMENT_THREADS) {
	Global<const float> x = global<const float>(p.x), ratio = global<const float>(p.ratio);
	for (int64_t at = first_item(); at < p.problems * p.rows; at += item_step()) {
		const int64_t b = at / p.rows, i = at % p.rows;
		double v = x && i < p.n ? p.factor * x[b * p.xstride + i] : 0;
		if (i >= p.n || (ratio && ratio[b * p.rstride + i] == 0)) v = p.beyond;
		global<float>(p.out)[b * p.stride + i] = (float)v;
	}
}

KERNEL(split_columns_f32, values_params, SPLIT_THREADS) {
	const int64_t blocks = ceil_div(p.n, SPLIT_ROWS), b = block_id() / blocks, first = block_id() % blocks * SPLIT_ROWS;
	const int count = (int)(p.n - first < SPLIT_ROWS ? p.n - first : (int64_t)SPLIT_ROWS);
	Global<const float> x = global<const float>(p.x) + b * p.xstride + first * p.d;
	Global<uint32_t> extent = global<uint32_t>(p.extent) + b * (p.chunks * 32 + 1);
	for (int64_t l = threadIdx.x; l < p.d; l += SPLIT_THREADS) {
		float most = 0;
		for (int i = 0; i < count; i++) {
			const float a = fabsf(x[i * p.d + l]);
			if (a < INFINITY) most = fmaxf(most, a);
		}
		if (most > 0) atomicMax(&extent[l], __float_as_uint(most)); // in the order of the numbers
	}
}

KERNEL(split_values_f32, values_params, SPLIT_THREADS) {
	const int64_t blocks = p.rows / SPLIT_ROWS, b = block_id() / blocks;
	Global<uint32_t> extent = global<uint32_t>(p.extent) + b * (p.chunks * 32 + 1);
	int odd = 0;
	uint32_t bad = 0;
	for (int64_t r = warp_id(); r < SPLIT_ROWS; r += SPLIT_THREADS / WARP) {
		const int64_t i = block_id() % blocks * SPLIT_ROWS + r, at = b * p.rows + i;
		Global<const float> x = i < p.n ? global<const float>(p.x) + b * p.xstride + i * p.d : nullptr;
		int most = INT32_MIN; // the exponent of the largest number, each in units of its column
		bool lost = false;
		double square = 0;
		for (int64_t l = lane_id(); x && l < p.d; l += WARP) {
			const float a = x[l];
			lost |= !(fabsf(a) < INFINITY);
			if (a != 0) most = max(most, exponent_of(a) - column_exponent(extent[l]));
			square += (double)a * (double)a;
		}
		for (int o = WARP / 2; o > 0; o /= 2) most = max(most, __shfl_xor_sync(ALL_LANES, most, o));
		square = sum_lanes(square);
		lost = __any_sync(ALL_LANES, lost);
		const int own = lost || most == INT32_MIN || most >= -SHIFT_SMALL ? 0 : min(-most, VALUE_MOST);
		for (int64_t l = 2 * lane_id(); l < p.chunks * 32; l += 2 * WARP) {
			const int64_t chunk = l / 32, panel = b * (p.chunks / p.across) + chunk / p.across;
			Global<uint32_t> to = global<uint32_t>(p.cloud) + ((panel * p.rows + i) * p.across + chunk % p.across) * (SPLIT_CHUNK / 4) + l % 32 / 2;
			float v[2], h[2];
			for (int e = 0; e < 2; e++)
				v[e] = x && !lost && l + e < p.d ? (float)((double)x[l + e] * ldexp(1.0, VALUE_TOP + own - column_exponent(extent[l + e]))) : 0;
			const uint32_t hi = pack_half2(v[0], v[1]);
			unpack_half2(hi, h[0], h[1]);
			to[0] = hi;
			to[SPLIT_CHUNK / 8] = pack_half2(v[0] - h[0], v[1] - h[1]);
		}
		odd |= own != 0 || lost;
		bad += lost;
		if (lane_id() != 0) continue;
		global<float>(p.shift)[at] = lost ? 1.f : -(float)own;
		global<float>(p.squares)[at] = lost ? 0 : (float)square;
	}
	if (lane_id() == 0 && bad) atomicAdd(&extent[p.chunks * 32], bad);
	odd = __syncthreads_or(odd);
	if (threadIdx.x == 0) global<uint32_t>(p.odd)[block_id()] = odd;
}
