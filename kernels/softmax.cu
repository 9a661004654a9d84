// softmax.cu: log-sum-exp and maxima in any dimension; the merging of parts. params.h lists the launches.
#include "softmax.cuh"

// softmax_scan goes over a part of the keys with a tile of rows a block.
template <class T, int R> DEV void softmax_scan(const softmax_params &p) {
	using Tiles = Tile<T, R, TILE_C, true>;
	SHARED(Vec<T>, shared, Tiles::SHARED_VECS);
	const Part at = part_of(p, Tiles::ROWS);
	if (ended(p, at.b)) return; // the whole block
	Logits<T, R> logits;
	logits.start(p, at.b, at.i, at.rows, at.j, at.end, shared);
	Online<T> state[R];
#pragma unroll
	for (int r = 0; r < R; r++) state[r].clear();
	for (int64_t j = at.j; j < at.end; j += TILE_COLS)
		logits.tile(p, j, [&](int r, int, T(&z)[TILE_C]) { state[r].take(z, (int32_t)j + tile_col(), TILE_ACROSS, p.arg != 0, [](T) {}); });
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		state[r].template merge_lanes<TILE_ACROSS>([](T) {});
		store_part(p, at, i, state[r], i < at.rows && tile_col() == 0);
	}
}

// softmax_finish merges the parts of a row, in a fixed order, a warp a row.
template <class T> DEV void softmax_finish(const softmax_params &p) {
	const int64_t item = block_id() * WARP_ROWS + warp_id(), parts = key_parts(p.m);
	if (item >= p.batch * p.rows) return; // a whole warp
	const int64_t b = p.b0 + item / p.rows, row = b * p.n + p.i0 + item % p.rows;
	if (ended(p, b)) return;
	Global<const T> state = global<const T>(p.state) + 2 * item * parts;
	static_assert(KEY_PARTS == 2 * WARP, "two parts a lane");
	// The reference of all parts is that of the largest z.
	T most[2], top = (T)minus_infinity();
	double weight[2], sum = 0;
#pragma unroll
	for (int h = 0; h < 2; h++) {
		const int64_t part = lane_id() + WARP * h;
		most[h] = part < parts ? state[2 * part] : (T)minus_infinity();
		top = larger(top, most[h]);
	}
	for (int o = WARP / 2; o > 0; o /= 2) top = larger(top, __shfl_xor_sync(ALL_LANES, top, o));
	uint32_t arg = ~0u;
#pragma unroll
	for (int h = 0; h < 2; h++) {
		const int64_t part = lane_id() + WARP * h;
		weight[h] = 0;
		if (part >= parts) continue;
		weight[h] = exp(natural(most[h]) - natural(top));
		sum += weight[h] * (double)state[2 * part + 1];
		if (p.arg && most[h] == top) arg = min(arg, (uint32_t)global<const int32_t>(p.args)[item * parts + part]);
	}
	for (int o = WARP / 2; o > 0; o /= 2) arg = min(arg, __shfl_xor_sync(ALL_LANES, arg, o));
	sum = sum_lanes(sum);
	double inverse = sum == 0 ? 0 : 1 / sum;
	if (lane_id() == 0) store_row<T>(p, row, top, natural(top), sum, (int32_t)arg);
	if (p.second) {
		Global<const T> seconds = global<const T>(p.seconds) + item * parts;
		double second = 0;
#pragma unroll
		for (int h = 0; h < 2; h++)
			if (lane_id() + WARP * h < parts) second += weight[h] * (double)seconds[lane_id() + WARP * h];
		second = sum_lanes(second);
		if (lane_id() == 0) global<T>(p.second)[row] = (T)(second * inverse);
	}
	if (!p.mean) return;
	Global<const T> means = global<const T>(p.means) + item * parts * p.dv;
	for (int64_t x0 = 0; x0 < p.dv; x0 += WARP) {
		const int64_t x = x0 + lane_id();
		double mean = 0;
		for (int part = 0; part < (int)parts; part++) {
			const double w = __shfl_sync(ALL_LANES, part < WARP ? weight[0] : weight[1], part % WARP);
			if (x < p.dv) mean += w * (double)means[part * p.dv + x];
		}
		if (x < p.dv) global<T>(p.mean)[row * p.dv + x] = (T)(mean * inverse);
	}
}

KERNEL(softmax_scan_f64, softmax_params, TILE_THREADS) { softmax_scan<double, SCAN_ROWS / TILE_DOWN>(p); }
KERNEL(softmax_scan_f32, softmax_params, TILE_THREADS) { softmax_scan<float, SCAN_ROWS / TILE_DOWN>(p); }
KERNEL(softmax_scan_thin_f64, softmax_params, TILE_THREADS) { softmax_scan<double, 1>(p); }
KERNEL(softmax_scan_thin_f32, softmax_params, TILE_THREADS) { softmax_scan<float, 1>(p); }
KERNEL(softmax_finish_f64, softmax_params, WARP_THREADS) { softmax_finish<double>(p); }
KERNEL(softmax_finish_f32, softmax_params, WARP_THREADS) { softmax_finish<float>(p); }
