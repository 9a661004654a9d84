// sinkhorn_mma_rows.cuh: what a lane makes of tiles of products for the panels of sinkhorn_panel.cu, wherever they come from.
#pragma once
#include "online_softmax.cuh"
#include "softmax_mma.cuh"

// PlanRows writes e_ij = 2^(z_ij - reference_i) and has, for each of a lane's rows, the largest z and the sum of e over its
// keys. Columns past the end have a bias of -inf, and e = 0.
template <int WM, int WN, bool TILT> struct PlanRows {
	RowFactors row;
	float most[WM][2], sum[WM][2];

	DEV PlanRows(const softmax_mma_params &, const Block &at, int row0) : row(at, row0) { start(); }
	DEV void start() {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) most[i][h] = -INFINITY, sum[i][h] = 0;
	}

	// reference_of returns what the exponents of row (i, h) are relative to; NaN where the row is not there or not to be done.
	DEV float reference_of(const softmax_mma_params &p, int i, int h) const {
		const int64_t at = row.first + i * 16 + h * 8;
		if (at >= p.n) return NAN;
		const float x = global<const float>(p.ref)[row.b * (p.again ? p.n : p.total) + at];
		return p.again ? x : reference(x);
	}

	DEV void add(const softmax_mma_params &p, float (&acc)[WM][WN][4], const KeyBias<WN> &u, const float *, int key) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const float ref = reference_of(p, i, h), s = row.scale(p, i, h);
				if (isnan(ref)) continue;
				Global<float2> e = global<float2>(p.e) + (((int64_t)row.b * p.n + row.first + i * 16 + h * 8) * p.cols + key) / 2 + (lane_id() & 3);
				float t0 = 0, t1 = 0;
#pragma unroll
				for (int j = 0; j < WN; j++) {
					const float z0 = fmaf(s, acc[i][j][2 * h], u.u[j][0]), z1 = fmaf(s, acc[i][j][2 * h + 1], u.u[j][1]);
					most[i][h] = fmaxf(most[i][h], fmaxf(z0, z1));
					float2 pair;
					pair.x = ex2_approx(z0 - ref), pair.y = ex2_approx(z1 - ref);
					t0 += pair.x, t1 += pair.y;
					e[j * 4] = pair;
				}
				sum[i][h] += t0 + t1;
			}
	}

	// store writes the state of a part.
	DEV void store(const softmax_mma_params &p, int slot) {
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++)
				if (!isnan(reference_of(p, i, h))) row.store(p, i, h, slot, most[i][h], sum[i][h]);
		start();
	}
};

// wanted says whether some row of the block is to be done. The whole block calls it.
DEV bool wanted(const softmax_mma_params &p) {
	if (!p.again) return true;
	const Block at = Block::of<MMA_TILE>(p);
	if (ended(p, at.b)) return false;
	const int64_t row = at.row0 + threadIdx.x;
	return __syncthreads_or(threadIdx.x < MMA_TILE && row < p.n && !isnan(global<const float>(p.ref)[at.b * p.n + row]));
}
