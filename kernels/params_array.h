// params_array.h: the part of params.h, which includes it, of operations on arrays. Conventions are those there.
#pragma once

// ---- lincomb.cu ----
// lincomb_DTYPE: ELEMENT_THREADS, any; a thread for every 16 bytes of a row at most.
typedef struct {
	uint64_t out, coef, x;
	int64_t n, k, d;
} lincomb_params;

// ---- errornorm.cu ----
// errornorm_DTYPE: WARP_THREADS, ceil_div(n e, WARP_ROWS).
typedef struct {
	uint64_t out, coef, x;
	int64_t n, e, k, d;
	int64_t group; // at least 1
	double atol, rtol;
} errornorm_params;

// ---- elementwise.cu ----
// axpby_DTYPE: ELEMENT_THREADS, any; a thread for every 16 bytes at most. x or y = 0 is not read; both 0 gives zeros.
// So is an argument with factor 0, whatever its pointer.
typedef struct {
	uint64_t out, x, y;
	int64_t n;
	double alpha, beta;
} axpby_params;

// log_DTYPE: as axpby. out_i = ln x_i.
typedef struct {
	uint64_t out, x;
	int64_t n;
} map_params;

// ---- rowdot.cu ----
// rowdot_DTYPE: WARP_THREADS, ceil_div(n, WARP_ROWS).
typedef struct {
	uint64_t out, x, y;
	int64_t n, d;
} rowdot_params;

// ---- reduce.cu ----
// reduce_parts_DTYPE: ELEMENT_THREADS, batch ceil_div(n, REDUCE_CHUNK): parts.
// reduce_merge_DTYPE: ELEMENT_THREADS, batch: out.
typedef struct {
	uint64_t out, x, y;
	uint64_t parts; // scratch [batch, ceil_div(n, REDUCE_CHUNK), 2]: a sum and what its roundings lost
	int64_t batch, n;
	int64_t op;     // engine.ReduceOp
} reduce_params;

// ---- copy.cu ----
// copyrows_b32 (f32, i32), copyrows_b64: ELEMENT_THREADS, any; a thread for every 16 bytes of a row at most.
typedef struct {
	uint64_t dst, src;
	uint64_t dst_rows, src_rows; // int32; 0 = 0, 1, 2, ...
	int64_t pairs, d;
	int64_t nd, ns; // rows of dst and src
	uint64_t fault; // int32 [1], set to 1 where an index lies past the end; such a pair is not copied
} copyrows_params;

// copy2d_b32, copy2d_b64: ELEMENT_THREADS, any; a thread for every 16 bytes of a row at most.
// dst and src point at the first number.
typedef struct {
	uint64_t dst, src;
	int64_t dst_stride, src_stride, rows, cols;
} copy2d_params;

// ---- normal.cu ----
// normal_DTYPE: ELEMENT_THREADS, any; ceil_div(n / 2 + 1, ELEMENT_THREADS) at most.
typedef struct {
	uint64_t out;
	uint64_t seed, stream, offset;
	int64_t n;
} normal_params;
