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

// step_lanes returns the lanes that a row of s numbers has in adams.cu and rungekutta.cu: 16, as an Adams step has 13 nodes, or
// where it is longer a warp.
PARAMS_INLINE int64_t step_lanes(int64_t s) { return s <= 16 ? 16 : 32; }

// step_blocks returns the blocks of adams_DTYPE and rungekutta_DTYPE for n rows of s numbers.
PARAMS_INLINE int64_t step_blocks(int64_t n, int64_t s) { return ceil_div(n, WARP_THREADS / step_lanes(s)); }

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

// trajectory_lanes returns the lanes of a row in trajectory.cu and adams_trajectory.cu, whose kernels are those of d = 1, 2, 3, 4
// where it is 1, else of d16 or d32.
PARAMS_INLINE int64_t trajectory_lanes(int64_t d) { return d <= TRAJECTORY_DIMS ? 1 : d <= 16 ? 16 : 32; }

// ---- trajectory.cu ----
// trajectory_d1_DTYPE, trajectory_d2_DTYPE, trajectory_d3_DTYPE, trajectory_d4_DTYPE, trajectory_d16_DTYPE, trajectory_d32_DTYPE:
// t = trajectory_threads(s, stages, trajectory_lanes(d)) > 0, ceil_div(n, t / lanes), with trajectory_numbers(...) float64
// numbers of dynamic shared memory.
typedef struct {
	step_rows rows; // slots = 1 + stages; s = d (1 + np) + ell
	step_control control;
	step_tableau tableau;
	mixture_model model; // with axes for teams of lanes, unless its rotation is ROTATE_OWN
	int64_t tries, np, ell;
} trajectory_params;

// trajectory_numbers returns the numbers of the vectors of t threads' rows.
PARAMS_INLINE int64_t trajectory_numbers(int64_t s, int64_t stages, int64_t lanes, int64_t t) { return (1 + stages) * s * (t / lanes); }

// trajectory_threads returns the threads whose rows' vectors fit in a block's shared memory, 0 for none.
PARAMS_INLINE int64_t trajectory_threads(int64_t s, int64_t stages, int64_t lanes) {
	int64_t t = TRAJECTORY_THREADS, least = lanes == 1 ? 32 : TRAJECTORY_LEAST;
	while (t >= least && trajectory_numbers(s, stages, lanes, t) > TRAJECTORY_STORE) t /= 2;
	return t >= least ? t : 0;
}

// ---- adams_trajectory.cu ----
// adams_trajectory_d1_DTYPE, adams_trajectory_d2_DTYPE, adams_trajectory_d3_DTYPE, adams_trajectory_d4_DTYPE:
// ADAMS_TRAJECTORY_THREADS, ceil_div(n, ADAMS_TRAJECTORY_THREADS). adams_trajectory_d16_DTYPE, adams_trajectory_d32_DTYPE:
// WARP_THREADS, ceil_div(n, WARP_THREADS / trajectory_lanes(d)). Any s.
typedef struct {
	step_rows rows;
	step_control control;
	mixture_model model; // as in trajectory_params
	double first;
	int64_t order, tries, np, ell;
} adams_trajectory_params;
