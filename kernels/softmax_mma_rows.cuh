// softmax_mma_rows.cuh: what a lane makes of tiles of products, wherever they come from: sums of exponentials, and maxima.
//
// Everything is in base 2: factors carry log2 e. No maximum is taken on the way to a sum: a lane keeps its own reference and
// moves it only when a tile's sum, tested once, passes LIMIT or is not a number. That is four instructions a pair: z by one
// fused product and sum, z - ref, the exponential, the sum.
#pragma once
#include "softmax_mma.cuh"

constexpr float LIMIT = 65536;

// SumRows has, for each of a lane's rows, the sum of 2^(z - ref) over its keys; ref is NaN before the first z above -inf.
template <int WM, int WN, bool TILT> struct SumRows {
	RowFactors row;
	float scale[WM][2], tilt[TILT ? WM : 1][2];
	float ref[WM][2], sum[WM][2];
	uint32_t skip_first, skip_span; // tiles of which a row leaves out a key begin with one of skip_span keys from here on

	DEV SumRows(const softmax_mma_params &p, const Block &at, int row0) : row(at, row0), skip_first(0), skip_span(0) {
		if (p.skip) row.template skips<WM, WN * 8>(p, skip_first, skip_span);
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				scale[i][h] = row.scale(p, i, h);
				if constexpr (TILT) tilt[i][h] = row.tilt(p, i, h);
			}
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
		float t[WM][2], odd[WM][2]; // sums of every other key
#pragma unroll
		for (int j = 0; j < WN; j++) {
			float2 wj;
			if constexpr (TILT) wj = *reinterpret_cast<const float2 *>(w + j * 8 + 2 * (lane_id() & 3));
#pragma unroll
			for (int i = 0; i < WM; i++)
#pragma unroll
				for (int h = 0; h < 2; h++) {
					float b0 = u.u[j][0], b1 = u.u[j][1], &z0 = acc[i][j][2 * h], &z1 = acc[i][j][2 * h + 1];
					if constexpr (TILT) b0 = fmaf(tilt[i][h], wj.x, b0), b1 = fmaf(tilt[i][h], wj.y, b1);
					z0 = fmaf(scale[i][h], z0, b0), z1 = fmaf(scale[i][h], z1, b1);
					const float e0 = ex2_approx(z0 - ref[i][h]), e1 = ex2_approx(z1 - ref[i][h]);
					t[i][h] = j ? t[i][h] + e0 : e0, odd[i][h] = j ? odd[i][h] + e1 : e1;
				}
		}
		float all; // not above LIMIT, or NaN, where one is
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) t[i][h] += odd[i][h], all = i + h ? all + t[i][h] : t[i][h];
		if (!(all <= LIMIT) || (uint32_t)key - skip_first < skip_span) { // one way around all that changes logits: registers keep their places
#pragma unroll
			for (int i = 0; i < WM; i++) check<0>(p, i, acc[i], key, t[i][0]), check<1>(p, i, acc[i], key, t[i][1]);
		}
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) sum[i][h] += t[i][h];
	}

	// check renews the reference of a row that needs it, and its sum t.
	template <int H> DEV void check(const softmax_mma_params &p, int i, float (&acc)[WN][4], int key, float &t) {
		const uint32_t skip = p.skip ? row.skipped(p, i, H, key) : ~0u;
		if (!(t <= LIMIT) || skip < WN * 8) t = renew<H>(i, acc, skip);
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
