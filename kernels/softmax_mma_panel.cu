// softmax_mma_panel.cu: what softmax_panel.cu does with products of tiles, with products by the tensor cores: logits, and
// weights times products with tangents, of panels of rows in memory. params.h lists the launches.
#include "softmax_mma.cuh"

// PanelRows keeps nothing from one tile to the next.
template <int WM, int WN> struct PanelRows {
	RowFactors row;
	DEV PanelRows(const softmax_mma_params &, const Block &at, int row0) : row(at, row0) {}
	DEV void store(const softmax_mma_params &, int) {}
};

// LogitRows writes e_ij = z_ij.
template <int WM, int WN, bool TILT> struct LogitRows : PanelRows<WM, WN> {
	using PanelRows<WM, WN>::PanelRows;
	DEV void add(const softmax_mma_params &p, float (&acc)[WM][WN][4], const KeyBias<WN> &u, const float *w, int key) {
		const int lane = 2 * (lane_id() & 3), keys = (int)p.m - key;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const int64_t row = this->row.first + i * 16 + h * 8;
				if (row >= p.n) continue;
				const float s = this->row.scale(p, i, h), c = this->row.tilt(p, i, h);
				const uint32_t skip = p.skip ? this->row.skipped(p, i, h, key) : ~0u;
				Global<float> e = global<float>(p.e) + ((int64_t)this->row.b * p.n + row) * p.m + key;
#pragma unroll
				for (int j = 0; j < WN; j++)
#pragma unroll
					for (int v = 0; v < 2; v++) {
						const int at = j * 8 + lane + v;
						const float z = fmaf(s, acc[i][j][2 * h + v], fmaf(c, w[at], u.u[j][v]));
						if (at < keys) e[at] = (uint32_t)at == skip ? -INFINITY : z;
					}
			}
	}
};

// TangentRows writes f_ipj = e_ij <k_j, t_ip>; its rows are the panel's tangents, np to a row of e.
template <int WM, int WN, bool TILT> struct TangentRows : PanelRows<WM, WN> {
	using PanelRows<WM, WN>::PanelRows;
	DEV void add(const softmax_mma_params &p, float (&acc)[WM][WN][4], const KeyBias<WN> &, const float *, int key) {
		const int lane = 2 * (lane_id() & 3), keys = (int)p.m - key;
#pragma unroll
		for (int i = 0; i < WM; i++)
#pragma unroll
			for (int h = 0; h < 2; h++) {
				const int64_t row = this->row.first + i * 16 + h * 8;
				if (row >= p.n) continue;
				const float s = this->row.scale(p, i, h);
				const int64_t item = (int64_t)this->row.b * p.n + row;
				Global<const float> e = global<const float>(p.e) + item / p.np * p.m + key;
				Global<float> f = global<float>(p.f) + item * p.m + key;
#pragma unroll
				for (int j = 0; j < WN; j++)
#pragma unroll
					for (int v = 0; v < 2; v++) {
						const int at = j * 8 + lane + v;
						if (at >= keys) continue;
						const float weight = e[at];
						f[at] = weight == 0 ? 0 : weight * (s * acc[i][j][2 * h + v]);
					}
			}
	}
};

// softmax_odd writes the logits that the tensor cores passed over, a warp a row.
KERNEL(softmax_odd_f32, softmax_mma_params, WARP_THREADS) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.batch * p.n) return; // a whole warp
	const int64_t b = item / p.n, i = item % p.n;
	Global<float> e = global<float>(p.e) + item * p.m;
	each_odd_key(p, b, i, isfinite(global<const float>(p.scale)[b * p.rows + i]), [&](double z, int64_t j) { e[j] = (float)z; });
}

KERNEL(softmax_mma_logits_d64_f32, softmax_mma_params, MMA_THREADS) { scan_resident<LogitRows, 3, 2, true>(p); }
KERNEL(softmax_mma_logits_any_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<LogitRows, 3, true>(p); }
KERNEL(softmax_mma_tangents_d64_f32, softmax_mma_params, MMA_THREADS) { scan_resident<TangentRows, 3, 2, false>(p); }
KERNEL(softmax_mma_tangents_any_f32, softmax_mma_params, MMA_ANY_THREADS) { scan_streaming<TangentRows, 3, false>(p); }
