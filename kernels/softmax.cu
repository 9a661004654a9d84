// softmax.cu: the biased softmax reduction of engine.Softmax; params.h lists its launches.
#include "online_softmax.cuh"
#include "scan_tile.cuh"

// Place is a tile's place: problem b, rows from i on with room for rows, keys from j on with room for keys.
struct Place {
	int64_t b, i, j, rows, keys;
};

// Row holds what z_ij needs of row i.
struct Row {
	double s, c;
	int64_t skip; // -1 = none
};

template <class T> DEV Row row_of(const softmax_params &p, int64_t row) {
	Row r = {p.scale, 0, -1};
	if (p.s) r.s = global<const T>(p.s)[row];
	if (p.c) r.c = global<const T>(p.c)[row];
	if (p.skip) r.skip = global<const int32_t>(p.skip)[row];
	return r;
}

// products sets z = <q_i, k_j> for a tile.
template <class T> DEV void products(const softmax_params &p, const Place &at, double (&z)[SCAN_R][SCAN_C]) {
	ScanProduct<T> g;
	g.x = global<const T>(p.q) + (at.b * p.n + at.i) * p.d;
	g.y = global<const T>(p.k) + at.b * p.kstride + at.j * p.d;
	g.xstride = g.ystride = g.depth = p.d;
	g.rows = at.rows;
	g.cols = at.keys;
	g.trans = true;
	scan_multiply(g, z);
}

// Bias holds u_j and w_j of a thread's columns of a tile; 0 past the end.
struct Bias {
	double u[SCAN_C], w[SCAN_C];
};

template <class T> DEV Bias bias_of(const softmax_params &p, const Place &at) {
	Global<const T> u = global<const T>(p.u) + (p.u ? at.b * p.ustride + at.j : 0);
	Global<const T> w = global<const T>(p.w) + (p.w ? at.b * p.wstride + at.j : 0);
	Bias bias;
#pragma unroll
	for (int c = 0; c < SCAN_C; c++) {
		const int j = scan_col() + SCAN_SIDE * c;
		bias.u[c] = p.u && j < at.keys ? (double)u[j] : 0;
		bias.w[c] = p.w && j < at.keys ? (double)w[j] : 0;
	}
	return bias;
}

// logit returns z_ij = s_i <q_i, k_j> + u_j + c_i w_j.
DEV double logit(const Row &row, double product, double u, double w, bool skip) {
	if (skip) return minus_infinity();
	const double z = row.s * product + u;
	return row.c == 0 ? z : z + row.c * w;
}

// softmax_scan goes over all keys with a tile of rows a block.
template <class T> DEV void softmax_scan(const softmax_params &p) {
	const int64_t down = ceil_div(p.n, SCAN_ROWS);
	Place at;
	at.b = block_id() / down;
	if (p.ended && global<const int32_t>(p.ended)[2 * at.b + 1]) return; // the whole block
	at.i = block_id() % down * SCAN_ROWS;
	at.rows = p.n - at.i;
	Row row[SCAN_R];
	Online state[SCAN_R];
#pragma unroll
	for (int r = 0; r < SCAN_R; r++) {
		const int i = scan_row() + SCAN_SIDE * r;
		row[r] = row_of<T>(p, at.b * p.n + at.i + (i < at.rows ? i : 0));
		state[r] = online_empty();
	}
	for (at.j = 0; at.j < p.m; at.j += SCAN_COLS) {
		at.keys = p.m - at.j;
		double z[SCAN_R][SCAN_C];
		products<T>(p, at, z);
		const Bias bias = bias_of<T>(p, at);
#pragma unroll
		for (int r = 0; r < SCAN_R; r++)
#pragma unroll
			for (int c = 0; c < SCAN_C; c++) {
				const int64_t l = scan_col() + SCAN_SIDE * c, j = at.j + l;
				if (l < at.keys) online_add<T>(state[r], logit(row[r], z[r][c], bias.u[c], bias.w[c], j == row[r].skip), j);
			}
	}
#pragma unroll
	for (int r = 0; r < SCAN_R; r++) {
		online_merge_lanes<T>(state[r], SCAN_SIDE);
		const int64_t i = scan_row() + SCAN_SIDE * r, n = at.b * p.n + at.i + i;
		if (i >= at.rows || scan_col() != 0) continue;
		if (p.lse) global<T>(p.lse)[n] = (T)online_lse(state[r]);
		if (p.max) global<T>(p.max)[n] = (T)(state[r].nan ? not_a_number() : state[r].most);
		if (p.arg) global<int32_t>(p.arg)[n] = state[r].arg;
		global<double>(p.state)[2 * n] = state[r].most;
		global<double>(p.state)[2 * n + 1] = online_inverse(state[r]);
	}
}

// softmax_norms sets norms_j = |v_j|^2, a warp a key.
template <class T> DEV void softmax_norms(const softmax_params &p) {
	const int64_t j = block_id() * WARP_ROWS + warp_id(), problems = p.nstride == 0 ? 1 : p.batch;
	if (j >= problems * p.m) return; // a whole warp
	Global<const T> v = global<const T>(p.v) + j * p.dv;
	double sum = 0;
	for (int64_t l = lane_id(); l < p.dv; l += WARP) sum += (double)v[l] * (double)v[l];
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<double>(p.norms)[j] = sum;
}

// tile_place returns the block's tile of a panel with rows rows a problem. Rows count within the panel.
DEV Place tile_place(const softmax_params &p, int64_t rows) {
	const int64_t across = ceil_div(p.m, SCAN_COLS), down = ceil_div(rows, SCAN_ROWS);
	Place at;
	at.j = block_id() % across * SCAN_COLS;
	at.i = block_id() / across % down * SCAN_ROWS;
	at.b = block_id() / across / down;
	at.rows = rows - at.i;
	at.keys = p.m - at.j;
	return at;
}

// softmax_weights sets e_ij = exp(z_ij - max_i) / sum_i for a tile a block.
template <class T> DEV void softmax_weights(const softmax_params &p) {
	const Place panel = tile_place(p, p.rows);
	Place at = panel;
	at.b += p.b0;
	at.i += p.i0;
	double z[SCAN_R][SCAN_C];
	products<T>(p, at, z);
	const Bias bias = bias_of<T>(p, at);
	Global<T> e = global<T>(p.e) + (panel.b * p.rows + panel.i) * p.m + panel.j;
	Global<const double> state = global<const double>(p.state) + 2 * (at.b * p.n + at.i);
#pragma unroll
	for (int r = 0; r < SCAN_R; r++) {
		const int i = scan_row() + SCAN_SIDE * r;
		if (i >= at.rows) continue;
		const Row row = row_of<T>(p, at.b * p.n + at.i + i);
		const double most = state[2 * i], inverse = state[2 * i + 1];
#pragma unroll
		for (int c = 0; c < SCAN_C; c++) {
			const int j = scan_col() + SCAN_SIDE * c;
			if (j >= at.keys) continue;
			const double x = logit(row, z[r][c], bias.u[c], bias.w[c], at.j + j == row.skip) - most;
			e[i * p.m + j] = (T)(inverse == 0 ? 0 : exp_as<T>(x) * inverse);
		}
	}
}

// softmax_tangents sets f_ipj = e_ij <k_j, t_ip> for a tile a block; its rows are the panel's tangents.
template <class T> DEV void softmax_tangents(const softmax_params &p) {
	const Place at = tile_place(p, p.rows * p.np);
	const int64_t b = p.b0 + at.b;
	ScanProduct<T> g;
	g.x = global<const T>(p.t) + ((b * p.n + p.i0) * p.np + at.i) * p.d;
	g.y = global<const T>(p.k) + b * p.kstride + at.j * p.d;
	g.xstride = g.ystride = g.depth = p.d;
	g.rows = at.rows;
	g.cols = at.keys;
	g.trans = true;
	double z[SCAN_R][SCAN_C];
	scan_multiply(g, z);
	Global<const T> e = global<const T>(p.e) + at.b * p.rows * p.m + at.j;
	Global<T> f = global<T>(p.f) + (at.b * p.rows * p.np + at.i) * p.m + at.j;
#pragma unroll
	for (int r = 0; r < SCAN_R; r++)
#pragma unroll
		for (int c = 0; c < SCAN_C; c++) {
			const int i = scan_row() + SCAN_SIDE * r, j = scan_col() + SCAN_SIDE * c;
			if (i >= at.rows || j >= at.keys) continue;
			const double w = e[(at.i + i) / p.np * p.m + j];
			f[i * p.m + j] = (T)(w == 0 ? 0 : w * z[r][c]);
		}
}

// softmax_second sets e_i = sum_j e_ij |v_j|^2, a warp a row.
template <class T> DEV void softmax_second(const softmax_params &p) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.batch * p.rows) return; // a whole warp
	const int64_t b = p.b0 + item / p.rows, i = p.i0 + item % p.rows;
	Global<const T> e = global<const T>(p.e) + item * p.m;
	Global<const double> norms = global<const double>(p.norms) + b * p.nstride;
	double sum = 0;
	for (int64_t j = lane_id(); j < p.m; j += WARP) sum += (double)e[j] * norms[j];
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<T>(p.second)[b * p.n + i] = (T)sum;
}

// softmax_colsum adds a_i e_ij over COLSUM_ROWS rows, a thread a key. Rows of weight 0 are not read.
template <class T> DEV void softmax_colsum(const softmax_params &p) {
	const int64_t across = ceil_div(p.m, ELEMENT_THREADS), chunks = ceil_div(p.rows, COLSUM_ROWS);
	const int64_t j = block_id() % across * ELEMENT_THREADS + threadIdx.x, c = block_id() / across % chunks;
	const int64_t b = block_id() / across / chunks; // of the panel
	if (j >= p.m) return;
	const int64_t last = (c + 1) * COLSUM_ROWS < p.rows ? (c + 1) * COLSUM_ROWS : p.rows;
	Global<const T> e = global<const T>(p.e) + b * p.rows * p.m + j;
	Global<const T> a = global<const T>(p.a);
	double sum = 0;
	for (int64_t i = c * COLSUM_ROWS; i < last; i++) {
		const double weight = p.a ? (double)a[(p.b0 + b) * p.n + p.i0 + i] : 1;
		if (weight != 0) sum += weight * (double)e[i * p.m];
	}
	global<double>(p.parts)[(b * chunks + c) * p.m + j] = sum;
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

KERNEL(softmax_scan_f64, softmax_params, SCAN_THREADS) { softmax_scan<double>(p); }
KERNEL(softmax_scan_f32, softmax_params, SCAN_THREADS) { softmax_scan<float>(p); }
KERNEL(softmax_norms_f64, softmax_params, WARP_THREADS) { softmax_norms<double>(p); }
KERNEL(softmax_norms_f32, softmax_params, WARP_THREADS) { softmax_norms<float>(p); }
KERNEL(softmax_weights_f64, softmax_params, SCAN_THREADS) { softmax_weights<double>(p); }
KERNEL(softmax_weights_f32, softmax_params, SCAN_THREADS) { softmax_weights<float>(p); }
KERNEL(softmax_tangents_f64, softmax_params, SCAN_THREADS) { softmax_tangents<double>(p); }
KERNEL(softmax_tangents_f32, softmax_params, SCAN_THREADS) { softmax_tangents<float>(p); }
KERNEL(softmax_second_f64, softmax_params, WARP_THREADS) { softmax_second<double>(p); }
KERNEL(softmax_second_f32, softmax_params, WARP_THREADS) { softmax_second<float>(p); }
KERNEL(softmax_colsum_f64, softmax_params, ELEMENT_THREADS) { softmax_colsum<double>(p); }
KERNEL(softmax_colsum_f32, softmax_params, ELEMENT_THREADS) { softmax_colsum<float>(p); }
KERNEL(softmax_merge_f64, softmax_params, ELEMENT_THREADS) { softmax_merge<double>(p); }
KERNEL(softmax_merge_f32, softmax_params, ELEMENT_THREADS) { softmax_merge<float>(p); }
