// sinkhorn.cu: what Sinkhorn's method does between the log-sum-exps of its halves: a block a problem takes its
// potentials and biases over, measures the marginal's error and ends it. params.h lists the launches.
#include "kernel.cuh"

// sum_problem adds x over the block, whatever its threads; every thread has the sum. A barrier ends it.
DEV double sum_problem(double x) {
	SHARED(double, parts, SINKHORN_THREADS / WARP);
	x = sum_lanes(x);
	if (lane_id() == 0) parts[warp_id()] = x;
	__syncthreads();
	double sum = 0;
	for (int w = 0; w < (int)(blockDim.x / WARP); w++) sum += parts[w];
	__syncthreads();
	return sum;
}

// Vectors are problem b's.
template <class T> struct Vectors {
	int64_t b, k; // k iterations are made
	bool ended;
	Global<const double> loga, logb, eps;
	Global<double> f, g, a, trace;
	Global<T> u, v, s, t, ref;
	Global<int32_t> state;

	DEV Vectors(const sinkhorn_params &p) {
		b = block_id();
		state = global<int32_t>(p.state) + 2 * b;
		k = state[0];
		ended = state[1] != 0;
		loga = global<const double>(p.loga) + b * p.astride;
		logb = global<const double>(p.logb) + b * p.bstride;
		eps = global<const double>(p.eps) + b * p.estride;
		f = global<double>(p.f) + b * p.n;
		g = global<double>(p.g) + b * p.m;
		a = global<double>(p.a) + b * p.n;
		trace = global<double>(p.trace) + b * p.places;
		u = global<T>(p.u) + b * p.m;
		v = global<T>(p.v) + b * p.n;
		s = global<T>(p.s) + b * p.n;
		t = global<T>(p.t) + b * p.m;
		ref = global<T>(p.ref) + b * p.n;
	}
	// at returns the eps of iteration i.
	DEV double at(const sinkhorn_params &p, int64_t i) const { return eps[i < p.steps ? i : p.steps - 1]; }
	// scales sets the scales of both halves of an iteration.
	DEV void scales(const sinkhorn_params &p, double e) const {
		for (int64_t i = threadIdx.x; i < p.n; i += blockDim.x) s[i] = (T)(2 / e);
		for (int64_t j = threadIdx.x; j < p.m; j += blockDim.x) t[j] = (T)(2 / e);
	}
};

// half reads a half's log-sum-exp, which is float64 where the panels made it.
template <class T> DEV double half(const sinkhorn_params &p, uint64_t lse, int64_t i) {
	return p.wide ? global<const double>(lse)[i] : (double)global<const T>(lse)[i];
}

// sinkhorn_begin sets what the first pass of a call needs.
template <class T> DEV void sinkhorn_begin(const sinkhorn_params &p) {
	const Vectors<T> x(p);
	if (x.ended) return;
	const double eps = x.at(p, x.k);
	for (int64_t i = threadIdx.x; i < p.n; i += blockDim.x) {
		x.a[i] = exp(x.loga[i]);
		if (p.wide) x.ref[i] = x.k > 0 ? (T)(-x.f[i] / eps) : T(0);
	}
	for (int64_t j = threadIdx.x; j < p.m; j += blockDim.x) x.u[j] = (T)(x.g[j] / eps + x.logb[j]);
	x.scales(p, eps);
}

// sinkhorn_rows ends the problem, or takes the rows' half over: f, and the biases v of the columns' half.
template <class T> DEV void sinkhorn_rows(const sinkhorn_params &p) {
	const Vectors<T> x(p);
	if (p.wide && threadIdx.x == 0) global<int32_t>(p.idle)[2 * x.b + 1] = 1;
	if (x.ended) return;
	const double eps = x.at(p, x.k), next = x.at(p, x.k + 1);
	bool end = x.k >= p.limit;
	if (!p.columns && x.k >= p.steps) {
		double sum = 0;
		for (int64_t i = threadIdx.x; i < p.n; i += blockDim.x)
			if (x.a[i] > 0) sum += x.a[i] * fabs(expm1(x.f[i] / eps + half<T>(p, p.lse, x.b * p.n + i)));
		sum = sum_problem(sum);
		if (threadIdx.x == 0) x.trace[(x.k - 1) % p.places] = sum;
		end = end || sum <= p.tol;
	}
	if (end) {
		__syncthreads(); // all have read the state
		if (threadIdx.x == 0) x.state[1] = 1;
		return;
	}
	for (int64_t i = threadIdx.x; i < p.n; i += blockDim.x) {
		const double l = half<T>(p, p.lse, x.b * p.n + i);
		x.f[i] = -eps * l;
		x.v[i] = (T)(x.loga[i] - l);
		if (p.wide) x.ref[i] = (T)(-x.f[i] / next);
	}
}

// sinkhorn_columns takes the columns' half over: g, and the biases u and the scales of the next iteration.
template <class T> DEV void sinkhorn_columns(const sinkhorn_params &p) {
	const Vectors<T> x(p);
	if (x.ended) return;
	const double eps = x.at(p, x.k), next = x.at(p, x.k + 1);
	const bool falling = x.k < p.steps - 1, measured = falling || p.columns;
	double sum = 0;
	for (int64_t j = threadIdx.x; j < p.m; j += blockDim.x) {
		if (x.logb[j] == minus_infinity()) continue; // u_j is -inf as it was
		const double g = -eps * half<T>(p, p.lsec, x.b * p.m + j);
		// c_j = b_j exp((g_j - new g_j) / eps) was the column's sum.
		if (measured) sum += exp(x.logb[j]) * fabs(expm1((x.g[j] - g) / eps));
		x.g[j] = g;
		x.u[j] = (T)(g / next + x.logb[j]);
	}
	if (next != eps) x.scales(p, next);
	if (measured) sum = sum_problem(sum);
	__syncthreads(); // all have read the state
	if (threadIdx.x != 0) return;
	if (measured) x.trace[x.k % p.places] = sum;
	x.state[0] = (int32_t)(x.k + 1);
	if (p.columns && (x.k + 1 >= p.limit || (!falling && sum <= p.tol))) x.state[1] = 1;
}

KERNEL(sinkhorn_begin_f64, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_begin<double>(p); }
KERNEL(sinkhorn_begin_f32, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_begin<float>(p); }
KERNEL(sinkhorn_rows_f64, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_rows<double>(p); }
KERNEL(sinkhorn_rows_f32, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_rows<float>(p); }
KERNEL(sinkhorn_columns_f64, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_columns<double>(p); }
KERNEL(sinkhorn_columns_f32, sinkhorn_params, SINKHORN_THREADS) { sinkhorn_columns<float>(p); }
