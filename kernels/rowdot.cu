// rowdot.cu: dot products of rows, a warp a row.
#include "kernel.cuh"

template <class T> DEV void rowdot(const rowdot_params &p) {
	const int64_t i = block_id() * WARP_ROWS + warp_id();
	if (i >= p.n) return; // a whole warp
	Global<const T> x = global<const T>(p.x) + i * p.d, y = global<const T>(p.y) + i * p.d;
	double sum = 0;
	for (int64_t j = lane_id(); j < p.d; j += WARP) sum += (double)x[j] * (double)y[j];
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<T>(p.out)[i] = (T)sum;
}

KERNEL(rowdot_f64, rowdot_params, WARP_THREADS) { rowdot<double>(p); }
KERNEL(rowdot_f32, rowdot_params, WARP_THREADS) { rowdot<float>(p); }
