// tile.cuh: a block's tile of dot products, through shared memory that is filled for the next step while the
// multiprocessor works on this one.
//
// TILE_THREADS threads stand as TILE_DOWN x TILE_ACROSS; thread (row, col) has R x C products in registers.
// A product is summed in the order of the contraction: in float64 as it comes, in float32 in runs of TILE_RUN
// that are added with compensation. So it depends on its own row and column alone, whatever R and C.
#pragma once
#include "async.cuh"

constexpr int TILE_DOWN = 16, TILE_ACROSS = 8;
constexpr int TILE_DEPTH = 16;            // of the contraction in one step
constexpr int TILE_RUN = 2 * TILE_DEPTH;  // summed in float32 before compensation
constexpr int TILE_MOST = 1 << 20;         // rows or columns, more than any tile has
static_assert(TILE_THREADS == TILE_DOWN * TILE_ACROSS, "a thread for each place");

DEV int tile_row() { return threadIdx.x / TILE_ACROSS; }
DEV int tile_col() { return threadIdx.x % TILE_ACROSS; }

// tile_part returns how many of the rows or columns that are left to the end concern a tile.
DEV int tile_part(int64_t left) { return left < TILE_MOST ? (int)left : TILE_MOST; }

// Sums are a thread's R x C sums of products.
template <class T, int R, int C> struct Sums {
	T run[R][C];

	DEV void clear() {
#pragma unroll
		for (int r = 0; r < R; r++)
#pragma unroll
			for (int c = 0; c < C; c++) run[r][c] = 0;
	}
	DEV void settle() {}
	DEV T value(int r, int c) const { return run[r][c]; }
};

// In float32 a run begins with what rounding the total has lost so far (Kahan, doi:10.1145/363707.363723).
template <int R, int C> struct Sums<float, R, C> {
	float run[R][C], total[R][C];

	DEV void clear() {
#pragma unroll
		for (int r = 0; r < R; r++)
#pragma unroll
			for (int c = 0; c < C; c++) run[r][c] = total[r][c] = 0;
	}
	// settle adds the runs to the totals. What an infinite total has lost is no number; the bounds, beyond all
	// that a finite one can lose, keep it from meeting the infinity.
	DEV void settle() {
		constexpr float bound = 0x1p104f;
#pragma unroll
		for (int r = 0; r < R; r++)
#pragma unroll
			for (int c = 0; c < C; c++) {
				const float sum = total[r][c] + run[r][c];
				run[r][c] = fminf(fmaxf(run[r][c] - (sum - total[r][c]), -bound), bound);
				total[r][c] = sum;
			}
	}
	DEV float value(int r, int c) const { return total[r][c] + run[r][c]; }
};

// Product says where a tile's numbers are: x [rows, depth] and y [cols, depth], or y [depth, cols] where not
// TRANS. rows and cols may pass the tile's size, and are 0 or less past the end.
template <class T> struct Product {
	Global<const T> x, y;
	int64_t xstride, ystride; // numbers from row to row
	int64_t depth;
	int rows, cols;
	bool xvec, yvec; // aligned
};

// Tile multiplies tiles of ROWS x COLS, one after another.
//
// In shared memory a row of x, and of y where TRANS, is TILE_DEPTH numbers and one Vec more, so that eight
// neighbours lie in different banks; thread col has the columns col + 8 c. Without TRANS a row of y is COLS
// numbers, and thread col has Vecs of columns.
template <class T, int R, int C, bool TRANS> struct Tile {
	static constexpr int ROWS = TILE_DOWN * R, COLS = TILE_ACROSS * C;
	static constexpr int V = Vec<T>::SIZE, PITCH = TILE_DEPTH / V + 1;
	static constexpr int STAGE = (ROWS + COLS) * PITCH; // Vecs
	static constexpr int SHARED_VECS = 2 * STAGE;       // what a block needs
	static constexpr int W = TRANS || C < V ? 1 : V;    // columns side by side

	Vec<T> *shared;
	int stage; // that was loaded last

	// column returns where the thread's column c lies in the tile.
	static DEV int column(int c) { return (c / W * TILE_ACROSS + tile_col()) * W + c % W; }

	// load copies the stage from k0 on. Rows that can be read by Vecs have whole ones.
	DEV void load(const Product<T> &g, Global<const T> y, int cols, int64_t k0) {
		stage ^= 1;
		T *xs = shared[stage * STAGE].at, *ys = shared[stage * STAGE + ROWS * PITCH].at;
		const int left = g.depth - k0 < TILE_DEPTH ? (int)(g.depth - k0) : TILE_DEPTH;
		if (g.xvec) copy_rows<ROWS, TILE_DEPTH, V>(xs, PITCH * V, g.x + k0, g.xstride, g.rows, left);
		else copy_rows<ROWS, TILE_DEPTH, 1>(xs, PITCH * V, g.x + k0, g.xstride, g.rows, left);
		if (TRANS) {
			if (g.yvec) copy_rows<COLS, TILE_DEPTH, V>(ys, PITCH * V, y + k0, g.ystride, cols, left);
			else copy_rows<COLS, TILE_DEPTH, 1>(ys, PITCH * V, y + k0, g.ystride, cols, left);
		} else {
			if (g.yvec) copy_rows<TILE_DEPTH, COLS, V>(ys, COLS, y + k0 * g.ystride, g.ystride, left, cols);
			else copy_rows<TILE_DEPTH, COLS, 1>(ys, COLS, y + k0 * g.ystride, g.ystride, left, cols);
		}
		async_commit();
	}

	// start loads what the first multiply begins with. xs are SHARED_VECS of the block's shared memory.
	DEV void start(Vec<T> *xs, const Product<T> &g) {
		shared = xs;
		stage = 1;
		if (g.depth > 0) load(g, g.y, g.cols, 0);
	}

	// add adds the products of one stage.
	static DEV void add(const Vec<T> *xs, const Vec<T> *ys, Sums<T, R, C> &z) {
#pragma unroll 1
		for (int k = 0; k < TILE_DEPTH / V; k++) {
			Vec<T> a[R];
#pragma unroll
			for (int r = 0; r < R; r++) a[r] = xs[(tile_row() + TILE_DOWN * r) * PITCH + k];
			if constexpr (TRANS) {
#pragma unroll
				for (int c = 0; c < C; c++) {
					const Vec<T> b = ys[(tile_col() + TILE_ACROSS * c) * PITCH + k];
#pragma unroll
					for (int e = 0; e < V; e++)
#pragma unroll
						for (int r = 0; r < R; r++) z.run[r][c] += a[r].at[e] * b.at[e];
				}
			} else {
#pragma unroll
				for (int e = 0; e < V; e++) {
					const Vec<T> *line = ys + (k * V + e) * (COLS / V);
#pragma unroll
					for (int c = 0; c < C; c += W) {
						Vec<T> b;
						if constexpr (W == V) b = line[c / W * TILE_ACROSS + tile_col()];
						else b.at[0] = line[column(c) / V].at[column(c) % V];
#pragma unroll
						for (int f = 0; f < W; f++)
#pragma unroll
							for (int r = 0; r < R; r++) z.run[r][c + f] += a[r].at[e] * b.at[f];
					}
				}
			}
		}
	}

	// multiply sets z = x y^T or x y, and then moves g.y on by step numbers to a tile of cols columns and, where
	// that has any, loads what the next call begins with. Places past the end get 0. All threads of the block call it.
	DEV void multiply(Product<T> &g, int64_t step, int cols, Sums<T, R, C> &z) {
		z.clear();
		for (int64_t k0 = 0; k0 < g.depth; k0 += TILE_DEPTH) {
			async_wait<0>();
			__syncthreads(); // this stage has come, and the other has been read
			const Vec<T> *now = shared + stage * STAGE;
			const bool last = k0 + TILE_DEPTH >= g.depth;
			if (!last || cols > 0) load(g, last ? g.y + step : g.y, last ? cols : g.cols, last ? 0 : k0 + TILE_DEPTH);
			if (k0 > 0 && k0 % TILE_RUN == 0) z.settle();
			add(now, now + ROWS * PITCH, z);
		}
		g.y += step;
		g.cols = cols;
	}
};

// What the kernels use: for many rows and columns, for few rows, for few columns.
template <class T> constexpr int TILE_ROWS = sizeof(T) == 8 ? TILE_ROWS_F64 : TILE_ROWS_F32;
template <class T> constexpr int TILE_R = TILE_ROWS<T> / TILE_DOWN;
constexpr int TILE_C = TILE_COLS / TILE_ACROSS;
static_assert(TILE_THIN == TILE_DOWN && TILE_NARROW == TILE_ACROSS, "a row or column a thread");
