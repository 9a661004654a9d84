// rowdot.cu: dot products of rows, a warp a row.
#include "stream.cuh"

template <class T> DEV void rowdot(const rowdot_params &p) {
	constexpr int V = Vec<T>::SIZE;
	const int64_t i = block_id() * WARP_ROWS + warp_id();
	if (i >= p.n) return; // a whole warp
	Global<const T> x = global<const T>(p.x) + i * p.d, y = global<const T>(p.y) + i * p.d;
	const bool vec = aligned<T>(x, 0) && aligned<T>(y, 0);
	double sum = 0;
#pragma unroll 4
	for (int64_t j = V * lane_id(); j < p.d; j += V * WARP) {
		const Vec<T> a = read(x + j, vec, p.d - j), b = read(y + j, vec, p.d - j);
#pragma unroll
		for (int e = 0; e < V; e++) sum += (double)a.at[e] * (double)b.at[e];
	}
	sum = sum_lanes(sum);
	if (lane_id() == 0) global<T>(p.out)[i] = (T)sum;
}

KERNEL(rowdot_f64, rowdot_params, WARP_THREADS) { rowdot<double>(p); }
KERNEL(rowdot_f32, rowdot_params, WARP_THREADS) { rowdot<float>(p); }
