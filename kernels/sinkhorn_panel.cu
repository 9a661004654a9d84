// sinkhorn_panel.cu: both halves of a Sinkhorn iteration from one product and one exponential a pair, for
// points of many coordinates: a panel of rows is multiplied and its exponentials stored, and the column sums
// are made from those. params.h lists the launches. In float32 the products are sinkhorn_mma.cu's.
//
// Row i's exponentials are relative to what its log-sum-exp was an iteration ago, so no maximum has to be known; a
// row whose sum has left the range where that keeps its digits is done again with its maximum, found on the way.
// Columns near underflow are done again by a reduction over the rows.
#include "sinkhorn.cuh"
#include "tile.cuh"

// A row's sum has to lie between least_sum and largest_sum: its terms below the smallest number of the type with all digits
// are lost, and those above the largest would be infinite. So a column's sum loses at most that over least_sum, and has its
// digits from least_column on.
template <class T> constexpr double least_sum = 0x1p-20;
template <class T> constexpr double largest_sum = sizeof(T) == 8 ? 0x1p1000 : 0x1p100;
template <class T> constexpr double least_column = sizeof(T) == 8 ? 0x1p-949 : 0x1p-82; // 2^-1022 or 2^-126, over 2^-20 and a rounding

// nats is the unit of exponents.
template <class T> constexpr double nats = sizeof(T) == 8 ? 1 : 0.6931471805599453;

// max_lanes returns the largest x of groups of width lanes; every lane has it. All lanes of the warp call it.
DEV double max_lanes(double x, int width = WARP) {
	for (int o = width / 2; o > 0; o /= 2) x = fmax(x, __shfl_xor_sync(ALL_LANES, x, o));
	return x;
}

// Problem is a problem of the panel, by its number in the panel.
template <class T> struct Problem {
	int64_t b;
	bool ended;
	Global<const T> x, y, u, ref, bias;
	T scale; // 2 / eps

	DEV Problem(const sinkhorn_panel_params &p, int64_t of) {
		b = p.b0 + of;
		ended = global<const int32_t>(p.loop.state)[2 * b + 1] != 0;
		x = global<const T>(p.x) + b * p.loop.n * p.d;
		y = global<const T>(p.y) + b * p.loop.m * p.d;
		u = global<const T>(p.loop.u) + b * p.loop.m;
		ref = global<const T>(p.loop.ref) + b * p.loop.n;
		bias = global<const T>(p.bias) + b * p.bstride;
		scale = global<const T>(p.loop.s)[b * p.loop.n];
	}
};

// panel_reference returns what the exponents of row i, the given one of the panel, are relative to; NaN where it is not
// done again.
template <class T> DEV T panel_reference(const sinkhorn_panel_params &p, const Problem<T> &problem, int64_t i, int64_t item) {
	return p.again ? global<const T>(p.retry)[item] : reference(problem.ref[i]);
}

// sinkhorn_panel sets e_ij = exp(z_ij - reference), and its sums and the largest z by rows of a tile, a tile a block.
KERNEL(sinkhorn_panel_f64, sinkhorn_panel_params, TILE_THREADS) {
	constexpr int R = TILE_R<double>, C = TILE_C;
	using Tiles = Tile<double, R, C, true>;
	SHARED(Vec<double>, shared, Tiles::SHARED_VECS);
	const int64_t m = p.loop.m, across = ceil_div(m, Tiles::COLS), down = ceil_div(p.rows, Tiles::ROWS);
	const int64_t j0 = block_id() % across * Tiles::COLS, i0 = block_id() / across % down * Tiles::ROWS;
	const int64_t of = block_id() / across / down, item = of * p.rows + i0;
	const Problem<double> problem(p, of);
	if (problem.ended) return; // the whole block
	Product<double> g;
	g.xstride = g.ystride = g.depth = p.d;
	g.x = problem.x + (p.i0 + i0) * p.d;
	g.y = problem.y + j0 * p.d;
	g.rows = tile_part(p.rows - i0);
	g.cols = tile_part(m - j0);
	g.xvec = aligned<double>(g.x, g.xstride);
	g.yvec = aligned<double>(g.y, g.ystride);
	const int rows = g.rows, cols = g.cols;
	if (p.again) {
		static_assert(Tiles::ROWS <= TILE_THREADS, "a thread for each row");
		const int i = threadIdx.x;
		const bool wanted = i < Tiles::ROWS && i < rows && !isnan(global<const double>(p.retry)[item + i]);
		if (!__syncthreads_or(wanted)) return;
	}
	Tiles tile;
	Sums<double, R, C> products;
	tile.start(shared, g);
	tile.multiply(g, 0, 0, products);
	double bias[C];
#pragma unroll
	for (int c = 0; c < C; c++) bias[c] = Tiles::column(c) < cols ? problem.bias[j0 + Tiles::column(c)] : minus_infinity();
	Global<double> e = global<double>(p.e) + item * p.pitch + j0;
	Global<double> parts = global<double>(p.parts) + 2 * (item * p.slots + j0 / Tiles::COLS);
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		const double ref = i < rows ? panel_reference(p, problem, p.i0 + i0 + i, item + i) : not_a_number();
		double sum = 0, most = minus_infinity();
#pragma unroll
		for (int c = 0; c < C; c++) {
			const int j = Tiles::column(c);
			const double z = fused(problem.scale, products.value(r, c), bias[c]), v = exp(z - ref);
			if (j >= cols || isnan(ref)) continue;
			most = larger(most, z);
			e[i * p.pitch + j] = v;
			sum += v;
		}
		sum = sum_lanes(sum, TILE_ACROSS);
		most = max_lanes(most, TILE_ACROSS);
		if (tile_col() != 0 || isnan(ref)) continue;
		parts[2 * i * p.slots] = most;
		parts[2 * i * p.slots + 1] = sum;
	}
}

// panel_logit returns z_ij in natural units, from the sum of products in float64.
template <class T> DEV double panel_logit(const sinkhorn_panel_params &p, const Problem<T> &problem, int64_t i, int64_t j) {
	Global<const T> x = problem.x + i * p.d, y = problem.y + j * p.d;
	double sum = 0;
	for (int64_t l = 0; l < p.d; l++) sum += (double)x[l] * (double)y[l];
	return (double)problem.scale * sum + (double)problem.u[j];
}

// sinkhorn_panel_rows sets l_i and the weight a_i / sum_i of row i's exponentials, a warp a row. Where points are not finite,
// or products overflow, it makes the exponentials anew as the formula reads.
template <class T> DEV void sinkhorn_panel_rows(const sinkhorn_panel_params &p) {
	const int64_t item = block_id() * WARP_ROWS + warp_id(), m = p.loop.m;
	if (item >= p.batch * p.rows) return; // a whole warp
	const Problem<T> problem(p, item / p.rows);
	if (problem.ended) return;
	const int64_t i = p.i0 + item % p.rows;
	const T ref = panel_reference(p, problem, i, item);
	if (p.again && isnan(ref)) return;
	Global<const T> parts = global<const T>(p.parts) + 2 * item * p.slots;
	double sum = 0, most = minus_infinity();
	for (int64_t s = lane_id(); s < p.slots; s += WARP) {
		most = fmax(most, (double)parts[2 * s]);
		sum += (double)parts[2 * s + 1];
	}
	sum = sum_lanes(sum);
	most = max_lanes(most);
	const double a = global<const double>(p.loop.a)[problem.b * p.loop.n + i];
	double lse = (double)ref * nats<T> + log(sum), weight = a / sum;
	T retry = (T)not_a_number();
	if (isnan(sum) || most == -minus_infinity() || (p.extent && global<const uint32_t>(p.extent)[2 * problem.b + 1] != 0)) {
		Online<double> s;
		s.clear();
		for (int64_t j = lane_id(); j < m; j += WARP) s.add(panel_logit(p, problem, i, j), j);
		s.merge_lanes<WARP>([](double) {});
		Global<T> e = global<T>(p.e) + item * p.pitch;
		const double inverse = s.sum == 0 ? 0 : 1 / s.sum;
		for (int64_t j = lane_id(); j < m; j += WARP) e[j] = (T)(inverse == 0 ? 0 : exp_as<T>(panel_logit(p, problem, i, j) - s.ref) * inverse);
		lse = s.lse();
		weight = a;
	} else if (most == minus_infinity()) { // no column has weight
		lse = minus_infinity();
		weight = 0;
	} else if (!p.again && !(sum >= least_sum<T> && sum <= largest_sum<T>)) {
		retry = (T)most;
	}
	if (lane_id() != 0) return;
	if (!p.again) global<T>(p.retry)[item] = retry;
	global<double>(p.loop.lse)[problem.b * p.loop.n + i] = lse;
	global<double>(p.weights)[item] = weight;
}

// sinkhorn_panel_columns adds weight_i e_ij over COLSUM_ROWS rows, a thread a column. A row of weight 0 counts nothing,
// whatever it has.
template <class T> DEV void sinkhorn_panel_columns(const sinkhorn_panel_params &p) {
	const int64_t m = p.loop.m, across = ceil_div(m, ELEMENT_THREADS), chunks = ceil_div(p.rows, COLSUM_ROWS);
	const int64_t j = block_id() % across * ELEMENT_THREADS + threadIdx.x, c = block_id() / across % chunks;
	const int64_t of = block_id() / across / chunks;
	if (j >= m || Problem<T>(p, of).ended) return;
	const int64_t first = c * COLSUM_ROWS, count = p.rows - first < COLSUM_ROWS ? p.rows - first : COLSUM_ROWS;
	Global<const T> e = global<const T>(p.e) + (of * p.rows + first) * p.pitch + j;
	Global<const double> w = global<const double>(p.weights) + of * p.rows + first;
	double sum = 0;
#pragma unroll 8
	for (int64_t i = 0; i < count; i++) {
		const double weight = w[i], v = (double)e[i * p.pitch]; // without a condition, so that eight loads are under way
		sum = weight != 0 ? sum + weight * v : sum;
	}
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

// lost says whether a column with weight has a sum that has lost digits to underflow in its terms.
template <class T> DEV bool lost(const sinkhorn_panel_params &p, int64_t b, int64_t j) {
	return global<const double>(p.loop.logb)[b * p.loop.bstride + j] != minus_infinity() && !(global<const double>(p.columns)[b * p.loop.m + j] >= least_column<T>);
}

// sinkhorn_panel_log sets the columns' half l_j = ln c_j - g_j / eps - ln b_j, a thread a column, and marks problems whose
// columns are to be done again. What a column's terms had of g_j and b_j is their bias as it was rounded.
template <class T> DEV void sinkhorn_panel_log(const sinkhorn_panel_params &p) {
	const int64_t at = first_item(), m = p.loop.m, b = at / m;
	if (at >= p.batch * m) return;
	const Problem<T> problem(p, b);
	if (problem.ended) return;
	if (lost<T>(p, b, at % m)) global<int32_t>(p.loop.idle)[2 * b + 1] = 0;
	global<double>(p.loop.lsec)[at] = log(global<const double>(p.columns)[at]) - (double)problem.bias[at % m] * nats<T>; // of no use without weight
}

// sinkhorn_panel_take takes the half of columns that have been done again, a thread a column.
template <class T> DEV void sinkhorn_panel_take(const sinkhorn_panel_params &p) {
	const int64_t at = first_item(), m = p.loop.m, b = at / m;
	if (at >= p.batch * m || Problem<T>(p, b).ended || !lost<T>(p, b, at % m)) return;
	global<double>(p.loop.lsec)[at] = (double)global<const T>(p.redone)[at];
}

KERNEL(sinkhorn_panel_rows_f64, sinkhorn_panel_params, WARP_THREADS) { sinkhorn_panel_rows<double>(p); }
KERNEL(sinkhorn_panel_rows_f32, sinkhorn_panel_params, WARP_THREADS) { sinkhorn_panel_rows<float>(p); }
KERNEL(sinkhorn_panel_columns_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_columns<double>(p); }
KERNEL(sinkhorn_panel_columns_f32, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_columns<float>(p); }
KERNEL(sinkhorn_panel_merge_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_merge<double>(p); }
KERNEL(sinkhorn_panel_merge_f32, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_merge<float>(p); }
KERNEL(sinkhorn_panel_log_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_log<double>(p); }
KERNEL(sinkhorn_panel_log_f32, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_log<float>(p); }
KERNEL(sinkhorn_panel_take_f64, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_take<double>(p); }
KERNEL(sinkhorn_panel_take_f32, sinkhorn_panel_params, ELEMENT_THREADS) { sinkhorn_panel_take<float>(p); }
