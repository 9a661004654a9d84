// softmax_panel.cu: weights of panels of rows in memory, for the outputs that go over them again: means of wide
// values, tangents and column sums. One product and one exponential a pair; params.h lists the launches.
#include "block.cuh"
#include "softmax.cuh"

// panel_tile returns a block's tile of a panel with so many rows a problem: its problem in the panel, and its first row
// and key.
DEV void panel_tile(const softmax_params &p, int64_t rows, int tile, int64_t &b, int64_t &i, int64_t &j) {
	const int64_t down = ceil_div(rows, tile), across = ceil_div(p.m, TILE_COLS);
	i = block_id() % down * tile;
	j = block_id() / down % across * TILE_COLS;
	b = block_id() / down / across;
}

// softmax_logits sets e_ij = z_ij for a tile a block.
template <class T, int R> DEV void softmax_logits(const softmax_params &p) {
	using Tiles = Tile<T, R, TILE_C, true>;
	SHARED(Vec<T>, shared, Tiles::SHARED_VECS);
	int64_t b, i0, j0;
	panel_tile(p, p.rows, Tiles::ROWS, b, i0, j0);
	const int rows = tile_part(p.rows - i0);
	const int64_t end = j0 + TILE_COLS < p.m ? j0 + TILE_COLS : p.m;
	Global<T> e = global<T>(p.e) + (b * p.rows + i0) * p.m;
	Logits<T, R> logits;
	logits.start(p, p.b0 + b, p.i0 + i0, rows, j0, end, shared);
	logits.tile(p, j0, [&](int, int i, T(&z)[TILE_C]) {
#pragma unroll
		for (int c = 0; c < TILE_C; c++) {
			const int64_t j = j0 + tile_col() + TILE_ACROSS * c;
			if (i < rows && j < end) e[i * p.m + j] = z[c];
		}
	});
}

// softmax_rows turns the logits of a row a block into exp(z_ij - max_i), and writes the row's results and the factor
// that makes them weights.
template <class T> DEV void softmax_rows(const softmax_params &p) {
	const int64_t item = block_id(), b = p.b0 + item / p.rows, row = b * p.n + p.i0 + item % p.rows;
	Global<T> e = global<T>(p.e) + item * p.m;
	T top = (T)minus_infinity();
#pragma unroll 4
	for (int64_t j = threadIdx.x; j < p.m; j += blockDim.x) top = larger(top, e[j]);
	top = (T)max_block(top);
	const T ref = reference(top), rest = residue(top, ref);
	Global<const T> norms = global<const T>(p.norms) + b * p.nstride;
	T sum = 0, second = 0;
	int32_t arg = INT32_MAX;
#pragma unroll 4
	for (int64_t j = threadIdx.x; j < p.m; j += blockDim.x) {
		const T z = e[j], x = power(z, ref, rest);
		if (p.arg && z == top && z > (T)minus_infinity()) arg = min(arg, (int32_t)j);
		e[j] = x;
		sum += x;
		if (p.second && x != 0) second += x * norms[j]; // a norm may be infinite
	}
	const double total = sum_block(sum);
	if (p.arg) arg = (int32_t)-max_block(-(double)arg);
	const double all = p.second ? sum_block(second) : 0;
	if (threadIdx.x != 0) return;
	const double inverse = store_row<T>(p, row, top, natural(top), total, arg == INT32_MAX ? -1 : arg);
	global<double>(p.inverse)[item] = inverse;
	if (p.second) global<T>(p.second)[row] = (T)(all * inverse);
}

// softmax_norms sets norms_j = |v_j|^2, a warp a key.
template <class T> DEV void softmax_norms(const softmax_params &p) {
	const int64_t j = block_id() * WARP_ROWS + warp_id(), problems = p.nstride == 0 ? 1 : p.batch;
	if (j >= problems * p.m) return; // a whole warp
	Global<const T> v = global<const T>(p.v) + j * p.dv;
	double sum = 0;
	for (int64_t l = lane_id(); l < p.dv; l += WARP) sum += (double)v[l] * (double)v[l];
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<T>(p.norms)[j] = (T)sum;
}

// softmax_tangents sets f_ipj = e_ij <k_j, t_ip> for a tile a block; its rows are the panel's tangents.
template <class T, int R> DEV void softmax_tangents(const softmax_params &p) {
	using Tiles = Tile<T, R, TILE_C, true>;
	SHARED(Vec<T>, shared, Tiles::SHARED_VECS);
	int64_t b, i0, j0;
	panel_tile(p, p.rows * p.np, Tiles::ROWS, b, i0, j0);
	Product<T> g;
	g.x = global<const T>(p.t) + (((p.b0 + b) * p.n + p.i0) * p.np + i0) * p.d;
	g.y = global<const T>(p.k) + (p.b0 + b) * p.kstride + j0 * p.d;
	g.xstride = g.ystride = g.depth = p.d;
	const int rows = g.rows = tile_part(p.rows * p.np - i0), cols = g.cols = tile_part(p.m - j0);
	g.xvec = aligned(g.x, p.d);
	g.yvec = aligned(g.y, p.d);
	Tiles tile;
	Sums<T, R, TILE_C> z;
	tile.start(shared, g);
	tile.multiply(g, 0, 0, z);
	Global<const T> e = global<const T>(p.e) + b * p.rows * p.m + j0;
	Global<T> f = global<T>(p.f) + (b * p.rows * p.np + i0) * p.m + j0;
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		if (i >= rows) continue;
		Global<const T> weights = e + (i0 + i) / p.np * p.m;
#pragma unroll
		for (int c = 0; c < TILE_C; c++) {
			const int j = Tiles::column(c);
			if (j >= cols) continue;
			const T w = weights[j];
			f[i * p.m + j] = w == 0 ? 0 : w * z.value(r, c);
		}
	}
}

// softmax_colsum adds a_i r_ij over COLSUM_ROWS rows, a thread a key. Rows of weight 0 are not read.
template <class T> DEV void softmax_colsum(const softmax_params &p) {
	SHARED(T, weights, COLSUM_ROWS);
	static_assert(COLSUM_ROWS == ELEMENT_THREADS, "a weight a thread");
	const int64_t across = ceil_div(p.m, ELEMENT_THREADS), chunks = ceil_div(p.rows, COLSUM_ROWS);
	const int64_t j = block_id() % across * ELEMENT_THREADS + threadIdx.x, c = block_id() / across % chunks;
	const int64_t b = block_id() / across / chunks; // of the panel
	const int64_t first = c * COLSUM_ROWS;
	const int count = (int)(p.rows - first < COLSUM_ROWS ? p.rows - first : (int64_t)COLSUM_ROWS);
	if ((int)threadIdx.x < count) {
		const double a = p.a ? (double)global<const T>(p.a)[(p.b0 + b) * p.n + p.i0 + first + threadIdx.x] : 1;
		const double inverse = global<const double>(p.inverse)[b * p.rows + first + threadIdx.x];
		weights[threadIdx.x] = a == 0 ? (T)0 : (T)(a * inverse);
	}
	__syncthreads();
	if (j >= p.m) return;
	Global<const T> e = global<const T>(p.e) + (b * p.rows + first) * p.m + j;
	Sums<T, 1, 1> sum;
	sum.clear();
	for (int i0 = 0; i0 < count; i0 += TILE_RUN) {
		sum.settle();
#pragma unroll 8
		for (int i = i0; i < i0 + TILE_RUN && i < count; i++)
			if (weights[i] != 0) sum.run[0][0] += weights[i] * e[i * p.m];
	}
	global<double>(p.parts)[(b * chunks + c) * p.m + j] = sum.value(0, 0);
}

// softmax_merge adds the parts of a panel to the column sums, in their order, a thread a key.
template <class T> DEV void softmax_merge(const softmax_params &p) {
	const int64_t at = first_item(), b = at / (p.m ? p.m : 1), chunks = ceil_div(p.rows, COLSUM_ROWS);
	if (at >= p.batch * p.m) return;
	Global<const double> parts = global<const double>(p.parts) + b * chunks * p.m + at % p.m;
	Global<double> acc = global<double>(p.acc);
	double sum = p.i0 == 0 ? 0 : acc[at];
	for (int64_t c = 0; c < chunks; c++) sum += parts[c * p.m];
	acc[at] = sum;
	global<T>(p.colsum)[p.b0 * p.m + at] = (T)sum;
}

KERNEL(softmax_logits_f64, softmax_params, TILE_THREADS) { softmax_logits<double, TILE_R<double>>(p); }
KERNEL(softmax_logits_f32, softmax_params, TILE_THREADS) { softmax_logits<float, TILE_R<float>>(p); }
KERNEL(softmax_logits_thin_f64, softmax_params, TILE_THREADS) { softmax_logits<double, 1>(p); }
KERNEL(softmax_logits_thin_f32, softmax_params, TILE_THREADS) { softmax_logits<float, 1>(p); }
KERNEL(softmax_rows_f64, softmax_params, ROW_THREADS) { softmax_rows<double>(p); }
KERNEL(softmax_rows_f32, softmax_params, ROW_THREADS) { softmax_rows<float>(p); }
KERNEL(softmax_norms_f64, softmax_params, WARP_THREADS) { softmax_norms<double>(p); }
KERNEL(softmax_norms_f32, softmax_params, WARP_THREADS) { softmax_norms<float>(p); }
KERNEL(softmax_tangents_f64, softmax_params, TILE_THREADS) { softmax_tangents<double, TILE_R<double>>(p); }
KERNEL(softmax_tangents_f32, softmax_params, TILE_THREADS) { softmax_tangents<float, TILE_R<float>>(p); }
KERNEL(softmax_tangents_thin_f64, softmax_params, TILE_THREADS) { softmax_tangents<double, 1>(p); }
KERNEL(softmax_tangents_thin_f32, softmax_params, TILE_THREADS) { softmax_tangents<float, 1>(p); }
KERNEL(softmax_colsum_f64, softmax_params, ELEMENT_THREADS) { softmax_colsum<double>(p); }
KERNEL(softmax_colsum_f32, softmax_params, ELEMENT_THREADS) { softmax_colsum<float>(p); }
KERNEL(softmax_merge_f64, softmax_params, ELEMENT_THREADS) { softmax_merge<double>(p); }
KERNEL(softmax_merge_f32, softmax_params, ELEMENT_THREADS) { softmax_merge<float>(p); }
