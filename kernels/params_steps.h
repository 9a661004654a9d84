// params_steps.h: the part of params.h, which includes it after params_mixture.h, of steps and whole integrations of
// ODEs. Conventions are those there.
#pragma once

// ---- control.cuh ----
// What all kernels on steps take: engine.StepControl, engine.Rows (its Track, Counts float64 and Status int32
// whatever the DTYPE) and engine.Tableau.
typedef struct {
	double curve[2];
	double start, end, grid, least, reach, floor, atol, rtol;
	double safety, shrink, grow, retry;
	int64_t kind, group; // group at least 1
} step_control;

typedef struct {
	uint64_t track, status, hist, out, counts;
	int64_t n, s, slots; // hist is [n, slots, s]
} step_rows;

typedef struct {
	double a[MAX_STAGES * MAX_STAGES], b[MAX_STAGES], c[MAX_STAGES], errors[MAX_STAGES];
	int64_t stages, low, fsal;
	int64_t steps; // > 0: equal steps, without control
} step_tableau;

// step_blocks returns the blocks of adams_DTYPE and rungekutta_DTYPE for n rows of s numbers.
PARAMS_INLINE int64_t step_blocks(int64_t n, int64_t s) { return ceil_div(n, WARP_THREADS / (s <= 16 ? 16 : 32)); }

// ---- adams.cu ----
// adams_DTYPE: WARP_THREADS, step_blocks(n, s). f = 0: predict only.
typedef struct {
	step_rows rows;
	step_control control;
	uint64_t f, z, coef;
	double first;
	int64_t order; // the highest
} adams_params;

// ---- rungekutta.cu ----
// rungekutta_DTYPE: WARP_THREADS, step_blocks(n, s). stage = -1, with f = 0: where the first slope is wanted.
typedef struct {
	step_rows rows;
	step_control control;
	step_tableau tableau;
	uint64_t f, z, coef;
	int64_t stage;
} stage_params;

// ---- trajectory.cu ----
// trajectory_d1_DTYPE, trajectory_d2_DTYPE, trajectory_d3_DTYPE, trajectory_d4_DTYPE for d = 1, 2, ..., TRAJECTORY_DIMS:
// t = trajectory_threads(s, stages), ceil_div(n, t); t > 0.
typedef struct {
	step_rows rows; // slots = 1 + stages; s = d (1 + np) + ell
	step_control control;
	step_tableau tableau;
	mixture_model model; // without axes
	int64_t tries, np, ell;
} trajectory_params;

// ---- adams_trajectory.cu, adams_wide.cu ----
// adams_trajectory_d1_DTYPE, adams_trajectory_d2_DTYPE, adams_trajectory_d3_DTYPE, adams_trajectory_d4_DTYPE likewise:
// ADAMS_TRAJECTORY_THREADS, ceil_div(n, ADAMS_TRAJECTORY_THREADS). Any s.
//
// adams_wide_d16_DTYPE, adams_wide_d32_DTYPE for d up to that: WARP_THREADS, ceil_div(n, WARP_THREADS / 16 or 32). model
// has axes unless its rotation is ROTATE_OWN.
typedef struct {
	step_rows rows;
	step_control control;
	mixture_model model;
	double first;
	int64_t order, tries, np, ell;
} adams_trajectory_params;

// trajectory_threads returns the threads whose rows' vectors fit in a block's shared memory, 0 for none.
PARAMS_INLINE int64_t trajectory_threads(int64_t s, int64_t stages) {
	int64_t t = TRAJECTORY_THREADS;
	while (t >= 32 && (1 + stages) * s * t > TRAJECTORY_STORE) t /= 2;
	return t >= 32 ? t : 0;
}
