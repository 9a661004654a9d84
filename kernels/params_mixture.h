// params_mixture.h: the part of params.h, which includes it, of the velocity of Gaussian mixtures and their flow. Conventions are those there.
#pragma once

// ---- mixture.cu ----
// The parameters of engine.MixtureParams.
//
// mixture_axes_DTYPE: row_threads(d), k blocks, before mixture or follow: axes. Not with ROTATE_OWN.
typedef struct {
	uint64_t logw, mean, var, basis, reflect;
	uint64_t axes;      // scratch [k, d]: the means in the shared axes; not with ROTATE_OWN
	int64_t d, k, r;    // dimensions, components, reflections
	int64_t vark, vard; // var is [vark, vard]
	int64_t rotation;   // 0 = none, or ROTATE_...
} mixture_model;

// mixture_DTYPE: row_threads(d), any number of blocks up to n; block i works in scratch [i].
//
// Not with ROTATE_OWN. With ROTATE_SHARED the rows and tangents are turned by matmul.cu before, v and tv after, and the
// model here says 0 = none; axes holds the means turned.
//
// With d <= SMALL_DIMS, and k <= SMALL_PARTS or ROTATE_OWN, instead mixture_d1_DTYPE, mixture_d2_DTYPE, mixture_d3_DTYPE, mixture_d4_DTYPE,
// mixture_d5_DTYPE, mixture_d6_DTYPE, mixture_d7_DTYPE or mixture_d8_DTYPE of mixture_small.cu: SMALL_THREADS, any;
// ceil_div(n, SMALL_THREADS) at most. No scratch and no axes.
typedef struct {
	mixture_model model;
	uint64_t coef, x, t;
	uint64_t v, tv, div, logp, logr;
	uint64_t scratch;  // [blocks, stride]
	int64_t stride;    // mixture_scratch(&model)
	int64_t n, np;
} mixture_params;

// mixture_scratch returns the float64 numbers of scratch a block of mixture_DTYPE or follow_DTYPE needs.
PARAMS_INLINE int64_t mixture_scratch(const mixture_model *m) {
	int64_t own = m->rotation == ROTATE_OWN ? m->k * m->d : 0;
	return 8 * m->d + 3 * m->k + m->vark * m->vard + own;
}

// ---- mixture_tiles.cu ----
// engine.Mixture with ROTATE_OWN and d > SMALL_DIMS is these launches for every panel of n rows, in order:
//
//	mixture_rotate_DTYPE      MIX_THREADS, ceil_div(n, MIX_TILE) k ceil_div(d, MIX_TILE), what = MIX_ROWS: w, parts
//	mixture_respond_DTYPE     WARP_THREADS, ceil_div(n, WARP_ROWS): r, logp, logr
//	mixture_gather_DTYPE      MIX_THREADS, ceil_div(n, MIX_TILE) ceil_div(d, MIX_TILE), what = MIX_ROWS: v
//
// and where the divergence is wanted
//
//	mixture_rotate_DTYPE      as above, what = MIX_DIVERGENCE: parts
//	mixture_divergence_DTYPE  WARP_THREADS, ceil_div(n, WARP_ROWS): div
//
// and where tangents are
//
//	mixture_gather_DTYPE      as above, what = MIX_SCORES: g
//	mixture_rotate_DTYPE      as above with n np for n, what = MIX_TANGENTS: tw, parts
//	mixture_turns_DTYPE       WARP_THREADS, ceil_div(n np, WARP_ROWS): turn
//	mixture_gather_DTYPE      as above with n np for n, what = MIX_TANGENTS: tv
//
// Pointers are those of the panel's first row. v is needed by the divergence and the tangents.
typedef struct {
	mixture_model model;
	uint64_t coef, x, t;
	uint64_t v, tv, div, logp, logr;
	uint64_t w;     // scratch of DTYPE [n, k, d]
	uint64_t tw;    // scratch of DTYPE [n np, k, d]
	uint64_t g;     // scratch of DTYPE [n, d]
	uint64_t r;     // scratch [n, k]
	uint64_t turn;  // scratch [n np, k]
	uint64_t parts; // scratch [n or n np, k, ceil_div(d, MIX_TILE), 2]
	int64_t n, np;  // np tangents a row; at least 1
	int64_t what;
} mixture_tiles_params;

// ---- follow.cu ----
// follow_DTYPE: row_threads(d), any number of blocks up to n; block i works in scratch [i].
typedef struct {
	mixture_model model;
	uint64_t branch; // int32
	uint64_t from, to, x, t;
	uint64_t y, v, ty, logdet, others;
	uint64_t scratch; // [blocks, stride]
	int64_t stride;   // mixture_scratch(&model)
	int64_t n, np;
	uint64_t fault;   // int32 [1], set to 1 where a branch is no component; the row gets NaN
} follow_params;
