// errornorm.cu: weighted error norms for step control, a warp a norm.
#include "kernel.cuh"

// worse returns the larger, or NaN where one is: a step that broke down must not pass for a good one.
DEV double worse(double a, double b) { return b > a || isnan(b) ? b : a; }

// scaled_error returns (sum_k coef_k x_kj) / (atol + rtol |x_0j|); 0 is 0 whatever it is divided by.
template <class T> DEV double scaled_error(const errornorm_params &p, Global<const T> coef, Global<const T> x, int64_t j) {
	constexpr int TERMS = 4; // on their way at a time
	double v = 0;
	for (int64_t k0 = 0; k0 < p.k; k0 += TERMS) {
		T c[TERMS], terms[TERMS];
#pragma unroll
		for (int k = 0; k < TERMS; k++) c[k] = k0 + k < p.k ? coef[k0 + k] : T(0);
#pragma unroll
		for (int k = 0; k < TERMS; k++) terms[k] = c[k] != 0 ? x[(k0 + k) * p.d + j] : T(0);
#pragma unroll
		for (int k = 0; k < TERMS; k++) v += (double)c[k] * (double)terms[k];
	}
	if ((p.atol != 0 || p.rtol != 0) && v != 0) v /= p.atol + p.rtol * fabs((double)x[j]);
	return v;
}

template <class T> DEV void errornorm(const errornorm_params &p) {
	const int64_t item = block_id() * WARP_ROWS + warp_id();
	if (item >= p.n * p.e) return; // a whole warp
	Global<const T> coef = global<const T>(p.coef) + item * p.k, x = global<const T>(p.x) + item / p.e * p.k * p.d;
	const int64_t group = p.group < p.d ? p.group : p.d;
	const int width = lanes_for(group), teams = WARP / width; // of lanes, with a group each at a time
	const int64_t groups = group > 0 ? ceil_div(p.d, group) : 0;
	double worst = 0;
	for (int64_t g0 = 0; g0 < groups; g0 += teams) {
		const int64_t g = g0 + lane_id() / width, first = g * group;
		const int64_t last = first + group < p.d ? first + group : p.d;
		double sum = 0;
		for (int64_t j = first + lane_id() % width; j < last; j += width) {
			const double v = scaled_error<T>(p, coef, x, j);
			sum += v * v;
		}
		sum = sum_lanes(sum, width);
		if (g < groups) worst = worse(worst, sqrt(sum / (double)(last - first)));
	}
	for (int o = WARP / 2; o > 0; o /= 2) worst = worse(worst, __shfl_xor_sync(ALL_LANES, worst, o));
	if (lane_id() == 0) global<T>(p.out)[item] = (T)worst;
}

KERNEL(errornorm_f64, errornorm_params, WARP_THREADS) { errornorm<double>(p); }
KERNEL(errornorm_f32, errornorm_params, WARP_THREADS) { errornorm<float>(p); }
