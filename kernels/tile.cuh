// tile.cuh: a block's tile of dot products, TILE_ROWS x TILE_COLS, through shared memory.
//
// Thread (row, col) = (threadIdx.x / 16, threadIdx.x % 16) has the products of rows row + 16 r and columns
// col + 16 c. The sum over the contraction runs in its order, in float64 whatever the type of the numbers:
// a product of two float32 is exact there, and a number depends on its own row and column alone.
#pragma once
#include "kernel.cuh"

constexpr int TILE_SIDE = 16;                     // threads along each side
constexpr int TILE_DEPTH = 16;                    // of the contraction at a time
constexpr int TILE_R = TILE_ROWS / TILE_SIDE;     // rows a thread
constexpr int TILE_C = TILE_COLS / TILE_SIDE;     // columns a thread
constexpr int TILE_XROW = TILE_ROWS + 1;          // one more, so that neighbours lie in different banks
constexpr int TILE_YROW = TILE_COLS + 1;
static_assert(TILE_THREADS == TILE_SIDE * TILE_SIDE, "a thread for each place of the square");

DEV int tile_row() { return threadIdx.x / TILE_SIDE; }
DEV int tile_col() { return threadIdx.x % TILE_SIDE; }

// Product says where a tile's numbers are: x [rows, depth] and y [cols, depth], or y [depth, cols] where
// not trans. rows and cols may pass the tile's size.
template <class T> struct Product {
	Global<const T> x, y;
	int64_t xstride, ystride; // numbers from row to row
	int64_t rows, cols, depth;
	bool trans;
};

// multiply sets z = x y^T or x y; places past the end get 0. All threads of the block call it.
template <class T> DEV void multiply(const Product<T> &g, double (&z)[TILE_R][TILE_C]) {
	SHARED(double, xs, TILE_DEPTH * TILE_XROW);
	SHARED(double, ys, TILE_DEPTH * TILE_YROW);
	const int row = tile_row(), col = tile_col();
#pragma unroll
	for (int r = 0; r < TILE_R; r++)
#pragma unroll
		for (int c = 0; c < TILE_C; c++) z[r][c] = 0;
	for (int64_t k0 = 0; k0 < g.depth; k0 += TILE_DEPTH) {
		const int depth = g.depth - k0 < TILE_DEPTH ? (int)(g.depth - k0) : TILE_DEPTH;
		__syncthreads(); // the last tile has been read
#pragma unroll
		for (int r = 0; r < TILE_R; r++) {
			const int i = row + TILE_SIDE * r;
			xs[col * TILE_XROW + i] = i < g.rows && col < depth ? (double)g.x[i * g.xstride + k0 + col] : 0;
		}
#pragma unroll
		for (int c = 0; c < TILE_C; c++) {
			if (g.trans) {
				const int j = row + TILE_SIDE * c;
				ys[col * TILE_YROW + j] = j < g.cols && col < depth ? (double)g.y[j * g.ystride + k0 + col] : 0;
			} else {
				const int j = col + TILE_SIDE * c;
				ys[row * TILE_YROW + j] = j < g.cols && row < depth ? (double)g.y[(k0 + row) * g.ystride + j] : 0;
			}
		}
		__syncthreads();
		for (int k = 0; k < depth; k++) {
			double a[TILE_R], b[TILE_C];
#pragma unroll
			for (int r = 0; r < TILE_R; r++) a[r] = xs[k * TILE_XROW + row + TILE_SIDE * r];
#pragma unroll
			for (int c = 0; c < TILE_C; c++) b[c] = ys[k * TILE_YROW + col + TILE_SIDE * c];
#pragma unroll
			for (int r = 0; r < TILE_R; r++)
#pragma unroll
				for (int c = 0; c < TILE_C; c++) z[r][c] += a[r] * b[c];
		}
	}
}
