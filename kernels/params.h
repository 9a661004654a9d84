// params.h: the interface of every kernel, included by the .cu files and by cgo. Device pointers travel as
// 64-bit integers; 0 is a nil buffer. Arrays are dense and row-major; sizes and strides count numbers.
//
// A kernel takes one of these structs by value, as its only argument: cuLaunchKernel's kernelParams is an
// array of one pointer, to the struct.
//
// Launches: the grid is one-dimensional, gridDim = (blocks, 1, 1), blockDim = (threads, 1, 1), no dynamic
// shared memory unless said otherwise. A comment beside each struct names its kernels with threads and blocks; DTYPE is f64 or
// f32, the type of all floating-point arrays but the scratch, which is float64 unless said otherwise. Zero
// blocks = nothing to do: do not launch. Blocks of "any" kernels stride over their work, and any count
// from 1 on gives the same bits.
#pragma once
#include <stdint.h>

#ifdef __CUDACC__
#define PARAMS_INLINE __host__ __device__ static inline
#else
#define PARAMS_INLINE static inline
#endif

// ceil_div returns ceil(n / d), the blocks for n items of d a block.
PARAMS_INLINE int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }

enum {
	ELEMENT_THREADS = 256, // kernels on elements
	ROW_THREADS = 256,     // kernels with a block a row, at most: row_threads()
	WARP_THREADS = 128,    // kernels with a warp a row: WARP_ROWS rows a block
	WARP_ROWS = 4,
	TILE_THREADS = 128,  // kernels on tiles of dot products, TILE_ROWS_F64 or TILE_ROWS_F32 x TILE_COLS
	TILE_ROWS_F64 = 64,
	TILE_ROWS_F32 = 128,
	TILE_COLS = 64,
	TILE_THIN = 16,      // rows of a tile for few rows
	TILE_NARROW = 8,     // columns of a tile for few columns
	TRAJECTORY_DIMS = 4,      // dimensions of a mixture that trajectory.cu and adams_trajectory.cu are compiled for, at most
	WIDE_DIMS = 32,           // and for teams of lanes; for the reasons of these bounds see wide() in package gpu
	WIDE_PARTS = 32,          // components there, at most
	WIDE_TURNS = 2048,        // k lanes^2 of components with a basis each there, at most
	ADAMS_TRAJECTORY_THREADS = 64,
	TRAJECTORY_STORE = 6144,  // float64 numbers of shared memory of a block of trajectory.cu, at most
	TRAJECTORY_THREADS = 128, // of such a block at most: trajectory_threads()
	TRAJECTORY_LEAST = 64,    // and at least where teams of lanes have the rows
	MAX_STAGES = 7,
	ADAMS_ORDER = 12,
	CURVE_TRIG = 0, // step_control.kind
	CURVE_RF = 1,
	CURVE_VE = 2,
	CURVE_CONSTANT = 3,
	CURVE_LINEAR = 4,
	CURVE_COSINE = 5,
	TRACK_ROW = 0, // columns of engine.Rows.Track
	TRACK_U = 1,
	TRACK_H = 2,
	TRACK_NEXT = 3,
	TRACK_ORDER = 4,
	TRACK_KNOWN = 5,
	TRACK_STEPS = 6,
	TRACK_RETRIES = 7,
	TRACK_NFE = 8,
	TRACK_REJECTED = 9,
	TRACK_STOP = 10,
	TRACK_TIMES = 11,
	TRACK_SLOTS = TRACK_TIMES + ADAMS_ORDER + 1,
	TRACK_COUNT = TRACK_SLOTS + ADAMS_ORDER + 1,
	ROW_RUNS = 0, // engine.Rows.Status
	ROW_ENDED = 1,
	ROW_WAITS = 2,
	ROW_BROKEN = 3,
	MIX_THREADS = 256,    // kernels on tiles of mixture_tiles.cu
	MIX_TILE = 64,        // rows and coordinates of such a tile
	MIX_ROWS = 0,         // mixture_tiles_params.what
	MIX_TANGENTS = 1,
	MIX_SCORES = 2,
	MIX_DIVERGENCE = 3,
	SMALL_DIMS = 8,       // dimensions of a mixture that a thread keeps in registers, at most
	SMALL_PARTS = 64,     // and components, which it takes one after another
	SMALL_THREADS = 128,  // kernels with a thread a row
	SCAN_ROWS = 64,      // of a tile where the states of the rows take registers, too
	KEY_PARTS = 64,      // parts of the keys of a fused softmax, at most
	PART_KEYS = 512,     // and keys of a part, at least
	REDUCE_CHUNK = 8192, // numbers that a block of reduce_parts sums
	COLSUM_ROWS = 256,   // rows that a block of softmax_colsum sums
	SINKHORN_SMALL_COLS = 256,
	SINKHORN_SMALL_BYTES = 32768,
	SINKHORN_THREADS = 1024, // kernels with a block a problem, at most: sinkhorn_threads()
	SPLIT_CHUNK = 128,   // bytes of a chunk of a split row: 32 dimensions of three products, 64 of one
	SPLIT_ROWS = 64,     // rows that a block of split.cu splits
	SPLIT_THREADS = 256,
	MMA_TILE = 128,      // rows of a block of softmax_mma.cu; split clouds have zeros up to whole tiles
	MMA_THREADS = 128,
	MMA_ANY_THREADS = 256,
	WGMMA_THREADS = 256, // of softmax_wgmma.cu: two warpgroups of 64 rows
	MMA_PART = 2048,     // keys of a partial state, at least
	MMA_PARTS = 256,     // partial states, at most
	ROTATE_OWN = 1,      // mixture_model.rotation: a basis for each component
	ROTATE_SHARED = 2,   // one basis
	ROTATE_REFLECT = 3,  // a product of reflections
};

// row_threads returns the threads of a kernel that gives a block to a row of d numbers. It depends on d
// alone, since the order of a row's sums depends on it.
PARAMS_INLINE int64_t row_threads(int64_t d) { return d <= 64 ? 32 : d <= 1024 ? 128 : ROW_THREADS; }

// part_keys returns the keys of a part of m, whole tiles of them, and key_parts the parts: one at least. The order of a
// row's sums depends on them, and so they depend on m alone.
PARAMS_INLINE int64_t part_keys(int64_t m) {
	return m <= KEY_PARTS * PART_KEYS ? PART_KEYS : ceil_div(ceil_div(m, KEY_PARTS), TILE_COLS) * TILE_COLS;
}
PARAMS_INLINE int64_t key_parts(int64_t m) { return m <= PART_KEYS ? 1 : ceil_div(m, part_keys(m)); }

// ---- softmax.cu, softmax_small.cu, softmax_panel.cu ----
// engine.Softmax is these launches for every panel of problems [b0, b0 + batch) and rows [i0, i0 + rows); batch > 1
// only with i0 = 0 and rows = n > 0; m = 0 is well. Tiles have TILE_ROWS_... rows, or TILE_THIN where the kernel's name
// says thin; both give the same bits.
//
// Without tmean, colsum, and mean or second of wider values than softmax_small.cu takes, a fused pass:
//
//	softmax_d2_DTYPE, softmax_d4_DTYPE, softmax_d8_DTYPE or softmax_d16_DTYPE for d up to that, or with mean or second
//	softmax_d2_mean_DTYPE, softmax_d4_mean_DTYPE, softmax_d8_mean_DTYPE or softmax_d16_mean_DTYPE for d and dv up to that:
//	                        TILE_THREADS, batch ceil_div(rows, small_rows(...)) key_parts(m): all outputs;
//	softmax_scan_DTYPE or softmax_scan_thin_DTYPE for any d, with SCAN_ROWS or TILE_THIN rows a tile:
//	                        TILE_THREADS, batch ceil_div(rows, tile) key_parts(m): lse, max, arg;
//	softmax_finish_DTYPE    WARP_THREADS, ceil_div(batch rows, WARP_ROWS): with key_parts(m) > 1, where the launch
//	                        before it leaves state, args (for arg), seconds and means (for second and mean).
//
// With any of them:
//
//	softmax_norms_DTYPE     WARP_THREADS, ceil_div(vb m, WARP_ROWS), vb = 1 or B the problems of v, once with b0 = i0 = 0,
//	                        batch = B, rows = n: norms. For second.
//	softmax_logits_DTYPE or softmax_logits_thin_DTYPE
//	                        TILE_THREADS, batch ceil_div(rows, tile) ceil_div(m, TILE_COLS): e = z
//	softmax_rows_DTYPE      row_threads(m), batch rows: e = exp(z - max), inverse, and lse, max, arg, second
//	matmul_DTYPE            mean: x = e [batch, rows, m], y = v (of problem b0), out = mean (row b0 n + i0), scale = inverse
//	softmax_tangents_DTYPE or softmax_tangents_thin_DTYPE
//	                        TILE_THREADS, batch ceil_div(rows np, tile) ceil_div(m, TILE_COLS): f
//	matmul_DTYPE            tmean: x = f [batch, rows np, m], y = v, out = tmean (row (b0 n + i0) np), scale = inverse, per = np
//	softmax_colsum_DTYPE    ELEMENT_THREADS, batch ceil_div(rows, COLSUM_ROWS) ceil_div(m, ELEMENT_THREADS): parts
//	softmax_merge_DTYPE     ELEMENT_THREADS, ceil_div(batch m, ELEMENT_THREADS): acc and colsum
//
// With colsum rows is a multiple of COLSUM_ROWS, or n, and the panels of a problem come in the order of their rows.
// With n = 0 fill colsum with zeros instead of all this.
typedef struct {
	uint64_t q, k, v;         // v = k where there are no values
	uint64_t s, u, c, w;      // DTYPE; 0 = scale, 0, and no rank-one bias
	uint64_t skip;            // int32
	uint64_t t, a;
	uint64_t lse, mean, second, max, arg, colsum; // outputs; tmean is matmul's, and mean where not fused
	uint64_t state;           // scratch of DTYPE [batch, rows, parts, 2]: a part's largest z, and its sum
	uint64_t args;            // scratch of int32 [batch, rows, parts]
	uint64_t seconds, means;  // scratch of DTYPE [batch, rows, parts], [batch, rows, parts, dv]
	uint64_t norms;           // scratch of DTYPE [vb, m]: |v_j|^2
	uint64_t e;               // scratch of DTYPE [batch, rows, m]: z_ij, then exp(z_ij - max_i)
	uint64_t inverse;         // scratch [batch, rows]: what makes a row of e weights
	uint64_t f;               // scratch of DTYPE [batch, rows np, m]: e_ij <k_j, t_ip>
	uint64_t parts;           // scratch [batch, ceil_div(rows, COLSUM_ROWS), m]
	uint64_t acc;             // scratch [batch, m]: column sums so far; set where i0 = 0
	int64_t n, m, d, dv, np;  // np tangents a row
	int64_t kstride, vstride, ustride, wstride; // numbers from one problem to the next; 0 = shared
	int64_t nstride;          // of norms: m or 0
	int64_t b0, batch, i0, rows;
	double scale;             // used where s = 0; never 0 itself
	uint64_t ended;           // int32 [B, 2]; problems whose second number is not 0 may be left out. 0 = none
} softmax_params;

// small_rows returns the rows of a block of softmax_small.cu for numbers of size bytes, up to d of them.
PARAMS_INLINE int64_t small_rows(int64_t size, int64_t d) {
	return size == 8 ? (d <= 8 ? 32 : 16) : d <= 8 ? 64 : 32;
}

// ---- sinkhorn.cu ----
// engine.Sinkhorn is these launches, in order, of which the first comes once a call:
//
//	sinkhorn_begin_DTYPE    sinkhorn_threads(n, m), batch: a, u, s, t
//	softmax                 rows' half: q = x, k = y, biases u, scales s; lse
//	sinkhorn_rows_DTYPE     sinkhorn_threads(n, m), batch: f, v, and what of a problem ends
//	softmax                 columns' half: q = y, k = x, biases v, scales t; lsec
//	sinkhorn_columns_DTYPE  sinkhorn_threads(n, m), batch: g, u, s, t, and the count of iterations
//
// All of them pass over problems that have ended, so passes may be queued without looking.
typedef struct {
	uint64_t loga, logb, eps, f, g, trace; // float64
	uint64_t state;      // int32 [batch, 2]: iterations made, ended
	uint64_t a;          // scratch [batch, n]: a_i
	uint64_t u, v, s, t; // scratch of DTYPE: biases of columns [batch, m] and rows [batch, n], scales of rows and columns
	uint64_t lse, lsec;  // scratch of DTYPE, float64 where wide: [batch, n] and [batch, m]
	uint64_t ref;        // scratch of DTYPE [batch, n], where wide: what lse will be if nothing changes, 0 at first
	uint64_t idle;       // scratch int32 [batch, 2], where wide: problems whose second number is 1 have no columns to do again
	int64_t n, m, steps, places;
	int64_t astride, bstride, estride; // of loga, logb and eps; 0 = shared
	int64_t limit, columns, wide;
	double tol;
} sinkhorn_params;

// sinkhorn_threads depends on the sizes of a problem alone, since the order of its sums depends on it.
PARAMS_INLINE int64_t sinkhorn_threads(int64_t n, int64_t m) {
	const int64_t most = n > m ? n : m;
	return most <= 64 ? 64 : most <= 1024 ? 256 : SINKHORN_THREADS;
}

// ---- sinkhorn_panel.cu, sinkhorn_mma.cu ----
// In place of the two reductions of a pass, with wide, for every panel of problems [b0, b0 + batch) and rows
// [i0, i0 + rows), the first two twice, again = 0 and 1:
//
//	sinkhorn_panel_f64, or in float32 sinkhorn_mma_x3_f32 or sinkhorn_mma_x1_f32: e, parts
//	                              TILE_THREADS, batch ceil_div(rows, TILE_ROWS_F64) ceil_div(m, TILE_COLS)
//	sinkhorn_panel_rows_DTYPE     WARP_THREADS, ceil_div(batch rows, WARP_ROWS): lse, weights, and retry for what is out of range
//	sinkhorn_panel_columns_DTYPE  ELEMENT_THREADS, batch ceil_div(rows, COLSUM_ROWS) ceil_div(m, ELEMENT_THREADS): sums
//	sinkhorn_panel_merge_DTYPE    ELEMENT_THREADS, ceil_div(batch m, ELEMENT_THREADS): columns
//
// and after sinkhorn_rows, with batch = all problems and b0 = 0,
//
//	sinkhorn_panel_log_DTYPE      ELEMENT_THREADS, ceil_div(batch m, ELEMENT_THREADS): lsec, and what columns are to be done again
//	softmax                       columns' half as without wide, of problems that are not idle; redone
//	sinkhorn_panel_take_DTYPE     as log: lsec of those columns
//
// Panels are as those of softmax_panel.cu. The kernels of sinkhorn_mma.cu, and in their place sinkhorn_wgmma_x3_f32 and
// sinkhorn_wgmma_x1_f32 of sinkhorn_wgmma.cu, take softmax_mma_params and are launched as softmax_mma_x3_any_f32 and
// softmax_wgmma_x3_any_f32, with factor log2 e, no tilt and part_keys = SINKHORN_PART.
typedef struct {
	sinkhorn_params loop;
	uint64_t x, y;
	uint64_t e;       // scratch of DTYPE [batch, rows, pitch]: exp(z_ij - reference)
	uint64_t parts;   // scratch of DTYPE [batch, rows, slots, 2]: the largest z of some columns, and their sum of e
	uint64_t retry;   // scratch of DTYPE [batch, rows]: the reference of rows that are done again; NaN = not
	uint64_t weights; // scratch [batch, rows]: a_i / sum_j e_ij
	uint64_t sums;    // scratch [batch, ceil_div(rows, COLSUM_ROWS), m]
	uint64_t columns; // scratch [B, m]: sums of the plan's columns so far
	uint64_t redone;  // scratch of DTYPE [B, m]: the columns' half by a reduction
	uint64_t bias;    // what z_ij has of column j, [B, bstride]: u, or that of softmax_mma_params. z and it are in units of ln 2 in float32
	uint64_t extent;  // of split.cu, of y; 0 = none
	int64_t d, b0, batch, i0, rows;
	int64_t pitch, slots, bstride, again;
} sinkhorn_panel_params;

enum { SINKHORN_PART = 512 }; // keys of a part: a panel has few rows, and its blocks a part each

// ---- sinkhorn_small.cu ----
// sinkhorn_small_DTYPE, sinkhorn_small_odd_DTYPE: ROW_THREADS, a block a problem from b0 on: all passes of a
// call. m <= SINKHORN_SMALL_COLS and sinkhorn_small_bytes() <= SINKHORN_SMALL_BYTES. The first reads x in
// pieces of 16 bytes: every row of it is aligned to that. Of loop's scratch it uses a and lse, in float64.
typedef struct {
	sinkhorn_params loop;
	uint64_t x, y; // DTYPE
	int64_t d, b0, passes;
} sinkhorn_small_params;

// sinkhorn_small_bytes returns what a problem's columns take in shared memory, of numbers of size bytes.
PARAMS_INLINE int64_t sinkhorn_small_bytes(int64_t m, int64_t d, int64_t size) {
	return ceil_div(m, 32) * 32 * ceil_div(d * size, 16) * 16;
}

// ---- split.cu ----
// Clouds of float32 as the tensor cores read them, see mma.cuh: [problems, rows, chunks] of SPLIT_CHUNK bytes.
//
// split_extent_DTYPE   SPLIT_THREADS, problems ceil_div(n, SPLIT_ROWS): extent, which is zero before
// split_keys_DTYPE     SPLIT_THREADS, problems rows / SPLIT_ROWS: cloud, ratio and odd, from extent
// split_queries_DTYPE  SPLIT_THREADS, problems rows / SPLIT_ROWS: cloud and scale
// split_bias_DTYPE     ELEMENT_THREADS, any; ceil_div(problems rows, ELEMENT_THREADS) at most: out
typedef struct {
	uint64_t x;      // [problems, n, d]
	uint64_t extent; // uint32 [problems, 2]: the bits of the largest |x| of a finite row, and the count of other rows
	uint64_t cloud;
	uint64_t ratio;  // [problems, rows]: the power of two that a key's products still lack; 0 = a key that is not finite
	uint64_t odd;    // uint32 [problems, rows / SPLIT_ROWS]: whether a ratio there is not 1
	uint64_t s;      // [problems, n] of the queries; 0 = base
	uint64_t scale;  // [problems, rows]: what turns products into s_i factor <q_i, k_j>; NaN where a query is not finite
	int64_t problems, n, rows, d, chunks;
	int64_t xstride, sstride; // numbers from one problem to the next
	int64_t estride;          // of extent, for queries: 2, or 0 = shared
	int64_t products;         // 3 or 1
	double base, factor;
} split_params;

// Values are split with a power of two a column:
//
// split_columns_DTYPE  SPLIT_THREADS, problems ceil_div(n, SPLIT_ROWS): extent, which is zero before
// split_values_DTYPE   SPLIT_THREADS, problems rows / SPLIT_ROWS: cloud, shift, squares, odd, and the last of extent
typedef struct {
	uint64_t x;       // [problems, n, d]
	uint64_t extent;  // uint32 [problems, 32 chunks + 1]: the bits of the largest finite |x| of a column; the count of rows that are not finite
	uint64_t cloud;   // in panels of across chunks: [problems, chunks / across, rows, across] of SPLIT_CHUNK bytes
	uint64_t shift;   // [problems, rows]: the exponent of the power of two that a row's values still lack, 0 or less; 1 = a row that is not finite
	uint64_t squares; // [problems, rows]: |x_i|^2, 0 for a row that is not finite
	uint64_t odd;     // uint32 [problems, rows / SPLIT_ROWS]: whether a shift there is not 0
	int64_t problems, n, rows, d, chunks, across, xstride;
} values_params;

typedef struct {
	uint64_t out, x;  // of x [problems, n], or 0 = zeros
	uint64_t ratio;   // of the keys, where it is 0 out is beyond; or 0
	int64_t problems, n, rows;
	int64_t stride, xstride, rstride; // numbers from one problem to the next
	double factor, beyond; // out = factor x, and beyond past n
} bias_params;

// ---- softmax_mma.cu, softmax_mma_max.cu, softmax_mma_panel.cu ----
// Log-sum-exp and maximum over products of the tensor cores, for a panel of n rows a problem. Keys are taken in parts of
// part_keys; each has a state a row, and groups blocks share a tile's parts.
//
// Forms are d32 (chunks = 1), d64 (chunks = 2) and any; where one product stands for three, x1, a chunk has 64 dimensions.
// Tilt is with c and w. The scans take mma_shared() of dynamic shared memory and write part:
//
//	softmax_mma_x3_d32_f32, softmax_mma_x3_d32_tilt_f32, softmax_mma_x3_d64_f32, softmax_mma_x3_d64_tilt_f32,
//	softmax_mma_x1_d32_f32, softmax_mma_x1_d32_tilt_f32, softmax_mma_x1_d64_f32, softmax_mma_x1_d64_tilt_f32:
//	                               MMA_THREADS, batch (rows / MMA_TILE) groups
//	softmax_mma_x3_any_f32, softmax_mma_x3_any_tilt_f32, softmax_mma_x1_any_f32, softmax_mma_x1_any_tilt_f32:
//	                               MMA_ANY_THREADS, as many
//	softmax_mma_max_d64_f32        as x3 with tilt: maximum and its key
//	softmax_mma_max_any_f32
//	softmax_states_f32             WARP_THREADS, ceil_div(batch n, WARP_ROWS): lse
//	softmax_maxima_f32             the same: max and arg
//
// softmax_wgmma.cu, on devices of compute capability 9.0 alone: the same by warpgroups. Slots are 4 a part with FORM any, too,
// and the shared memory is wgmma_shared(). The scans are launched as theirs with mma for wgmma, by WGMMA_THREADS:
//
//	softmax_wgmma_x3_d32_f32, softmax_wgmma_x3_d32_tilt_f32, softmax_wgmma_x3_d64_f32, softmax_wgmma_x3_d64_tilt_f32,
//	softmax_wgmma_x1_d32_f32, softmax_wgmma_x1_d32_tilt_f32, softmax_wgmma_x1_d64_f32, softmax_wgmma_x1_d64_tilt_f32,
//	softmax_wgmma_x3_any_f32, softmax_wgmma_x3_any_tilt_f32, softmax_wgmma_x1_any_f32, softmax_wgmma_x1_any_tilt_f32,
//	softmax_wgmma_max_d64_f32, softmax_wgmma_max_any_f32
//
// softmax_mma_mean.cu: forms are d32 (chunks = vchunks = 1), d64 (chunks = 2) and d128 (chunks = 4), and vchunks is a
// multiple of chunks: that many columns a panel. They take mean_shared() of dynamic shared memory and write part and sums.
// Second is with squares and, as tilt, with c and w.
//
//	softmax_mma_mean_d32_f32, softmax_mma_mean_d32_tilt_f32, softmax_mma_mean_d32_second_f32,
//	softmax_mma_mean_d64_f32, softmax_mma_mean_d64_tilt_f32, softmax_mma_mean_d64_second_f32,
//	softmax_mma_mean_d128_f32, softmax_mma_mean_d128_tilt_f32, softmax_mma_mean_d128_second_f32:
//	                               mean_threads(chunks), batch panels (rows / MMA_TILE) groups
//	softmax_means_f32              WARP_THREADS, ceil_div(batch n, WARP_ROWS): lse, mean, second
//
// softmax_wgmma_mean.cu, on devices of compute capability 9.0 alone: the same by warpgroups, with
// wgmma_mean_shared() of shared memory:
//
//	softmax_wgmma_mean_d32_f32, softmax_wgmma_mean_d32_tilt_f32, softmax_wgmma_mean_d32_second_f32,
//	softmax_wgmma_mean_d64_f32, softmax_wgmma_mean_d64_tilt_f32, softmax_wgmma_mean_d64_second_f32,
//	softmax_wgmma_mean_d128_f32, softmax_wgmma_mean_d128_tilt_f32, softmax_wgmma_mean_d128_second_f32:
//	                               WGMMA_THREADS, batch panels (rows / MMA_TILE) groups
//
// softmax_mma_panel.cu: in place of softmax_logits and softmax_tangents, n rows of each problem of a panel,
//
//	softmax_mma_logits_d64_f32, softmax_mma_logits_any_f32: as x3 with tilt, factor 1: e
//	softmax_odd_f32                WARP_THREADS, ceil_div(batch n, WARP_ROWS): e where the tensor cores passed it over
//	softmax_mma_tangents_d64_f32, softmax_mma_tangents_any_f32: as x3: f. n is np a row, and they are the queries
typedef struct {
	// The arrays of engine.Softmax, those of rows from the panel's first on; 0 as there.
	uint64_t q, k, s, u, c, w, skip;
	uint64_t lse, max, arg;
	uint64_t ended; // int32 [batch, 2]: problems whose second number is not 0 are left as they are; 0 = none
	// Made by split.cu. bias [bproblems, 2, cols] is factor u and factor w, where factor is log2 e for sums, 1 for maxima.
	uint64_t queries, keys, scale, bias, ratio, odd, extent;
	uint64_t part; // scratch float [batch, n, slots, 2]: reference and sum, or maximum and key
	uint64_t e, f; // as softmax_params
	int64_t batch, n, total; // rows a problem of the panel and in all
	int64_t m, d, chunks, np;
	int64_t rows, cols; // n and m up to whole tiles
	int64_t kproblems, bproblems, uproblems, wproblems; // 1 = shared, or batch
	int64_t part_keys, parts, groups;
	int64_t slots;      // states a row: 4 a part, or 4 MMA_ANY_WARPS with FORM any by mma
	double base;        // s where it is 0
	// Of softmax_mma_mean.cu: values_params of v, each [vproblems, ...], and outputs.
	uint64_t v, values, vshift, vodd, vextent, squares;
	uint64_t mean, second;
	uint64_t sums; // scratch float [batch, n, parts, 32 vchunks]; part is [batch, n, parts, MEAN_STATE]: reference, sum, second moment
	int64_t dv, vchunks, vproblems, panels;
	// Of sinkhorn_mma.cu, whose e is [batch, n, cols]: references of the panel's rows, in all total of a problem, in natural
	// units. Those to do rows again with are [batch, n], in units of ln 2; NaN = not.
	uint64_t ref;
	int64_t again;
} softmax_mma_params;

// mma_part_keys returns the keys of a part. It depends on m alone, since the order of a row's sums depends on it.
PARAMS_INLINE int64_t mma_part_keys(int64_t m) {
	int64_t keys = ceil_div(ceil_div(m, MMA_PARTS), MMA_TILE) * MMA_TILE;
	return keys < MMA_PART ? MMA_PART : keys;
}

enum {
	MMA_STAGES = 4,
	MMA_KEYS = 64,     // of a step of the forms with queries in registers
	MMA_ANY_WARPS = 2, // of a block side by side along the keys, with FORM any
	WGMMA_STAGES = 2,  // of MMA_TILE keys, so that a multiprocessor holds two blocks with 64 dimensions
	WGMMA_ANY_STAGES = 4,
	MEAN_KEYS = 64,    // of a step of softmax_mma_mean.cu; half of that with chunks = 4
	MEAN_STATE = 4,    // numbers
	MEAN_BIASES = 3,   // a key: bias, factor, square
	MEAN_ROW = 16,     // bytes that a block keeps of a row
	MEAN_BLOCK = 96,   // and of itself
};

// mean_threads returns the threads of a block of softmax_mma_mean.cu.
PARAMS_INLINE int64_t mean_threads(int64_t chunks) { return chunks == 4 ? 2 * MMA_THREADS : MMA_THREADS; }

// mma_shared returns the bytes of dynamic shared memory of a block; any is 1 for FORM any.
PARAMS_INLINE int64_t mma_shared(int64_t chunks, int any) {
	if (any) return MMA_STAGES * 2 * MMA_TILE * SPLIT_CHUNK + 2 * 2 * MMA_TILE * 4;
	return MMA_STAGES * (MMA_KEYS * chunks * SPLIT_CHUNK + 2 * MMA_KEYS * 4);
}

// wgmma_shared returns the same for softmax_wgmma.cu.
PARAMS_INLINE int64_t wgmma_shared(int64_t chunks, int any) {
	if (any) return WGMMA_ANY_STAGES * 2 * MMA_TILE * SPLIT_CHUNK + 2 * 2 * MMA_TILE * 4;
	return MMA_TILE * chunks * SPLIT_CHUNK + WGMMA_STAGES * (MMA_TILE * chunks * SPLIT_CHUNK + 2 * MMA_TILE * 4);
}

// mean_shared returns the same for softmax_mma_mean.cu.
PARAMS_INLINE int64_t mean_shared(int64_t chunks) {
	const int64_t keys = chunks == 4 ? MEAN_KEYS / 2 : MEAN_KEYS;
	return 2 * keys * chunks * SPLIT_CHUNK + MEAN_BIASES * keys * 4 + MMA_TILE * (chunks * SPLIT_CHUNK + MEAN_ROW) + MEAN_BLOCK;
}

// wgmma_mean_shared returns the same for softmax_wgmma_mean.cu.
PARAMS_INLINE int64_t wgmma_mean_shared(int64_t chunks) {
	return WGMMA_STAGES * MEAN_KEYS * (2 * chunks * SPLIT_CHUNK + MEAN_BIASES * 4) + MMA_TILE * (chunks * SPLIT_CHUNK + MEAN_ROW) + MEAN_BLOCK;
}

// ---- softmax_mma_values.cu ----
// In place of matmul for the mean of a panel of n rows a problem, in float32, with values split in panels of VALUES_CHUNKS:
//
//	softmax_mma_values_f32    VALUES_THREADS, batch ceil_div(n, MMA_TILE) vchunks / VALUES_CHUNKS parts, VALUES_SHARED of
//	                          dynamic shared memory: sums
//	softmax_values_merge_f32  ELEMENT_THREADS, any; ceil_div(batch n dv, ELEMENT_THREADS) at most: out
enum {
	VALUES_THREADS = 256,
	VALUES_KEYS = 32,    // of a step
	VALUES_CHUNKS = 4,   // of a block's columns
	VALUES_PITCH = 160,  // bytes of a row of weights in shared memory
	VALUES_STAGES = 4,
	VALUES_PART = 1024,  // keys of a part, for as many columns of values as eight blocks have
	VALUES_SHARED = VALUES_STAGES * (MMA_TILE * VALUES_PITCH + VALUES_KEYS * VALUES_CHUNKS * SPLIT_CHUNK),
};
typedef struct {
	uint64_t out;        // [batch, n, dv]
	uint64_t e, inverse; // as softmax_params, of n rows a problem
	uint64_t v, values, vshift, vodd, vextent; // as softmax_mma_params
	int64_t batch, n, m, dv;
	int64_t cols, vchunks, vproblems;
	int64_t part_keys;
	uint64_t sums;       // float [parts, batch, n, dv], parts = ceil_div(m, part_keys); with one part it may be out
} softmax_values_params;

// values_part_keys returns the keys of a part. A row's sums come in an order that m and the width of the values alone decide.
// Panels of rows are smaller the more keys there are: the parts keep blocks enough for a device, and sums of bounded size.
PARAMS_INLINE int64_t values_part_keys(int64_t vchunks) {
	return VALUES_PART * ceil_div(vchunks / VALUES_CHUNKS, 8);
}

// ---- matmul.cu ----
// matmul_DTYPE:        TILE_THREADS, batch ceil_div(n, TILE_ROWS_...) ceil_div(m, TILE_COLS);
// matmul_thin_DTYPE:   the same with TILE_THIN rows;
// matmul_narrow_DTYPE: the same with TILE_NARROW columns. All three give the same bits.
// out_b = x_b y_b, or x_b y_b^T with trans. k = 0 writes zeros.
typedef struct {
	uint64_t out, x, y;
	uint64_t scale; // float64 [batch n / per]: a factor for every per rows of the result; 0 = 1
	int64_t per;
	int64_t batch, n, k, m;
	int64_t ostride, xstride, ystride; // numbers from one problem to the next; ystride 0 = shared
	int64_t trans;
} matmul_params;

// The other families have headers of their own, which rest on what is above.
#include "params_mixture.h"
#include "params_steps.h"
#include "params_array.h"

#ifdef __cplusplus
#define PARAMS_SIZE(type, size) static_assert(sizeof(type) == size, #type)
#else
#define PARAMS_SIZE(type, size) _Static_assert(sizeof(type) == size, #type)
#endif
PARAMS_SIZE(softmax_params, 336);
PARAMS_SIZE(sinkhorn_params, 216);
PARAMS_SIZE(sinkhorn_panel_params, 376);
PARAMS_SIZE(sinkhorn_small_params, 256);
PARAMS_SIZE(matmul_params, 104);
PARAMS_SIZE(split_params, 144);
PARAMS_SIZE(values_params, 104);
PARAMS_SIZE(bias_params, 88);
PARAMS_SIZE(softmax_mma_params, 432);
PARAMS_SIZE(softmax_values_params, 136);
PARAMS_SIZE(mixture_model, 96);
PARAMS_SIZE(mixture_params, 192);
PARAMS_SIZE(mixture_tiles_params, 232);
PARAMS_SIZE(follow_params, 216);
PARAMS_SIZE(step_control, 128);
PARAMS_SIZE(step_rows, 64);
PARAMS_SIZE(step_tableau, 592);
PARAMS_SIZE(adams_params, 232);
PARAMS_SIZE(stage_params, 816);
PARAMS_SIZE(trajectory_params, 904);
PARAMS_SIZE(adams_trajectory_params, 328);
PARAMS_SIZE(lincomb_params, 48);
PARAMS_SIZE(errornorm_params, 80);
PARAMS_SIZE(axpby_params, 48);
PARAMS_SIZE(map_params, 24);
PARAMS_SIZE(rowdot_params, 40);
PARAMS_SIZE(reduce_params, 56);
PARAMS_SIZE(copyrows_params, 72);
PARAMS_SIZE(copy2d_params, 48);
PARAMS_SIZE(normal_params, 40);
