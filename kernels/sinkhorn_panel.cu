// sinkhorn_panel.cu: both halves of a Sinkhorn iteration from one product and one exponential a pair, for
// points of many coordinates: a panel of rows is multiplied and its exponentials stored, and the column sums
// are made from those. For float64 alone: twice the products of the tensor cores take less time than these and
// the way through memory. params.h lists the launches.
//
// Row i's exponentials are relative to what its log-sum-exp was an iteration ago, so no maximum is needed; a
// row whose sum has left the range where that keeps its digits is done again with one.
#include "sinkhorn.cuh"
#include "tile.cuh"

// Problem is a problem of the panel, by its number in the panel.
template <class T> struct Problem {
	int64_t b, k; // k iterations are made
	bool ended;
	Global<const T> x, y, u, ref;
	T scale; // 2 / eps

	DEV Problem(const sinkhorn_panel_params &p, int64_t of) {
		b = p.b0 + of;
		Global<const int32_t> state = global<const int32_t>(p.loop.state) + 2 * b;
		k = state[0];
		ended = state[1] != 0;
		x = global<const T>(p.x) + b * p.loop.n * p.d;
		y = global<const T>(p.y) + b * p.loop.m * p.d;
		u = global<const T>(p.loop.u) + b * p.loop.m;
		ref = global<const T>(k == 0 ? p.first : p.loop.ref) + b * p.loop.n;
		scale = global<const T>(p.loop.s)[b * p.loop.n];
	}
};

// sinkhorn_panel sets e_ij = exp(z_ij - ref_i) and its sums by rows of a tile, a tile a block.
template <class T> DEV void sinkhorn_panel(const sinkhorn_panel_params &p) {
	constexpr int R = TILE_R<T>, C = TILE_C;
	using Tiles = Tile<T, R, C, true>;
	SHARED(Vec<T>, shared, Tiles::SHARED_VECS);
	const int64_t m = p.loop.m, across = ceil_div(m, Tiles::COLS), down = ceil_div(p.rows, Tiles::ROWS);
	const int64_t j0 = block_id() % across * Tiles::COLS, i0 = block_id() / across % down * Tiles::ROWS;
	const int64_t of = block_id() / across / down;
	const Problem<T> problem(p, of);
	if (problem.ended) return; // the whole block
	Product<T> g;
	g.xstride = g.ystride = g.depth = p.d;
	g.x = problem.x + (p.i0 + i0) * p.d;
	g.y = problem.y + j0 * p.d;
	g.rows = tile_part(p.rows - i0);
	g.cols = tile_part(m - j0);
	g.xvec = aligned<T>(g.x, g.xstride);
	g.yvec = aligned<T>(g.y, g.ystride);
	const int rows = g.rows, cols = g.cols;
	Tiles tile;
	Sums<T, R, C> z;
	tile.start(shared, g);
	tile.multiply(g, 0, 0, z);
	T u[C];
#pragma unroll
	for (int c = 0; c < C; c++) u[c] = Tiles::column(c) < cols ? problem.u[j0 + Tiles::column(c)] : T(0);
	Global<T> e = global<T>(p.e) + (of * p.rows + i0) * m + j0;
	Global<double> parts = global<double>(p.parts) + (of * p.rows + i0) * across + j0 / Tiles::COLS;
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		const T ref = i < rows ? problem.ref[p.i0 + i0 + i] : T(0);
		T sum = 0;
#pragma unroll
		for (int c = 0; c < C; c++) {
			const int j = Tiles::column(c);
			if (i >= rows || j >= cols) continue;
			const T v = (T)exp_as<T>(fused(problem.scale, z.value(r, c), u[c] - ref));
			e[i * m + j] = v;
			sum += v;
		}
		const double all = sum_lanes((double)sum, TILE_ACROSS);
		if (i < rows && tile_col() == 0) parts[i * across] = all;
	}
}

// panel_logit returns z_ij, from the sum of products in float64.
template <class T> DEV double panel_logit(const sinkhorn_panel_params &p, const Problem<T> &problem, int64_t i, int64_t j) {
	Global<const T> x = problem.x + i * p.d, y = problem.y + j * p.d;
	double sum = 0;
	for (int64_t l = 0; l < p.d; l++) sum += (double)x[l] * (double)y[l];
	return (double)problem.scale * sum + (double)problem.u[j];
}

// sinkhorn_panel_rows sets l_i and the weight a_i / sum_i of row i's exponentials, a warp a row.
template <class T> DEV void sinkhorn_panel_rows(const sinkhorn_panel_params &p) {
	const int64_t item = block_id() * WARP_ROWS + warp_id(), m = p.loop.m;
	if (item >= p.batch * p.rows) return; // a whole warp
	const Problem<T> problem(p, item / p.rows);
	if (problem.ended) return;
	const int64_t i = p.i0 + item % p.rows, across = ceil_div(m, TILE_COLS);
	Global<const double> parts = global<const double>(p.parts) + item * across;
	double sum = 0;
	for (int64_t c = lane_id(); c < across; c += WARP) sum += parts[c];
	sum = sum_lanes(sum);
	const double a = global<const double>(p.loop.a)[problem.b * p.loop.n + i];
	double lse = (double)problem.ref[i] + log(sum), weight = a / sum;
	constexpr double range = 1 << 20; // within it a weight's digits are those of T down to where columns are done again
	if (!(sum >= 1 / range && sum <= range)) {
		Online<double> s;
		s.clear();
		for (int64_t j = lane_id(); j < m; j += WARP) s.add(panel_logit(p, problem, i, j), j);
		s.merge_lanes<WARP>([](double) {});
		Global<T> e = global<T>(p.e) + item * m;
		const double inverse = s.sum == 0 ? 0 : 1 / s.sum;
		for (int64_t j = lane_id(); j < m; j += WARP) e[j] = (T)(inverse == 0 ? 0 : exp_as<T>(panel_logit(p, problem, i, j) - s.ref) * inverse);
		lse = s.lse();
		weight = a;
	}
	if (lane_id() != 0) return;
	global<double>(p.loop.lse)[problem.b * p.loop.n + i] = lse;
	global<double>(p.weights)[item] = weight;
}

// sinkhorn_panel_columns adds weight_i e_ij over COLSUM_ROWS rows, a thread a column. Rows of weight 0 are not read.
template <class T> DEV void sinkhorn_panel_columns(const sinkhorn_panel_params &p) {
	const int64_t m = p.loop.m, across = ceil_div(m, ELEMENT_THREADS), chunks = ceil_div(p.rows, COLSUM_ROWS);
	const int64_t j = block_id() % across * ELEMENT_THREADS + threadIdx.x, c = block_id() / across % chunks;
	const int64_t of = block_id() / across / chunks;
	if (j >= m || Problem<T>(p, of).ended) return;
	const int64_t first = c * COLSUM_ROWS, count = p.rows - first < COLSUM_ROWS ? p.rows - first : COLSUM_ROWS;
	Global<const T> e = global<const T>(p.e) + (of * p.rows + first) * m + j;
	Global<const double> w = global<const double>(p.weights) + of * p.rows + first;
	double sum = 0;
#pragma unroll 8
	for (int64_t i = 0; i < count; i++)
		if (w[i] != 0) sum += w[i] * (double)e[i * m];
	global<double>(p.sums)[(of * chunks + c) * m + j] = sum;
}

// sinkhorn_panel_merge adds a panel's sums to those of the panels before, in their order, a thread a column.
template <class T> DEV void sinkhorn_panel_merge(const sinkhorn_panel_params &p) {
	const int64_t at = first_item(), m = p.loop.m, chunks = ceil_div(p.rows, COLSUM_ROWS);
	if (at >= p.batch * m || Problem<T>(p, at / m).ended) return;
	Global<const double> sums = global<const double>(p.sums) + at / m * chunks * m + at % m;
	Global<double> columns = global<double>(p.columns) + p.b0 * m;
	double sum = p.i0 == 0 ? 0 : columns[at];
	for (int64_t c = 0; c < chunks; c++) sum += sums[c * m];
	columns[at] = sum;
}

// sinkhorn_panel_log sets the columns' half l_j = ln c_j - g_j / eps - ln b_j, and that of columns near
// underflow by a log-sum-exp over the rows: ELEMENT_THREADS columns a block, one after another where need be.
template <class T> DEV void sinkhorn_panel_log(const sinkhorn_panel_params &p) {
	SHARED(int, again, ELEMENT_THREADS);
	SHARED(double, mosts, ELEMENT_THREADS / WARP);
	SHARED(double, totals, ELEMENT_THREADS / WARP);
	const sinkhorn_params &loop = p.loop;
	const int64_t across = ceil_div(loop.m, ELEMENT_THREADS), j0 = block_id() % across * ELEMENT_THREADS;
	const Problem<T> problem(p, block_id() / across);
	if (problem.ended) return; // the whole block
	const double eps = global<const double>(loop.eps)[problem.b * loop.estride + (problem.k < loop.steps ? problem.k : loop.steps - 1)];
	const int64_t j = j0 + threadIdx.x, at = problem.b * loop.m + j;
	Global<double> out = global<double>(loop.lsec);
	bool redo = false;
	if (j < loop.m) {
		const double c = global<const double>(p.columns)[at], logb = global<const double>(loop.logb)[problem.b * loop.bstride + j];
		redo = logb != minus_infinity() && !(c >= least<T>);
		out[at] = log(c) - global<const double>(loop.g)[at] / eps - logb; // of no use without weight
	}
	again[threadIdx.x] = redo;
	if (!__syncthreads_or(redo)) return;
	Global<const T> v = global<const T>(loop.v) + problem.b * loop.n;
	for (int q = 0; q < ELEMENT_THREADS; q++) {
		if (!again[q]) continue;
		Global<const T> y = problem.y + (j0 + q) * p.d;
		Online<double> s;
		s.clear();
		for (int64_t i = threadIdx.x; i < loop.n; i += ELEMENT_THREADS) {
			Global<const T> x = problem.x + i * p.d;
			double sum = 0;
			for (int64_t l = 0; l < p.d; l++) sum += (double)x[l] * (double)y[l];
			s.add((double)problem.scale * sum + (double)v[i], i);
		}
		s.merge_lanes<WARP>([](double) {});
		if (lane_id() == 0) {
			mosts[warp_id()] = s.most;
			totals[warp_id()] = s.sum;
		}
		__syncthreads();
		if (threadIdx.x == 0) {
			Online<double> all;
			all.clear();
			for (int w = 0; w < ELEMENT_THREADS / WARP; w++) all.merge(mosts[w], totals[w]);
			out[problem.b * loop.m + j0 + q] = all.lse();
		}
		__syncthreads();
	}
}

KERNEL(sinkhorn_panel_f64, sinkhorn_panel_params, TILE_THREADS) { sinkhorn_panel<double>(p); }
KERNEL(sinkhorn_panel_rows_f64, sinkhorn_panel_params, WARP_THREADS) { sinkhorn_panel_rows<double>(p); }
KERNEL(sinkhorn_panel_columns_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_columns<double>(p); }
KERNEL(sinkhorn_panel_merge_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_merge<double>(p); }
KERNEL(sinkhorn_panel_log_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_log<double>(p); }
