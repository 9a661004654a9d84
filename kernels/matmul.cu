// matmul.cu: batched matrix products, a tile a block.
#include "tile.cuh"

template <class T> DEV void matmul(const matmul_params &p) {
	const int64_t across = ceil_div(p.m, TILE_COLS), down = ceil_div(p.n, TILE_ROWS);
	const int64_t j0 = block_id() % across * TILE_COLS, i0 = block_id() / across % down * TILE_ROWS;
	const int64_t b = block_id() / across / down;
	Product<T> g;
	g.trans = p.trans != 0;
	g.xstride = p.k;
	g.ystride = g.trans ? p.k : p.m;
	g.x = global<const T>(p.x) + b * p.xstride + i0 * p.k;
	g.y = global<const T>(p.y) + b * p.ystride + (g.trans ? j0 * p.k : j0);
	g.rows = p.n - i0;
	g.cols = p.m - j0;
	g.depth = p.k;
	double z[TILE_R][TILE_C];
	multiply(g, z);
	Global<T> out = global<T>(p.out) + b * p.ostride + i0 * p.m + j0;
#pragma unroll
	for (int r = 0; r < TILE_R; r++)
#pragma unroll
		for (int c = 0; c < TILE_C; c++) {
			const int i = tile_row() + TILE_SIDE * r, j = tile_col() + TILE_SIDE * c;
			if (i < g.rows && j < g.cols) out[i * p.m + j] = (T)z[r][c];
		}
}

KERNEL(matmul_f64, matmul_params, TILE_THREADS) { matmul<double>(p); }
KERNEL(matmul_f32, matmul_params, TILE_THREADS) { matmul<float>(p); }
