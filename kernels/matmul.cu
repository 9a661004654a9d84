// matmul.cu: batched matrix products, a tile a block.
#include "tile.cuh"

template <class T, int R, int C, bool TRANS> DEV void matmul_tile(const matmul_params &p, Vec<T> *shared) {
	using Tiles = Tile<T, R, C, TRANS>;
	const int64_t across = ceil_div(p.m, Tiles::COLS), down = ceil_div(p.n, Tiles::ROWS);
	const int64_t j0 = block_id() % across * Tiles::COLS, i0 = block_id() / across % down * Tiles::ROWS;
	const int64_t b = block_id() / across / down;
	Product<T> g;
	g.xstride = p.k;
	g.ystride = TRANS ? p.k : p.m;
	g.x = global<const T>(p.x) + b * p.xstride + i0 * p.k;
	g.y = global<const T>(p.y) + b * p.ystride + (TRANS ? j0 * p.k : j0);
	g.rows = tile_part(p.n - i0);
	g.cols = tile_part(p.m - j0);
	g.depth = p.k;
	g.xvec = aligned<T>(g.x, g.xstride);
	g.yvec = aligned<T>(g.y, g.ystride);
	const int rows = g.rows, cols = g.cols;
	Tiles tile;
	Sums<T, R, C> z;
	tile.start(shared, g);
	tile.multiply(g, 0, 0, z);
	Global<T> out = global<T>(p.out) + b * p.ostride + i0 * p.m + j0;
	Global<const double> scale = global<const double>(p.scale);
#pragma unroll
	for (int r = 0; r < R; r++) {
		const int i = tile_row() + TILE_DOWN * r;
		if (i >= rows) continue;
		const T factor = p.scale ? (T)scale[(b * p.n + i0 + i) / p.per] : 1;
#pragma unroll
		for (int c = 0; c < C; c++) {
			const int j = Tiles::column(c);
			if (j < cols) out[i * p.m + j] = factor * z.value(r, c);
		}
	}
}

template <class T, int R, int C> DEV void matmul(const matmul_params &p) {
	SHARED(Vec<T>, shared, (Tile<T, R, C, true>::SHARED_VECS));
	if (p.trans) matmul_tile<T, R, C, true>(p, shared);
	else matmul_tile<T, R, C, false>(p, shared);
}

KERNEL(matmul_f64, matmul_params, TILE_THREADS) { matmul<double, TILE_R<double>, TILE_C>(p); }
KERNEL(matmul_f32, matmul_params, TILE_THREADS) { matmul<float, TILE_R<float>, TILE_C>(p); }
KERNEL(matmul_thin_f64, matmul_params, TILE_THREADS) { matmul<double, 1, TILE_C>(p); }
KERNEL(matmul_thin_f32, matmul_params, TILE_THREADS) { matmul<float, 1, TILE_C>(p); }
KERNEL(matmul_narrow_f64, matmul_params, TILE_THREADS) { matmul<double, TILE_R<double>, 1>(p); }
KERNEL(matmul_narrow_f32, matmul_params, TILE_THREADS) { matmul<float, TILE_R<float>, 1>(p); }
