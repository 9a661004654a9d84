// scan_tile.cuh: a block's tile of dot products, SCAN_ROWS x SCAN_COLS, through shared memory.
//
// Thread (row, col) = (threadIdx.x / 16, threadIdx.x % 16) has the products of rows row + 16 r and columns
// col + 16 c. The sum over the contraction runs in its order, in float64 whatever the type of the numbers:
// a product of two float32 is exact there, and a number depends on its own row and column alone.
#pragma once
#include "kernel.cuh"

constexpr int SCAN_SIDE = 16;                     // threads along each side
constexpr int SCAN_DEPTH = 16;                    // of the contraction at a time
constexpr int SCAN_R = SCAN_ROWS / SCAN_SIDE;     // rows a thread
constexpr int SCAN_C = SCAN_COLS / SCAN_SIDE;     // columns a thread
constexpr int SCAN_XROW = SCAN_ROWS + 1;          // one more, so that neighbours lie in different banks
constexpr int SCAN_YROW = SCAN_COLS + 1;
static_assert(SCAN_THREADS == SCAN_SIDE * SCAN_SIDE, "a thread for each place of the square");

DEV int scan_row() { return threadIdx.x / SCAN_SIDE; }
DEV int scan_col() { return threadIdx.x % SCAN_SIDE; }

// ScanProduct says where a tile's numbers are: x [rows, depth] and y [cols, depth], or y [depth, cols] where
// not trans. rows and cols may pass the tile's size.
template <class T> struct ScanProduct {
	Global<const T> x, y;
	int64_t xstride, ystride; // numbers from row to row
	int64_t rows, cols, depth;
	bool trans;
};

// scan_multiply sets z = x y^T or x y; places past the end get 0. All threads of the block call it.
template <class T> DEV void scan_multiply(const ScanProduct<T> &g, double (&z)[SCAN_R][SCAN_C]) {
	SHARED(double, xs, SCAN_DEPTH * SCAN_XROW);
	SHARED(double, ys, SCAN_DEPTH * SCAN_YROW);
	const int row = scan_row(), col = scan_col();
#pragma unroll
	for (int r = 0; r < SCAN_R; r++)
#pragma unroll
		for (int c = 0; c < SCAN_C; c++) z[r][c] = 0;
	for (int64_t k0 = 0; k0 < g.depth; k0 += SCAN_DEPTH) {
		const int depth = g.depth - k0 < SCAN_DEPTH ? (int)(g.depth - k0) : SCAN_DEPTH;
		__syncthreads(); // the last tile has been read
#pragma unroll
		for (int r = 0; r < SCAN_R; r++) {
			const int i = row + SCAN_SIDE * r;
			xs[col * SCAN_XROW + i] = i < g.rows && col < depth ? (double)g.x[i * g.xstride + k0 + col] : 0;
		}
#pragma unroll
		for (int c = 0; c < SCAN_C; c++) {
			if (g.trans) {
				const int j = row + SCAN_SIDE * c;
				ys[col * SCAN_YROW + j] = j < g.cols && col < depth ? (double)g.y[j * g.ystride + k0 + col] : 0;
			} else {
				const int j = col + SCAN_SIDE * c;
				ys[row * SCAN_YROW + j] = j < g.cols && row < depth ? (double)g.y[(k0 + row) * g.ystride + j] : 0;
			}
		}
		__syncthreads();
		for (int k = 0; k < depth; k++) {
			double a[SCAN_R], b[SCAN_C];
#pragma unroll
			for (int r = 0; r < SCAN_R; r++) a[r] = xs[k * SCAN_XROW + row + SCAN_SIDE * r];
#pragma unroll
			for (int c = 0; c < SCAN_C; c++) b[c] = ys[k * SCAN_YROW + col + SCAN_SIDE * c];
#pragma unroll
			for (int r = 0; r < SCAN_R; r++)
#pragma unroll
				for (int c = 0; c < SCAN_C; c++) z[r][c] += a[r] * b[c];
		}
	}
}
